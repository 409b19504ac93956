/* Tests of fs/fetch: the pool, and artifacts that are not local. */
#include "tests/fs/faulty.h"
#include "tests/fs/fixture.h"

#include "registry/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int setup(void **state)
{
    faulty_reset();
    return fixture_setup(state);
}

static int teardown(void **state)
{
    if (faults)
        atomic_store(&faults->stall, false);
    return fixture_teardown(state);
}

static double seconds_since(int64_t start)
{
    return (double)(vb_clock_monotonic_ns() - start) / 1e9;
}

/* ---- the pool -------------------------------------------------------------------------------------------------- */

struct work {
    int ms, result;
    bool *freed;
    atomic_int *running, *most, *runs;
    const atomic_bool *hang;
};

static int run(vb_fetch *f, void *arg, vb_error *err)
{
    const struct work *w = arg;
    struct timespec t = {w->ms / 1000, w->ms % 1000 * 1000000};
    int now = w->running ? atomic_fetch_add(w->running, 1) + 1 : 0, most = w->most ? atomic_load(w->most) : 0;

    while (w->most && now > most && !atomic_compare_exchange_weak(w->most, &most, now))
        ;
    if (w->runs)
        atomic_fetch_add(w->runs, 1);
    nanosleep(&t, NULL);
    while (w->hang && atomic_load(w->hang))
        nanosleep(&t, NULL);
    if (w->running)
        atomic_fetch_sub(w->running, 1);
    return w->result < 0 ? vb_fail(err, w->result, "it failed") : 0;
}

static void free_work(void *arg)
{
    struct work *w = arg;

    if (w->freed)
        *w->freed = true;
    free(w);
}

static const vb_fetch_class work_class = {run, free_work};

static vb_fetch *begin(vb_pool *p, const char *key, const char *source, struct work w)
{
    vb_fetch_order order = {.key = key,
                            .class = &work_class,
                            .arg = vb_memdup(&w, sizeof w),
                            .source = source,
                            .parallel = 2,
                            .timeout = INT64_C(1000000000)};

    return vb_fetch_start(p, &order);
}

static void test_work_is_done(void **state)
{
    vb_auto(vb_pool_free) vb_pool *p = vb_pool_new(2);
    vb_auto_error err = VB_ERROR_INIT;
    vb_fetch *good = begin(p, "a", "s", (struct work){.ms = 1}),
             *bad = begin(p, "b", "s", (struct work){.result = -EIO});

    assert_int_equal(vb_fetch_wait(good, &err), 0);
    assert_int_equal(vb_fetch_wait(bad, &err), -EIO);
    assert_string_equal(err.message, "it failed");
    assert_int_equal(vb_fetch_result(bad, &err), -EIO);
    assert_true(vb_fetch_done(good));
    vb_fetch_unref(good);
    vb_fetch_unref(bad);
}

static void test_one_key_is_worked_on_once(void **state)
{
    vb_auto(vb_pool_free) vb_pool *p = vb_pool_new(4);
    atomic_int runs = 0;
    vb_fetch *all[10];

    for (int i = 0; i < 10; i++)
        all[i] = begin(p, "a", "s", (struct work){.ms = 50, .runs = &runs});
    for (int i = 0; i < 10; i++) {
        assert_int_equal(vb_fetch_wait(all[i], NULL), 0);
        vb_fetch_unref(all[i]);
    }
    assert_int_equal(atomic_load(&runs), 1);
    vb_fetch_unref(begin(p, "b", "s", (struct work){0}));
}

static void test_each_source_has_its_turns(void **state)
{
    vb_auto(vb_pool_free) vb_pool *p = vb_pool_new(8);
    atomic_int running = 0, most = 0;
    vb_fetch *slow[6], *other;
    int64_t start = vb_clock_monotonic_ns();

    for (int i = 0; i < 6; i++) {
        char key[8];

        snprintf(key, sizeof key, "a%d", i);
        slow[i] = begin(p, key, "slow", (struct work){.ms = 200, .running = &running, .most = &most});
    }
    other = begin(p, "b", "other", (struct work){0});
    assert_int_equal(vb_fetch_wait(other, NULL), 0);
    assert_true(seconds_since(start) < 0.19);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(vb_fetch_wait(slow[i], NULL), 0);
        vb_fetch_unref(slow[i]);
    }
    vb_fetch_unref(other);
    assert_int_equal(atomic_load(&most), 2);
}

