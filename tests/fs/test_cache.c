/* Tests of fs/cache: one process, several threads; tests/fs/test_cache_kill.c has several processes. */
#include "tests/fs/faulty.h"
#include "tests/fs/fixture.h"

#include "registry/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

static int setup(void **state)
{
    faulty_reset();
    return fixture_setup(state);
}

/* A cache in the directory `name` of the fixture; 0: no limit worth the name. */
static vb_cache *open_cache(fixture *f, const char *name, int64_t size, int64_t files)
{
    vb_cache_tier tier = {fixture_path(f, name), size ? size : INT64_C(1) << 40, files ? files : 1000000, false};
    vb_cache_options o = {&tier, 1, 1};
    vb_auto_error err = VB_ERROR_INIT;
    vb_cache *c = NULL;

    assert_ok(vb_cache_open(&o, &c, &err), &err);
    return c;
}

static int get(vb_cache *c, const char *path, vb_error *err)
{
    vb_cache_item item = faulty_item(path);
    vb_cache_source source = faulty_source(path, 10);

    return vb_cache_get(c, &item, &source, err);
}

static void assert_got(vb_cache *c, const char *path)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = get(c, path, &err);

    assert_ok(fd, &err);
    assert_true(faulty_is(fd, path));
}

static bool holds(vb_cache *c, const char *path)
{
    vb_cache_item item = faulty_item(path);
    vb_autoclose int fd = vb_cache_find(c, &item, NULL);

    return fd >= 0;
}

static vb_cache_state state_of(vb_cache *c)
{
    vb_cache_state s;

    assert_int_equal(vb_cache_stat(c, 0, &s, NULL), 0);
    return s;
}

/* The file of the cache for an object, with an ending. */
static char *file_of(fixture *f, const char *cache, const char *path, const char *ending)
{
    vb_cache_item item = faulty_item(path);
    char key[VB_CACHE_KEY_TEXT];
    vb_autofree char *name = vb_format("%s/%.2s/%s%s", cache, vb_cache_key(&item, key), key, ending);

    return fixture_path(f, name);
}

/* ---- whole artifacts ------------------------------------------------------------------------------------------- */

static void test_what_is_there_is_not_fetched_again(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0), *other = NULL;

    assert_false(holds(c, "a-100000"));
    assert_got(c, "a-100000");
    assert_got(c, "a-100000");
    assert_got(c, "empty-0");
    other = open_cache(*state, "cache", 0, 0); /* as another process would */
    assert_got(other, "a-100000");
    assert_int_equal(atomic_load(&faults->gets), 1);
    assert_int_equal(state_of(c).bytes, 100000);
    assert_int_equal(state_of(c).files, 2);
}

static void test_other_versions_are_other_entries(void **state)
{
    vb_cache_item a = {.name = "x", .size = 10, .mtime = 5, .etag = ""}, b = a, d = a;
    char ka[VB_CACHE_KEY_TEXT], kb[VB_CACHE_KEY_TEXT], kd[VB_CACHE_KEY_TEXT];

    b.etag = "\"1\"";
    d.has_checksum = true;
    assert_string_not_equal(vb_cache_key(&a, ka), vb_cache_key(&b, kb));
    assert_string_not_equal(vb_cache_key(&b, kb), vb_cache_key(&d, kd));
    a.size = 11;
    assert_string_not_equal(vb_cache_key(&a, kb), ka);
}

static void test_wrong_bytes_are_never_visible(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_auto_error err = VB_ERROR_INIT;

    atomic_store(&faults->corrupt, 1);
    assert_int_equal(get(c, "a-100000", &err), -EIO);
    assert_says(&err, "a-100000");
    assert_says(&err, "checksum");
    assert_false(holds(c, "a-100000"));
    assert_int_equal(state_of(c).files, 0);
    assert_got(c, "a-100000");
}

