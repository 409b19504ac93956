/* stream.c - an artifact that comes by block: what is read is fetched, and what will be read next before it is. */
#include "fs/fetch/internal.h"

#include "registry/base/mem.h"

#include <inttypes.h>

enum { MOST_AHEAD = 16 /* blocks */ };

struct vb_stream {
    struct artifact *artifact;
    vb_blocks *blocks;
    atomic_int refs;
    atomic_bool closed;
    _Atomic int64_t moved;
    pthread_mutex_t lock; /* guards the rest: several threads may read through one handle */
    int64_t next;         /* the block after the last that was read */
    int64_t ahead;        /* blocks before this one are fetched or asked for */
    int64_t window;       /* blocks that are fetched ahead: doubled while reads go on in order */
};

vb_stream *vb_stream_new(struct artifact *a, vb_blocks *b)
{
    vb_stream *s = VB_NEW(vb_stream);

    s->artifact = vb_artifact_ref(a);
    s->blocks = vb_blocks_ref(b);
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->lock, NULL);
    s->next = -1;
    return s;
}

static void unref(vb_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    vb_blocks_unref(s->blocks);
    vb_artifact_unref(s->artifact);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int64_t vb_stream_close(vb_stream *s)
{
    int64_t moved = atomic_load(&s->moved);
    bool wrong = vb_blocks_missing(s->blocks, 0, 1) < -1;

    atomic_store(&s->closed, true);
    unref(s);
    return wrong ? -EIO : moved;
}

/* ---- a block ---------------------------------------------------------------------------------------------------- */

struct unit {
    vb_stream *stream;
    int64_t block;
    bool ahead;
};

static int run_unit(vb_fetch *f, void *arg, vb_error *err)
{
    enum { VERIFIED_A_SECOND = 100000000 };
    struct unit *u = arg;
    vb_stream *s = u->stream;
    struct getting getting = {s->artifact, f, vb_blocks_etag(s->blocks), false};
    vb_cache_source source = {.get = vb_artifact_get,
                              .arg = &getting,
                              .deadline = vb_fetch_deadline(f),
                              .cancelled = vb_fetch_cancel_flag(f)};
    int r;

    if (u->ahead && atomic_load(&s->closed) && !vb_fetch_wanted(f))
        return -ECANCELED;
    r = vb_blocks_fetch(s->blocks, u->block, &source, err);
    atomic_fetch_add(&s->moved, source.moved);
    if (r <= 0)
        return r;
    vb_fetch_extend(f, vb_blocks_size(s->blocks) / VERIFIED_A_SECOND * INT64_C(1000000000));
    source.deadline = vb_fetch_deadline(f);
    return vb_blocks_finish(s->blocks, &source, err);
}

static void free_unit(void *arg)
{
    struct unit *u = arg;

    unref(u->stream);
    free(u);
}

static const vb_fetch_class unit_class = {run_unit, free_unit};

static char *unit_key(const vb_stream *s, int64_t block)
{
    return vb_format("block %" PRId64 " %s %s", block, vb_blocks_key(s->blocks), s->artifact->remote.name);
}

static vb_fetch_order order_unit(vb_stream *s, const char *key, int64_t block, bool ahead)
{
    vb_fetch_order order = vb_artifact_order(s->artifact, key);
    struct unit *u = VB_NEW(struct unit);

    atomic_fetch_add(&s->refs, 1);
    *u = (struct unit){s, block, ahead};
    order.class = &unit_class;
    order.arg = u;
    order.work = INT64_C(1000000000);
    order.background = ahead;
    return order;
}

/* ---- reading ahead ---------------------------------------------------------------------------------------------- */

/* Blocks that should be fetched now, because reads go on in order: from *first on. */
static int64_t look_ahead(vb_stream *s, int64_t from, int64_t to, int64_t *first)
{
    int64_t end = 0;

    pthread_mutex_lock(&s->lock);
    if (s->next >= 0 && from >= s->next - 1 &&
        from <= s->next + 1) { /* the kernel's own reads ahead come out of order */
        if (to >= s->next) {   /* a block on */
            s->window = !s->window ? 1 : s->window < MOST_AHEAD ? 2 * s->window : MOST_AHEAD;
            end = to + 1 + s->window;
        }
    } else {
        s->window = 0;
        s->ahead = 0;
    }
    if (to + 1 > s->next || !s->window)
        s->next = to + 1;
    *first = s->ahead > to + 1 ? s->ahead : to + 1;
    if (end > vb_blocks_count(s->blocks))
        end = vb_blocks_count(s->blocks);
    if (end > s->ahead)
        s->ahead = end;
    pthread_mutex_unlock(&s->lock);
    return end;
}

static void fetch_ahead(vb_stream *s, int64_t offset, int64_t length)
{
    int64_t block, end = look_ahead(s, offset / VB_CACHE_BLOCK, (offset + length - 1) / VB_CACHE_BLOCK, &block);

    for (; block < end; block++) {
        vb_autofree char *key = unit_key(s, block);
        vb_fetch_order order;

        if (vb_blocks_missing(s->blocks, block * VB_CACHE_BLOCK, 1) != block)
            continue;
        order = order_unit(s, key, block, true);
        vb_fetch_unref(vb_fetch_start(s->artifact->fetcher->pool, &order));
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

int vb_stream_read(vb_stream *s, int64_t offset, int64_t length, vb_wait *wait, vb_error *err)
{
    int64_t block = -1;
    int r = 0;

    if (offset >= vb_blocks_size(s->blocks) || length <= 0)
        return 0;
    if (offset + length > vb_blocks_size(s->blocks))
        length = vb_blocks_size(s->blocks) - offset;
    if (wait && wait->done)
        r = vb_fetch_result(wait->done, err);
    else
        fetch_ahead(s, offset, length);
    while (r >= 0 && (block = vb_blocks_missing(s->blocks, offset, length)) >= 0) {
        vb_autofree char *key = unit_key(s, block);
        vb_fetch_order order = order_unit(s, key, block, false);
        vb_fetch *f = vb_begin(s->artifact->fetcher->pool, &order, wait, &r, err);

        if (f)
            vb_fetch_unref(f);
    }
    if (r >= 0 && block < -1)
        r = vb_fail(err, -EIO, "%s: its bytes are not those that were registered", s->artifact->remote.name);
    return r < 0 ? r : 0;
}
