/* dataset_type.h - dataset types: a name, dimensions, a storage class. */
#ifndef VB_REGISTRY_DATASET_TYPE_H
#define VB_REGISTRY_DATASET_TYPE_H

#include "registry/registry.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vb_dataset_type {
    int64_t id; /* 0: not registered */
    char *name;
    const vb_group *group;
    int64_t group_id; /* the number of its member table */
    char *storage_class;
    bool is_calibration;
    char *extension; /* ".fits"; NULL: the storage class's, or the artifact's */
} vb_dataset_type;

void vb_dataset_type_clear(vb_dataset_type *t);

/* The handle owns what is found (see vb_registry_refresh).  -ENOENT with the nearest name as a hint. */
int vb_dataset_type_find(vb_registry *reg, const char *name, const vb_dataset_type **out, vb_error *err);
int vb_dataset_type_by_id(vb_registry *reg, int64_t id, const vb_dataset_type **out, vb_error *err);

/* Registers a type, or finds it; -EEXIST, and what differs, where one of that name is defined otherwise.  A NULL
 * extension agrees with any. */
int vb_dataset_type_register(vb_registry *reg, const vb_dataset_type *wanted, const vb_dataset_type **out,
                             vb_error *err);

/* Names after `after` (NULL: from the start) of the types that a collection holds (or held: pruning does not look),
 * sorted, at most `limit`; the caller frees *out with vb_strv_free(). */
int vb_dataset_type_list(vb_registry *reg, int64_t collection_id, const char *after, size_t limit, char ***out,
                         vb_error *err);

/* All types, sorted by name. */
int vb_dataset_type_names(vb_registry *reg, char ***out, vb_error *err);

/* The extension that files of the type have: its own, its storage class's, or that of `path` ("" where none tells). */
const char *vb_dataset_type_extension(const vb_dataset_type *t, const char *path);

#endif
