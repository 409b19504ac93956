/* export_internal.h - one export to Gen3.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_EXPORT_INTERNAL_H
#define VB_REGISTRY_GEN3_EXPORT_INTERNAL_H

#include "registry/gen3/export.h"
#include "registry/internal.h"

/* Ours is attached as `ours`.  temp.chosen has the datasets by our number; temp.cols, temp.types and temp.groups give
 * our numbers and theirs. */
struct vb_gen3_export {
    vb_registry *reg;
    vb_db *db; /* theirs */
    bool all;  /* nothing is left out */
    vb_buf indexes;
    vb_gen3_export_counts counts;
};

int vb_gen3_export_choose(vb_gen3_export *x, const vb_gen3_export_what *what, vb_error *err);
int vb_gen3_export_attributes(vb_gen3_export *x, vb_error *err);
int vb_gen3_export_records(vb_gen3_export *x, vb_error *err);
int vb_gen3_export_collections(vb_gen3_export *x, vb_error *err);

/* Dataset types with their tables, datasets, members, validity ranges, summaries. */
int vb_gen3_export_datasets(vb_gen3_export *x, vb_error *err);

#endif
