/* export.h - a repository, or a part of it, for another one: YAML that `butler import` and `vbutler import` read, and
 * the artifacts that it names.
 *
 * DIRECTORY gets export.yaml, last, so that what is killed has none.  Without a transfer no artifact is touched, and
 * paths begin at the repository; with `direct` they are absolute; else artifacts come to DIRECTORY, to the paths that
 * they have below the repository. */
#ifndef VB_FS_EXCHANGE_EXPORT_H
#define VB_FS_EXCHANGE_EXPORT_H

#include "fs/store/parallel.h"
#include "registry/exchange/export.h"
#include "registry/repo.h"

typedef enum vb_export_transfer {
    VB_EXPORT_NONE,
    VB_EXPORT_DIRECT,
    VB_EXPORT_COPY,
    VB_EXPORT_HARDLINK,
    VB_EXPORT_SYMLINK,
    VB_EXPORT_AUTO, /* a hard link, or else a copy */
} vb_export_transfer;

#define VB_EXPORT_TRANSFERS "none, direct, copy, hardlink, symlink or auto"

int vb_export_transfer_parse(const char *text, vb_export_transfer *out, vb_error *err);

typedef struct vb_export_request {
    char *const *collections, *const *types; /* as in vb_export_options */
    const char *where, *target;
    const char *file; /* its name in DIRECTORY */
    vb_export_transfer transfer;
    size_t threads;
    const vb_progress *progress;
} vb_export_request;

/* Makes DIRECTORY where it is not there. -EEXIST where it has a file of that name already; -ENOENT, -ESTALE where an
 * artifact is not what the registry says. */
int vb_export(const vb_repo *repo, const char *directory, const vb_export_request *request, vb_export_report *report,
              vb_error *err);

#endif