static void test_what_is_longer_or_shorter_is_refused(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_auto_error err = VB_ERROR_INIT;

    atomic_store(&faults->longer, 1);
    assert_int_equal(get(c, "a-100000", &err), -EIO);
    assert_says(&err, "more came");
    assert_int_equal(state_of(c).files, 0);
    atomic_store(&faults->shorten, 1);
    assert_int_equal(get(c, "a-100000", &err), -EIO);
    assert_says(&err, "cut short: 50000 of 100000");
    assert_false(holds(c, "a-100000"));
}

static void test_a_broken_transfer_is_resumed(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_auto_error err = VB_ERROR_INIT;

    atomic_store(&faults->truncate, 1);
    assert_int_equal(get(c, "a-100000", &err), -EIO);
    assert_says(&err, "reset");
    assert_int_equal(access(file_of(*state, "cache", "a-100000", ".100000.part"), F_OK), 0);
    assert_got(c, "a-100000");
    assert_int_equal(atomic_load(&faults->bytes), 100000);
    assert_int_equal(state_of(c).bytes, 100000);
}

/* The checksum is of the resumed bytes too; what fails it is tried once from the start. */
static void test_a_part_that_was_damaged_is_fetched_anew(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_autoclose int fd = -1;

    atomic_store(&faults->truncate, 1);
    assert_int_equal(get(c, "a-100000", NULL), -EIO);
    fd = open(file_of(*state, "cache", "a-100000", ".100000.part"), O_RDWR);
    assert_int_equal(pwrite(fd, "xxxx", 4, 1000), 4);
    assert_got(c, "a-100000");
    assert_int_equal(atomic_load(&faults->gets), 3);
}

/* Without a checksum nobody could tell that it is of the same version. */
static void test_a_part_without_checksum_is_not_resumed(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = {.name = "a-100000", .size = 100000, .mtime = 7, .etag = ""};
    vb_cache_source source = faulty_source("a-100000", 10);
    vb_autoclose int fd = -1;

    atomic_store(&faults->truncate, 1);
    assert_int_equal(vb_cache_get(c, &item, &source, NULL), -EIO);
    fd = vb_cache_get(c, &item, &source, NULL);
    assert_true(faulty_is(fd, "a-100000"));
    assert_int_equal(atomic_load(&faults->bytes), 150000);
    assert_int_equal(source.moved, 150000);
}

struct getter {
    vb_cache *c;
    const char *path;
    pthread_t id;
    bool right;
};

static void *get_one(void *arg)
{
    struct getter *g = arg;
    vb_autoclose int fd = get(g->c, g->path, NULL);

    g->right = fd >= 0 && faulty_is(fd, g->path);
    return NULL;
}

static void test_one_fetches_and_the_others_wait(void **state)
{
    enum { MANY = 8 };
    struct getter getters[MANY];

    atomic_store(&faults->latency_ms, 100);
    for (int i = 0; i < MANY; i++) {
        getters[i] = (struct getter){open_cache(*state, "cache", 0, 0), "a-3000000", 0, false};
        pthread_create(&getters[i].id, NULL, get_one, &getters[i]);
    }
    for (int i = 0; i < MANY; i++) {
        pthread_join(getters[i].id, NULL);
        assert_true(getters[i].right);
        vb_cache_close(getters[i].c);
    }
    assert_int_equal(atomic_load(&faults->gets), 1);
}

static void test_a_wait_ends_at_its_deadline(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item("a-1000");
    vb_cache_source source = faulty_source("a-1000", 0.3);
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = -1;
    int64_t start = vb_clock_monotonic_ns();

    fd = open(file_of(*state, "cache", "a-1000", ".1000.part"), O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* somebody is at it, and does not end */
    assert_int_equal(vb_cache_get(c, &item, &source, &err), -ETIMEDOUT);
    assert_says(&err, "another process");
    assert_true(vb_clock_monotonic_ns() - start < INT64_C(2000000000));
}

/* ---- quotas ---------------------------------------------------------------------------------------------------- */

static void used_at(fixture *f, const char *path, int minutes)
{
    struct timespec t[2] = {{1700000000 + 60 * minutes, 0}, {0, UTIME_OMIT}};

    assert_int_equal(utimensat(AT_FDCWD, file_of(f, "cache", path, ""), t, 0), 0);
}

static void test_the_least_recently_used_goes_first(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 350000, 0);

    assert_got(c, "a-100000");
    assert_got(c, "b-100000");
    assert_got(c, "c-100000");
    used_at(*state, "a-100000", 3);
    used_at(*state, "b-100000", 1);
    used_at(*state, "c-100000", 2);
    assert_got(c, "d-100000");
    assert_true(holds(c, "a-100000"));
    assert_false(holds(c, "b-100000"));
    assert_true(holds(c, "d-100000"));
    assert_true(state_of(c).bytes <= 350000);
}

