/* class.h - what a kind of store can do.  Internal to fs/store. */
#ifndef VB_FS_STORE_CLASS_H
#define VB_FS_STORE_CLASS_H

#include "registry/base/error.h"

#include <sys/stat.h>

/* A file that is to go. */
typedef struct vb_doomed {
    int64_t store_id;
    const char *path;
    int64_t size, mtime; /* of the one that is meant; -1: not known */
    bool gone;           /* told: it is not there any more, or another one has its name */
} vb_doomed;

typedef struct vb_store_class {
    const char *scheme; /* of the store's root: "file" for a plain path */

    /* Opens `path` below `root` (or an absolute path) for reading; a descriptor, or a negative errno. */
    int (*open)(const char *root, const char *path, vb_error *err);
    int (*stat)(const char *root, const char *path, struct stat *st, vb_error *err);

    /* Removes files that are still what was noted; their paths are sorted.  Those that cannot be removed are warned of.
     * Called from several threads at once. */
    void (*remove)(const char *root, vb_doomed *files, size_t count);
} vb_store_class;

extern const vb_store_class vb_store_file;

#endif
