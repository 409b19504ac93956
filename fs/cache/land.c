/* land.c - a whole artifact comes into a directory of the cache: fetched by one, awaited by the others. */
#include "fs/cache/internal.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* One try of one fetch. */
struct landing {
    struct tier *tier;
    const vb_cache_item *item;
    vb_cache_source *source;
    char key[VB_CACHE_KEY_TEXT], part[ENTRY_NAME];
    int fd;          /* of the part, held by us alone */
    int64_t at;      /* bytes that are there */
    int write_error; /* of the disk, not of the source */
};

static int64_t boot_time(void)
{
    struct timespec since;

    clock_gettime(CLOCK_BOOTTIME, &since);
    return vb_clock_unix_ns() - vb_clock_ns(since);
}

/* What an earlier fetch has left is of use where we can tell that the rest will be of the same version.  Without a
 * checksum it must also be younger than the machine's last start: a loss of power may leave anything. */
static bool resumable(const struct landing *l, const struct stat *st)
{
    if (st->st_size > l->item->size)
        return false;
    if (l->item->has_checksum)
        return true;
    return l->item->etag && *l->item->etag && vb_clock_ns(st->st_mtim) > boot_time();
}

/* Makes the part where it is not there, with room for all of it. */
static int make_part(struct landing *l, vb_error *err)
{
    struct tier *t = l->tier;
    char name[ENTRY_NAME];
    struct stat st;
    int fd = -1, r = vb_tier_lock(t, l->source->deadline, err);

    if (r < 0)
        return r;
    if (fstatat(t->fd, vb_tier_name(name, l->key, ""), &st, AT_SYMLINK_NOFOLLOW) &&
        fstatat(t->fd, l->part, &st, AT_SYMLINK_NOFOLLOW) && fstat(t->fd, &st) == 0) {
        r = vb_tier_reserve(t, l->item->size, 1, err);
        if (!r)
            fd = openat(t->fd, l->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, st.st_mode & 0666);
        if (!r && fd < 0) {
            r = vb_fail_errno(err, -errno, "making %s/%s", t->directory, l->part);
            vb_tier_release(t, l->item->size, 1);
        }
        if (fd >= 0) {
            vb_tier_label(fd, l->item->name);
            close(fd);
        }
    }
    vb_tier_unlock(t);
    return r;
}

/* Removes what was fetched in vain. */
static void drop_part(struct landing *l)
{
    if (vb_tier_lock(l->tier, vb_clock_monotonic_ns() + INT64_C(5000000000), NULL) < 0)
        return; /* it will be evicted */
    if (vb_tier_same(l->tier, l->fd, l->part) && !unlinkat(l->tier->fd, l->part, 0))
        vb_tier_release(l->tier, l->item->size, 1);
    vb_tier_unlock(l->tier);
}