static void test_files_are_counted_too(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 20);

    for (int i = 0; i < 50; i++) {
        char path[32];

        snprintf(path, sizeof path, "f%d-100", i);
        assert_got(c, path);
        assert_true(state_of(c).files <= 20);
    }
    assert_true(state_of(c).files >= 15);
}

static void test_what_is_pinned_or_open_stays(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 250000, 0);
    vb_cached entry = {0};
    vb_cache_item item = faulty_item("a-100000");
    vb_auto_error err = VB_ERROR_INIT;
    vb_cache_source source = faulty_source("d-100000", 0.2);
    vb_cache_item wanted = faulty_item("d-100000");
    vb_autoclose int open_one = -1;

    assert_got(c, "a-100000");
    vb_cache_key(&item, entry.key);
    assert_ok(vb_cache_pin(c, &entry, true, &err), &err);
    open_one = get(c, "b-100000", &err);
    assert_ok(open_one, &err);
    used_at(*state, "a-100000", 1);
    used_at(*state, "b-100000", 2);
    assert_int_equal(vb_cache_get(c, &wanted, &source, &err), -ENOSPC); /* after it has waited */
    assert_says(&err, "in use or pinned");
    assert_non_null(err.hint);
    assert_true(holds(c, "a-100000") && holds(c, "b-100000"));
    assert_ok(vb_cache_pin(c, &entry, false, &err), &err);
    assert_got(c, "d-100000");
    assert_false(holds(c, "a-100000"));
    assert_true(faulty_is(open_one, "b-100000"));
}

static void test_what_is_larger_than_the_cache_is_told_at_once(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 1000, 0);
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(get(c, "a-1001", &err), -ENOSPC);
    assert_non_null(err.hint);
    assert_int_equal(atomic_load(&faults->gets), 0);
}

/* What dead processes have left counts against the quota, and goes with it. */
static void test_leftovers_are_evicted(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = NULL;

    vb_cache_close(open_cache(*state, "cache", 250000, 0));
    fixture_write(*state, "cache/0a/0a000000000000000000000000000001.200000.part", "some bytes");
    fixture_write(*state, "cache/0a/0a000000000000000000000000000002.blocks", "no map of it");
    fixture_write(*state, "cache/0a/0a000000000000000000000000000003.map", "of nothing");
    fixture_write(*state, "cache/0a/notes", "none of ours");
    assert_int_equal(truncate(fixture_path(*state, "cache/usage"), 0), 0);
    c = open_cache(*state, "cache", 250000, 0);
    assert_int_equal(state_of(c).bytes, 200000);
    assert_int_equal(access(fixture_path(*state, "cache/0a/0a000000000000000000000000000002.blocks"), F_OK), -1);
    assert_int_equal(access(fixture_path(*state, "cache/0a/0a000000000000000000000000000003.map"), F_OK), -1);
    assert_got(c, "a-100000");
    assert_int_equal(state_of(c).bytes, 100000);
    assert_int_equal(access(fixture_path(*state, "cache/0a/notes"), F_OK), 0);
}

