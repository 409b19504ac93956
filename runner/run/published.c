#include "runner/run/published.h"

#include "registry/base/mem.h"

#include <pthread.h>
#include <uthash.h>

struct artifact {
    vb_uuid dataset;
    char *path;
    int64_t size, mtime;
    vb_hash checksum;
    UT_hash_handle hh;
};

struct vb_published {
    pthread_rwlock_t lock; /* guards the table */
    struct artifact *table;
};

vb_published *vb_published_new(void)
{
    vb_published *p = VB_NEW(vb_published);

    pthread_rwlock_init(&p->lock, NULL);
    return p;
}

void vb_published_free(vb_published *p)
{
    struct artifact *a, *next;

    HASH_ITER(hh, p->table, a, next) {
        HASH_DEL(p->table, a);
        free(a->path);
        free(a);
    }
    pthread_rwlock_destroy(&p->lock);
    free(p);
}

void vb_published_add(vb_published *p, const vb_receipt *receipt)
{
    pthread_rwlock_wrlock(&p->lock);
    for (size_t i = 0; i < receipt->noutputs; i++) {
        const vb_receipt_output *o = &receipt->outputs[i];
        struct artifact *a;

        if (!o->path)
            continue;
        HASH_FIND(hh, p->table, &o->dataset, sizeof o->dataset, a);
        if (a)
            continue; /* a UUID is one set of bytes for ever */
        a = VB_NEW(struct artifact);
        *a = (struct artifact){.dataset = o->dataset,
                               .path = vb_strdup(o->path),
                               .size = o->size,
                               .mtime = o->mtime,
                               .checksum = o->checksum};
        HASH_ADD(hh, p->table, dataset, sizeof a->dataset, a);
    }
    pthread_rwlock_unlock(&p->lock);
}

int vb_published_find(vb_published *p, const vb_uuid *dataset, vb_location *out)
{
    struct artifact *a;

    pthread_rwlock_rdlock(&p->lock);
    HASH_FIND(hh, p->table, dataset, sizeof *dataset, a);
    if (a)
        *out = (vb_location){.store_id = 1,
                             .path = vb_strdup(a->path),
                             .size = a->size,
                             .mtime = a->mtime,
                             .has_checksum = true,
                             .checksum = a->checksum};
    pthread_rwlock_unlock(&p->lock);
    return a != NULL;
}
