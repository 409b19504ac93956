/* cache.h - a node's copies of remote artifacts, shared by all of its processes.
 *
 * A cache is one directory or several (tiers, the fastest first).  An artifact is kept whole, or, where it is large, by
 * blocks of a mebibyte.
 *
 *     DIR/ab/KEY             a whole artifact: its size and checksum were verified before it got this name
 *     DIR/ab/KEY.SIZE.part   one that is being fetched: SIZE bytes in the end, so far as long as the file is
 *     DIR/ab/KEY.blocks      a sparse file of one whose blocks are fetched as they are wanted
 *     DIR/ab/KEY.map         which blocks of it are there
 *     DIR/ab/KEY.pin         KEY is not to be evicted
 *     DIR/usage, DIR/lock    what the directory holds; held while files are made, named and evicted
 *
 * KEY is 32 hexadecimal digits: XXH3 of the source's name, the size, and what tells versions apart.
 *
 * A descriptor that is given away holds a shared flock: what is open is not evicted.  Who fetches holds an exclusive
 * one; others wait for him, and take over from where he was where he dies.  Eviction only unlinks, the least recently
 * used first.  Space is reserved before bytes are fetched, so that the quota holds under any number of writers.  A kill
 * at any moment leaves nothing wrong: partial files are resumed or evicted.
 *
 * Waits end at their deadline (CLOCK_MONOTONIC, nanoseconds).  Thread-safe. */
#ifndef VB_FS_CACHE_CACHE_H
#define VB_FS_CACHE_CACHE_H

#include "fs/store/class.h"
#include "registry/base/hash.h"
#include "registry/cache_options.h"

#include <stdatomic.h>

typedef struct vb_cache vb_cache;

enum { VB_CACHE_KEY_TEXT = 33, VB_CACHE_BLOCK = 1 << 20 };

/* What is wanted.  The size is known. */
typedef struct vb_cache_item {
    const char *name; /* of the source, without credentials: "https://host/path" */
    int64_t size;
    bool has_checksum;
    vb_hash checksum; /* of the whole */
    int64_t mtime;    /* where there is no checksum: what tells versions apart; -1: not known */
    const char *etag; /* of the version that is to be fetched; "": any */
} vb_cache_item;

const char *vb_cache_key(const vb_cache_item *item, char text[VB_CACHE_KEY_TEXT]);

/* Where the bytes come from. */
typedef struct vb_cache_source {
    /* Gives `length` bytes from `offset` on to the sink, in order. */
    int (*get)(void *arg, int64_t offset, int64_t length, vb_sink_fn *sink, void *sink_arg, vb_error *err);
    void *arg;
    int64_t deadline;
    const atomic_bool *cancelled; /* ends waits with -ECANCELED; NULL: nobody does */
    int64_t moved;                /* out: bytes that were got */
} vb_cache_source;

/* Opens (and makes) the directories.  A default quota is taken from the file system. */
int vb_cache_open(const vb_cache_options *o, vb_cache **out, vb_error *err);
void vb_cache_close(vb_cache *c);
VB_CLEANUP(vb_cache, vb_cache_close)

/* A descriptor of the whole artifact where it is there, the caller's; -ENOENT where it is not.  Does not wait, and does
 * not look into directories that are shared: these may be far.  *tier, unless NULL, is the number of the directory that
 * had it. */
int vb_cache_find(vb_cache *c, const vb_cache_item *item, int *tier);

/* The same everywhere, and fetches it where it is not there; what a shared directory has is copied into one of this
 * node's.  -EIO where what came is not what was to come: it is removed. */
int vb_cache_get(vb_cache *c, const vb_cache_item *item, vb_cache_source *source, vb_error *err);

/* Copies an artifact that was found in `tier` into the one above, where there is one that may hold it. */
int vb_cache_promote(vb_cache *c, const vb_cache_item *item, int tier, const atomic_bool *cancelled, vb_error *err);

/* ---- by block ---- */

typedef struct vb_blocks vb_blocks;

/* The sparse file of an artifact, a reference of the caller's.  Where it is not there it is made; who makes it says
 * which version all of its blocks are to be of ("": any).  `etag` NULL: -ENOENT instead. */
int vb_cache_blocks(vb_cache *c, const vb_cache_item *item, const char *etag, int64_t deadline, vb_blocks **out,
                    vb_error *err);
vb_blocks *vb_blocks_ref(vb_blocks *b);
void vb_blocks_unref(vb_blocks *b);
VB_CLEANUP(vb_blocks, vb_blocks_unref)

const char *vb_blocks_key(const vb_blocks *b);
int vb_blocks_fd(const vb_blocks *b); /* stays the blocks' */
int64_t vb_blocks_size(const vb_blocks *b);
int64_t vb_blocks_count(const vb_blocks *b);
const char *vb_blocks_etag(const vb_blocks *b); /* of the version that its blocks are of */

/* The first block that is missing of these bytes; -1: they are all there; -EIO (below -1): the whole turned out to be
 * wrong, and nothing of it may be read any more.  No I/O. */
int64_t vb_blocks_missing(const vb_blocks *b, int64_t offset, int64_t length);

/* Fetches one block, or waits until another process has. 1 where the artifact is whole now: vb_blocks_finish() is to be
 * called. */
int vb_blocks_fetch(vb_blocks *b, int64_t block, vb_cache_source *source, vb_error *err);

/* Verifies a file whose blocks are all there, and makes it a whole artifact, or waits until another process has; -EIO
 * where it is wrong: it is removed.  Until then vb_blocks_missing() takes any block for missing, so that whoever reads
 * all of a wrong artifact is told. */
int vb_blocks_finish(vb_blocks *b, const vb_cache_source *source, vb_error *err);

/* ---- looking after it ---- */

typedef enum vb_cached_kind { VB_CACHED_WHOLE, VB_CACHED_PART, VB_CACHED_BLOCKS } vb_cached_kind;

typedef struct vb_cached {
    int tier;
    char key[VB_CACHE_KEY_TEXT];
    char *name; /* of the source; "" where the file system keeps no extended attributes */
    vb_cached_kind kind;
    int64_t size; /* of the artifact */
    int64_t held; /* bytes of it that count against the quota */
    int64_t used; /* last, nanoseconds since 1970 UTC */
    bool pinned, in_use;
} vb_cached;

typedef int vb_cached_fn(void *arg, const vb_cached *entry);

/* Calls `each` for all that is there, the least recently used first.  What `each` returns other than 0 ends it. */
int vb_cache_each(vb_cache *c, vb_cached_fn *each, void *arg, vb_error *err);

size_t vb_cache_tiers(const vb_cache *c);

typedef struct vb_cache_state {
    const char *directory;
    int64_t bytes, files;          /* that it holds */
    int64_t max_bytes, max_files;  /* that it may hold */
    int64_t pinned_bytes, partial; /* bytes that are pinned; artifacts that are not whole */
    bool shared;
} vb_cache_state;

/* What a tier holds, by looking. */
int vb_cache_stat(vb_cache *c, size_t tier, vb_cache_state *out, vb_error *err);

int vb_cache_pin(vb_cache *c, const vb_cached *entry, bool pin, vb_error *err);

/* Removes an entry: 1, 0 where it is pinned or in use. */
int vb_cache_purge(vb_cache *c, const vb_cached *entry, vb_error *err);

#endif
