/* tier.c - one directory of a cache: what it holds, what it may hold, what must go. */
#include "fs/cache/internal.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define LABEL "user.vbutler.source"

/* The tag that backup programs know a cache by.  Source: bford.info/cachedir, version 0.6. */
static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                          "# vbutler keeps copies of remote artifacts here; docs/cache.md.\n";

enum { OPEN_SECONDS = 30, ROOM = 20 /* what is evicted beside what must be: a 20th */ };

/* What the file `usage` says.  A kill may leave it too high, never too low; each scan puts it right. */
struct usage {
    int64_t bytes, files;
};

const char *vb_tier_name(char name[ENTRY_NAME], const char *key, const char *ending)
{
    snprintf(name, ENTRY_NAME, "%.2s/%s%s", key, key, ending);
    return name;
}

void vb_tier_label(int fd, const char *name)
{
    (void)!fsetxattr(fd, LABEL, name, strlen(name), 0); /* not every file system can */
}

bool vb_tier_same(const struct tier *t, int fd, const char *name)
{
    struct stat a, b;

    return !fstat(fd, &a) && !fstatat(t->fd, name, &b, AT_SYMLINK_NOFOLLOW) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

int vb_cache_pause(int *turn, int64_t deadline, const atomic_bool *cancelled)
{
    enum { LONGEST = 5 }; /* 32 ms */
    struct timespec t = {0, (long)1000000 << *turn};

    if (cancelled && atomic_load(cancelled))
        return -ECANCELED;
    if (vb_clock_monotonic_ns() > deadline)
        return -ETIMEDOUT;
    nanosleep(&t, NULL);
    *turn += *turn < LONGEST;
    return 0;
}

/* ---- the lock, the count --------------------------------------------------------------------------------------- */

static bool take_turn(struct tier *t, int64_t deadline)
{
    struct timespec until = vb_clock_timespec(deadline);
    int r = 0;

    pthread_mutex_lock(&t->mutex);
    while (t->taken && !r)
        r = pthread_cond_timedwait(&t->given_up, &t->mutex, &until);
    if (!r)
        t->taken = true;
    pthread_mutex_unlock(&t->mutex);
    return !r;
}

static void give_turn(struct tier *t)
{
    pthread_mutex_lock(&t->mutex);
    t->taken = false;
    pthread_cond_signal(&t->given_up);
    pthread_mutex_unlock(&t->mutex);
}

int vb_tier_lock(struct tier *t, int64_t deadline, vb_error *err)
{
    int turn = 0, r = 0;

    if (!take_turn(t, deadline))
        return vb_fail(err, -ETIMEDOUT, "cache %s: it was locked until the deadline", t->directory);
    while (!r && flock(t->lock, LOCK_EX | LOCK_NB))
        r = errno == EWOULDBLOCK || errno == EINTR ? vb_cache_pause(&turn, deadline, NULL) : -errno;
    if (r < 0)
        give_turn(t);
    return r < 0 ? vb_fail_errno(err, r, "locking cache %s", t->directory) : 0;
}

void vb_tier_unlock(struct tier *t)
{
    flock(t->lock, LOCK_UN);
    give_turn(t);
}

static bool read_usage(struct tier *t, struct usage *u)
{
    return pread(t->usage, u, sizeof *u, 0) == sizeof *u && u->bytes >= 0 && u->files >= 0;
}

static int write_usage(struct tier *t, const struct usage *u, vb_error *err)
{
    return pwrite(t->usage, u, sizeof *u, 0) == sizeof *u
               ? 0
               : vb_fail_errno(err, -errno, "writing what cache %s holds", t->directory);
}

void vb_tier_release(struct tier *t, int64_t bytes, int64_t files)
{
    struct usage u;

    if (!read_usage(t, &u))
        return;
    u.bytes -= bytes < u.bytes ? bytes : u.bytes;
    u.files -= files < u.files ? files : u.files;
    write_usage(t, &u, NULL);
}

/* ---- what is there --------------------------------------------------------------------------------------------- */

/* Of "KEY", "KEY.123.part", "KEY.blocks": what kind of entry it is; false: of none. */
static bool parse_name(const char *name, struct entry *e)
{
    size_t digits = strspn(name, "0123456789abcdef");
    const char *ending = name + 32;

    if (digits < 32)
        return false;
    memcpy(e->key, name, 32);
    e->key[32] = 0;
    e->size = -1;
    if (!*ending) {
        e->kind = VB_CACHED_WHOLE;
    } else if (!strcmp(ending, ".blocks")) {
        e->kind = VB_CACHED_BLOCKS;
    } else {
        vb_autofree char *number = vb_strndup(ending + (*ending == '.'), strcspn(ending + (*ending == '.'), "."));

        e->kind = VB_CACHED_PART;
        return vb_parse_int(number, &e->size) && e->size >= 0 && vb_ends_with(ending, ".part") &&
               strlen(ending) == strlen(number) + 6;
    }
    return true;
}

/* Removes a file that nobody holds; false where somebody does. */
static bool unlink_free(struct tier *t, const char *name)
{
    vb_autoclose int fd = openat(t->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT;
    return !flock(fd, LOCK_EX | LOCK_NB) && vb_tier_same(t, fd, name) && !unlinkat(t->fd, name, 0);
}

static int64_t count_blocks(struct tier *t, const char *key)
{
    char name[ENTRY_NAME];
    vb_autoclose int fd = openat(t->fd, vb_tier_name(name, key, ".map"), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -1 : vb_map_held(fd);
}

/* Fills what the name does not say; false where it is nothing of ours, which is removed. */
static bool examine(struct tier *t, struct entry *e)
{
    struct stat st;

    if (fstatat(t->fd, e->name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return false;
    e->used = vb_clock_ns(e->kind == VB_CACHED_PART ? st.st_mtim : st.st_atim);
    e->held = e->kind == VB_CACHED_PART ? e->size : e->kind == VB_CACHED_BLOCKS ? count_blocks(t, e->key) : st.st_size;
    if (e->kind != VB_CACHED_PART)
        e->size = st.st_size;
    if (e->held >= 0)
        return true;
    e->held = 0;
    return !unlink_free(t, e->name); /* blocks without their map */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct found {
    struct entry *items;
    size_t count, cap;
};

/* Names with one key stand together: KEY, KEY.N.part, KEY.blocks, KEY.map, KEY.pin. */
static void take_names(struct tier *t, const char *dir, char **names, struct found *out)
{
    size_t count = vb_strv_count(names), first = out->count;

    if (count)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        struct entry e = {0};

        snprintf(e.name, sizeof e.name, "%s/%s", dir, names[i]);
        if (parse_name(names[i], &e)) {
            if (examine(t, &e))
                *VB_PUSH(out->items, out->count, out->cap) = e;
        } else if (vb_ends_with(names[i], ".pin")) {
            for (size_t k = out->count; k-- > first && !strncmp(out->items[k].key, names[i], 32);)
                out->items[k].pinned = true;
        } else if (vb_ends_with(names[i], ".map") && strlen(names[i]) == 36) {
            bool owned = false;

            for (size_t k = out->count; k-- > first && !strncmp(out->items[k].key, names[i], 32);)
                owned = owned || out->items[k].kind == VB_CACHED_BLOCKS;
            if (!owned)
                unlinkat(t->fd, e.name, 0);
        }
    }
}

static int scan_directory(struct tier *t, const char *name, struct found *out, vb_error *err)
{
    int fd = openat(t->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    char **names = NULL;
    size_t n = 0, cap = 0;

    if (!dir)
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "listing cache %s/%s", t->directory, name);
    while ((entry = readdir(dir)))
        if (*entry->d_name != '.')
            *VB_PUSH(names, n, cap) = vb_strdup(entry->d_name);
    closedir(dir);
    *VB_PUSH(names, n, cap) = NULL;
    take_names(t, name, names, out);
    vb_strv_free(names);
    return 0;
}

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->used != y->used ? (x->used < y->used ? -1 : 1) : strcmp(x->name, y->name);
}

int vb_tier_scan(struct tier *t, struct entry **out, size_t *count, vb_error *err)
{
    struct found found = {0};
    struct usage u = {0};
    int r = 0;

    for (int i = 0; !r && i < 256; i++) {
        char name[3];

        snprintf(name, sizeof name, "%02x", i);
        r = scan_directory(t, name, &found, err);
    }
    if (r < 0) {
        free(found.items);
        return r;
    }
    if (found.count)
        qsort(found.items, found.count, sizeof *found.items, by_use);
    for (size_t i = 0; i < found.count; i++)
        u.bytes += found.items[i].held;
    u.files = (int64_t)found.count;
    *out = found.items;
    *count = found.count;
    return write_usage(t, &u, err);
}

/* ---- eviction -------------------------------------------------------------------------------------------------- */

int64_t vb_tier_evict(struct tier *t, const struct entry *e)
{
    char name[ENTRY_NAME];

    if (e->pinned || !unlink_free(t, e->name))
        return -EBUSY;
    if (e->kind == VB_CACHED_BLOCKS)
        unlinkat(t->fd, vb_tier_name(name, e->key, ".map"), 0);
    vb_tier_release(t, e->held, 1);
    return e->held;
}

/* Evicts until so much more can be there; a little more than that, so that not each new file needs a scan. */
static int make_room(struct tier *t, int64_t bytes, int64_t files, struct usage *u, vb_error *err)
{
    struct entry *items = NULL;
    size_t n = 0;
    int r = vb_tier_scan(t, &items, &n, err);
    int64_t most_bytes = t->max_bytes - t->max_bytes / ROOM - bytes,
            most_files = t->max_files - t->max_files / ROOM - files;

    if (!r && !read_usage(t, u))
        r = vb_fail(err, -EIO, "cache %s: what it holds cannot be read", t->directory);
    for (size_t i = 0; !r && i < n && (u->bytes > most_bytes || u->files > most_files); i++) {
        int64_t freed = vb_tier_evict(t, &items[i]);

        u->bytes -= freed > 0 ? freed : 0;
        u->files -= freed >= 0;
    }
    free(items);
    return r;
}

int vb_tier_reserve(struct tier *t, int64_t bytes, int64_t files, vb_error *err)
{
    struct usage u = {0};
    int r = 0;

    if (!read_usage(t, &u) || u.bytes + bytes > t->max_bytes || u.files + files > t->max_files)
        r = make_room(t, bytes, files, &u, err);
    if (r < 0)
        return r;
    if (u.bytes + bytes > t->max_bytes || u.files + files > t->max_files) {
        char most[32];

        vb_fail(err, -ENOSPC, "cache %s: there is no room for %" PRId64 " bytes, for all of it is in use or pinned",
                t->directory, bytes);
        vb_hint(err,
                "it may hold %s in %" PRId64 " files: give it more in vbutler.yaml, 'cache: {size: ..., files: ...}'",
                vb_bytes(most, sizeof most, t->max_bytes), t->max_files);
        return -ENOSPC;
    }
    u.bytes += bytes;
    u.files += files;
    return write_usage(t, &u, err);
}

int64_t vb_tier_squeeze(struct tier *t, int64_t bytes, int64_t deadline)
{
    struct entry *items = NULL;
    int64_t freed = 0;
    size_t n = 0;

    if (vb_tier_lock(t, deadline, NULL) < 0)
        return 0;
    if (!vb_tier_scan(t, &items, &n, NULL))
        for (size_t i = 0; i < n && freed < bytes; i++) {
            int64_t some = vb_tier_evict(t, &items[i]);

            freed += some > 0 ? some : 0;
        }
    vb_tier_unlock(t);
    free(items);
    return freed;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

int vb_tier_find(struct tier *t, const char *key, int64_t size)
{
    char name[ENTRY_NAME];
    vb_autoclose int fd = openat(t->fd, vb_tier_name(name, key, ""), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    struct stat st;
    int tries = 3;

    if (fd < 0)
        return -ENOENT;
    while (flock(fd, LOCK_SH | LOCK_NB)) { /* somebody is about to evict it, or has just named it */
        struct timespec moment = {0, 500000};

        if (!--tries)
            return -ENOENT;
        nanosleep(&moment, NULL);
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != size)
        return -ENOENT;
    (void)!futimens(fd, now); /* of a file of another user: its time stays */
    return vb_steal_fd(&fd);
}

static int open_directory(struct tier *t, vb_error *err)
{
    struct stat st;
    int r = vb_mkdirs(AT_FDCWD, t->directory, t->shared ? 0775 : 0700, err);

    if (r < 0)
        return vb_error_context(err, "making a cache");
    t->fd = open(t->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (t->fd < 0 || fstat(t->fd, &st))
        return vb_fail_errno(err, -errno, "opening cache %s", t->directory);
    if (t->shared || st.st_uid == geteuid())
        return 0;
    vb_fail(err, -EPERM, "cache %s belongs to another user", t->directory);
    vb_hint(err, "name one of your own in the environment variable VBUTLER_CACHE, or say 'shared: true' of it in "
                 "vbutler.yaml if you trust those who write to it");
    return -EPERM;
}

/* The directories of keys and the two files; their modes are those of the directory, whatever the umask. */
static int fill_directory(struct tier *t, vb_error *err)
{
    struct stat st;
    mode_t mode;

    if (fstat(t->fd, &st))
        return vb_fail_errno(err, -errno, "cache %s", t->directory);
    mode = st.st_mode & 0777;
    for (int i = 0; i < 256 && faccessat(t->fd, "lock", F_OK, AT_SYMLINK_NOFOLLOW); i++) {
        char name[3];

        snprintf(name, sizeof name, "%02x", i);
        if (!mkdirat(t->fd, name, mode))
            (void)!fchmodat(t->fd, name, mode, 0);
        else if (errno != EEXIST)
            return vb_fail_errno(err, -errno, "making cache %s", t->directory);
    }
    t->lock = openat(t->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode & 0666);
    t->usage = openat(t->fd, "usage", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode & 0666);
    if (t->lock < 0 || t->usage < 0)
        return vb_fail_errno(err, -errno, "making cache %s", t->directory);
    if (faccessat(t->fd, "CACHEDIR.TAG", F_OK, AT_SYMLINK_NOFOLLOW))
        (void)vb_write_file(t->fd, "CACHEDIR.TAG", tag, sizeof tag - 1, mode & 0666, false, NULL);
    return 0;
}

static int default_quota(struct tier *t, vb_error *err)
{
    struct statvfs st;

    if (fstatvfs(t->fd, &st))
        return vb_fail_errno(err, -errno, "cache %s", t->directory);
    t->max_bytes = (int64_t)(st.f_blocks * st.f_frsize / 10);
    return 0;
}

static int count_first(struct tier *t, vb_error *err)
{
    struct usage u;
    struct entry *items = NULL;
    size_t n;
    int r = 0;

    if (read_usage(t, &u))
        return 0;
    r = vb_tier_lock(t, vb_clock_monotonic_ns() + OPEN_SECONDS * INT64_C(1000000000), err);
    if (r < 0)
        return r;
    if (!read_usage(t, &u))
        r = vb_tier_scan(t, &items, &n, err);
    free(items);
    vb_tier_unlock(t);
    return r;
}

int vb_tier_open(const vb_cache_tier *options, struct tier *out, vb_error *err)
{
    pthread_condattr_t monotonic;
    int r;

    *out = (struct tier){.directory = vb_strdup(options->directory),
                         .fd = -1,
                         .lock = -1,
                         .usage = -1,
                         .max_bytes = options->size,
                         .max_files = options->files > 0 ? options->files : VB_CACHE_FILES,
                         .shared = options->shared};
    pthread_mutex_init(&out->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&out->given_up, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r = open_directory(out, err);
    if (!r)
        r = fill_directory(out, err);
    if (!r && out->max_bytes <= 0)
        r = default_quota(out, err);
    return r < 0 ? r : count_first(out, err);
}

void vb_tier_close(struct tier *t)
{
    if (t->fd >= 0)
        close(t->fd);
    if (t->lock >= 0)
        close(t->lock);
    if (t->usage >= 0)
        close(t->usage);
    pthread_mutex_destroy(&t->mutex);
    pthread_cond_destroy(&t->given_up);
    free(t->directory);
}
