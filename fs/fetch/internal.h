/* internal.h - what lazy.c and stream.c share. */
#ifndef VB_FS_FETCH_INTERNAL_H
#define VB_FS_FETCH_INTERNAL_H

#include "fs/fetch/lazy.h"

#include <pthread.h>
#include <uthash.h>

/* What a store has said of an object. */
struct remembered {
    char *name;
    vb_object object;
    UT_hash_handle hh;
};

struct vb_fetcher {
    char *what; /* the cache's options */
    int refs;   /* under the lock of all fetchers */
    vb_cache *cache;
    vb_pool *pool;
    int64_t large;
    pthread_mutex_t lock; /* guards objects */
    struct remembered *objects;
    vb_fetcher *next;
};

/* An artifact that work holds. */
struct artifact {
    vb_fetcher *fetcher;
    vb_lazy remote; /* its texts are ours */
    char *source_name;
    atomic_int refs;
};

struct artifact *vb_artifact_hold(vb_fetcher *f, const vb_lazy *a);
struct artifact *vb_artifact_ref(struct artifact *a);
void vb_artifact_unref(struct artifact *a);

/* Key, turns and time of work on it. */
vb_fetch_order vb_artifact_order(const struct artifact *a, const char *key);

/* What the store says of it, once; compared with what was registered. */
int vb_artifact_ask(struct artifact *a, vb_fetch *f, vb_object *out, vb_error *err);

/* A cache's source: `arg` is a struct getting. */
struct getting {
    struct artifact *artifact;
    vb_fetch *fetch;
    const char *etag;
    bool to_end; /* what is asked for ends with the object: then it is asked for without saying where that is */
};

int vb_artifact_get(void *arg, int64_t offset, int64_t length, vb_sink_fn *sink, void *sink_arg, vb_error *err);

vb_fetch *vb_begin(vb_pool *pool, const vb_fetch_order *order, vb_wait *wait, int *r, vb_error *err);
vb_fetch *vb_awaited(vb_wait *wait, const char *key);

/* Both are referred to. */
vb_stream *vb_stream_new(struct artifact *a, vb_blocks *b);

#endif
