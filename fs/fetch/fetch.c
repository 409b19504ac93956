#include "fs/fetch/fetch.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"

#include <pthread.h>
#include <string.h>
#include <uthash.h>

enum { PARALLEL = 4, LEAVE_SECONDS = 2, TICK_MS = 100 };

#define GRACE INT64_C(1000000000) /* of work that should end by itself */

enum state { QUEUED, RUNNING, DONE };

/* Whoever serves the work: a store. */
struct source {
    char *name;
    int parallel, running;
    int64_t heard; /* of it, last */
    UT_hash_handle hh;
};

struct vb_fetch {
    vb_pool *pool;
    char *key, *name;
    const vb_fetch_class *class;
    void *arg;
    struct source *source;
    int64_t timeout, work, begun; /* `begun`: queued, then running */
    _Atomic int64_t deadline;
    enum state state;
    bool background, wanted; /* wanted: somebody waits for it, so it goes before what is in the background */
    int refs;
    atomic_bool cancelled;
    _Atomic int64_t moved;
    int result;
    vb_error error;
    vb_waiter *waiters;
    vb_fetch *next, *previous; /* of the queue */
    UT_hash_handle hh;
};

struct vb_pool {
    pthread_mutex_t lock; /* guards all of it, and all work but `arg` while it runs */
    pthread_cond_t more, ended;
    int max_threads, threads, idle;
    bool closing;
    int refs; /* the owner's, each thread's, each work's */
    vb_fetch *first, *last;
    vb_fetch *by_key;
    struct source *sources;
    void (*gone)(void *arg);
    void *gone_arg;
};

/* ---- the pool -------------------------------------------------------------------------------------------------- */

