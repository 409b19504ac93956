#include "fs/cache/internal.h"
#include "registry/base/buf.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

const char *vb_cache_key(const vb_cache_item *item, char text[VB_CACHE_KEY_TEXT])
{
    vb_auto_buf facts = {0}, digits = {0};
    vb_hash hash;

    vb_buf_printf(&facts, "%s\n%" PRId64 "\n", item->name, item->size);
    if (item->has_checksum)
        vb_buf_hex(&facts, &item->checksum, sizeof item->checksum);
    else if (item->etag && *item->etag)
        vb_buf_printf(&facts, "etag %s", item->etag);
    else
        vb_buf_printf(&facts, "mtime %" PRId64, item->mtime);
    hash = vb_hash_bytes(facts.data, facts.len);
    vb_buf_hex(&digits, &hash, sizeof hash);
    memcpy(text, digits.data, VB_CACHE_KEY_TEXT);
    return text;
}

/* ---- tiers ----------------------------------------------------------------------------------------------------- */

int vb_cache_open(const vb_cache_options *o, vb_cache **out, vb_error *err)
{
    vb_auto(vb_cache_close) vb_cache *c = VB_NEW(vb_cache);
    int r = 0;

    c->tiers = vb_alloc((o->count + 1) * sizeof *c->tiers);
    for (size_t i = 0; !r && i < o->count; i++)
        r = vb_tier_open(&o->tiers[i], &c->tiers[c->count++], err);
    if (r < 0)
        return r;
    *out = VB_STEAL(c);
    return 0;
}

void vb_cache_close(vb_cache *c)
{
    for (size_t i = 0; i < c->count; i++)
        vb_tier_close(&c->tiers[i]);
    free(c->tiers);
    free(c);
}

static int find(vb_cache *c, const vb_cache_item *item, bool shared, int *tier)
{
    char key[VB_CACHE_KEY_TEXT];

    vb_cache_key(item, key);
    for (size_t i = 0; i < c->count; i++) {
        int fd = c->tiers[i].shared == shared ? vb_tier_find(&c->tiers[i], key, item->size) : -ENOENT;

        if (fd >= 0) {
            if (tier)
                *tier = (int)i;
            return fd;
        }
    }
    return -ENOENT;
}

int vb_cache_find(vb_cache *c, const vb_cache_item *item, int *tier)
{
    return find(c, item, false, tier);
}

/* What is used once comes into the last directory that may hold it; what is used again, nearer. */
static struct tier *tier_for(vb_cache *c, int64_t size, bool shared)
{
    for (size_t i = c->count; i-- > 0;)
        if (size <= c->tiers[i].max_bytes && c->tiers[i].shared == shared)
            return &c->tiers[i];
    return NULL;
}

static int get_copy(void *arg, int64_t offset, int64_t length, vb_sink_fn *sink, void *sink_arg, vb_error *err)
{
    enum { PIECE = 1 << 20 };
    vb_autofree char *piece = vb_realloc(NULL, PIECE, 1);
    int fd = *(int *)arg, r = 0;

    while (!r && length > 0) {
        ssize_t n = pread(fd, piece, length < PIECE ? (size_t)length : PIECE, offset);

        if (n <= 0)
            return vb_fail_errno(err, n < 0 ? -errno : -EIO, "reading from the cache");
        r = sink(sink_arg, piece, (size_t)n);
        offset += n;
        length -= n;
    }
    return r;
}

/* From a shared directory into one of this node's; where there is none, or no room, it is read where it is. */
static int bring_near(vb_cache *c, const vb_cache_item *item, int from, const vb_cache_source *source)
{
    struct tier *t = tier_for(c, item->size, false);
    vb_cache_source copy = {.get = get_copy,
                            .arg = &from,
                            .deadline = source->deadline,
                            .cancelled = source->cancelled};
    int fd = t ? vb_tier_land(t, item, &copy, NULL) : -ENOENT;

    if (fd < 0)
        return from;
    close(from);
    return fd;
}

int vb_cache_get(vb_cache *c, const vb_cache_item *item, vb_cache_source *source, vb_error *err)
{
    struct tier *t;
    int fd = find(c, item, false, NULL);

    if (fd >= 0)
        return fd;
    fd = find(c, item, true, NULL);
    if (fd >= 0)
        return bring_near(c, item, fd, source);
    if ((t = tier_for(c, item->size, true))) {
        fd = vb_tier_land(t, item, source, err);
        return fd < 0 ? fd : bring_near(c, item, fd, source);
    }
    if ((t = tier_for(c, item->size, false)))
        return vb_tier_land(t, item, source, err);
    vb_fail(err, -ENOSPC, "the cache may hold no artifact of %" PRId64 " bytes", item->size);
    vb_hint(err, "give it more in vbutler.yaml, 'cache: {size: ...}', or in VBUTLER_CACHE_SIZE");
    return -ENOSPC;
}

