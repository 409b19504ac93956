#include "tests/fs/faulty.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PIECE = 16 << 10 };

_Atomic(faulty *) faults;

void faulty_reset(void)
{
    faults = mmap(NULL, sizeof(faulty), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int64_t faulty_size(const char *path)
{
    const char *dash = strrchr(path, '-');

    return dash ? strtoll(dash + 1, NULL, 10) : 0;
}

void faulty_bytes(const char *path, int64_t offset, void *out, size_t n)
{
    uint64_t seed = vb_hash64(path, strlen(path));
    unsigned char *to = out;

    for (size_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)(offset + (int64_t)i);

        to[i] = (unsigned char)((seed + at / 8 * 0x9e3779b97f4a7c15u) >> (8 * (at % 8)));
    }
}

vb_hash faulty_hash(const char *path)
{
    size_t n = (size_t)faulty_size(path);
    vb_autofree void *all = vb_alloc(n + 1);

    faulty_bytes(path, 0, all, n);
    return vb_hash_bytes(all, n);
}

bool faulty_is(int fd, const char *path)
{
    vb_hash hash, wanted = faulty_hash(path);
    int64_t size;

    return !vb_hash_fd(fd, &hash, &size, NULL) && size == faulty_size(path) && !memcmp(&hash, &wanted, sizeof hash);
}

static void sleep_ns(int64_t ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};

    nanosleep(&t, NULL);
}

static bool take(atomic_int *count)
{
    int n = atomic_load(count);

    while (n > 0 && !atomic_compare_exchange_weak(count, &n, n - 1))
        ;
    return n > 0;
}

static int misbehave(const char *path, int64_t deadline, vb_error *err)
{
    sleep_ns(atomic_load(&faults->latency_ms) * INT64_C(1000000));
    while (atomic_load(&faults->hang))
        sleep_ns(10000000);
    while (atomic_load(&faults->stall)) {
        if (vb_clock_monotonic_ns() > deadline)
            return vb_fail(err, -ETIMEDOUT, "getting test://%s: nothing came before the deadline", path);
        sleep_ns(2000000);
    }
    return take(&faults->fail) ? vb_fail(err, -EIO, "getting test://%s: 503 after 1 try", path) : 0;
}

static void describe(const char *path, vb_object *out)
{
    *out = (vb_object){.size = faulty_size(path), .mtime = -1};
    snprintf(out->etag, sizeof out->etag, "\"%d\"", atomic_load(&faults->version));
}

static int faulty_open(const char *root, const vb_store_options *options, void **out, vb_error *err)
{
    *out = vb_strdup(root);
    return 0;
}

static int faulty_stat(void *store, const char *path, int64_t deadline, vb_object *out, vb_error *err)
{
    int r;

    path = vb_path_base(path);
    r = misbehave(path, deadline, err);
    atomic_fetch_add(&faults->heads, 1);
    describe(path, out);
    return r;
}

static int send_object(void *store, const char *path, int64_t offset, int64_t length, const char *etag,
                       int64_t deadline, vb_sink_fn *sink, void *arg, vb_error *err)
{
    char piece[PIECE];
    vb_object object;
    int64_t end = length < 0 ? faulty_size(path) : offset + length, middle = offset + (end - offset) / 2;
    bool truncate, corrupt, shorten;
    int number, r;

    path = vb_path_base(path);
    number = path[0] == 'f' ? atoi(path + 1) : 0;
    r = misbehave(path, deadline, err);
    atomic_fetch_add(&faults->gets, 1);
    atomic_fetch_add(&faults->asked[number % 4096], 1);
    describe(path, &object);
    if (r < 0)
        return r;
    if (*etag && strcmp(etag, object.etag) != 0)
        return vb_fail(err, -ESTALE, "test://%s is another version than before", path);
    truncate = take(&faults->truncate);
    corrupt = take(&faults->corrupt);
    shorten = take(&faults->shorten);
    if (take(&faults->longer))
        end++;
    while (!r && offset < end) {
        size_t n = end - offset < PIECE ? (size_t)(end - offset) : PIECE;

        if ((truncate || shorten) && offset + (int64_t)n > middle)
            n = (size_t)(middle - offset);
        faulty_bytes(path, offset, piece, n);
        if (corrupt && offset <= middle && middle < offset + (int64_t)n)
            piece[middle - offset] ^= 1;
        if (n)
            r = sink(arg, piece, n);
        offset += (int64_t)n;
        atomic_fetch_add(&faults->bytes, (int64_t)n);
        if ((truncate || shorten) && offset == middle)
            return shorten ? 0 : vb_fail(err, -EIO, "getting test://%s: the connection was reset", path);
        if (atomic_load(&faults->pace))
            sleep_ns(atomic_load(&faults->pace));
    }
    return r;
}

static int faulty_get(void *store, const char *path, int64_t offset, int64_t length, const char *etag, int64_t deadline,
                      vb_sink_fn *sink, void *arg, vb_error *err)
{
    faulty *f = faults;
    int now = atomic_fetch_add(&f->running, 1) + 1, most = atomic_load(&f->most), r;

    while (now > most && !atomic_compare_exchange_weak(&f->most, &most, now))
        ;
    r = send_object(store, path, offset, length, etag, deadline, sink, arg, err);
    atomic_fetch_sub(&f->running, 1);
    return r;
}

static const char *const schemes[] = {"http", NULL};

const vb_store_class faulty_class = {
    .schemes = schemes,
    .open = faulty_open,
    .close = free,
    .stat = faulty_stat,
    .get = faulty_get,
};

vb_cache_item faulty_item(const char *path)
{
    return (vb_cache_item){.name = path,
                           .size = faulty_size(path),
                           .has_checksum = true,
                           .checksum = faulty_hash(path),
                           .mtime = -1,
                           .etag = ""};
}

static int get_from(void *arg, int64_t offset, int64_t length, vb_sink_fn *sink, void *sink_arg, vb_error *err)
{
    return faulty_get(NULL, arg, offset, length, "", vb_clock_monotonic_ns() + INT64_C(60000000000), sink, sink_arg,
                      err);
}

vb_cache_source faulty_source(const char *path, double seconds)
{
    return (vb_cache_source){.get = get_from,
                             .arg = (void *)path,
                             .deadline = vb_clock_monotonic_ns() + (int64_t)(seconds * 1e9)};
}

static int origin_stat(void *owner, int64_t store, const char *path, int64_t deadline, vb_object *out, vb_error *err)
{
    return faulty_stat(owner, path, deadline, out, err);
}

static int origin_get(void *owner, int64_t store, const char *path, int64_t offset, int64_t length, const char *etag,
                      int64_t deadline, vb_sink_fn *sink, void *arg, vb_error *err)
{
    return faulty_get(owner, path, offset, length, etag, deadline, sink, arg, err);
}

static const vb_origin_class origin_class = {.stat = origin_stat, .get = origin_get};

vb_lazy faulty_lazy(const char *path)
{
    static vb_store_options options = VB_STORE_OPTIONS_INIT;

    options.timeout = INT64_C(2000000000);
    return (vb_lazy){.origin = {.class = &origin_class, .options = &options, .name = "test"},
                     .path = path,
                     .name = path,
                     .size = faulty_size(path),
                     .mtime = -1,
                     .has_checksum = true,
                     .checksum = faulty_hash(path)};
}