static void make_condition(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(c, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

vb_pool *vb_pool_new(int threads)
{
    vb_pool *p = VB_NEW(vb_pool);

    pthread_mutex_init(&p->lock, NULL);
    make_condition(&p->more);
    make_condition(&p->ended);
    p->max_threads = threads;
    p->refs = 1;
    return p;
}

/* Under the lock, which is given up: the pool goes with the last of its references. */
static void unref_pool(vb_pool *p)
{
    struct source *s, *next;
    bool last = !--p->refs;

    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    HASH_ITER(hh, p->sources, s, next) {
        HASH_DEL(p->sources, s);
        free(s->name);
        free(s);
    }
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    pthread_cond_destroy(&p->ended);
    if (p->gone)
        p->gone(p->gone_arg);
    free(p);
}

static void unqueue(vb_fetch *f)
{
    vb_pool *p = f->pool;

    if (f->previous)
        f->previous->next = f->next;
    else
        p->first = f->next;
    if (f->next)
        f->next->previous = f->previous;
    else
        p->last = f->previous;
    f->next = f->previous = NULL;
}

/* Under the lock: tells all who wait. */
static void conclude(vb_fetch *f, int result)
{
    f->result = result;
    f->state = DONE;
    HASH_DEL(f->pool->by_key, f);
    while (f->waiters) {
        vb_waiter *w = f->waiters;

        f->waiters = w->next;
        if (w->next)
            w->next->previous = NULL;
        w->waiting = false;
        w->done(w);
    }
    pthread_cond_broadcast(&f->pool->ended);
}

/* Under the lock, which is kept unless the work goes: then it is given up, and true returned. */
static bool unref(vb_fetch *f)
{
    vb_pool *p = f->pool;

    if (--f->refs)
        return false;
    pthread_mutex_unlock(&p->lock);
    if (f->class->free)
        f->class->free(f->arg);
    vb_error_clear(&f->error);
    free(f->key);
    free(f->name);
    free(f);
    pthread_mutex_lock(&p->lock);
    unref_pool(p);
    return true;
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

/* The first whose source has a turn left; what somebody waits for goes before the rest. */
static vb_fetch *choose(vb_pool *p)
{
    vb_fetch *idle = NULL;

    for (vb_fetch *f = p->first; f; f = f->next) {
        if (f->source->running >= f->source->parallel)
            continue;
        if (f->wanted)
            return f;
        idle = idle ? idle : f;
    }
    return idle;
}

static void run(vb_fetch *f)
{
    vb_pool *p = f->pool;
    vb_error err = VB_ERROR_INIT;
    int r;

    unqueue(f);
    f->state = RUNNING;
    f->source->running++;
    f->begun = vb_clock_monotonic_ns();
    atomic_store(&f->deadline, f->begun + f->timeout + f->work);
    pthread_mutex_unlock(&p->lock);
    r = f->class->run(f, f->arg, &err);
    pthread_mutex_lock(&p->lock);
    f->source->running--;
    if (r >= 0)
        f->source->heard = vb_clock_monotonic_ns();
    vb_error_move(&f->error, &err);
    conclude(f, r);
    pthread_cond_broadcast(&p->more); /* the source has a turn */
}

static void *thread(void *arg)
{
    vb_pool *p = arg;
    vb_fetch *f;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->closing && !(f = choose(p))) {
            p->idle++;
            pthread_cond_wait(&p->more, &p->lock);
            p->idle--;
        }
        if (p->closing)
            break;
        run(f);
        if (unref(f)) /* the queue's */
            pthread_mutex_lock(&p->lock);
    }
    p->threads--;
    pthread_cond_broadcast(&p->ended);
    unref_pool(p);
    return NULL;
}

static void add_thread(vb_pool *p)
{
    pthread_attr_t detached;
    pthread_t id;

    if (p->idle || p->threads >= p->max_threads)
        return;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    p->refs++;
    p->threads++;
    if (pthread_create(&id, &detached, thread, p)) { /* those that there are will do it */
        p->refs--;
        p->threads--;
    }
    pthread_attr_destroy(&detached);
}

bool vb_pool_end(vb_pool *p, void (*gone)(void *arg), void *arg)
{
    struct timespec until = vb_clock_timespec(vb_clock_monotonic_ns() + LEAVE_SECONDS * INT64_C(1000000000));
    vb_fetch *f, *next;
    int r = 0;

    pthread_mutex_lock(&p->lock);
    p->closing = true;
    p->gone = gone;
    p->gone_arg = arg;
    for (f = p->by_key; f; f = f->hh.next)
        atomic_store(&f->cancelled, true);
    for (f = p->first; f; f = next) {
        next = f->next;
        unqueue(f);
        conclude(f, -ECANCELED);
        if (unref(f))
            pthread_mutex_lock(&p->lock);
    }
    pthread_cond_broadcast(&p->more);
    while (p->threads && !r)
        r = pthread_cond_timedwait(&p->ended, &p->lock, &until);
    unref_pool(p);
    return !r;
}

/* ---- work ------------------------------------------------------------------------------------------------------ */

static struct source *source_of(vb_pool *p, const char *name, int parallel)
{
    struct source *s;

    HASH_FIND_STR(p->sources, name, s);
    if (!s) {
        s = VB_NEW(struct source);
        s->name = vb_strdup(name);
        HASH_ADD_KEYPTR(hh, p->sources, s->name, strlen(s->name), s);
    }
    s->parallel = parallel > 0 ? parallel : PARALLEL;
    return s;
}

static vb_fetch *new_fetch(vb_pool *p, const vb_fetch_order *order)
{
    vb_fetch *f = VB_NEW(vb_fetch);

    f->pool = p;
    f->key = vb_strdup(order->key);
    f->name = vb_strdup(order->name ? order->name : order->key);
    f->class = order->class;
    f->arg = order->arg;
    f->source = source_of(p, order->source, order->parallel);
    f->timeout = order->timeout;
    f->work = order->work;
    f->background = order->background;
    f->begun = vb_clock_monotonic_ns();
    f->refs = 2; /* the caller's, and the queue's */
    atomic_init(&f->cancelled, false);
    p->refs++;
    HASH_ADD_KEYPTR(hh, p->by_key, f->key, strlen(f->key), f);
    f->previous = p->last;
    if (p->last)
        p->last->next = f;
    else
        p->first = f;
    p->last = f;
    return f;
}

vb_fetch *vb_fetch_start(vb_pool *p, const vb_fetch_order *order)
{
    vb_fetch *f;
    bool found;

    pthread_mutex_lock(&p->lock);
    HASH_FIND_STR(p->by_key, order->key, f);
    found = f != NULL;
    if (found)
        f->refs++;
    else
        f = new_fetch(p, order);
    f->wanted = f->wanted || !order->background;
    if (!found) {
        add_thread(p);
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    if (found && order->class->free)
        order->class->free(order->arg);
    return f;
}

vb_fetch *vb_fetch_ref(vb_fetch *f)
{
    pthread_mutex_lock(&f->pool->lock);
    f->refs++;
    pthread_mutex_unlock(&f->pool->lock);
    return f;
}

void vb_fetch_unref(vb_fetch *f)
{
    vb_pool *p = f->pool;

    pthread_mutex_lock(&p->lock);
    if (f->state == QUEUED && f->refs == 2 && !f->background) { /* nobody wants it any more */
        unqueue(f);
        conclude(f, -ECANCELED);
        f->refs--;
    }
    if (!unref(f))
        pthread_mutex_unlock(&p->lock);
}

void vb_fetch_await(vb_fetch *f, vb_waiter *w)
{
    pthread_mutex_lock(&f->pool->lock);
    w->previous = NULL;
    w->waiting = f->state != DONE;
    if (w->waiting) {
        w->next = f->waiters;
        if (w->next)
            w->next->previous = w;
        f->waiters = w;
    } else {
        w->done(w);
    }
    pthread_mutex_unlock(&f->pool->lock);
}

void vb_fetch_forget(vb_fetch *f, vb_waiter *w)
{
    pthread_mutex_lock(&f->pool->lock);
    if (w->waiting) {
        if (w->previous)
            w->previous->next = w->next;
        else
            f->waiters = w->next;
        if (w->next)
            w->next->previous = w->previous;
        w->waiting = false;
    }
    pthread_mutex_unlock(&f->pool->lock);
}

bool vb_fetch_done(vb_fetch *f)
{
    bool done;

    pthread_mutex_lock(&f->pool->lock);
    done = f->state == DONE;
    pthread_mutex_unlock(&f->pool->lock);
    return done;
}

/* Under the lock. */
static bool overdue(const vb_fetch *f)
{
    int64_t heard = f->source->heard > f->begun ? f->source->heard : f->begun;

    if (f->state == RUNNING)
        return vb_clock_monotonic_ns() > atomic_load(&f->deadline) + GRACE;
    return f->state == QUEUED && vb_clock_monotonic_ns() > heard + f->timeout + GRACE;
}

bool vb_fetch_overdue(vb_fetch *f)
{
    bool late;

    pthread_mutex_lock(&f->pool->lock);
    late = overdue(f);
    pthread_mutex_unlock(&f->pool->lock);
    return late;
}

int vb_fetch_result(vb_fetch *f, vb_error *err)
{
    int r;

    pthread_mutex_lock(&f->pool->lock);
    r = f->result;
    if (f->error.code) {
        vb_fail(err, f->error.code, "%s", f->error.message);
        if (f->error.hint)
            vb_hint(err, "%s", f->error.hint);
    } else if (r < 0) {
        vb_fail_errno(err, r, "fetching %s", f->name);
    }
    pthread_mutex_unlock(&f->pool->lock);
    return r;
}

void *vb_fetch_arg(vb_fetch *f)
{
    return f->arg;
}

const char *vb_fetch_key(const vb_fetch *f)
{
    return f->key;
}

const char *vb_fetch_name(const vb_fetch *f)
{
    return f->name;
}

int vb_fetch_wait(vb_fetch *f, vb_error *err)
{
    vb_pool *p = f->pool;
    bool late = false;

    pthread_mutex_lock(&p->lock);
    while (f->state != DONE && !(late = overdue(f))) {
        struct timespec until = vb_clock_timespec(vb_clock_monotonic_ns() + TICK_MS * INT64_C(1000000));

        pthread_cond_timedwait(&p->ended, &p->lock, &until);
    }
    pthread_mutex_unlock(&p->lock);
    return late ? vb_fail(err, -ETIMEDOUT, "%s: nothing came within %.1f s", f->name,
                          (double)(f->timeout + f->work) / 1e9)
                : vb_fetch_result(f, err);
}

/* ---- for run() ------------------------------------------------------------------------------------------------- */

int64_t vb_fetch_deadline(const vb_fetch *f)
{
    return atomic_load(&f->deadline);
}

bool vb_fetch_cancelled(const vb_fetch *f)
{
    return atomic_load(&f->cancelled);
}

bool vb_fetch_wanted(vb_fetch *f)
{
    bool wanted;

    pthread_mutex_lock(&f->pool->lock);
    wanted = f->wanted;
    pthread_mutex_unlock(&f->pool->lock);
    return wanted;
}

const atomic_bool *vb_fetch_cancel_flag(const vb_fetch *f)
{
    return &f->cancelled;
}

void vb_fetch_extend(vb_fetch *f, int64_t work)
{
    atomic_fetch_add(&f->deadline, work);
}

void vb_fetch_moved(vb_fetch *f, int64_t bytes)
{
    atomic_fetch_add(&f->moved, bytes);
    pthread_mutex_lock(&f->pool->lock);
    f->source->heard = vb_clock_monotonic_ns();
    pthread_mutex_unlock(&f->pool->lock);
}

int64_t vb_fetch_take_moved(vb_fetch *f)
{
    return atomic_exchange(&f->moved, 0);
}
