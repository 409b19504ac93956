/* paths.h - which dataset's file lies at which path of a Gen3 repository: a table for look-ups and listings.
 *
 *     vb_auto(vb_gen3_paths_close) vb_gen3_paths *p = NULL;
 *     vb_gen3_paths_make(&p, err);
 *     vb_gen3_paths_add(p, "run/raw/raw_1.fits", dataset, 0, err);   for each
 *     vb_gen3_paths_end(p, err);
 *     vb_gen3_paths_find(p, VB_GEN3_PATHS_TOP, "run", &entry, err);
 *
 * It is a private file without a name (private.h), so that a survey's paths are not held in memory.  A handle belongs
 * to one thread at a time. */
#ifndef VB_REGISTRY_GEN3_PATHS_H
#define VB_REGISTRY_GEN3_PATHS_H

#include "registry/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    VB_GEN3_PATHS_TOP = 1,     /* the number of the top directory */
    VB_GEN3_PATHS_SHARED = -1, /* `number` of a file that holds parts of several datasets */
};

typedef struct vb_gen3_paths vb_gen3_paths;

typedef struct vb_gen3_path {
    char *name;         /* the last component */
    int64_t directory;  /* its number; 0: a file */
    int64_t dataset_id; /* of a file: one that it holds */
    int number;         /* the component's (component.h); 0: the whole dataset; or VB_GEN3_PATHS_SHARED */
} vb_gen3_path;

void vb_gen3_path_clear(vb_gen3_path *path);
#define vb_auto_gen3_path __attribute__((cleanup(vb_gen3_path_clear))) vb_gen3_path

int vb_gen3_paths_make(vb_gen3_paths **out, vb_error *err);
void vb_gen3_paths_close(vb_gen3_paths *p);
VB_CLEANUP(vb_gen3_paths, vb_gen3_paths_close)

/* 1 where the path was taken already, or one of its directories is a file: then nothing is added.  `path` is below the
 * top, without empty components. */
int vb_gen3_paths_add(vb_gen3_paths *p, const char *path, int64_t dataset_id, int number, vb_error *err);

/* To be called once, after the last one. */
int vb_gen3_paths_end(vb_gen3_paths *p, vb_error *err);

/* 1, 0 where the directory has no such entry. */
int vb_gen3_paths_find(vb_gen3_paths *p, int64_t directory, const char *name, vb_gen3_path *out, vb_error *err);

/* Entries of a directory after `after` (NULL: from the first), by name, at most `limit`. */
int vb_gen3_paths_list(vb_gen3_paths *p, int64_t directory, const char *after, size_t limit, vb_gen3_path *out,
                       size_t *count, vb_error *err);

#endif
