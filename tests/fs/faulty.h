/* faulty.h - a store class for tests: objects of bytes that are told by their path, and what can go wrong with them.
 *
 * An object's path is "NAME-SIZE"; its bytes depend on both.  All stores that a test opens share one table of what goes
 * wrong and what was asked, in memory that processes share. */
#ifndef VB_TESTS_FS_FAULTY_H
#define VB_TESTS_FS_FAULTY_H

#include "fs/cache/cache.h"
#include "fs/fetch/lazy.h"

typedef struct faulty {
    atomic_int latency_ms; /* before each answer */
    atomic_int truncate;   /* so many bodies end in their middle, with an error */
    atomic_int shorten;    /* so many bodies end in their middle, without one */
    atomic_int corrupt;    /* so many bodies have a wrong byte */
    atomic_int longer;     /* so many bodies have a byte too many */
    atomic_int fail;       /* so many requests fail: -EIO */
    atomic_bool stall;     /* nothing comes before the deadline */
    atomic_bool hang;      /* nothing comes, whatever the deadline */
    atomic_int version;    /* of all objects: their etag */
    atomic_int gets, heads;
    atomic_int running, most; /* gets at a time */
    _Atomic int64_t bytes;    /* that were sent */
    _Atomic int64_t pace;     /* nanoseconds a piece of 16 KiB takes */
    atomic_int asked[4096];   /* gets of "f<N>-..." */
} faulty;

extern _Atomic(faulty *) faults;
extern const vb_store_class faulty_class;

/* Makes *faults anew, in memory that forks share; what an earlier test has left running has its own for ever. */
void faulty_reset(void);

/* The bytes of "NAME-SIZE" from `offset` on. */
void faulty_bytes(const char *path, int64_t offset, void *out, size_t n);
int64_t faulty_size(const char *path);
vb_hash faulty_hash(const char *path);

/* 1 where the descriptor has all bytes of the object, and no other. */
bool faulty_is(int fd, const char *path);

/* The object as an item of a cache (with its checksum), and a source for it. */
vb_cache_item faulty_item(const char *path);
vb_cache_source faulty_source(const char *path, double seconds);

/* The object as an artifact that is not local, with its checksum; two seconds of silence are its end. */
vb_lazy faulty_lazy(const char *path);

#endif