static void note_end(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
}

static void test_what_hangs_is_overdue(void **state)
{
    vb_pool *p = vb_pool_new(8);
    static atomic_bool hang, gone; /* outlive the test */
    vb_auto_error err = VB_ERROR_INIT;
    vb_fetch *f[3];
    int64_t start = vb_clock_monotonic_ns();

    atomic_store(&hang, true);
    for (int i = 0; i < 3; i++) {
        char key[8];

        snprintf(key, sizeof key, "a%d", i);
        f[i] = begin(p, key, "s", (struct work){.ms = 1, .hang = &hang});
    }
    for (int i = 0; i < 3; i++) /* two that run, one that has no turn */
        assert_int_equal(vb_fetch_wait(f[i], &err), -ETIMEDOUT);
    assert_true(seconds_since(start) < 3);
    for (int i = 0; i < 3; i++)
        vb_fetch_unref(f[i]);
    start = vb_clock_monotonic_ns();
    assert_false(vb_pool_end(p, note_end, &gone));
    assert_true(seconds_since(start) < 2.5);
    assert_false(atomic_load(&gone));
    atomic_store(&hang, false);
    for (int i = 0; i < 100 && !atomic_load(&gone); i++) /* by the last thread that ends */
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    assert_true(atomic_load(&gone));
}

static void test_what_nobody_wants_is_not_begun(void **state)
{
    vb_auto(vb_pool_free) vb_pool *p = vb_pool_new(1);
    atomic_int runs = 0;
    bool freed = false;
    vb_fetch *first = begin(p, "a", "s", (struct work){.ms = 100}),
             *second = begin(p, "b", "s", (struct work){.runs = &runs, .freed = &freed});

    vb_fetch_unref(second);
    assert_true(freed);
    assert_int_equal(vb_fetch_wait(first, NULL), 0);
    vb_fetch_unref(first);
    assert_int_equal(atomic_load(&runs), 0);
}

struct counting {
    vb_waiter waiter;
    atomic_int told;
};

static void count(vb_waiter *w)
{
    atomic_fetch_add(&((struct counting *)w)->told, 1);
}

static void test_waiters_are_told_once_or_never(void **state)
{
    vb_auto(vb_pool_free) vb_pool *p = vb_pool_new(1);
    struct counting a = {.waiter.done = count}, b = a, c = a, late = a;
    vb_fetch *f = begin(p, "a", "s", (struct work){.ms = 100});

    vb_fetch_await(f, &a.waiter);
    vb_fetch_await(f, &b.waiter);
    vb_fetch_await(f, &c.waiter);
    vb_fetch_forget(f, &b.waiter);
    assert_int_equal(vb_fetch_wait(f, NULL), 0);
    vb_fetch_forget(f, &a.waiter);
    vb_fetch_await(f, &late.waiter);
    assert_int_equal(atomic_load(&a.told), 1);
    assert_int_equal(atomic_load(&b.told), 0);
    assert_int_equal(atomic_load(&c.told), 1);
    assert_int_equal(atomic_load(&late.told), 1);
    vb_fetch_unref(f);
}

/* ---- artifacts ------------------------------------------------------------------------------------------------- */

static vb_fetcher *open_fetcher(fixture *f)
{
    vb_cache_tier tiers[2] = {{fixture_path(f, "near"), 1 << 26, 1000, false},
                              {fixture_path(f, "cache"), 1 << 30, 1000, false}};
    vb_cache_options o = {tiers, 2, 2};
    vb_auto_error err = VB_ERROR_INIT;
    vb_fetcher *out = NULL;

    assert_ok(vb_fetcher_get(&o, &out, &err), &err);
    return out;
}

static void assert_opens(vb_fetcher *f, const vb_lazy *a)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;

    assert_ok(vb_lazy_open(f, a, NULL, &content, &err), &err);
    assert_true(faulty_is(content.fd, a->path));
    assert_true(content.whole);
    close(content.fd);
}

