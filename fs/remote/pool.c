/* pool.c - the connections of a store. */
#include "fs/remote/internal.h"
#include "registry/base/library.h"
#include "registry/base/mem.h"

/* clang-format off */
#define FUNCTIONS(X) X(curl_easy_cleanup) X(curl_easy_init) X(curl_easy_reset) X(curl_global_init)
/* clang-format on */
VB_LIBRARY(libcurl, VB_LIB_CURL, FUNCTIONS)

static void begin_curl(void)
{
    if (vb_library_load(&libcurl_library, NULL) < 0)
        return; /* exchange.c has told why */
    libcurl.curl_global_init(CURL_GLOBAL_ALL);
}

vb_remote *vb_remote_open(const vb_store_options *options)
{
    vb_remote *r = VB_NEW(vb_remote);
    pthread_condattr_t attributes;

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
        libcurl.curl_easy_cleanup(r->idle[--r->nidle]);
    pthread_cond_destroy(&r->freed);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->rate.lock);
    free(r);
}

CURL *vb_remote_take(vb_remote *r, int64_t deadline)
{
    const struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CURL *curl = NULL;
    int timed_out = 0;

    pthread_once(&once, begin_curl);
    if (!libcurl.curl_easy_init)
        return NULL;
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
        libcurl.curl_easy_reset(curl);
    else
        curl = libcurl.curl_easy_init();
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
        libcurl.curl_easy_cleanup(curl);
}
