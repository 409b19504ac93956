/* class.h - what a kind of store can do.
 *
 * Deadlines are moments of the monotonic clock (vb_clock_monotonic_ns()).  Errors: -ENOENT, it is not there; -EACCES,
 * the store refuses; -ETIMEDOUT, the deadline; -ESTALE, another version than the one asked for; -EIO, the rest, after
 * bounded retries.  The sentence names the artifact, without credentials or query, the operation and the tries.
 * All calls are thread-safe. */
#ifndef VB_FS_STORE_CLASS_H
#define VB_FS_STORE_CLASS_H

#include "registry/base/error.h"
#include "registry/store_options.h"

#include <stdbool.h>
#include <stdint.h>

/* What a store says of an object. */
typedef struct vb_object {
    int64_t size;  /* bytes; -1: not told */
    int64_t mtime; /* nanoseconds since 1970 UTC; -1: not told */
    char etag[96]; /* changes when the bytes do; "": not told */
} vb_object;

/* Gets bytes in order; a negative errno ends the transfer. */
typedef int vb_sink_fn(void *arg, const void *bytes, size_t n);

/* Gets an object of a listing; a negative errno ends it. */
typedef int vb_object_fn(void *arg, const char *path, const vb_object *object);

/* A file that is to go. */
typedef struct vb_doomed {
    int64_t store_id;
    const char *path;
    int64_t size, mtime; /* of the one that is meant; -1: not known */
    bool gone;           /* told: it is not there any more, or another one has its name */
} vb_doomed;

typedef struct vb_store_class {
    const char *const *schemes; /* NULL-terminated: of the store's root */
    bool local;                 /* artifacts are files that can be opened: open_file is there */

    /* No I/O.  The options must live as long as the store. */
    int (*open)(const char *root, const vb_store_options *options, void **out, vb_error *err);
    void (*close)(void *store);

    /* Opens `path` below the root (or an absolute path) for reading; a descriptor. */
    int (*open_file)(void *store, const char *path, vb_error *err);
    int (*stat)(void *store, const char *path, int64_t deadline, vb_object *out, vb_error *err);

    /* `length` -1: to the end.  `etag` "": any version; where it is another, -ESTALE. */
    int (*get)(void *store, const char *path, int64_t offset, int64_t length, const char *etag, int64_t deadline,
               vb_sink_fn *sink, void *arg, vb_error *err);

    /* The same; what was said of the object that was read is in *told (where its bytes came from several tries, of all
     * of them). */
    int (*get_told)(void *store, const char *path, int64_t offset, int64_t length, const char *etag, int64_t deadline,
                    vb_sink_fn *sink, void *arg, vb_object *told, vb_error *err);

    /* Stores `size` bytes of a file from its start.  Nobody ever sees a part of them.  -EEXIST where the name is taken
     * and is not to be replaced. */
    int (*put)(void *store, const char *path, int fd, int64_t size, bool replace, int64_t deadline, vb_error *err);
    int (*remove)(void *store, const char *path, int64_t deadline, vb_error *err);

    /* Removes files that are still what was noted; their paths are sorted.  Those that cannot be removed are warned of.
     * Called from several threads at once.  NULL: stat and remove do. */
    void (*remove_all)(void *store, vb_doomed *files, size_t count);

    /* All objects whose path begins with `prefix`, which is "" or ends in '/'; in no order. */
    int (*list)(void *store, const char *prefix, int64_t deadline, vb_object_fn *each, void *arg, vb_error *err);
} vb_store_class;

extern const vb_store_class vb_store_file, vb_store_http, vb_store_s3;

/* For tests: takes the place of the one of its scheme. */
extern const vb_store_class *vb_store_test_class;

#endif