static void test_an_artifact_is_opened_through_the_cache(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state), *same = open_fetcher(*state);
    vb_lazy a = faulty_lazy("a-200000");

    assert_ptr_equal(f, same); /* of a process there is one */
    assert_opens(f, &a);
    assert_opens(f, &a);
    assert_int_equal(atomic_load(&faults->gets), 1);
    assert_int_equal(atomic_load(&faults->heads), 0);
}

static void test_what_the_registry_does_not_tell_is_asked_once(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy("a-200000");
    vb_object object;

    a.size = -1;
    a.has_checksum = false;
    assert_int_equal(vb_lazy_stat(f, &a, NULL, &object, NULL), 0);
    assert_int_equal(object.size, 200000);
    assert_opens(f, &a);
    assert_opens(f, &a);
    assert_int_equal(atomic_load(&faults->gets), 1);
    assert_int_equal(atomic_load(&faults->heads), 1);
}

static void test_what_changed_is_refused(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy("a-200000");
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;

    a.size = 199999;
    a.has_checksum = false;
    assert_int_equal(vb_lazy_open(f, &a, NULL, &content, &err), -ESTALE);
    assert_says(&err, "changed: it has 200000 bytes, and had 199999");
    a.size = 200000;
    a.has_checksum = true;
    memset(&a.checksum, 1, sizeof a.checksum);
    assert_int_equal(vb_lazy_open(f, &a, NULL, &content, &err), -EIO);
    assert_says(&err, "checksum");
}

static void test_work_is_begun_and_taken_later(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy("a-200000");
    vb_wait one = {0}, two = {0};
    vb_content c1, c2;

    atomic_store(&faults->latency_ms, 50);
    assert_int_equal(vb_lazy_open(f, &a, &one, &c1, NULL), -EINPROGRESS);
    assert_int_equal(vb_lazy_open(f, &a, &two, &c2, NULL), -EINPROGRESS);
    assert_int_equal(vb_fetch_wait(one.begun, NULL), 0);
    one.done = one.begun;
    two.done = two.begun;
    assert_int_equal(vb_lazy_open(f, &a, &one, &c1, NULL), 0);
    assert_int_equal(vb_lazy_open(f, &a, &two, &c2, NULL), 0);
    assert_true(faulty_is(c1.fd, "a-200000") && faulty_is(c2.fd, "a-200000"));
    assert_int_equal(c1.fetched + c2.fetched, 200000);
    close(c1.fd);
    close(c2.fd);
    vb_fetch_unref(one.begun);
    vb_fetch_unref(two.begun);
    assert_int_equal(atomic_load(&faults->gets), 1);
}

static void test_a_stalled_store_is_left_at_its_deadline(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy("a-200000");
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;
    vb_object object;
    int64_t start = vb_clock_monotonic_ns();

    atomic_store(&faults->stall, true);
    assert_int_equal(vb_lazy_open(f, &a, NULL, &content, &err), -ETIMEDOUT);
    assert_says(&err, "a-200000");
    a.size = -1;
    assert_int_equal(vb_lazy_stat(f, &a, NULL, &object, &err), -ETIMEDOUT);
    assert_true(seconds_since(start) < 7);
    atomic_store(&faults->stall, false);
    a.size = 200000;
    assert_opens(f, &a);
}

/* ---- by block -------------------------------------------------------------------------------------------------- */

#define LARGE "large-40000000"

static void open_large(vb_fetcher *f, const vb_lazy *a, vb_content *out)
{
    vb_wait wait = {0};
    vb_auto_error err = VB_ERROR_INIT;

    vb_fetcher_set_large(f, 1 << 22);
    assert_int_equal(vb_lazy_open(f, a, &wait, out, NULL), -EINPROGRESS);
    assert_ok(vb_fetch_wait(wait.begun, &err), &err);
    wait.done = wait.begun;
    assert_ok(vb_lazy_open(f, a, &wait, out, &err), &err);
    vb_fetch_unref(wait.begun);
    assert_non_null(out->stream);
    assert_false(out->whole);
}

static int read_at(vb_content *c, int64_t offset, size_t n, vb_error *err)
{
    vb_autofree char *got = vb_alloc(n), *wanted = vb_alloc(n);
    int r = vb_stream_read(c->stream, offset, (int64_t)n, NULL, err);

    if (r < 0)
        return r;
    assert_int_equal(pread(c->fd, got, n, offset), n);
    faulty_bytes(LARGE, offset, wanted, n);
    assert_memory_equal(got, wanted, n);
    return 0;
}