static void test_a_cache_of_another_user_is_refused(void **state)
{
    vb_cache_tier tier = {(char *)"/", 1, 1, false};
    vb_cache_options o = {&tier, 1, 1};
    vb_auto_error err = VB_ERROR_INIT;
    vb_cache *c = NULL;

    if (!geteuid()) {
        tier.directory = fixture_path(*state, "theirs");
        assert_int_equal(mkdir(tier.directory, 0777), 0);
        assert_int_equal(chown(tier.directory, 12345, 12345), 0);
    }
    assert_true(vb_cache_open(&o, &c, &err) < 0);
    assert_says(&err, "another user");
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static int load(fixture *f, const char *yaml, vb_cache_options *out, vb_error *err)
{
    vb_autofree char *text = vb_format("format: 1\n%s\n", yaml);

    fixture_write(f, "vbutler.yaml", text);
    return vb_cache_options_load(f->dir, out, err);
}

static void test_where_it_is_is_told_by_the_repository(void **state)
{
    vb_auto_cache_options one = {0}, many = {0}, none = {0};
    vb_autofree char *usual = vb_format("/var/tmp/vbutler-%u/cache", geteuid());

    assert_int_equal(load(*state, "cache: {directory: /c, size: 2GB, files: 7}", &one, NULL), 0);
    assert_int_equal(one.count, 1);
    assert_string_equal(one.tiers[0].directory, "/c");
    assert_int_equal(one.tiers[0].size, 2000000000);
    assert_int_equal(one.tiers[0].files, 7);
    assert_int_equal(load(*state, "cache: [{directory: /m}, {directory: /s, shared: true}]", &many, NULL), 0);
    assert_int_equal(many.count, 2);
    assert_int_equal(many.tiers[0].files, VB_CACHE_FILES);
    assert_true(many.tiers[1].shared && !many.tiers[0].shared);
    assert_int_equal(load(*state, "", &none, NULL), 0);
    assert_string_equal(none.tiers[0].directory, usual);
}

static void test_the_environment_has_the_last_word(void **state)
{
    vb_auto_cache_options o = {0};
    vb_auto_error err = VB_ERROR_INIT;

    setenv("VBUTLER_CACHE", "/a:/b", 1);
    setenv("VBUTLER_CACHE_SIZE", "1MB", 1);
    setenv("VBUTLER_CACHE_FILES", "12", 1);
    assert_int_equal(load(*state, "cache: {directory: /c}", &o, &err), 0);
    assert_int_equal(o.count, 2);
    assert_string_equal(o.tiers[1].directory, "/b");
    assert_int_equal(o.tiers[0].size, 1000000);
    assert_int_equal(o.tiers[1].files, 12);
    vb_cache_options_clear(&o);
    setenv("VBUTLER_CACHE_FILES", "some", 1);
    assert_int_equal(load(*state, "", &o, &err), -EINVAL);
    assert_says(&err, "VBUTLER_CACHE_FILES is 'some'");
    unsetenv("VBUTLER_CACHE");
    unsetenv("VBUTLER_CACHE_SIZE");
    unsetenv("VBUTLER_CACHE_FILES");
}

static void test_options_that_mean_nothing_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"cache: here", "must be a map"},
        {"cache: {size: 1GB}", "needs a 'directory'"},
        {"cache: {directory: c}", "an absolute path"},
        {"cache: {directory: /c, size: -1}", "'size' must be bytes"},
        {"cache: {directory: /c, files: 0}", "'files' must be"},
        {"cache: {directory: /c, shared: perhaps}", "'shared' must be"},
        {"cache: {directory: /c, sise: 1}", "sise"},
        {"cache: [{directory: /c}, 3]", "must be a map"},
    };

    unsetenv("VBUTLER_CACHE");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_cache_options o = {0};
        vb_auto_error err = VB_ERROR_INIT;

        assert_int_equal(load(*state, cases[i][0], &o, &err), -EINVAL);
        assert_says(&err, cases[i][1]);
        assert_says(&err, "vbutler.yaml:2");
    }
}

/* ---- tiers ----------------------------------------------------------------------------------------------------- */

