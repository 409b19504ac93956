/* parts.h - a table whose rows may be components: which rows of it make one dataset.
 *
 * Rows of one data ID are one dataset: either one row without a component, or any number of rows with different ones,
 * each a component that the type's storage class has in files (it is not derived). */
#ifndef VB_FS_INGEST_PARTS_H
#define VB_FS_INGEST_PARTS_H

#include "registry/base/uuid.h"
#include "registry/dataid.h"
#include "registry/dataset_type.h"
#include "registry/storage_class.h"

typedef struct vb_parts vb_parts;

/* The dataset of a row: what the caller knows of it. */
typedef struct vb_part_of {
    vb_uuid uuid;
    int64_t id;    /* once it is inserted */
    bool left_out; /* it is there already */
} vb_part_of;

int vb_parts_new(vb_registry *reg, const vb_dataset_type *type, vb_parts **out, vb_error *err);
void vb_parts_free(vb_parts *p);
VB_CLEANUP(vb_parts, vb_parts_free)

/* Notes a row; `component` is "" for the whole.  1 where it is the first of its dataset, 0 for a further one; *of lives
 * as long as the table, *out is NULL for the whole.  -EEXIST, with the other line, where that component was noted, or
 * the dataset is whole and in parts; -EINVAL where the storage class has no such component, or derives it. */
int vb_parts_add(vb_parts *p, const vb_dataid *id, const char *component, size_t line, vb_part_of **of,
                 const vb_storage_component **out, vb_error *err);

/* The dataset of a data ID that was noted. */
vb_part_of *vb_parts_find(vb_parts *p, const vb_dataid *id);

/* How many datasets are in parts and not left out. */
size_t vb_parts_count(const vb_parts *p);

#endif