static void test_a_header_moves_one_block(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy(LARGE);
    vb_content c;

    open_large(f, &a, &c);
    assert_int_equal(read_at(&c, 0, 2880, NULL), 0);
    assert_int_equal(read_at(&c, 2880, 131072, NULL), 0);
    assert_int_equal(read_at(&c, 30000000, 10, NULL), 0); /* far from it: nothing ahead */
    assert_int_equal(vb_stream_close(c.stream), 2 * VB_CACHE_BLOCK);
    close(c.fd);
    assert_int_equal(atomic_load(&faults->gets), 2);
    assert_int_equal(atomic_load(&faults->heads), 1); /* which version it is */
}

static void test_reads_in_order_are_fetched_ahead(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy(LARGE);
    vb_content c;

    open_large(f, &a, &c);
    atomic_store(&faults->latency_ms, 40);
    for (int64_t at = 0; at < 40000000; at += 131072)
        assert_int_equal(read_at(&c, at, at + 131072 > 40000000 ? (size_t)(40000000 - at) : 131072, NULL), 0);
    assert_true(atomic_load(&faults->most) > 1); /* at a time */
    assert_int_equal(atomic_load(&faults->gets), 39);
    assert_int_equal(atomic_load(&faults->bytes), 40000000);
    assert_int_equal(vb_stream_close(c.stream), 40000000);
    close(c.fd);
    assert_opens(f, &a); /* it is whole now, and verified */
    assert_int_equal(atomic_load(&faults->gets), 39);
}

/* Who reads all of it is told, at the latest by the last block. */
static void test_a_wrong_byte_in_a_block_is_told(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy(LARGE);
    vb_auto_error err = VB_ERROR_INIT;
    vb_content c;
    int r = 0;

    open_large(f, &a, &c);
    assert_int_equal(vb_stream_read(c.stream, 0, 1, NULL, NULL), 0);
    atomic_store(&faults->corrupt, 1);
    for (int64_t at = VB_CACHE_BLOCK; !r && at < 40000000; at += VB_CACHE_BLOCK)
        r = vb_stream_read(c.stream, at, 1, NULL, &err);
    assert_int_equal(r, -EIO);
    assert_int_equal(vb_stream_close(c.stream), -EIO);
    close(c.fd);
}

static void test_a_new_version_ends_a_stream(void **state)
{
    vb_auto(vb_fetcher_unref) vb_fetcher *f = open_fetcher(*state);
    vb_lazy a = faulty_lazy(LARGE);
    vb_auto_error err = VB_ERROR_INIT;
    vb_content c;

    open_large(f, &a, &c);
    assert_int_equal(read_at(&c, 0, 100, &err), 0);
    atomic_store(&faults->version, 2);
    assert_int_equal(read_at(&c, 20000000, 100, &err), -ESTALE);
    assert_true(read_at(&c, 0, 100, &err) < 0); /* nor is what was there before */
    vb_stream_close(c.stream);
    close(c.fd);
    open_large(f, &a, &c); /* who opens it now has the new one */
    assert_int_equal(read_at(&c, 20000000, 100, &err), 0);
    vb_stream_close(c.stream);
    close(c.fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_work_is_done),
        TEST(test_one_key_is_worked_on_once),
        TEST(test_each_source_has_its_turns),
        TEST(test_what_hangs_is_overdue),
        TEST(test_what_nobody_wants_is_not_begun),
        TEST(test_waiters_are_told_once_or_never),
        TEST(test_an_artifact_is_opened_through_the_cache),
        TEST(test_what_the_registry_does_not_tell_is_asked_once),
        TEST(test_what_changed_is_refused),
        TEST(test_work_is_begun_and_taken_later),
        TEST(test_a_stalled_store_is_left_at_its_deadline),
        TEST(test_a_header_moves_one_block),
        TEST(test_reads_in_order_are_fetched_ahead),
        TEST(test_a_wrong_byte_in_a_block_is_told),
        TEST(test_a_new_version_ends_a_stream),
    };

    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