static void test_what_is_used_again_comes_nearer(void **state)
{
    vb_cache_tier tiers[3] = {{fixture_path(*state, "memory"), 1000000, 100, false},
                              {fixture_path(*state, "disk"), 10000000, 100, false},
                              {fixture_path(*state, "shared"), 100000000, 100, true}};
    vb_cache_options o = {tiers, 3, 3};
    vb_cache_item item = faulty_item("a-100000"), large = faulty_item("b-2000000");
    vb_auto(vb_cache_close) vb_cache *c = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_cache_state shared;
    int tier = -1;

    assert_ok(vb_cache_open(&o, &c, &err), &err);
    assert_got(c, "a-100000");
    assert_got(c, "b-2000000");
    assert_int_equal(vb_cache_stat(c, 2, &shared, NULL), 0);
    assert_int_equal(shared.files, 2); /* others of the cluster have them there */
    for (int at = 1; at >= 0; at--) {
        close(vb_cache_find(c, &item, &tier));
        assert_int_equal(tier, at);
        assert_ok(vb_cache_promote(c, &item, tier, NULL, &err), &err);
    }
    close(vb_cache_find(c, &large, &tier));
    assert_ok(vb_cache_promote(c, &large, tier, NULL, &err), &err);
    assert_ok(vb_cache_promote(c, &large, 1, NULL, &err), &err); /* more than a quarter of the memory */
    close(vb_cache_find(c, &large, &tier));
    assert_int_equal(tier, 1);
    assert_got(c, "a-100000");
    assert_int_equal(atomic_load(&faults->gets), 2);
}

/* What another node has fetched is not fetched again, but copied, and verified. */
static void test_a_shared_directory_is_asked_before_the_source(void **state)
{
    vb_auto(vb_cache_close) vb_cache *other = open_cache(*state, "cache", 0, 0), *c = NULL;
    vb_cache_tier tiers[2] = {{fixture_path(*state, "own"), 10000000, 100, false},
                              {fixture_path(*state, "cache"), 10000000, 100, true}};
    vb_cache_options o = {tiers, 2, 2};
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = -1;

    assert_got(other, "a-100000");
    assert_got(other, "b-100000");
    assert_ok(vb_cache_open(&o, &c, &err), &err);
    assert_false(holds(c, "a-100000")); /* not without looking far */
    assert_got(c, "a-100000");
    assert_true(holds(c, "a-100000"));
    assert_int_equal(atomic_load(&faults->gets), 2);
}

/* The disk may be full before the quota is. */
static void test_a_full_disk_is_made_room_on(void **state)
{
    const char *small = fixture_path(*state, "cache");
    vb_cache *c = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int open_one;

    assert_int_equal(mkdir(small, 0700), 0);
    if (geteuid() || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", small, "tmpfs", 0, "size=3m"))
        skip();
    c = open_cache(*state, "cache", 0, 0);
    assert_got(c, "a-1000000");
    assert_got(c, "b-1000000");
    assert_got(c, "c-1500000");
    assert_false(holds(c, "a-1000000"));
    open_one = get(c, "d-1600000", &err);
    assert_ok(open_one, &err);
    assert_int_equal(get(c, "e-1600000", &err), -ENOSPC); /* nothing can go */
    assert_says(&err, "writing e-1600000 to cache");
    close(open_one);
    assert_got(c, "e-1600000");
    vb_cache_close(c);
    umount2(small, MNT_DETACH);
}

/* A copy that was damaged in a slow directory does not spread. */
static void test_a_promotion_verifies(void **state)
{
    vb_cache_tier tiers[2] = {{fixture_path(*state, "near"), 1000000, 100, false},
                              {fixture_path(*state, "cache"), 10000000, 100, false}};
    vb_cache_options o = {tiers, 2, 2};
    vb_cache_item item = faulty_item("a-100000");
    vb_auto(vb_cache_close) vb_cache *c = NULL;
    vb_autoclose int fd = -1;
    vb_auto_error err = VB_ERROR_INIT;
    int tier;

    assert_ok(vb_cache_open(&o, &c, &err), &err);
    assert_got(c, "a-100000");
    fd = open(file_of(*state, "cache", "a-100000", ""), O_RDWR);
    assert_int_equal(pwrite(fd, "xxxx", 4, 5000), 4);
    assert_int_equal(vb_cache_promote(c, &item, 1, NULL, &err), -EIO);
    close(vb_cache_find(c, &item, &tier));
    assert_int_equal(tier, 1);
}

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

#define LARGE "large-5500000" /* five blocks, and a bit */

static vb_blocks *open_blocks(vb_cache *c, const vb_cache_item *item)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_blocks *b = NULL;

    assert_ok(vb_cache_blocks(c, item, "", vb_clock_monotonic_ns() + INT64_C(5000000000), &b, &err), &err);
    return b;
}

