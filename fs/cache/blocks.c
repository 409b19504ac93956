/* blocks.c - large artifacts: a sparse file, and a map that all processes share of what is there of it.
 *
 * A map is a header and a byte a block.  A byte is written after its block; a loss of power may bring one and not the
 * other, so a map counts for as long as the machine runs.  Who fetches a block holds a lock on its byte (of the open
 * file: F_OFD_SETLK); a kill frees it. */
#include "fs/cache/internal.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { MISSING, PRESENT, PROMISED /* room is reserved for it */ };
enum {
    GOOD,
    COMPLETE, /* all is there, and not verified yet */
    WHOLE,    /* verified, and named */
    BAD,      /* its bytes are not what they should be */
};

struct map {
    char magic[8];
    char boot[40]; /* /proc/sys/kernel/random/boot_id */
    int64_t size;
    int32_t block;
    _Atomic int32_t state;
    char etag[96];
    char reserved[96];
    _Atomic uint8_t blocks[];
};

static const char magic[8] = "vbblocks";

struct vb_blocks {
    struct tier *tier;
    char key[VB_CACHE_KEY_TEXT];
    char *name;
    bool has_checksum;
    vb_hash checksum;
    int64_t size, count;
    int fd, map_fd;
    struct map *map; /* NULL: the artifact was whole when it was opened */
    atomic_int refs;
};

static int64_t count_of(int64_t size)
{
    return (size + VB_CACHE_BLOCK - 1) / VB_CACHE_BLOCK;
}

static size_t map_bytes(int64_t size)
{
    return sizeof(struct map) + (size_t)count_of(size);
}

static void read_boot(char boot[40])
{
    vb_auto_buf text = {0};

    memset(boot, 0, 40);
    if (!vb_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096, &text, NULL))
        memcpy(boot, text.data, text.len < 39 ? text.len : 39);
}

