/* fetch.h - remote work, done by a bounded pool of threads, and awaited by whoever wants it.
 *
 * A piece of work has a key: who asks for a key that is being worked on gets that work.  So many pieces of one source
 * (a store) run at a time as the source allows: one that stands still does not keep the others from theirs.
 *
 * Work ends at its deadline, by itself.  vb_fetch_overdue() tells that it should have: a waiter then goes away without
 * it, so that nobody hangs by a thread that does.  Work that waits for its turn is overdue where its source has given
 * nothing for as long as its timeout.
 *
 * Thread-safe. */
#ifndef VB_FS_FETCH_FETCH_H
#define VB_FS_FETCH_FETCH_H

#include "registry/base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct vb_pool vb_pool;
typedef struct vb_fetch vb_fetch;

/* No thread is started before there is work.  `threads` at most. */
vb_pool *vb_pool_new(int threads);

/* Cancels what there is, and waits for its threads, two seconds at most: those that hang are left alone.  gone(arg),
 * unless NULL, is called when none is left, by this thread or by the last of those: what work uses must stay until
 * then. True where that was before the return. */
bool vb_pool_end(vb_pool *p, void (*gone)(void *arg), void *arg);

static inline void vb_pool_free(vb_pool *p)
{
    vb_pool_end(p, NULL, NULL);
}
VB_CLEANUP(vb_pool, vb_pool_free)

/* What is to be done. */
typedef struct vb_fetch_class {
    /* Called once, in a thread of the pool.  Long work asks vb_fetch_cancelled() now and then. */
    int (*run)(vb_fetch *f, void *arg, vb_error *err);
    void (*free)(void *arg); /* with the last reference */
} vb_fetch_class;

typedef struct vb_fetch_order {
    const char *key;
    const char *name; /* of what is wanted, for messages */
    const vb_fetch_class *class;
    void *arg;          /* the work's; freed at once where the key is being worked on */
    const char *source; /* whose turns are counted */
    int parallel;       /* pieces of the source at a time; 0: 4 */
    int64_t timeout;    /* nanoseconds that the source may be silent */
    int64_t work;       /* beside that, nanoseconds that the work may take */
    bool background;    /* done when nobody waits for anything else of the source, and also if nobody waits for it */
} vb_fetch_order;

/* The work of that key, with one reference more. */
vb_fetch *vb_fetch_start(vb_pool *p, const vb_fetch_order *order);
vb_fetch *vb_fetch_ref(vb_fetch *f);

/* Work that was not begun is dropped with its last reference (but for work in the background). */
void vb_fetch_unref(vb_fetch *f);
VB_CLEANUP(vb_fetch, vb_fetch_unref)

/* Told, once, by some thread, that the work is done: it may take locks of its own, but calls nothing of the pool. */
typedef struct vb_waiter {
    void (*done)(struct vb_waiter *w);
    struct vb_waiter *next, *previous;
    bool waiting;
} vb_waiter;

/* Has *w told when the work is done: at once, by this thread, where it is. */
void vb_fetch_await(vb_fetch *f, vb_waiter *w);

/* After this *w is not told any more, and nobody is about to. */
void vb_fetch_forget(vb_fetch *f, vb_waiter *w);

bool vb_fetch_done(vb_fetch *f);
bool vb_fetch_overdue(vb_fetch *f);

/* Of work that is done: what run() has returned, and its error (a copy). */
int vb_fetch_result(vb_fetch *f, vb_error *err);
void *vb_fetch_arg(vb_fetch *f);
const char *vb_fetch_key(const vb_fetch *f);
const char *vb_fetch_name(const vb_fetch *f);

/* Waits for the end; -ETIMEDOUT where it is overdue. */
int vb_fetch_wait(vb_fetch *f, vb_error *err);

/* ---- for run() ---- */

int64_t vb_fetch_deadline(const vb_fetch *f);
bool vb_fetch_cancelled(const vb_fetch *f);
bool vb_fetch_wanted(vb_fetch *f); /* somebody has asked for it not only in the background */
const atomic_bool *vb_fetch_cancel_flag(const vb_fetch *f);
void vb_fetch_extend(vb_fetch *f, int64_t work); /* the work turned out to be more */
void vb_fetch_moved(vb_fetch *f, int64_t bytes); /* the source has given something */

/* Bytes that were moved, to whoever asks first; 0 to the others. */
int64_t vb_fetch_take_moved(vb_fetch *f);

#endif