static int fetch_block(vb_blocks *b, int64_t block, vb_error *err)
{
    vb_cache_source source = faulty_source(LARGE, 5);

    return vb_blocks_fetch(b, block, &source, err);
}

static int finish(vb_blocks *b, vb_error *err)
{
    vb_cache_source source = faulty_source(LARGE, 5);

    return vb_blocks_finish(b, &source, err);
}

static void test_blocks_are_fetched_one_by_one(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0), *other = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item(LARGE);
    vb_auto(vb_blocks_unref) vb_blocks *b = open_blocks(c, &item), *seen = open_blocks(other, &item);
    char wanted[1000], got[1000];

    assert_int_equal(vb_blocks_count(b), 6);
    assert_int_equal(vb_blocks_missing(b, 0, 10), 0);
    assert_int_equal(fetch_block(b, 2, NULL), 0);
    assert_int_equal(vb_blocks_missing(seen, 2 * VB_CACHE_BLOCK, VB_CACHE_BLOCK), -1);
    assert_int_equal(vb_blocks_missing(seen, 2 * VB_CACHE_BLOCK, VB_CACHE_BLOCK + 1), 3);
    assert_int_equal(fetch_block(seen, 2, NULL), 0);
    assert_int_equal(fetch_block(seen, 5, NULL), 0); /* the last, shorter */
    assert_int_equal(vb_blocks_missing(b, 5 * VB_CACHE_BLOCK, 100000000), -1);
    assert_int_equal(atomic_load(&faults->gets), 2);
    assert_int_equal(atomic_load(&faults->bytes), VB_CACHE_BLOCK + 5500000 - 5 * VB_CACHE_BLOCK);
    assert_int_equal(pread(vb_blocks_fd(seen), got, sizeof got, 2 * VB_CACHE_BLOCK + 77), sizeof got);
    faulty_bytes(LARGE, 2 * VB_CACHE_BLOCK + 77, wanted, sizeof wanted);
    assert_memory_equal(got, wanted, sizeof wanted);
    assert_int_equal(state_of(c).bytes, 2 * VB_CACHE_BLOCK);
}

static void test_all_blocks_are_a_whole_artifact(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item(LARGE);
    vb_auto(vb_blocks_unref) vb_blocks *b = open_blocks(c, &item), *later = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    for (int i = 5; i > 0; i--)
        assert_int_equal(fetch_block(b, i, &err), 0);
    assert_int_equal(finish(b, &err), 0); /* too soon: nothing */
    assert_false(holds(c, LARGE));
    assert_int_equal(fetch_block(b, 0, &err), 1);
    assert_int_equal(vb_blocks_missing(b, 3 * VB_CACHE_BLOCK, 1), 3); /* not before it is verified */
    assert_ok(finish(b, &err), &err);
    assert_int_equal(vb_blocks_missing(b, 0, 5500000), -1);
    assert_true(holds(c, LARGE));
    assert_got(c, LARGE);
    assert_int_equal(state_of(c).bytes, 5500000);
    assert_int_equal(state_of(c).files, 1);
    later = open_blocks(c, &item);
    assert_int_equal(vb_blocks_missing(later, 0, 5500000), -1);
    assert_true(faulty_is(vb_blocks_fd(later), LARGE));
    assert_int_equal(atomic_load(&faults->gets), 6);
}

