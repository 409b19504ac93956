#include "runner/run/slots.h"

#include "registry/base/mem.h"

#include <pthread.h>
#include <stdint.h>

struct vb_slots {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    int count, free;
    uint64_t next_ticket, served; /* whose turn it is */
};

vb_slots *vb_slots_new(int count)
{
    vb_slots *s = VB_NEW(vb_slots);

    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->count = s->free = count;
    return s;
}

void vb_slots_free(vb_slots *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}

int vb_slots_take(vb_slots *s, int n)
{
    uint64_t ticket;

    if (n > s->count)
        n = s->count;
    pthread_mutex_lock(&s->lock);
    ticket = s->next_ticket++;
    while (ticket != s->served || s->free < n)
        pthread_cond_wait(&s->changed, &s->lock);
    s->served++;
    s->free -= n;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return n;
}

void vb_slots_give(vb_slots *s, int n)
{
    pthread_mutex_lock(&s->lock);
    s->free += n;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}
