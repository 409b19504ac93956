/* plan.h - which files an import brings in, each once, whatever shares it.  Internal to fs/gen3. */
#ifndef VB_FS_GEN3_PLAN_H
#define VB_FS_GEN3_PLAN_H

#include "fs/store/transfer.h"
#include "registry/gen3/datasets.h"

typedef struct vb_gen3_plan vb_gen3_plan;

vb_gen3_plan *vb_gen3_plan_new(const vb_gen3 *g, vb_registry *reg, vb_transfer *transfer);
void vb_gen3_plan_free(vb_gen3_plan *p);
VB_CLEANUP(vb_gen3_plan, vb_gen3_plan_free)

/* Plans the files of a dataset. */
int vb_gen3_plan_add(vb_gen3_plan *p, const vb_gen3_dataset *d, vb_error *err);

/* After the transfer: -EINVAL, and the first files that failed or are not what the registry says. */
int vb_gen3_plan_check(vb_gen3_plan *p, vb_error *err);

/* Where a file of the dataset is now. */
int vb_gen3_plan_locate(vb_gen3_plan *p, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_location *out,
                        vb_error *err);

#endif