int64_t vb_map_held(int fd)
{
    struct map header;
    uint8_t states[4096];
    int64_t held = 0;
    off_t at = sizeof header;
    ssize_t n;

    if (pread(fd, &header, sizeof header, 0) != sizeof header || memcmp(header.magic, magic, sizeof magic) != 0)
        return -1;
    while ((n = pread(fd, states, sizeof states, at)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            held += states[i] ? VB_CACHE_BLOCK : 0;
        at += n;
    }
    return held;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

void vb_blocks_unref(vb_blocks *b)
{
    if (atomic_fetch_sub(&b->refs, 1) > 1)
        return;
    if (b->map)
        munmap(b->map, map_bytes(b->size));
    if (b->map_fd >= 0)
        close(b->map_fd);
    if (b->fd >= 0)
        close(b->fd);
    free(b->name);
    free(b);
}

vb_blocks *vb_blocks_ref(vb_blocks *b)
{
    atomic_fetch_add(&b->refs, 1);
    return b;
}

static vb_blocks *new_blocks(struct tier *t, const vb_cache_item *item)
{
    vb_blocks *b = VB_NEW(vb_blocks);

    b->tier = t;
    vb_cache_key(item, b->key);
    b->name = vb_strdup(item->name);
    b->has_checksum = item->has_checksum;
    b->checksum = item->checksum;
    b->size = item->size;
    b->count = count_of(item->size);
    b->fd = b->map_fd = -1;
    atomic_init(&b->refs, 1);
    return b;
}

/* Maps what is there; false where it is not to be used. */
static bool map_file(vb_blocks *b)
{
    size_t n = map_bytes(b->size);
    struct stat st;
    struct map *map;
    char boot[40];

    if (fstat(b->map_fd, &st) || st.st_size != (off_t)n)
        return false;
    map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, b->map_fd, 0);
    if (map == MAP_FAILED)
        return false;
    read_boot(boot);
    if (memcmp(map->magic, magic, sizeof magic) || memcmp(map->boot, boot, sizeof boot) || map->size != b->size ||
        map->block != VB_CACHE_BLOCK || atomic_load(&map->state) > COMPLETE || map->etag[sizeof map->etag - 1]) {
        munmap(map, n);
        return false;
    }
    b->map = map;
    return true;
}

static void close_files(vb_blocks *b)
{
    if (b->fd >= 0)
        close(b->fd);
    if (b->map_fd >= 0)
        close(b->map_fd);
    b->fd = b->map_fd = -1;
}

/* Somebody may be looking whether it is in use. */
static int hold(int fd)
{
    int turn = 0;

    while (flock(fd, LOCK_SH | LOCK_NB))
        if (vb_cache_pause(&turn, INT64_MAX, NULL) < 0 || turn > 4)
            return -EBUSY;
    return 0;
}

/* Under the tier's lock: opens the two files: 1; 0 where they are not there or are of no use. */
static int open_files(vb_blocks *b)
{
    char name[ENTRY_NAME];
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    struct stat st;
    int r = 0;

    b->fd = openat(b->tier->fd, vb_tier_name(name, b->key, ".blocks"), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    b->map_fd = openat(b->tier->fd, vb_tier_name(name, b->key, ".map"), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (b->fd >= 0 && b->map_fd >= 0 && !(r = hold(b->fd)) && !fstat(b->fd, &st) && st.st_size == b->size &&
        map_file(b)) {
        (void)!futimens(b->fd, now);
        return 1;
    }
    close_files(b);
    return r;
}

/* Under the tier's lock: files that are of no use go. */
static void remove_files(vb_blocks *b)
{
    char name[ENTRY_NAME];
    vb_autoclose int map = openat(b->tier->fd, vb_tier_name(name, b->key, ".map"), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t held = map < 0 ? 0 : vb_map_held(map);

    unlinkat(b->tier->fd, vb_tier_name(name, b->key, ".map"), 0);
    if (!unlinkat(b->tier->fd, vb_tier_name(name, b->key, ".blocks"), 0))
        vb_tier_release(b->tier, held > 0 ? held : 0, 1);
}

static int write_map(vb_blocks *b, const char *etag, vb_error *err)
{
    vb_autofree struct map *map = vb_alloc(map_bytes(b->size));

    memcpy(map->magic, magic, sizeof magic);
    read_boot(map->boot);
    map->size = b->size;
    map->block = VB_CACHE_BLOCK;
    snprintf(map->etag, sizeof map->etag, "%s", etag);
    return pwrite(b->map_fd, map, map_bytes(b->size), 0) == (ssize_t)map_bytes(b->size)
               ? 0
               : vb_fail_errno(err, -errno, "writing a map of %s to cache %s", b->name, b->tier->directory);
}

/* Under the tier's lock. */
static int make_files(vb_blocks *b, const char *etag, vb_error *err)
{
    enum { FLAGS = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };
    char name[ENTRY_NAME];
    struct stat st;
    int r;

    remove_files(b);
    if (fstat(b->tier->fd, &st))
        return vb_fail_errno(err, -errno, "cache %s", b->tier->directory);
    r = vb_tier_reserve(b->tier, 0, 1, err);
    if (r < 0)
        return r;
    b->map_fd = openat(b->tier->fd, vb_tier_name(name, b->key, ".map"), FLAGS, st.st_mode & 0666);
    if (b->map_fd < 0)
        r = vb_fail_errno(err, -errno, "making a map of %s in cache %s", b->name, b->tier->directory);
    if (!r)
        r = write_map(b, etag, err);
    if (!r) {
        b->fd = openat(b->tier->fd, vb_tier_name(name, b->key, ".blocks"), FLAGS, st.st_mode & 0666);
        if (b->fd < 0 || ftruncate(b->fd, b->size))
            r = vb_fail_errno(err, -errno, "making blocks of %s in cache %s", b->name, b->tier->directory);
        else
            vb_tier_label(b->fd, b->name);
    }
    close_files(b);
    if (r < 0)
        remove_files(b);
    if (!r && open_files(b) <= 0)
        r = vb_fail(err, -EIO, "cache %s cannot keep maps of blocks", b->tier->directory);
    return r;
}

int vb_tier_blocks(struct tier *t, const vb_cache_item *item, const char *etag, int64_t deadline, vb_blocks **out,
                   vb_error *err)
{
    vb_auto(vb_blocks_unref) vb_blocks *b = new_blocks(t, item);
    int r = vb_tier_lock(t, deadline, err);

    if (r < 0)
        return r;
    b->fd = vb_tier_find(t, b->key, item->size); /* it has become whole */
    if (b->fd < 0) {
        r = open_files(b);
        if (r < 0)
            vb_fail_errno(err, r, "%s in cache %s", b->name, t->directory);
        else if (!r)
            r = etag ? make_files(b, etag, err) : -ENOENT;
    }
    vb_tier_unlock(t);
    r = r > 0 ? 0 : r;
    if (!r)
        *out = VB_STEAL(b);
    return r;
}

const char *vb_blocks_key(const vb_blocks *b)
{
    return b->key;
}

int vb_blocks_fd(const vb_blocks *b)
{
    return b->fd;
}

int64_t vb_blocks_size(const vb_blocks *b)
{
    return b->size;
}

int64_t vb_blocks_count(const vb_blocks *b)
{
    return b->count;
}

const char *vb_blocks_etag(const vb_blocks *b)
{
    return b->map ? b->map->etag : "";
}

int64_t vb_blocks_missing(const vb_blocks *b, int64_t offset, int64_t length)
{
    if (offset + length > b->size)
        length = b->size - offset;
    if (!b->map || length <= 0 || atomic_load(&b->map->state) == WHOLE)
        return -1;
    if (atomic_load(&b->map->state) == BAD)
        return -EIO;
    if (atomic_load(&b->map->state) == COMPLETE) /* who reads all of it is not to be told wrong bytes */
        return offset / VB_CACHE_BLOCK;
    for (int64_t i = offset / VB_CACHE_BLOCK; i <= (offset + length - 1) / VB_CACHE_BLOCK; i++)
        if (atomic_load_explicit(&b->map->blocks[i], memory_order_acquire) != PRESENT)
            return i;
    return -1;
}

/* ---- fetching -------------------------------------------------------------------------------------------------- */

/* Locks bytes of the map: 1, 0 where somebody else has one of them. */
static int lock_bytes(vb_blocks *b, off_t start, off_t length, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return !fcntl(b->map_fd, F_OFD_SETLK, &lock);
}

static int64_t length_of(const vb_blocks *b, int64_t block)
{
    int64_t begin = block * VB_CACHE_BLOCK;

    return b->size - begin < VB_CACHE_BLOCK ? b->size - begin : VB_CACHE_BLOCK;
}

/* Room for a block; that it is promised stays written where we die, so that a scan counts it. */
static int reserve(vb_blocks *b, int64_t block, int64_t deadline, vb_error *err)
{
    int r;

    if (atomic_load(&b->map->blocks[block]) == PROMISED)
        return 0;
    r = vb_tier_lock(b->tier, deadline, err);
    if (r < 0)
        return r;
    r = vb_tier_reserve(b->tier, VB_CACHE_BLOCK, 0, err);
    if (!r)
        atomic_store(&b->map->blocks[block], PROMISED);
    vb_tier_unlock(b->tier);
    return r;
}

struct filling {
    vb_blocks *b;
    vb_cache_source *source;
    int64_t at, end;
    int write_error;
};

static int take_bytes(void *arg, const void *bytes, size_t n)
{
    struct filling *f = arg;
    const char *from = bytes;

    if (f->source->cancelled && atomic_load(f->source->cancelled))
        return -ECANCELED;
    f->source->moved += (int64_t)n;
    if ((int64_t)n > f->end - f->at)
        return -EMSGSIZE;
    while (n) {
        ssize_t done = pwrite(f->b->fd, from, n, f->at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return f->write_error = -errno;
        f->at += done;
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

/* All but `block`. */
static bool is_complete(const vb_blocks *b, int64_t block)
{
    for (int64_t i = 0; i < b->count; i++)
        if (i != block && atomic_load_explicit(&b->map->blocks[i], memory_order_acquire) != PRESENT)
            return false;
    return true;
}

/* One at a time, so that nobody reads the last block before it is known to be the last. */
static int mark_present(vb_blocks *b, int64_t block, vb_cache_source *source, vb_error *err)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* a lock of a file excludes no thread that shares it */
    int r = 0, turn = 0;

    pthread_mutex_lock(&mutex);
    while (!r && !lock_bytes(b, 0, 1, F_WRLCK))
        r = vb_cache_pause(&turn, source->deadline, source->cancelled);
    if (!r) {
        if (is_complete(b, block))
            atomic_store(&b->map->state, COMPLETE);
        atomic_store_explicit(&b->map->blocks[block], PRESENT, memory_order_release);
        lock_bytes(b, 0, 1, F_UNLCK);
    }
    pthread_mutex_unlock(&mutex);
    return r < 0 ? vb_fail_errno(err, r, "noting a block of %s", b->name) : 0;
}

static int fill(vb_blocks *b, int64_t block, vb_cache_source *source, vb_error *err)
{
    int64_t begin = block * VB_CACHE_BLOCK;
    struct filling f = {b, source, begin, begin + length_of(b, block), 0};
    int r = reserve(b, block, source->deadline, err);

    if (r < 0)
        return r;
    r = source->get(source->arg, begin, f.end - begin, take_bytes, &f, err);
    if (f.write_error == -ENOSPC && vb_tier_squeeze(b->tier, 16 * VB_CACHE_BLOCK, source->deadline)) {
        f.write_error = 0;
        f.at = begin;
        vb_error_clear(err);
        r = source->get(source->arg, begin, f.end - begin, take_bytes, &f, err);
    }
    if (f.write_error)
        return vb_fail_errno(err, f.write_error, "writing a block of %s to cache %s", b->name, b->tier->directory);
    if (r == -EMSGSIZE || (!r && f.at < f.end))
        return vb_fail(err, -EIO, "%s: of the %" PRId64 " bytes from %" PRId64 " on, %s came", b->name, f.end - begin,
                       begin, r ? "more" : "less");
    if (r == -ESTALE) /* its other blocks are of a version that is gone */
        atomic_store(&b->map->state, BAD);
    if (r < 0)
        return err && err->code ? r : vb_fail_errno(err, r, "fetching %s", b->name);
    return mark_present(b, block, source, err);
}

static int is_bad(const vb_blocks *b, vb_error *err)
{
    return vb_fail(err, -EIO, "%s: its bytes are not those that were registered; what was fetched of it is removed",
                   b->name);
}

int vb_blocks_fetch(vb_blocks *b, int64_t block, vb_cache_source *source, vb_error *err)
{
    off_t byte = (off_t)(sizeof(struct map) + (size_t)block);
    int r = 0, turn = 0;

    if (!b->map)
        return 0;
    while (!r && !lock_bytes(b, byte, 1, F_WRLCK)) {
        if (atomic_load(&b->map->blocks[block]) == PRESENT)
            return atomic_load(&b->map->state) == COMPLETE;
        r = vb_cache_pause(&turn, source->deadline, source->cancelled);
    }
    if (r == -ETIMEDOUT)
        return vb_fail(err, r, "%s: another process was fetching block %" PRId64 " of it until the deadline", b->name,
                       block);
    if (r < 0)
        return r;
    if (atomic_load(&b->map->state) == BAD)
        r = is_bad(b, err);
    else if (atomic_load(&b->map->blocks[block]) != PRESENT)
        r = fill(b, block, source, err);
    if (!r)
        r = atomic_load(&b->map->state) == COMPLETE;
    lock_bytes(b, byte, 1, F_UNLCK);
    return r;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

/* Under the lock of the header. */
static int finish(vb_blocks *b, vb_error *err)
{
    struct tier *t = b->tier;
    char from[ENTRY_NAME], to[ENTRY_NAME], map[ENTRY_NAME];
    vb_hash hash = {{0}};
    int64_t size = 0;
    bool wrong;
    int r = b->has_checksum ? vb_hash_fd(b->fd, &hash, &size, err) : 0;

    if (!r && fdatasync(b->fd))
        r = vb_fail_errno(err, -errno, "writing %s to cache %s", b->name, t->directory);
    if (!r)
        r = vb_tier_lock(t, vb_clock_monotonic_ns() + INT64_C(30000000000), err);
    if (r < 0)
        return r;
    wrong = b->has_checksum && (size != b->size || memcmp(&hash, &b->checksum, sizeof hash) != 0);
    vb_tier_name(from, b->key, ".blocks");
    vb_tier_name(to, b->key, "");
    vb_tier_name(map, b->key, ".map");
    if (wrong) {
        atomic_store(&b->map->state, BAD);
        if (vb_tier_same(t, b->fd, from))
            remove_files(b);
        r = is_bad(b, err);
    } else {
        if (vb_tier_same(t, b->fd, from) && !renameat2(t->fd, from, t->fd, to, RENAME_NOREPLACE)) {
            vb_tier_release(t, b->count * VB_CACHE_BLOCK - b->size, 0);
            unlinkat(t->fd, map, 0);
        }
        atomic_store(&b->map->state, WHOLE);
    }
    vb_tier_unlock(t);
    return r;
}

int vb_blocks_finish(vb_blocks *b, const vb_cache_source *source, vb_error *err)
{
    int r = 0, turn = 0;

    while (!r && b->map && atomic_load(&b->map->state) == COMPLETE) {
        if (lock_bytes(b, 0, 1, F_WRLCK)) {
            if (atomic_load(&b->map->state) == COMPLETE)
                r = finish(b, err);
            lock_bytes(b, 0, 1, F_UNLCK);
            return r;
        }
        r = vb_cache_pause(&turn, source->deadline, source->cancelled);
    }
    if (!r && b->map && atomic_load(&b->map->state) == BAD)
        r = is_bad(b, err);
    return r;
}
