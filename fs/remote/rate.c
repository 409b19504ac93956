#include "fs/remote/rate.h"

void vb_rate_init(vb_rate *rate, int64_t limit)
{
    *rate = (vb_rate){.lock = PTHREAD_MUTEX_INITIALIZER, .limit = limit};
}

int64_t vb_rate_take(vb_rate *rate, size_t n, int64_t now)
{
    const int64_t burst = 100000000;
    int64_t wait;

    if (!rate->limit)
        return 0;
    pthread_mutex_lock(&rate->lock);
    if (rate->free_at < now - burst)
        rate->free_at = now - burst;
    rate->free_at += (int64_t)((double)n * 1e9 / (double)rate->limit);
    wait = rate->free_at - now;
    pthread_mutex_unlock(&rate->lock);
    return wait > 0 ? wait : 0;
}
