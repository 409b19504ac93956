/* lazy.h - artifacts that are not local: opened through the node's cache, fetched by the pool.
 *
 * Up to VB_LARGE bytes an artifact is fetched whole when it is opened; a larger one by block, as it is read.  Every
 * call either answers at once or begins work.  With a vb_wait it says -EINPROGRESS then, and is called again when the
 * work is done; with NULL it waits by itself.
 *
 * Thread-safe. */
#ifndef VB_FS_FETCH_LAZY_H
#define VB_FS_FETCH_LAZY_H

#include "fs/cache/cache.h"
#include "fs/fetch/fetch.h"
#include "fs/store/class.h"
#include "fs/view/node.h"

/* A node's cache and a process's pool, shared by all stores of the process. */
typedef struct vb_fetcher vb_fetcher;

#define VB_LARGE INT64_C(67108864)

/* The one for this cache; made with the first reference. */
int vb_fetcher_get(const vb_cache_options *options, vb_fetcher **out, vb_error *err);
vb_fetcher *vb_fetcher_ref(vb_fetcher *f);
void vb_fetcher_unref(vb_fetcher *f);
VB_CLEANUP(vb_fetcher, vb_fetcher_unref)

vb_cache *vb_fetcher_cache(vb_fetcher *f);
void vb_fetcher_set_large(vb_fetcher *f, int64_t bytes); /* for tests */

/* Who has artifacts: as the calls of the same names of a store's class.  Work may outlive the call that began it: it
 * holds the owner. */
typedef struct vb_origin_class {
    int (*stat)(void *owner, int64_t store, const char *path, int64_t deadline, vb_object *out, vb_error *err);
    int (*get)(void *owner, int64_t store, const char *path, int64_t offset, int64_t length, const char *etag,
               int64_t deadline, vb_sink_fn *sink, void *arg, vb_error *err);
    void (*ref)(void *owner);
    void (*unref)(void *owner);
} vb_origin_class;

typedef struct vb_origin {
    const vb_origin_class *class;
    void *owner;
    int64_t store;                   /* which of the owner's */
    const vb_store_options *options; /* as long as the owner is held */
    const char *name;                /* whose turns are counted */
} vb_origin;

/* The artifact.  What its registry does not tell is asked of the store, and remembered. */
typedef struct vb_lazy {
    vb_origin origin;
    const char *path;    /* in its store */
    const char *name;    /* "https://host/path", without credentials: of messages and keys */
    int64_t size, mtime; /* -1: not recorded */
    bool has_checksum;
    vb_hash checksum;
    bool whole; /* never by block */
} vb_lazy;

/* What a request waits for. */
typedef struct vb_wait {
    vb_fetch *begun; /* out: a reference of the caller's, with -EINPROGRESS */
    vb_fetch *done;  /* in: what was begun, when it is done; NULL: nothing was */
} vb_wait;

/* Size, modification time and version.  -ETIMEDOUT, -ENOENT, ... */
int vb_lazy_stat(vb_fetcher *f, const vb_lazy *a, vb_wait *wait, vb_object *out, vb_error *err);

/* Opens it: out->fd, size, whole; out->stream where it comes by block (never with `wait` NULL).  out->fetched are bytes
 * that were moved for it.  -ESTALE where the store has another size or time than what is recorded. */
int vb_lazy_open(vb_fetcher *f, const vb_lazy *a, vb_wait *wait, vb_content *out, vb_error *err);

/* ---- an artifact that comes by block ---- */

typedef struct vb_stream vb_stream;

/* Makes sure that these bytes are in the stream's file.  Sequential reads fetch ahead. */
int vb_stream_read(vb_stream *s, int64_t offset, int64_t length, vb_wait *wait, vb_error *err);

/* Gives it up; what is being fetched goes on, what is queued ahead does not.  Returns the bytes that were moved for it,
 * or -EIO where the whole turned out to be wrong. */
int64_t vb_stream_close(vb_stream *s);

#endif
