/* prune.h - datasets are taken away.  Call in a transaction; afterwards the trash is to be emptied. */
#ifndef VB_REGISTRY_PRUNE_H
#define VB_REGISTRY_PRUNE_H

#include "registry/dataset.h"

/* Takes a dataset out of its run, and makes its artifact trash.  The row stays, as removed, while provenance speaks of
 * it. */
int vb_dataset_remove(vb_registry *reg, const vb_dataset *d, vb_error *err);

/* The artifacts of all datasets of a run become trash; where it is a purge the datasets go too.  The
 * run itself stays. */
int vb_prune_run(vb_registry *reg, const vb_collection *run, bool purge, vb_error *err);

#endif
