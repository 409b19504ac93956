/* stores.h - what vb_stores is made of.  Internal to fs/store. */
#ifndef VB_FS_STORE_STORES_H
#define VB_FS_STORE_STORES_H

#include "fs/store/class.h"
#include "fs/store/store.h"

struct vb_store {
    int64_t id;
    const vb_store_class *class;
    char *root;
};

struct vb_stores {
    struct vb_store *items;
    size_t count, cap;
};

/* NULL where there is none. */
const struct vb_store *vb_stores_find(const vb_stores *s, int64_t id);

#endif
