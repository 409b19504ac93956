/* one.h - one file, one dataset: for what a mount takes in as it is written. */
#ifndef VB_FS_INGEST_ONE_H
#define VB_FS_INGEST_ONE_H

#include "registry/dataset.h"
#include "registry/repo.h"

typedef struct vb_one {
    const char *type, *run, *source;
    const vb_dataid *dataid; /* of whatever registry handle */
    bool move;               /* the source is in the repository's .vbutler, and becomes the artifact */
} vb_one;

/* -ENOENT where there is no such dataset type, -EINVAL where a dimension has no record of its value or the run is no
 * RUN, -EEXIST where the run has the dataset. */
int vb_ingest_one_check(vb_registry *reg, const vb_one *one, vb_error *err);

/* Checks, and makes the dataset; crash-safe, and on disk when it returns.  The handle is open for writing. */
int vb_ingest_one(const vb_repo *repo, vb_registry *reg, const vb_one *one, vb_error *err);

#endif
