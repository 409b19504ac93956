/* bind.h - data IDs from columns and constants: which text tells which dimension, and how. */
#ifndef VB_FS_INGEST_BIND_H
#define VB_FS_INGEST_BIND_H

#include "registry/dataid.h"
#include "registry/dataset_type.h"

typedef enum vb_binding_kind {
    VB_BIND_VALUE, /* the dimension's value */
    VB_BIND_KEY,   /* another key of it, to be looked up */
    VB_BIND_RING,  /* a HEALPix pixel in ring order */
} vb_binding_kind;

typedef struct vb_binding {
    const vb_element *dimension; /* NULL: none tells it yet */
    vb_binding_kind kind;
    const vb_field *key;
    size_t column;        /* SIZE_MAX: a constant */
    const char *constant; /* the caller's */
} vb_binding;

typedef struct vb_bindings {
    vb_registry *reg;
    const vb_dataset_type *type;
    vb_binding items[VB_MAX_REQUIRED]; /* by the dimension's position among the required ones */
} vb_bindings;

/* Binds a name, "detector", "detector.full_name" or "healpix5.ring", to a column or (column SIZE_MAX) a
 * constant.  -EINVAL with the nearest name where the type has no such dimension, or it is bound already. */
int vb_bindings_add(vb_bindings *b, const char *name, size_t column, const char *constant, vb_error *err);

/* -EINVAL, and what is missing, where a dimension is not bound. */
int vb_bindings_complete(const vb_bindings *b, vb_error *err);

/* The data ID of a row.  -EINVAL where a value is not of its dimension's type, -ENOENT where nothing has such
 * a key. */
int vb_bindings_dataid(const vb_bindings *b, char *const *cells, vb_dataid *out, vb_error *err);

#endif
