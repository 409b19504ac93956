/* import.h - a Gen3 repository of Rubin's, or a part of it, into one of ours: its registry and its artifacts.
 *
 * The Gen3 repository is only read.  All or nothing: files are brought in first, then one transaction makes them
 * datasets; where that fails the files go again.  What is there already and is the same is left as it is, so that an
 * import may be done again, and goes on where the repository has grown (registry/gen3/copy.h). */
#ifndef VB_FS_GEN3_IMPORT_H
#define VB_FS_GEN3_IMPORT_H

#include "fs/store/transfer.h"
#include "registry/gen3/copy.h"

typedef struct vb_gen3_import_options {
    char *const *collections; /* names or globs; NULL: all */
    const char *where;        /* an expression; NULL: all */
    vb_transfer_mode transfer;
    bool checksum;
    size_t threads; /* 0: as many as there are processors */
    const vb_progress *progress;
} vb_gen3_import_options;

typedef struct vb_gen3_import_report {
    vb_gen3_counts counts;
    size_t files; /* brought in, or found where they stay */
} vb_gen3_import_report;

int vb_gen3_import(const vb_repo *repo, const char *gen3, const vb_gen3_import_options *options,
                   vb_gen3_import_report *report, vb_error *err);

#endif
