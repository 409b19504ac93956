/* class.h - what a kind of store can do.  Internal to fs/store. */
#ifndef VB_FS_STORE_CLASS_H
#define VB_FS_STORE_CLASS_H

#include "registry/base/error.h"

#include <sys/stat.h>

typedef struct vb_store_class {
    const char *scheme; /* of the store's root: "file" for a plain path */

    /* Opens `path` below `root` (or an absolute path) for reading; a descriptor, or a negative errno. */
    int (*open)(const char *root, const char *path, vb_error *err);
    int (*stat)(const char *root, const char *path, struct stat *st, vb_error *err);
    int (*remove)(const char *root, const char *path, vb_error *err); /* -ENOENT: it is not there */
} vb_store_class;

extern const vb_store_class vb_store_file;

#endif
