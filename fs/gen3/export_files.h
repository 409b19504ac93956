/* export_files.h - the artifacts of an export to Gen3, and the rows that speak of them.  Internal to fs/gen3. */
#ifndef VB_FS_GEN3_EXPORT_FILES_H
#define VB_FS_GEN3_EXPORT_FILES_H

#include "fs/gen3/export.h"

#include <jansson.h>

typedef struct vb_gen3_files vb_gen3_files;

/* `repo` and `dir` are NULL where no file is made. */
int vb_gen3_files_new(const vb_repo *repo, vb_registry *reg, const char *dir, const vb_gen3_export_options *options,
                      vb_gen3_files **out, vb_error *err);
void vb_gen3_files_free(vb_gen3_files *f);
VB_CLEANUP(vb_gen3_files, vb_gen3_files_free)

/* Makes the files and adds their rows. */
int vb_gen3_files_put(vb_gen3_files *f, vb_gen3_export *x, vb_error *err);

size_t vb_gen3_files_count(const vb_gen3_files *f);

/* What butler.yaml is to say of storage classes, formatters and templates. */
const json_t *vb_gen3_files_overrides(const vb_gen3_files *f);

/* The storage classes that Rubin's program does not have. */
char *const *vb_gen3_files_classes(const vb_gen3_files *f);

#endif
