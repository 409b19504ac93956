/* pool.c - the connections of a store. */
#include "fs/remote/internal.h"
#include "registry/base/mem.h"

static void begin_curl(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
}

vb_remote *vb_remote_open(const vb_store_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    vb_remote *r = VB_NEW(vb_remote);
    pthread_condattr_t attributes;

    pthread_once(&once, begin_curl);
    r->options = options;
    vb_rate_init(&r->rate, options->rate);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    return r;
}

void vb_remote_close(vb_remote *r)
{
    while (r->nidle)
        curl_easy_cleanup(r->idle[--r->nidle]);
    pthread_cond_destroy(&r->freed);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->rate.lock);
    free(r);
}

CURL *vb_remote_take(vb_remote *r, int64_t deadline)
{
    const struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    CURL *curl = NULL;
    int timed_out = 0;

    pthread_mutex_lock(&r->lock);
    while (r->options->parallel && r->busy >= r->options->parallel && !timed_out)
        timed_out = pthread_cond_timedwait(&r->freed, &r->lock, &until);
    if (timed_out) {
        pthread_mutex_unlock(&r->lock);
        return NULL;
    }
    r->busy++;
    if (r->nidle)
        curl = r->idle[--r->nidle];
    pthread_mutex_unlock(&r->lock);
    if (curl)
        curl_easy_reset(curl);
    else
        curl = curl_easy_init();
    if (!curl)
        vb_remote_give_back(r, NULL);
    return curl;
}

void vb_remote_give_back(vb_remote *r, CURL *curl)
{
    pthread_mutex_lock(&r->lock);
    r->busy--;
    if (curl && r->nidle < MAX_IDLE)
        r->idle[r->nidle++] = VB_STEAL(curl);
    pthread_cond_signal(&r->freed);
    pthread_mutex_unlock(&r->lock);
    if (curl)
        curl_easy_cleanup(curl);
}
