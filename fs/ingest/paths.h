/* paths.h - files that are named, and the FITS files of directories that are named. */
#ifndef VB_FS_INGEST_PATHS_H
#define VB_FS_INGEST_PATHS_H

#include "registry/base/error.h"

#include <stddef.h>

typedef struct vb_paths {
    char **items;
    size_t count, cap;
} vb_paths;

/* A file is taken whatever its name; of a directory, and those below it, what ends in .fits, .fit or .fts, or
 * one of these with .fz, .gz or .bz2, in the order of names.  What is neither is taken too: who reads it will
 * say so. */
int vb_paths_expand(char *const *paths, vb_paths *out, vb_error *err);
void vb_paths_clear(vb_paths *p);

#endif
