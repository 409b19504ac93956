#include "fs/fetch/internal.h"

#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { THREADS = 32, REMEMBERED = 100000 };

/* ---- the fetcher ----------------------------------------------------------------------------------------------- */

static pthread_mutex_t fetchers_lock = PTHREAD_MUTEX_INITIALIZER;
static vb_fetcher *fetchers; /* of the process */

static char *describe(const vb_cache_options *o)
{
    vb_buf text = {0};

    for (size_t i = 0; i < o->count; i++)
        vb_buf_printf(&text, "%s\n%" PRId64 " %" PRId64 " %d\n", o->tiers[i].directory, o->tiers[i].size,
                      o->tiers[i].files, o->tiers[i].shared);
    return vb_buf_steal(&text);
}

int vb_fetcher_get(const vb_cache_options *options, vb_fetcher **out, vb_error *err)
{
    vb_autofree char *what = describe(options);
    vb_fetcher *f;
    int r = 0;

    pthread_mutex_lock(&fetchers_lock);
    for (f = fetchers; f && strcmp(f->what, what) != 0; f = f->next)
        ;
    if (f) {
        f->refs++;
    } else {
        f = VB_NEW(vb_fetcher);
        r = vb_cache_open(options, &f->cache, err);
        if (r < 0) {
            free(f);
        } else {
            f->what = VB_STEAL(what);
            f->refs = 1;
            f->pool = vb_pool_new(THREADS);
            f->large = VB_LARGE;
            pthread_mutex_init(&f->lock, NULL);
            f->next = fetchers;
            fetchers = f;
        }
    }
    pthread_mutex_unlock(&fetchers_lock);
    if (!r)
        *out = f;
    return r;
}

vb_fetcher *vb_fetcher_ref(vb_fetcher *f)
{
    pthread_mutex_lock(&fetchers_lock);
    f->refs++;
    pthread_mutex_unlock(&fetchers_lock);
    return f;
}

static void forget_objects(vb_fetcher *f)
{
    struct remembered *o, *next;

    HASH_ITER(hh, f->objects, o, next) {
        HASH_DEL(f->objects, o);
        free(o->name);
        free(o);
    }
}

/* No thread of the pool is left. */
static void free_fetcher(void *arg)
{
    vb_fetcher *f = arg;

    vb_cache_close(f->cache);
    forget_objects(f);
    pthread_mutex_destroy(&f->lock);
    free(f->what);
    free(f);
}

void vb_fetcher_unref(vb_fetcher *f)
{
    vb_fetcher **at = &fetchers;
    bool last;

    pthread_mutex_lock(&fetchers_lock);
    last = !--f->refs;
    if (last) {
        while (*at != f)
            at = &(*at)->next;
        *at = f->next;
    }
    pthread_mutex_unlock(&fetchers_lock);
    if (last && !vb_pool_end(f->pool, free_fetcher, f))
        vb_log(VB_DEBUG, "a thread that waits for a store is left behind");
}

vb_cache *vb_fetcher_cache(vb_fetcher *f)
{
    return f->cache;
}

void vb_fetcher_set_large(vb_fetcher *f, int64_t bytes)
{
    f->large = bytes;
}

/* ---- what stores have said ------------------------------------------------------------------------------------- */

static bool recall(vb_fetcher *f, const char *name, vb_object *out)
{
    struct remembered *o;

    pthread_mutex_lock(&f->lock);
    HASH_FIND_STR(f->objects, name, o);
    if (o)
        *out = o->object;
    pthread_mutex_unlock(&f->lock);
    return o != NULL;
}

static void remember(vb_fetcher *f, const char *name, const vb_object *object)
{
    struct remembered *o;

    pthread_mutex_lock(&f->lock);
    if (HASH_COUNT(f->objects) >= REMEMBERED)
        forget_objects(f);
    HASH_FIND_STR(f->objects, name, o);
    if (!o) {
        o = VB_NEW(struct remembered);
        o->name = vb_strdup(name);
        HASH_ADD_KEYPTR(hh, f->objects, o->name, strlen(o->name), o);
    }
    o->object = *object;
    pthread_mutex_unlock(&f->lock);
}