static void test_blocks_with_a_wrong_byte_are_removed(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item(LARGE);
    vb_auto(vb_blocks_unref) vb_blocks *b = open_blocks(c, &item), *anew = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    atomic_store(&faults->corrupt, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(fetch_block(b, i, &err), i == 5);
    assert_int_equal(finish(b, &err), -EIO);
    assert_says(&err, LARGE);
    assert_int_equal(vb_blocks_missing(b, 0, 1), -EIO);
    assert_false(holds(c, LARGE));
    assert_int_equal(state_of(c).files, 0);
    assert_int_equal(state_of(c).bytes, 0);
    anew = open_blocks(c, &item);
    assert_int_equal(vb_blocks_missing(anew, 0, 1), 0);
}

static void test_a_block_that_failed_is_tried_again(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item(LARGE);
    vb_auto(vb_blocks_unref) vb_blocks *b = open_blocks(c, &item);

    atomic_store(&faults->truncate, 1);
    assert_int_equal(fetch_block(b, 1, NULL), -EIO);
    atomic_store(&faults->shorten, 1);
    assert_int_equal(fetch_block(b, 1, NULL), -EIO);
    atomic_store(&faults->longer, 1);
    assert_int_equal(fetch_block(b, 1, NULL), -EIO);
    assert_int_equal(vb_blocks_missing(b, VB_CACHE_BLOCK, 1), 1);
    assert_int_equal(fetch_block(b, 1, NULL), 0);
    assert_int_equal(state_of(c).bytes, VB_CACHE_BLOCK); /* reserved once */
}

static void test_open_blocks_are_not_evicted(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 2500000, 0);
    vb_cache_item item = faulty_item(LARGE);
    vb_blocks *b = open_blocks(c, &item);
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(fetch_block(b, 0, &err), 0);
    assert_got(c, "a-1400000");
    assert_int_equal(fetch_block(b, 1, &err), 0); /* the artifact went for it */
    assert_false(holds(c, "a-1400000"));
    assert_int_equal(fetch_block(b, 2, &err), -ENOSPC);
    assert_int_equal(vb_blocks_missing(b, 0, 2 * VB_CACHE_BLOCK), -1);
    vb_blocks_unref(b);
    assert_got(c, "b-2000000");
    assert_int_equal(access(file_of(*state, "cache", LARGE, ".blocks"), F_OK), -1);
    assert_int_equal(access(file_of(*state, "cache", LARGE, ".map"), F_OK), -1);
}

/* A map counts for as long as the machine runs. */
static void test_a_map_of_an_earlier_boot_is_of_no_use(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item(LARGE);
    vb_auto(vb_blocks_unref) vb_blocks *b = open_blocks(c, &item);
    vb_autoclose int fd = -1;

    assert_int_equal(fetch_block(b, 0, NULL), 0);
    vb_blocks_unref(b);
    b = open_blocks(c, &item);
    assert_int_equal(vb_blocks_missing(b, 0, 1), -1);
    vb_blocks_unref(b);
    fd = open(file_of(*state, "cache", LARGE, ".map"), O_RDWR);
    assert_int_equal(pwrite(fd, "another boot", 12, 8), 12);
    b = open_blocks(c, &item);
    assert_int_equal(vb_blocks_missing(b, 0, 1), 0);
    assert_int_equal(state_of(c).bytes, 0);
}

struct blocked {
    vb_blocks *b;
    pthread_t id;
    int result;
};

static void *fetch_all(void *arg)
{
    struct blocked *t = arg;

    for (int64_t i = 0; i < vb_blocks_count(t->b) && t->result >= 0; i++)
        t->result = fetch_block(t->b, i, NULL);
    if (t->result >= 0)
        t->result = finish(t->b, NULL);
    return NULL;
}

static void test_each_block_is_fetched_once(void **state)
{
    enum { MANY = 6 };
    struct blocked threads[MANY] = {0};
    vb_cache *caches[MANY];
    vb_cache_item item = faulty_item(LARGE);

    atomic_store(&faults->latency_ms, 20);
    for (int i = 0; i < MANY; i++) {
        caches[i] = open_cache(*state, "cache", 0, 0);
        threads[i].b = open_blocks(caches[i], &item);
    }
    for (int i = 0; i < MANY; i++)
        pthread_create(&threads[i].id, NULL, fetch_all, &threads[i]);
    for (int i = 0; i < MANY; i++) {
        pthread_join(threads[i].id, NULL);
        assert_int_equal(threads[i].result, 0);
        assert_true(faulty_is(vb_blocks_fd(threads[i].b), LARGE));
        vb_blocks_unref(threads[i].b);
    }
    assert_true(holds(caches[0], LARGE));
    for (int i = 0; i < MANY; i++)
        vb_cache_close(caches[i]);
    assert_int_equal(atomic_load(&faults->gets), 6);
}

