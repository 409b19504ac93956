#include "runner/run/schedule.h"

#include "registry/base/mem.h"

#include <pthread.h>
#include <string.h>

struct entry {
    int64_t id; /* in the graph */
    vb_uuid uuid;
    vb_quantum_state state;
    uint32_t waits;           /* for so many producers that have not succeeded */
    uint32_t attempts;        /* so far */
    size_t first, dependents; /* in s->edges */
};

struct vb_schedule {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct entry *entries;
    size_t count, cap;
    size_t *by_id; /* index + 1 of a graph number */
    int64_t max_id;
    size_t *edges; /* dependents, by producer */
    size_t *queue; /* ready ones, first come first served */
    size_t head, tail;
    size_t *by_uuid; /* indices in the order of UUIDs; made when first asked for */
    bool stopped;
    vb_counts counts;
};

/* ---- loading -------------------------------------------------------------------------------------------------------- */

struct loading {
    vb_schedule *s;
    struct {
        size_t consumer, producer;
    } * pairs;
    size_t npairs, cap;
};

static int add_quantum(void *arg, int64_t id, int64_t task_id, vb_uuid uuid)
{
    struct loading *l = arg;
    struct entry *e = VB_PUSH(l->s->entries, l->s->count, l->s->cap);

    e->id = id;
    e->uuid = uuid;
    if (id > l->s->max_id)
        l->s->max_id = id;
    return 0;
}

static size_t index_of(const vb_schedule *s, int64_t id)
{
    return id >= 0 && id <= s->max_id ? s->by_id[id] : 0;
}

static int add_dependency(void *arg, int64_t consumer, int64_t producer)
{
    struct loading *l = arg;
    size_t c = index_of(l->s, consumer), p = index_of(l->s, producer);

    if (!c || !p)
        return 0;
    /* Pairs come by consumer: one that came before is among the last. */
    for (size_t i = l->npairs; i-- && l->pairs[i].consumer == c - 1;)
        if (l->pairs[i].producer == p - 1)
            return 0;
    __auto_type pair = VB_PUSH(l->pairs, l->npairs, l->cap);
    pair->consumer = c - 1;
    pair->producer = p - 1;
    return 0;
}

static void index_quanta(struct loading *l)
{
    vb_schedule *s = l->s;

    s->by_id = vb_alloc(((size_t)s->max_id + 1) * sizeof *s->by_id);
    for (size_t i = 0; i < s->count; i++)
        s->by_id[s->entries[i].id] = i + 1;
}

/* From pairs to lists of dependents. */
static void lay_out_edges(struct loading *l)
{
    vb_schedule *s = l->s;
    size_t at = 0;

    for (size_t i = 0; i < l->npairs; i++) {
        s->entries[l->pairs[i].producer].dependents++;
        s->entries[l->pairs[i].consumer].waits++;
    }
    for (size_t i = 0; i < s->count; i++) {
        s->entries[i].first = at;
        at += s->entries[i].dependents;
        s->entries[i].dependents = 0;
    }
    s->edges = vb_alloc((at + 1) * sizeof *s->edges);
    for (size_t i = 0; i < l->npairs; i++) {
        struct entry *p = &s->entries[l->pairs[i].producer];

        s->edges[p->first + p->dependents++] = l->pairs[i].consumer;
    }
}

int vb_schedule_new(vb_graph *g, vb_schedule **out, vb_error *err)
{
    vb_auto(vb_schedule_free) vb_schedule *s = VB_NEW(vb_schedule);
    struct loading l = {.s = s};
    int r;

    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    r = vb_graph_each_quantum(g, add_quantum, &l, err);
    if (!r) {
        index_quanta(&l);
        r = vb_graph_each_dependency(g, add_dependency, &l, err);
    }
    if (!r) {
        lay_out_edges(&l);
        s->queue = vb_alloc((s->count + 1) * sizeof *s->queue);
        s->counts.total = s->counts.waiting = (int64_t)s->count;
        *out = VB_STEAL(s);
    }
    free(l.pairs);
    return r;
}

void vb_schedule_free(vb_schedule *s)
{
    free(s->entries);
    free(s->by_id);
    free(s->by_uuid);
    free(s->edges);
    free(s->queue);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}

/* ---- states ----------------------------------------------------------------------------------------------------------- */

static int64_t *count_of(vb_counts *c, vb_quantum_state state)
{
    int64_t *counts[] = {&c->waiting, &c->ready, &c->running, &c->succeeded, &c->failed, &c->blocked, &c->aborted};

    return counts[state];
}

static void move(vb_schedule *s, struct entry *e, vb_quantum_state state)
{
    --*count_of(&s->counts, e->state);
    ++*count_of(&s->counts, state);
    e->state = state;
}

