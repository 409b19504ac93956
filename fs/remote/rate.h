/* rate.h - no more than so many bytes a second, whoever moves them (a token bucket).  Thread-safe. */
#ifndef VB_FS_REMOTE_RATE_H
#define VB_FS_REMOTE_RATE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vb_rate {
    pthread_mutex_t lock; /* guards what follows */
    int64_t limit;        /* bytes a second; 0: none */
    int64_t free_at;      /* monotonic nanoseconds: when what was taken is paid for */
} vb_rate;

void vb_rate_init(vb_rate *rate, int64_t limit);

/* Takes n bytes at the moment `now` (monotonic): how many nanoseconds to wait before the next are taken.  A tenth of a
 * second's worth may be taken at once. */
int64_t vb_rate_take(vb_rate *rate, size_t n, int64_t now);

#endif