static void forget(vb_fetcher *f, const char *name)
{
    struct remembered *o;

    pthread_mutex_lock(&f->lock);
    HASH_FIND_STR(f->objects, name, o);
    if (o) {
        HASH_DEL(f->objects, o);
        free(o->name);
        free(o);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- an artifact that work holds ------------------------------------------------------------------------------- */

struct artifact *vb_artifact_hold(vb_fetcher *f, const vb_lazy *a)
{
    struct artifact *held = VB_NEW(struct artifact);

    held->fetcher = f; /* its pool is ended before it is */
    held->remote = *a;
    held->remote.path = vb_strdup(a->path);
    held->remote.name = vb_strdup(a->name);
    held->source_name = vb_strdup(a->origin.name);
    held->remote.origin.name = held->source_name;
    atomic_init(&held->refs, 1);
    if (a->origin.class->ref)
        a->origin.class->ref(a->origin.owner);
    return held;
}

struct artifact *vb_artifact_ref(struct artifact *a)
{
    atomic_fetch_add(&a->refs, 1);
    return a;
}

void vb_artifact_unref(struct artifact *a)
{
    if (atomic_fetch_sub(&a->refs, 1) > 1)
        return;
    if (a->remote.origin.class->unref)
        a->remote.origin.class->unref(a->remote.origin.owner);
    free((char *)a->remote.path);
    free((char *)a->remote.name);
    free(a->source_name);
    free(a);
}

vb_fetch_order vb_artifact_order(const struct artifact *a, const char *key)
{
    const vb_store_options *o = a->remote.origin.options;

    return (vb_fetch_order){.key = key,
                            .name = a->remote.name,
                            .source = a->remote.origin.name,
                            .parallel = o->parallel,
                            .timeout = o->timeout};
}

struct sinking {
    vb_fetch *fetch;
    vb_sink_fn *sink;
    void *arg;
};

static int pass_on(void *arg, const void *bytes, size_t n)
{
    struct sinking *s = arg;

    if (vb_fetch_cancelled(s->fetch))
        return -ECANCELED;
    vb_fetch_moved(s->fetch, (int64_t)n);
    return s->sink(s->arg, bytes, n);
}

int vb_artifact_get(void *arg, int64_t offset, int64_t length, vb_sink_fn *sink, void *sink_arg, vb_error *err)
{
    struct getting *g = arg;
    const vb_lazy *a = &g->artifact->remote;
    struct sinking s = {g->fetch, sink, sink_arg};
    int r = a->origin.class->get(a->origin.owner, a->origin.store, a->path, offset, g->to_end ? -1 : length, g->etag,
                                 vb_fetch_deadline(g->fetch), pass_on, &s, err);

    if (r == -ESTALE) /* what it said before is no longer so */
        forget(g->artifact->fetcher, a->name);
    return r;
}

/* Modification times of the Web are whole seconds. */
static bool other_time(int64_t recorded, int64_t told)
{
    const int64_t second = 1000000000;

    if (recorded < 0 || told < 0)
        return false;
    return told % second ? recorded != told : recorded / second != told / second;
}

/* What the store says of it now; compared with what was registered. */
int vb_artifact_ask(struct artifact *a, vb_fetch *f, vb_object *out, vb_error *err)
{
    const vb_lazy *r = &a->remote;
    int code = 0;

    if (!recall(a->fetcher, r->name, out)) {
        code = r->origin.class->stat(r->origin.owner, r->origin.store, r->path, vb_fetch_deadline(f), out, err);
        if (code < 0)
            return code;
        remember(a->fetcher, r->name, out);
    }
    if (r->size >= 0 && out->size >= 0 && out->size != r->size)
        return vb_fail(err, -ESTALE,
                       "artifact %s changed: it has %" PRId64 " bytes, and had %" PRId64 " when it was registered",
                       r->name, out->size, r->size);
    if (other_time(r->mtime, out->mtime))
        return vb_fail(err, -ESTALE, "artifact %s changed: it was written after it was registered", r->name);
    if (out->size < 0)
        out->size = r->size;
    if (out->size >= 0)
        return 0;
    vb_fail(err, -EIO, "artifact %s: the store does not tell its size", r->name);
    vb_hint(err, "ingest it with its size recorded, or let the server answer HEAD with Content-Length");
    return -EIO;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

struct asking {
    struct artifact *artifact;
    vb_object object;
};

static int run_ask(vb_fetch *f, void *arg, vb_error *err)
{
    struct asking *a = arg;

    return vb_artifact_ask(a->artifact, f, &a->object, err);
}

static void free_asking(void *arg)
{
    struct asking *a = arg;

    vb_artifact_unref(a->artifact);
    free(a);
}

static const vb_fetch_class asking_class = {run_ask, free_asking};

/* Begins work, and waits for it unless the caller will: the done work, with a reference; NULL and *r. */
vb_fetch *vb_begin(vb_pool *pool, const vb_fetch_order *order, vb_wait *wait, int *r, vb_error *err)
{
    vb_fetch *f = vb_fetch_start(pool, order);

    if (wait) {
        wait->begun = f;
        *r = -EINPROGRESS;
        return NULL;
    }
    *r = vb_fetch_wait(f, err);
    if (*r >= 0)
        return f;
    vb_fetch_unref(f);
    return NULL;
}

/* What was awaited, where it is the work of that key; a reference. */
vb_fetch *vb_awaited(vb_wait *wait, const char *key)
{
    return wait && wait->done && !strcmp(vb_fetch_key(wait->done), key) ? vb_fetch_ref(wait->done) : NULL;
}

int vb_lazy_stat(vb_fetcher *f, const vb_lazy *a, vb_wait *wait, vb_object *out, vb_error *err)
{
    vb_autofree char *key = vb_format("stat %s", a->name);
    vb_auto(vb_fetch_unref) vb_fetch *done = vb_awaited(wait, key);
    int r = 0;

    if (!done && recall(f, a->name, out) && out->size >= 0)
        return 0;
    if (!done) {
        struct asking *asking = VB_NEW(struct asking);
        vb_fetch_order order;

        asking->artifact = vb_artifact_hold(f, a);
        order = vb_artifact_order(asking->artifact, key);
        order.class = &asking_class;
        order.arg = asking;
        done = vb_begin(f->pool, &order, wait, &r, err);
        if (!done)
            return r;
    }
    r = vb_fetch_result(done, err);
    if (r >= 0)
        *out = ((struct asking *)vb_fetch_arg(done))->object;
    return r < 0 ? r : 0;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

struct opening {
    struct artifact *artifact;
    int fd;            /* of a whole artifact; -1 */
    vb_blocks *blocks; /* of one by block; NULL */
    int64_t size;
};

static void free_opening(void *arg)
{
    struct opening *o = arg;

    if (o->fd >= 0)
        close(o->fd);
    if (o->blocks)
        vb_blocks_unref(o->blocks);
    vb_artifact_unref(o->artifact);
    free(o);
}

/* What the registry tells; true where that is enough to find it in the cache. */
static bool item_of(const vb_lazy *a, vb_cache_item *item)
{
    *item = (vb_cache_item){.name = a->name,
                            .size = a->size,
                            .has_checksum = a->has_checksum,
                            .checksum = a->checksum,
                            .mtime = a->mtime,
                            .etag = ""};
    return a->size >= 0 && (a->has_checksum || a->mtime >= 0);
}

/* The etag of an item goes into its key unless something else does, so it is only put there where it must be. */
static bool complete_item(const vb_object *object, vb_cache_item *item)
{
    bool told = item->has_checksum || item->mtime >= 0;

    item->size = object->size;
    if (!told && *object->etag)
        item->etag = object->etag;
    else if (!told)
        item->mtime = object->mtime;
    return item->has_checksum || *item->etag || item->mtime >= 0;
}

static bool by_block(const struct opening *o, int64_t size)
{
    return !o->artifact->remote.whole && size > o->artifact->fetcher->large;
}

/* The first of all processes says of which version the blocks are. */
static int open_blocks(struct opening *o, vb_fetch *f, const vb_cache_item *item, vb_error *err)
{
    vb_cache *cache = o->artifact->fetcher->cache;
    vb_object object;
    int r = vb_cache_blocks(cache, item, NULL, vb_fetch_deadline(f), &o->blocks, err);

    if (r == -ENOENT)
        r = vb_artifact_ask(o->artifact, f, &object, err);
    if (!r && !o->blocks)
        r = vb_cache_blocks(cache, item, object.etag, vb_fetch_deadline(f), &o->blocks, err);
    return r;
}

static int run_open(vb_fetch *f, void *arg, vb_error *err)
{
    enum { BYTES_A_SECOND = 1000000 };
    struct opening *o = arg;
    struct getting getting = {.artifact = o->artifact, .fetch = f, .etag = "", .to_end = true};
    vb_cache_source source = {.get = vb_artifact_get, .arg = &getting, .cancelled = vb_fetch_cancel_flag(f)};
    vb_cache_item item;
    vb_object object = {0};
    int r = 0;

    if (!item_of(&o->artifact->remote, &item)) {
        r = vb_artifact_ask(o->artifact, f, &object, err);
        if (!r && !complete_item(&object, &item)) {
            vb_fail(err, -EIO, "artifact %s: neither the registry nor the store tells its versions apart", item.name);
            vb_hint(err, "ingest it with a checksum, or let the server send ETag or Last-Modified");
            return -EIO;
        }
    }
    if (r < 0)
        return r;
    o->size = item.size;
    if (by_block(o, item.size))
        return open_blocks(o, f, &item, err);
    getting.etag = object.etag;
    vb_fetch_extend(f, item.size / BYTES_A_SECOND * INT64_C(1000000000));
    source.deadline = vb_fetch_deadline(f);
    r = vb_cache_get(o->artifact->fetcher->cache, &item, &source, err);
    o->fd = r < 0 ? -1 : r;
    return r < 0 ? r : 0;
}

static const vb_fetch_class opening_class = {run_open, free_opening};

/* A descriptor of the caller's of what some work has opened: it holds the same lock. */
static int take_opened(vb_fetcher *f, vb_fetch *done, vb_content *out, vb_error *err)
{
    struct opening *o = vb_fetch_arg(done);
    int r = vb_fetch_result(done, err);

    if (r < 0)
        return r;
    *out = (vb_content){.size = o->size, .whole = !o->blocks, .fetched = vb_fetch_take_moved(done)};
    out->fd = fcntl(o->blocks ? vb_blocks_fd(o->blocks) : o->fd, F_DUPFD_CLOEXEC, 0);
    if (out->fd < 0)
        return vb_fail_errno(err, -errno, "opening artifact %s", o->artifact->remote.name);
    if (o->blocks)
        out->stream = vb_stream_new(o->artifact, o->blocks);
    return 0;
}

struct promoting {
    struct artifact *artifact;
    int tier;
};

static int run_promote(vb_fetch *f, void *arg, vb_error *err)
{
    struct promoting *p = arg;
    vb_cache_item item;

    item_of(&p->artifact->remote, &item);
    return vb_cache_promote(p->artifact->fetcher->cache, &item, p->tier, vb_fetch_cancel_flag(f), err);
}

static void free_promoting(void *arg)
{
    struct promoting *p = arg;

    vb_artifact_unref(p->artifact);
    free(p);
}

static const vb_fetch_class promoting_class = {run_promote, free_promoting};

/* What is used again comes into a faster directory, behind the user's back. */
static void promote(vb_fetcher *f, const vb_lazy *a, int tier)
{
    struct promoting *p = VB_NEW(struct promoting);
    vb_autofree char *key = vb_format("promote %s", a->name);
    vb_fetch_order order = {.key = key,
                            .class = &promoting_class,
                            .arg = p,
                            .source = "promote",
                            .parallel = 1,
                            .timeout = INT64_C(60000000000),
                            .background = true};

    p->artifact = vb_artifact_hold(f, a);
    p->tier = tier;
    vb_fetch_unref(vb_fetch_start(f->pool, &order));
}

static int open_cached(vb_fetcher *f, const vb_lazy *a, const vb_cache_item *item, vb_content *out)
{
    int tier = 0, fd = vb_cache_find(f->cache, item, &tier);

    if (fd < 0)
        return fd;
    if (tier > 0)
        promote(f, a, tier);
    *out = (vb_content){.fd = fd, .size = item->size, .whole = true};
    return 0;
}

int vb_lazy_open(vb_fetcher *f, const vb_lazy *a, vb_wait *wait, vb_content *out, vb_error *err)
{
    vb_cache_item item;
    char id[VB_CACHE_KEY_TEXT] = "";
    bool known = item_of(a, &item);
    vb_autofree char *key = vb_format("open %s %s%s", a->name, known ? vb_cache_key(&item, id) : "",
                                      a->whole || !wait ? " whole" : "");
    vb_auto(vb_fetch_unref) vb_fetch *done = vb_awaited(wait, key);
    struct opening *o;
    vb_fetch_order order;
    int r = 0;

    if (done)
        return take_opened(f, done, out, err);
    if (known && !open_cached(f, a, &item, out))
        return 0;
    o = VB_NEW(struct opening);
    o->fd = -1;
    o->artifact = vb_artifact_hold(f, a);
    o->artifact->remote.whole = a->whole || !wait;
    order = vb_artifact_order(o->artifact, key);
    order.class = &opening_class;
    order.arg = o;
    done = vb_begin(f->pool, &order, wait, &r, err);
    return done ? take_opened(f, done, out, err) : r;
}