static void make_ready(vb_schedule *s, size_t i)
{
    move(s, &s->entries[i], VB_READY);
    s->queue[s->tail++ % (s->count + 1)] = i;
}

/* What depends on a quantum that succeeded waits for one less. */
static void release(vb_schedule *s, const struct entry *e)
{
    for (size_t i = 0; i < e->dependents; i++) {
        struct entry *d = &s->entries[s->edges[e->first + i]];

        if (!--d->waits && d->state == VB_WAITING)
            make_ready(s, s->edges[e->first + i]);
    }
}

/* What depends on a quantum that did not is blocked, and what depends on that. */
static void block(vb_schedule *s, const struct entry *e)
{
    vb_autofree size_t *stack = vb_alloc((s->count + 1) * sizeof *stack);
    size_t n = 0;

    stack[n++] = (size_t)(e - s->entries);
    while (n) {
        const struct entry *top = &s->entries[stack[--n]];

        for (size_t i = 0; i < top->dependents; i++) {
            size_t d = s->edges[top->first + i];

            if (s->entries[d].state == VB_WAITING) {
                move(s, &s->entries[d], VB_BLOCKED);
                stack[n++] = d;
            }
        }
    }
}

static int compare_uuids(const void *a, const void *b, void *entries)
{
    const struct entry *e = entries;

    return memcmp(&e[*(const size_t *)a].uuid, &e[*(const size_t *)b].uuid, sizeof(vb_uuid));
}

/* Only at the start, for attempts that were there before. */
static struct entry *find(vb_schedule *s, const vb_uuid *quantum)
{
    size_t low = 0, high = s->count;

    if (!s->by_uuid) {
        s->by_uuid = vb_alloc((s->count + 1) * sizeof *s->by_uuid);
        for (size_t i = 0; i < s->count; i++)
            s->by_uuid[i] = i;
        qsort_r(s->by_uuid, s->count, sizeof *s->by_uuid, compare_uuids, s->entries);
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(quantum, &s->entries[s->by_uuid[middle]].uuid, sizeof *quantum);

        if (!order)
            return &s->entries[s->by_uuid[middle]];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void vb_schedule_done_before(vb_schedule *s, const vb_uuid *quantum)
{
    struct entry *e = find(s, quantum);

    if (e && e->state == VB_WAITING) {
        move(s, e, VB_SUCCEEDED);
        s->counts.before++;
    }
}

bool vb_schedule_lacks(vb_schedule *s, const vb_uuid *quantum)
{
    const struct entry *e = find(s, quantum);

    return e && e->state == VB_WAITING;
}

void vb_schedule_attempted(vb_schedule *s, const vb_uuid *quantum, int number)
{
    struct entry *e = find(s, quantum);

    if (e && (uint32_t)number > e->attempts)
        e->attempts = (uint32_t)number;
}

void vb_schedule_start(vb_schedule *s)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].state == VB_SUCCEEDED)
            release(s, &s->entries[i]);
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].state == VB_WAITING && !s->entries[i].waits)
            make_ready(s, i);
    pthread_mutex_unlock(&s->lock);
}

bool vb_schedule_next(vb_schedule *s, int64_t *quantum, int *attempt)
{
    bool found = false;

    pthread_mutex_lock(&s->lock);
    while (!s->stopped && !found) {
        if (s->head < s->tail) {
            struct entry *e = &s->entries[s->queue[s->head++ % (s->count + 1)]];

            move(s, e, VB_RUNNING);
            *quantum = e->id;
            *attempt = (int)++e->attempts;
            found = true;
        } else if (!s->counts.running) {
            break;
        } else {
            pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

void vb_schedule_finish(vb_schedule *s, int64_t quantum, vb_quantum_state state)
{
    struct entry *e = &s->entries[s->by_id[quantum] - 1];

    pthread_mutex_lock(&s->lock);
    move(s, e, state);
    if (state == VB_SUCCEEDED)
        release(s, e);
    else
        block(s, e);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void vb_schedule_stop(vb_schedule *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

vb_counts vb_schedule_counts(vb_schedule *s)
{
    vb_counts counts;

    pthread_mutex_lock(&s->lock);
    counts = s->counts;
    pthread_mutex_unlock(&s->lock);
    return counts;
}

void vb_schedule_list(vb_schedule *s, vb_quantum_state state, vb_uuid **out, size_t *count)
{
    size_t cap = 0;

    *out = NULL;
    *count = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].state == state)
            *VB_PUSH(*out, *count, cap) = s->entries[i].uuid;
    pthread_mutex_unlock(&s->lock);
}
