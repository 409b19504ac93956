/* retrieve.h - artifacts of datasets, as plain files in a directory.
 *
 * Each file is made under a temporary name, checked, and renamed: what has its name is whole.  What is there already
 * and is the artifact (its size, and its checksum or else its time) is left as it is; so what was broken off is
 * finished by doing it again.  A temporary file that a killed retrieval left is gone on with. */
#ifndef VB_FS_EXCHANGE_RETRIEVE_H
#define VB_FS_EXCHANGE_RETRIEVE_H

#include "fs/store/parallel.h"
#include "registry/query/query.h"
#include "registry/repo.h"

typedef enum vb_retrieve_transfer {
    VB_RETRIEVE_AUTO, /* a hard link, or else a copy */
    VB_RETRIEVE_COPY,
    VB_RETRIEVE_HARDLINK,
    VB_RETRIEVE_SYMLINK,
    VB_RETRIEVE_LINK, /* a hard link, or else a symlink */
} vb_retrieve_transfer;

#define VB_RETRIEVE_TRANSFERS "copy, hardlink, symlink, link or auto"

int vb_retrieve_transfer_parse(const char *text, vb_retrieve_transfer *out, vb_error *err);

typedef struct vb_retrieve_request {
    const vb_query *query; /* its limit counts through all types */
    char *const *types;    /* globs; NULL: all */
    vb_retrieve_transfer transfer;
    bool flat;    /* into the directory itself; else below it, as they lie in their store */
    bool clobber; /* takes the place of other files */
    size_t threads;
    const vb_progress *progress;
} vb_retrieve_request;

typedef struct vb_retrieve_report {
    int64_t datasets, artifacts, bytes; /* asked for; retrieved, now */
    int64_t there;                      /* artifacts that were there already */
    int64_t without_artifact;           /* datasets */
} vb_retrieve_report;

/* Makes `directory` where it is not there.  Where artifacts fail the others are retrieved all the same; *err tells of
 * the first ones, by their datasets. */
int vb_retrieve(const vb_repo *repo, vb_registry *reg, const char *directory, const vb_retrieve_request *request,
                vb_retrieve_report *report, vb_error *err);

#endif