int vb_cache_promote(vb_cache *c, const vb_cache_item *item, int tier, const atomic_bool *cancelled, vb_error *err)
{
    enum { FRACTION = 4, SECONDS = 60 }; /* one artifact is not to drive out most of the others */
    char key[VB_CACHE_KEY_TEXT];
    int to = tier - 1;
    vb_autoclose int from = -1, fd = -1;
    vb_cache_source source = {.get = get_copy,
                              .arg = &from,
                              .deadline = vb_clock_monotonic_ns() + SECONDS * INT64_C(1000000000),
                              .cancelled = cancelled};

    while (to >= 0 && item->size > c->tiers[to].max_bytes / FRACTION)
        to--;
    if (to < 0)
        return 0;
    from = vb_tier_find(&c->tiers[tier], vb_cache_key(item, key), item->size);
    if (from < 0)
        return 0;
    fd = vb_tier_land(&c->tiers[to], item, &source, err);
    return fd < 0 ? fd : 0;
}

int vb_cache_blocks(vb_cache *c, const vb_cache_item *item, const char *etag, int64_t deadline, vb_blocks **out,
                    vb_error *err)
{
    struct tier *t = NULL;

    for (size_t i = c->count; i-- > 0 && !t;) /* it may grow to more than a small quota: what is read of it counts */
        t = c->tiers[i].shared ? NULL : &c->tiers[i];
    if (!t) {
        vb_fail(err, -EOPNOTSUPP,
                "the cache has no directory of this node alone, in which parts of large artifacts could be");
        vb_hint(err, "add one to 'cache:' in vbutler.yaml that is not 'shared'");
        return -EOPNOTSUPP;
    }
    return vb_tier_blocks(t, item, etag, deadline, out, err);
}

/* ---- looking after it ------------------------------------------------------------------------------------------ */

size_t vb_cache_tiers(const vb_cache *c)
{
    return c->count;
}

static int scan(struct tier *t, struct entry **items, size_t *count, vb_error *err)
{
    int r = vb_tier_lock(t, vb_clock_monotonic_ns() + INT64_C(30000000000), err);

    if (r < 0)
        return r;
    r = vb_tier_scan(t, items, count, err);
    vb_tier_unlock(t);
    return r;
}

static vb_cached describe(const vb_cache *c, size_t tier, const struct entry *e)
{
    vb_cached out =
        {.tier = (int)tier, .kind = e->kind, .size = e->size, .held = e->held, .used = e->used, .pinned = e->pinned};
    vb_autoclose int fd = openat(c->tiers[tier].fd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    char name[4096];
    ssize_t n = fd < 0 ? -1 : fgetxattr(fd, "user.vbutler.source", name, sizeof name - 1);

    memcpy(out.key, e->key, sizeof out.key);
    out.name = vb_strndup(name, n > 0 ? (size_t)n : 0);
    out.in_use = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB);
    return out;
}

int vb_cache_each(vb_cache *c, vb_cached_fn *each, void *arg, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < c->count; i++) {
        struct entry *items = NULL;
        size_t n = 0;

        r = scan(&c->tiers[i], &items, &n, err);
        for (size_t k = 0; !r && k < n; k++) {
            vb_cached entry = describe(c, i, &items[k]);

            r = each(arg, &entry);
            free(entry.name);
        }
        free(items);
    }
    return r;
}

int vb_cache_stat(vb_cache *c, size_t tier, vb_cache_state *out, vb_error *err)
{
    struct tier *t = &c->tiers[tier];
    struct entry *items = NULL;
    size_t n = 0;
    int r = scan(t, &items, &n, err);

    *out = (vb_cache_state){.directory = t->directory,
                            .max_bytes = t->max_bytes,
                            .max_files = t->max_files,
                            .files = (int64_t)n,
                            .shared = t->shared};
    for (size_t i = 0; i < n; i++) {
        out->bytes += items[i].held;
        out->pinned_bytes += items[i].pinned ? items[i].held : 0;
        out->partial += items[i].kind != VB_CACHED_WHOLE;
    }
    free(items);
    return r;
}

int vb_cache_pin(vb_cache *c, const vb_cached *entry, bool pin, vb_error *err)
{
    struct tier *t = &c->tiers[entry->tier];
    char name[ENTRY_NAME];
    int fd;

    vb_tier_name(name, entry->key, ".pin");
    if (!pin)
        return unlinkat(t->fd, name, 0) && errno != ENOENT ? vb_fail_errno(err, -errno, "unpinning %s", entry->key) : 0;
    fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return vb_fail_errno(err, -errno, "pinning %s in cache %s", entry->key, t->directory);
    close(fd);
    return 0;
}

static const char *entry_name(const vb_cached *entry, char name[ENTRY_NAME])
{
    vb_autofree char *part = vb_format(".%" PRId64 ".part", entry->size);

    return vb_tier_name(name, entry->key,
                        entry->kind == VB_CACHED_WHOLE    ? ""
                        : entry->kind == VB_CACHED_BLOCKS ? ".blocks"
                                                          : part);
}

int vb_cache_purge(vb_cache *c, const vb_cached *entry, vb_error *err)
{
    struct tier *t = &c->tiers[entry->tier];
    struct entry e = {.kind = entry->kind, .held = entry->held, .pinned = entry->pinned};
    int r = vb_tier_lock(t, vb_clock_monotonic_ns() + INT64_C(30000000000), err);

    if (r < 0)
        return r;
    memcpy(e.key, entry->key, sizeof e.key);
    entry_name(entry, e.name);
    r = vb_tier_evict(t, &e) >= 0;
    vb_tier_unlock(t);
    return r;
}
