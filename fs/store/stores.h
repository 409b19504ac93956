/* stores.h - what vb_stores is made of.  Internal to fs/store. */
#ifndef VB_FS_STORE_STORES_H
#define VB_FS_STORE_STORES_H

#include "fs/store/class.h"
#include "fs/store/store.h"

/* A place below which paths are; or all of a host or bucket, where paths are addresses themselves. */
struct vb_store_root {
    const vb_store_class *class;
    const vb_store_options *options;
    char *where; /* "": paths are addresses */
    void *self;  /* the class's */
};

struct vb_store {
    int64_t id;
    char *name;
    struct vb_store_root *chain; /* tried in order; artifacts are written to the first, and removed from it */
    size_t count, cap;
};

/* NULL where there is none. */
const struct vb_store *vb_stores_find(const vb_stores *s, int64_t id);

#endif
