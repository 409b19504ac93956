/* export.h - a repository of ours, or a part of it, as a Gen3 repository: butler.yaml, gen3.sqlite3, artifacts.
 *
 * daf_butler opens the result, and `butler transfer-datasets` takes from it into another Gen3 repository.  All or
 * nothing: butler.yaml, which makes the directory a repository, is written last, and where anything fails what was
 * made goes. */
#ifndef VB_FS_GEN3_EXPORT_H
#define VB_FS_GEN3_EXPORT_H

#include "fs/store/parallel.h"
#include "registry/gen3/export.h"
#include "registry/repo.h"

typedef enum vb_gen3_export_mode {
    VB_GEN3_EXPORT_DIRECT, /* artifacts stay where they are */
    VB_GEN3_EXPORT_COPY,
    VB_GEN3_EXPORT_HARDLINK,
    VB_GEN3_EXPORT_SYMLINK,
    VB_GEN3_EXPORT_RELSYMLINK,
    VB_GEN3_EXPORT_LINK,  /* a hard link, or else a symlink */
    VB_GEN3_EXPORT_NAMES, /* no file is made: vb_gen3_export_names() */
} vb_gen3_export_mode;

#define VB_GEN3_EXPORT_MODES "direct, copy, link, hardlink, symlink or relsymlink"

int vb_gen3_export_mode_parse(const char *text, vb_gen3_export_mode *out, vb_error *err);

/* Is told where a file of a dataset would be; 1 where that name is another's already. */
typedef int vb_gen3_name_fn(void *arg, const char *path, const vb_dataset *d, const char *component, vb_error *err);

typedef struct vb_gen3_export_options {
    vb_gen3_export_what what;
    vb_gen3_export_mode transfer;
    size_t threads; /* 0: as many as there are processors */
    const vb_progress *progress;
    vb_gen3_name_fn *name; /* of VB_GEN3_EXPORT_NAMES */
    void *name_arg;
} vb_gen3_export_options;

typedef struct vb_gen3_export_report {
    vb_gen3_export_counts counts;
    size_t files;
    char **classes; /* storage classes that Rubin's program does not have: butler.yaml defines them */
} vb_gen3_export_report;

void vb_gen3_export_report_clear(vb_gen3_export_report *report);

/* `dir` is not there yet, or empty. */
int vb_gen3_export_repository(const vb_repo *repo, const char *dir, const vb_gen3_export_options *options,
                              vb_gen3_export_report *report, vb_error *err);

/* The same without artifacts: gen3.sqlite3 is made as `database`, and the text of butler.yaml appended.  Each file is
 * at its template's path beside them, which `name` is told. */
int vb_gen3_export_names(vb_registry *reg, const char *database, vb_gen3_name_fn *name, void *arg,
                         vb_buf *configuration, vb_error *err);

#endif