/* ---- looking after it ------------------------------------------------------------------------------------------ */

static int count_entry(void *arg, const vb_cached *e)
{
    int *n = arg;

    n[e->kind]++;
    n[3] += e->in_use;
    n[4] += e->pinned;
    assert_true(!*e->name || strchr(e->name, '-'));
    return 0;
}

static int purge_entry(void *arg, const vb_cached *e)
{
    return vb_cache_purge(arg, e, NULL) < 0 ? -EIO : 0;
}

static void test_what_is_there_is_listed_and_purged(void **state)
{
    vb_auto(vb_cache_close) vb_cache *c = open_cache(*state, "cache", 0, 0);
    vb_cache_item item = faulty_item(LARGE), pinned = faulty_item("a-1000");
    vb_blocks *b = open_blocks(c, &item);
    vb_cached entry = {0};
    int counts[5] = {0};

    assert_got(c, "a-1000");
    assert_got(c, "b-1000");
    atomic_store(&faults->truncate, 1);
    assert_int_equal(get(c, "c-1000", NULL), -EIO);
    vb_cache_key(&pinned, entry.key);
    assert_int_equal(vb_cache_pin(c, &entry, true, NULL), 0);
    assert_int_equal(vb_cache_each(c, count_entry, counts, NULL), 0);
    assert_int_equal(counts[VB_CACHED_WHOLE], 2);
    assert_int_equal(counts[VB_CACHED_PART], 1);
    assert_int_equal(counts[VB_CACHED_BLOCKS], 1);
    assert_int_equal(counts[3], 1);
    assert_int_equal(counts[4], 1);
    assert_int_equal(vb_cache_each(c, purge_entry, c, NULL), 0);
    assert_true(holds(c, "a-1000"));
    assert_false(holds(c, "b-1000"));
    assert_int_equal(state_of(c).files, 2);
    vb_blocks_unref(b);
    assert_int_equal(vb_cache_each(c, purge_entry, c, NULL), 0);
    assert_int_equal(state_of(c).files, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_there_is_not_fetched_again),
        TEST(test_other_versions_are_other_entries),
        TEST(test_wrong_bytes_are_never_visible),
        TEST(test_what_is_longer_or_shorter_is_refused),
        TEST(test_a_broken_transfer_is_resumed),
        TEST(test_a_part_that_was_damaged_is_fetched_anew),
        TEST(test_a_part_without_checksum_is_not_resumed),
        TEST(test_one_fetches_and_the_others_wait),
        TEST(test_a_wait_ends_at_its_deadline),
        TEST(test_the_least_recently_used_goes_first),
        TEST(test_files_are_counted_too),
        TEST(test_what_is_pinned_or_open_stays),
        TEST(test_what_is_larger_than_the_cache_is_told_at_once),
        TEST(test_leftovers_are_evicted),
        TEST(test_a_cache_of_another_user_is_refused),
        TEST(test_where_it_is_is_told_by_the_repository),
        TEST(test_the_environment_has_the_last_word),
        TEST(test_options_that_mean_nothing_are_refused),
        TEST(test_what_is_used_again_comes_nearer),
        TEST(test_a_shared_directory_is_asked_before_the_source),
        TEST(test_a_full_disk_is_made_room_on),
        TEST(test_a_promotion_verifies),
        TEST(test_blocks_are_fetched_one_by_one),
        TEST(test_all_blocks_are_a_whole_artifact),
        TEST(test_blocks_with_a_wrong_byte_are_removed),
        TEST(test_a_block_that_failed_is_tried_again),
        TEST(test_open_blocks_are_not_evicted),
        TEST(test_a_map_of_an_earlier_boot_is_of_no_use),
        TEST(test_each_block_is_fetched_once),
        TEST(test_what_is_there_is_listed_and_purged),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
