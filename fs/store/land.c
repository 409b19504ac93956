#include "fs/store/land.h"

#include "registry/base/hash.h"
#include "registry/base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

struct landing {
    int to;
    int64_t at, size; /* written; wanted, or -1 */
    vb_hasher *hasher;
};

static int write_at(int fd, const char *bytes, size_t n, int64_t at)
{
    while (n) {
        ssize_t done = pwrite(fd, bytes, n, at);

        if (done < 0)
            return -errno;
        bytes += done;
        n -= (size_t)done;
        at += done;
    }
    return 0;
}

static int take(void *arg, const void *bytes, size_t n)
{
    struct landing *l = arg;
    int r;

    if (l->size >= 0 && (int64_t)n > l->size - l->at)
        return -EFBIG; /* judged below: no more of it is written */
    r = write_at(l->to, bytes, n, l->at);
    if (r < 0)
        return r;
    vb_hasher_add(l->hasher, bytes, n);
    l->at += (int64_t)n;
    return 0;
}

/* What the file has already is hashed; it counts where the checksum will tell whether it was right. */
static int take_what_is_there(struct landing *l, const vb_location *location)
{
    enum { PIECE = 256 << 10 };
    vb_autofree char *buffer = NULL;
    struct stat st;
    ssize_t n;

    if (fstat(l->to, &st))
        return -errno;
    if (!st.st_size)
        return 0;
    if (!location->has_checksum || location->size < 0 || st.st_size > location->size)
        return ftruncate(l->to, 0) ? -errno : 0;
    buffer = vb_alloc(PIECE);
    while ((n = pread(l->to, buffer, PIECE, l->at)) > 0) {
        vb_hasher_add(l->hasher, buffer, (size_t)n);
        l->at += n;
    }
    return n < 0 ? -errno : 0;
}

static int wrong_size(const char *path, int64_t is, int64_t was, vb_error *err)
{
    return vb_fail(err, -ESTALE,
                   "artifact %s changed: it has %s%" PRId64 " bytes, and had %" PRId64 " when it was registered", path,
                   is > was ? "more than " : "", is > was ? was : is, was);
}

/* Without a checksum, the time tells whether it is what was registered. */
static int check_time(const char *path, const vb_location *location, const vb_object *told, vb_error *err)
{
    if (location->has_checksum || location->mtime < 0 || told->mtime < 0 || told->mtime == location->mtime)
        return 0;
    return vb_fail(err, -ESTALE, "artifact %s changed: it was written after it was registered", path);
}

static int judge(const struct landing *l, const char *path, const vb_location *location, const vb_object *told,
                 vb_error *err)
{
    vb_hash is = vb_hasher_result(l->hasher);
    char got[VB_HASH_TEXT], wanted[VB_HASH_TEXT];

    if (location->size >= 0 && l->at != location->size)
        return wrong_size(path, l->at, location->size, err);
    if (location->has_checksum && memcmp(&is, &location->checksum, sizeof is) != 0)
        return vb_fail(err, -EIO, "artifact %s has other bytes than those that were registered: %s, not %s", path,
                       vb_hash_format(&is, got), vb_hash_format(&location->checksum, wanted));
    return check_time(path, location, told, err);
}

int vb_store_land(const vb_store_class *class, void *store, const char *path, const vb_location *location, int to,
                  int64_t deadline, vb_hash *hash, vb_error *err)
{
    vb_auto(vb_hasher_free) vb_hasher *hasher = vb_hasher_new();
    struct landing l = {.to = to, .size = location->size, .hasher = hasher};
    int r = take_what_is_there(&l, location);

    if (r < 0)
        return vb_fail_errno(err, r, "writing artifact %s", path);
    for (int again = 0; again < 2; again++) {
        vb_object told = {.size = -1, .mtime = -1};

        vb_error_clear(err);
        if (l.at != l.size || !l.size)
            r = class->get_told(store, path, l.at, -1, "", deadline, take, &l, &told, err);
        if (r == -EFBIG)
            return wrong_size(path, INT64_MAX, location->size, err);
        if (!r)
            r = judge(&l, path, location, &told, err);
        if (r != -EIO || !location->has_checksum || l.at != l.size)
            break;
        if (ftruncate(to, 0)) /* wrong bytes: they may have been damaged on their way */
            return vb_fail_errno(err, -errno, "writing artifact %s", path);
        vb_hasher_reset(hasher);
        l.at = 0;
    }
    if (!r && hash)
        *hash = vb_hasher_result(hasher);
    return r;
}
