#include "fs/store/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum { MAX_THREADS = 256, MAX_CHUNK = 16, TELL_NS = 100 * 1000 * 1000 };

struct work {
    size_t count, chunk;
    void (*each)(void *arg, size_t i);
    void *arg;
    atomic_size_t next, done;
    pthread_mutex_t lock; /* guards `ended` */
    pthread_cond_t ended_one;
    size_t ended;
};

static void labour(struct work *w)
{
    size_t begin;

    while ((begin = atomic_fetch_add(&w->next, w->chunk)) < w->count) {
        size_t end = begin + w->chunk < w->count ? begin + w->chunk : w->count;

        for (size_t i = begin; i < end; i++)
            w->each(w->arg, i);
        atomic_fetch_add(&w->done, end - begin);
    }
}

static void *thread(void *arg)
{
    struct work *w = arg;

    labour(w);
    pthread_mutex_lock(&w->lock);
    w->ended++;
    pthread_cond_signal(&w->ended_one);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static size_t processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) ? 1 : (size_t)CPU_COUNT(&set);
}

/* Waits for `started` threads, telling how far they are. */
static void watch(struct work *w, size_t started, const char *what, const vb_progress *progress)
{
    pthread_mutex_lock(&w->lock);
    while (w->ended < started) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TELL_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (!progress) {
            pthread_cond_wait(&w->ended_one, &w->lock);
        } else if (pthread_cond_timedwait(&w->ended_one, &w->lock, &until)) {
            pthread_mutex_unlock(&w->lock);
            progress->tell(progress->arg, what, atomic_load(&w->done), w->count);
            pthread_mutex_lock(&w->lock);
        }
    }
    pthread_mutex_unlock(&w->lock);
}

void vb_parallel(size_t count, size_t threads, void (*each)(void *arg, size_t i), void *arg, const char *what,
                 const vb_progress *progress)
{
    struct work w = {.count = count, .each = each, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t ids[MAX_THREADS];
    pthread_condattr_t monotonic;
    size_t wanted = threads ? threads : processors(), started = 0;

    if (wanted > MAX_THREADS)
        wanted = MAX_THREADS;
    if (wanted > count)
        wanted = count;
    w.chunk = wanted ? count / (8 * wanted) : 1; /* small, so that nobody waits long for the last */
    w.chunk = w.chunk < 1 ? 1 : w.chunk > MAX_CHUNK ? MAX_CHUNK : w.chunk;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w.ended_one, &monotonic);
    if (wanted > 1 || progress)
        for (; started < wanted && !pthread_create(&ids[started], NULL, thread, &w); started++)
            ;
    if (!started)
        labour(&w);
    watch(&w, started, what, progress);
    for (size_t i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    pthread_cond_destroy(&w.ended_one);
    pthread_condattr_destroy(&monotonic);
}
