/* internal.h - what the files of fs/cache share: one directory of a cache. */
#ifndef VB_FS_CACHE_INTERNAL_H
#define VB_FS_CACHE_INTERNAL_H

#include "fs/cache/cache.h"

#include <pthread.h>
#include <sys/types.h>

struct tier {
    char *directory;
    int fd;
    int64_t max_bytes, max_files;
    bool shared;
    pthread_mutex_t mutex; /* guards `taken`, which is among threads what `lock` is among processes */
    pthread_cond_t given_up;
    bool taken;
    int lock, usage; /* descriptors of these files */
};

struct vb_cache {
    struct tier *tiers;
    size_t count;
};

/* A file of the cache by its name. */
struct entry {
    char name[80]; /* "ab/KEY..." */
    char key[VB_CACHE_KEY_TEXT];
    vb_cached_kind kind;
    int64_t size, held, used;
    bool pinned;
};

enum { ENTRY_NAME = 80 };

int vb_tier_open(const vb_cache_tier *options, struct tier *out, vb_error *err);
void vb_tier_close(struct tier *t);

/* "ab/KEY" and an ending. */
const char *vb_tier_name(char name[ENTRY_NAME], const char *key, const char *ending);

/* One process and thread at a time: makes, names and removes files.  -ETIMEDOUT. */
int vb_tier_lock(struct tier *t, int64_t deadline, vb_error *err);
void vb_tier_unlock(struct tier *t);

/* Under the lock: counts bytes and files that are about to be there, and evicts what must go for them.  -ENOSPC where
 * all else is in use or pinned. */
int vb_tier_reserve(struct tier *t, int64_t bytes, int64_t files, vb_error *err);

/* Under the lock: something that was counted is gone. */
void vb_tier_release(struct tier *t, int64_t bytes, int64_t files);

/* Under the lock: all that is there, the least recently used first; files of which nobody knows anything are removed.
 * The caller frees *out. */
int vb_tier_scan(struct tier *t, struct entry **out, size_t *count, vb_error *err);

/* Under the lock: removes an entry that is neither pinned nor in use; its bytes, or -EBUSY. */
int64_t vb_tier_evict(struct tier *t, const struct entry *e);

/* The disk is full, whatever the quota: evicts so many bytes where it can; how many. */
int64_t vb_tier_squeeze(struct tier *t, int64_t bytes, int64_t deadline);

/* Opens a whole artifact and holds it; -ENOENT. */
int vb_tier_find(struct tier *t, const char *key, int64_t size);

/* True where the file of a descriptor is still the one of that name. */
bool vb_tier_same(const struct tier *t, int fd, const char *name);

/* Notes what a file is a copy of, for people. */
void vb_tier_label(int fd, const char *name);

/* Sleeps a little, longer each time: -ETIMEDOUT at the deadline, -ECANCELED. */
int vb_cache_pause(int *turn, int64_t deadline, const atomic_bool *cancelled);

/* Fetches a whole artifact into a tier: its descriptor. */
int vb_tier_land(struct tier *t, const vb_cache_item *item, vb_cache_source *source, vb_error *err);

/* The sparse file of an artifact: vb_cache_blocks() in one directory. */
int vb_tier_blocks(struct tier *t, const vb_cache_item *item, const char *etag, int64_t deadline, vb_blocks **out,
                   vb_error *err);

/* The bytes that a map says are there or promised; -1: it is no map. */
int64_t vb_map_held(int fd);

#endif