static int take_bytes(void *arg, const void *bytes, size_t n)
{
    struct landing *l = arg;
    const char *from = bytes;

    if (l->source->cancelled && atomic_load(l->source->cancelled))
        return -ECANCELED;
    l->source->moved += (int64_t)n;
    if ((int64_t)n > l->item->size - l->at)
        return -EMSGSIZE;
    while (n) {
        ssize_t done = pwrite(l->fd, from, n, l->at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return l->write_error = -errno;
        l->at += done;
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

static int fetch(struct landing *l, vb_error *err)
{
    const vb_cache_item *item = l->item;
    int r = 0;

    if (l->at < item->size)
        r = l->source->get(l->source->arg, l->at, item->size - l->at, take_bytes, l, err);
    if (l->write_error)
        return vb_fail_errno(err, l->write_error, "writing %s to cache %s", item->name, l->tier->directory);
    if (r == -EMSGSIZE)
        return vb_fail(err, -EBADMSG, "%s: more came than its %" PRId64 " bytes", item->name, item->size);
    if (r < 0)
        return err && err->code ? r : vb_fail_errno(err, r, "fetching %s", item->name);
    if (l->at < item->size)
        return vb_fail(err, -EIO, "%s was cut short: %" PRId64 " of %" PRId64 " bytes came", item->name, l->at,
                       item->size);
    return 0;
}

static int verify(struct landing *l, vb_error *err)
{
    char got[VB_HASH_TEXT], wanted[VB_HASH_TEXT];
    vb_hash hash;
    int64_t size;
    int r = l->item->has_checksum ? vb_hash_fd(l->fd, &hash, &size, err) : 0;

    if (r < 0 || !l->item->has_checksum)
        return r;
    if (size == l->item->size && !memcmp(&hash, &l->item->checksum, sizeof hash))
        return 0;
    vb_fail(err, -EBADMSG, "%s: what came has the checksum %s, and was registered with %s", l->item->name,
            vb_hash_format(&hash, got), vb_hash_format(&l->item->checksum, wanted));
    vb_hint(err, "the source holds other bytes than those that were registered: put it right there");
    return -EBADMSG;
}

/* The part gets its name; a descriptor that holds it. */
static int publish(struct landing *l, vb_error *err)
{
    struct tier *t = l->tier;
    char name[ENTRY_NAME];
    int fd = -1, r = fdatasync(l->fd)
                         ? vb_fail_errno(err, -errno, "writing %s to cache %s", l->item->name, t->directory)
                         : vb_tier_lock(t, l->source->deadline, err);

    if (r < 0)
        return r;
    if (renameat(t->fd, l->part, t->fd, vb_tier_name(name, l->key, "")))
        r = vb_fail_errno(err, -errno, "naming %s in cache %s", l->item->name, t->directory);
    flock(l->fd, LOCK_SH);
    if (!r)
        fd = vb_tier_find(t, l->key, l->item->size);
    vb_tier_unlock(t);
    if (!r && fd < 0)
        r = vb_fail(err, -EIO, "%s: it is not in cache %s, where it was just put", l->item->name, t->directory);
    return r < 0 ? r : fd;
}

/* We hold the part.  1 where nothing of it is of use, and it is to be tried once more. */
static int fill_part(struct landing *l, vb_error *err)
{
    struct stat st;
    bool resumed;
    int r;

    if (fstat(l->fd, &st))
        return vb_fail_errno(err, -errno, "cache %s", l->tier->directory);
    resumed = st.st_size && resumable(l, &st);
    if (!resumed && st.st_size && ftruncate(l->fd, 0))
        return vb_fail_errno(err, -errno, "cache %s", l->tier->directory);
    l->at = resumed ? st.st_size : 0;
    r = fetch(l, err);
    if (!r)
        r = verify(l, err);
    if (!r)
        return publish(l, err);
    if (r == -EBADMSG && resumed) { /* what was there may have been at fault */
        vb_error_clear(err);
        return ftruncate(l->fd, 0) ? -errno : fill_part(l, err);
    }
    if (r == -EBADMSG || r == -ESTALE)
        drop_part(l);
    return r == -EBADMSG ? -EIO : r;
}

/* Takes the part if nobody else has it: 1, 0 where somebody has, or it is gone. */
static int hold_part(struct landing *l)
{
    l->fd = openat(l->tier->fd, l->part, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (l->fd >= 0 && !flock(l->fd, LOCK_EX | LOCK_NB) && vb_tier_same(l->tier, l->fd, l->part))
        return 1;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    return 0;
}

int vb_tier_land(struct tier *t, const vb_cache_item *item, vb_cache_source *source, vb_error *err)
{
    struct landing l = {.tier = t, .item = item, .source = source, .fd = -1};
    vb_autofree char *ending = vb_format(".%" PRId64 ".part", item->size);
    int r = 0, turn = 0;

    vb_cache_key(item, l.key);
    vb_tier_name(l.part, l.key, ending);
    while (!r) {
        int fd = vb_tier_find(t, l.key, item->size);

        if (fd >= 0)
            return fd;
        if (faccessat(t->fd, l.part, F_OK, AT_SYMLINK_NOFOLLOW))
            r = make_part(&l, err);
        if (r == -ENOSPC && vb_cache_pause(&turn, source->deadline, source->cancelled) == 0) {
            r = 0; /* who has it in use may end */
            continue;
        }
        if (!r && hold_part(&l)) {
            r = fill_part(&l, err);
            while (l.write_error == -ENOSPC && vb_tier_squeeze(t, item->size, source->deadline)) {
                l.write_error = 0;
                vb_error_clear(err);
                r = fill_part(&l, err);
            }
            close(l.fd);
            return r;
        }
        if (!r)
            r = vb_cache_pause(&turn, source->deadline, source->cancelled);
        if (r == -ETIMEDOUT)
            vb_fail(err, r, "%s: another process was fetching it until the deadline", item->name);
    }
    return r;
}
