/* internal.h - what the parts of fs/remote share. */
#ifndef VB_FS_REMOTE_INTERNAL_H
#define VB_FS_REMOTE_INTERNAL_H

#include "fs/remote/rate.h"
#include "fs/remote/remote.h"

#define CURL_DISABLE_TYPECHECK /* its macros name the function, which is loaded (registry/base/library.h) */
#include <curl/curl.h>
#include <pthread.h>

enum { MAX_IDLE = 64 };

struct vb_remote {
    const vb_store_options *options;
    vb_rate rate;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t freed;
    CURL *idle[MAX_IDLE]; /* with their connections; the last used is the first to be used again */
    size_t nidle;
    int busy;
};

/* A handle of its own for the thread; at most `parallel` are out at a time.  NULL: the deadline has passed, or
 * libcurl cannot begin. */
CURL *vb_remote_take(vb_remote *r, int64_t deadline);
void vb_remote_give_back(vb_remote *r, CURL *curl);

/* One try.  `begin` is asked once the header of a good answer (200, 206) is there, before its bytes are sunk; a sink of
 * NULL: bytes go to answer->body. */
typedef struct vb_try {
    const vb_request *request;
    const char *range; /* "0-99"; NULL: all */
    const char *match; /* ETag that is asked for; NULL: any */
    int (*begin)(void *arg, vb_answer *answer, vb_error *err);
    vb_sink_fn *sink;
    void *arg;

    vb_answer *answer;
    int64_t retry_after; /* nanoseconds that the server asks for; -1: none */
    bool again;          /* failed in a way that may pass */
    bool enough;         /* `sink` has ended the transfer with -ECANCELED: it has what it wants */
    vb_error why;        /* of what may pass, or of the sink */
} vb_try;

/* 0: an answer is there, and its body was whole; negative: t->why says what happened. */
int vb_remote_exchange(vb_remote *r, vb_try *t);

/* Waits before the next try; false where tries or time are used up. */
typedef struct vb_patience {
    const vb_request *request;
    int retries, tries;
} vb_patience;

bool vb_remote_wait(vb_patience *p, const vb_try *t);

/* What is said when there is no next try. */
int vb_remote_give_up(const vb_patience *p, vb_try *t, vb_error *err);

/* What may pass: 408, 425, 429, 500, 502, 503, 504. */
bool vb_remote_may_pass(int status);

#endif
