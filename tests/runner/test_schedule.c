/* Tests of runner/run/schedule: which quantum may run next.  Three exposures: three calibrate each, then a mosaic. */
#include "runner/run/schedule.h"
#include "tests/runner/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

typedef struct day {
    bench *b;
    vb_schedule *s;
} day;

static day new_day(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    day d = {bench_new(*state), NULL};

    assert_ok(vb_schedule_new(d.b->graph, &d.s, &err), &err);
    return d;
}

static void end_day(day *d)
{
    vb_schedule_free(d->s);
    bench_free(d->b);
}
#define auto_day __attribute__((cleanup(end_day))) day

/* "3 waiting 9 ready": the states that some quantum is in. */
static void check_counts(vb_schedule *s, const char *expected)
{
    vb_counts c = vb_schedule_counts(s);
    struct {
        int64_t n;
        const char *name;
    } states[] = {{c.waiting, "waiting"}, {c.ready, "ready"},     {c.running, "running"}, {c.succeeded, "succeeded"},
                  {c.failed, "failed"},   {c.blocked, "blocked"}, {c.aborted, "aborted"}};
    vb_auto_buf text = {0};
    int64_t sum = 0;

    for (size_t i = 0; i < VB_COUNT(states); i++) {
        sum += states[i].n;
        if (states[i].n)
            vb_buf_printf(&text, "%s%d %s", text.len ? " " : "", (int)states[i].n, states[i].name);
    }
    assert_string_equal(vb_buf_text(&text), expected);
    assert_int_equal(sum, c.total);
}

/* The next quantum, and its label; NULL where there is none. */
static const char *next(day *d, int64_t *id, int *attempt, vb_uuid *uuid)
{
    vb_auto_quantum q = {0};

    if (!vb_schedule_next(d->s, id, attempt))
        return NULL;
    assert_int_equal(vb_graph_quantum(d->b->graph, *id, &q, NULL), 0);
    if (uuid)
        *uuid = q.uuid;
    return q.task->label;
}

static void test_what_waits_for_nothing_is_ready(void **state)
{
    auto_day d = new_day(state);

    check_counts(d.s, "12 waiting");
    vb_schedule_start(d.s);
    check_counts(d.s, "3 waiting 9 ready");
}

static void test_a_quantum_waits_for_all_that_make_its_inputs(void **state)
{
    auto_day d = new_day(state);
    int64_t ids[9], id;
    int attempt;

    vb_schedule_start(d.s);
    for (int i = 0; i < 9; i++) {
        assert_string_equal(next(&d, &ids[i], &attempt, NULL), "calibrate");
        assert_int_equal(attempt, 1);
    }
    check_counts(d.s, "3 waiting 9 running");
    for (int i = 0; i < 8; i++)
        vb_schedule_finish(d.s, ids[i], VB_SUCCEEDED);
    vb_schedule_finish(d.s, ids[8], VB_SUCCEEDED);
    check_counts(d.s, "3 ready 9 succeeded");
    for (int i = 0; i < 3; i++) {
        assert_string_equal(next(&d, &id, &attempt, NULL), "mosaic");
        vb_schedule_finish(d.s, id, VB_SUCCEEDED);
    }
    assert_null(next(&d, &id, &attempt, NULL));
    check_counts(d.s, "12 succeeded");
    assert_int_equal(vb_schedule_counts(d.s).before, 0);
}

/* One ends so: its mosaic is blocked, the other two run. */
static void end_one(void **state, vb_quantum_state how)
{
    auto_day d = new_day(state);
    vb_uuid bad = bench_quantum(d.b, "calibrate", "exposure=102 detector=2"), uuid, *list;
    vb_uuid mosaic = bench_quantum(d.b, "mosaic", "exposure=102");
    int64_t id;
    int attempt;
    size_t n;

    vb_schedule_start(d.s);
    while (next(&d, &id, &attempt, &uuid))
        vb_schedule_finish(d.s, id, vb_uuid_equal(uuid, bad) ? how : VB_SUCCEEDED);
    check_counts(d.s, how == VB_FAILED ? "10 succeeded 1 failed 1 blocked" : "10 succeeded 1 blocked 1 aborted");
    vb_schedule_list(d.s, VB_BLOCKED, &list, &n);
    assert_int_equal(n, 1);
    assert_true(vb_uuid_equal(list[0], mosaic));
    free(list);
    vb_schedule_list(d.s, how, &list, &n);
    assert_int_equal(n, 1);
    assert_true(vb_uuid_equal(list[0], bad));
    free(list);
    vb_schedule_list(d.s, VB_WAITING, &list, &n);
    assert_int_equal(n, 0);
    assert_null(list);
}

static void test_what_depends_on_a_failure_is_blocked(void **state)
{
    end_one(state, VB_FAILED);
}

static void test_what_depends_on_an_aborted_quantum_is_blocked(void **state)
{
    end_one(state, VB_ABORTED);
}

/* ---- what was done before --------------------------------------------------------------------------------------- */

static void test_what_was_done_before_is_not_given_out(void **state)
{
    auto_day d = new_day(state);
    int64_t id;
    int attempt;

    for (int detector = 1; detector <= 3; detector++) {
        vb_autofree char *values = vb_format("exposure=101 detector=%d", detector);
        vb_uuid uuid = bench_quantum(d.b, "calibrate", values);

        vb_schedule_done_before(d.s, &uuid);
        vb_schedule_done_before(d.s, &uuid); /* saying it twice does not count twice */
    }
    vb_schedule_start(d.s);
    check_counts(d.s, "2 waiting 7 ready 3 succeeded");
    assert_int_equal(vb_schedule_counts(d.s).before, 3);
    while (next(&d, &id, &attempt, NULL))
        vb_schedule_finish(d.s, id, VB_SUCCEEDED);
    check_counts(d.s, "12 succeeded");
    assert_int_equal(vb_schedule_counts(d.s).before, 3);
}

/* A mosaic that is there, though one of its calibrates is to be made again, is not made again. */
static void test_what_was_done_does_not_wait(void **state)
{
    auto_day d = new_day(state);
    vb_uuid uuid = bench_quantum(d.b, "mosaic", "exposure=101");
    int64_t id;
    int attempt, n = 0;

    vb_schedule_done_before(d.s, &uuid);
    vb_schedule_start(d.s);
    for (; next(&d, &id, &attempt, NULL); n++)
        vb_schedule_finish(d.s, id, n ? VB_SUCCEEDED : VB_FAILED);
    assert_int_equal(vb_schedule_counts(d.s).succeeded + vb_schedule_counts(d.s).blocked, 11);
    assert_true(n >= 10);
}

static void test_attempts_are_counted_on(void **state)
{
    auto_day d = new_day(state);
    vb_uuid tried = bench_quantum(d.b, "calibrate", "exposure=103 detector=3"), uuid;
    int64_t id;
    int attempt, seen = 0;

    vb_schedule_attempted(d.s, &tried, 4);
    vb_schedule_attempted(d.s, &tried, 2);
    vb_schedule_start(d.s);
    while (next(&d, &id, &attempt, &uuid)) {
        assert_int_equal(attempt, vb_uuid_equal(uuid, tried) ? 5 : 1);
        seen += attempt == 5;
        vb_schedule_finish(d.s, id, VB_SUCCEEDED);
    }
    assert_int_equal(seen, 1);
}

static void test_quanta_of_another_graph_are_ignored(void **state)
{
    auto_day d = new_day(state);
    vb_uuid other = world_uuid(7);

    vb_schedule_done_before(d.s, &other);
    vb_schedule_attempted(d.s, &other, 3);
    vb_schedule_start(d.s);
    check_counts(d.s, "3 waiting 9 ready");
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

static void test_nothing_is_given_out_after_a_stop(void **state)
{
    auto_day d = new_day(state);
    int64_t id, first;
    int attempt;

    vb_schedule_start(d.s);
    assert_non_null(next(&d, &first, &attempt, NULL));
    vb_schedule_stop(d.s);
    assert_null(next(&d, &id, &attempt, NULL));
    vb_schedule_finish(d.s, first, VB_SUCCEEDED); /* what runs comes to its end */
    assert_null(next(&d, &id, &attempt, NULL));
    check_counts(d.s, "3 waiting 8 ready 1 succeeded");
}

struct sleeper {
    vb_schedule *s;
    atomic_int thread, woken, found;
};

static void *wait_for_next(void *arg)
{
    struct sleeper *w = arg;
    int64_t id;
    int attempt;

    atomic_store(&w->thread, (int)syscall(SYS_gettid));
    atomic_store(&w->found, vb_schedule_next(w->s, &id, &attempt));
    atomic_store(&w->woken, 1);
    return NULL;
}

/* All nine are given out: the next waits until one that it needs has ended, or until there is a stop. */
static void wake(void **state, bool by_stop)
{
    auto_day d = new_day(state);
    struct sleeper w = {.s = d.s};
    int64_t ids[9];
    int attempt;
    pthread_t thread;

    vb_schedule_start(d.s);
    for (int i = 0; i < 9; i++)
        assert_non_null(next(&d, &ids[i], &attempt, NULL));
    assert_int_equal(pthread_create(&thread, NULL, wait_for_next, &w), 0);
    while (!atomic_load(&w.thread))
        ;
    bench_wait_asleep(atomic_load(&w.thread));
    assert_int_equal(atomic_load(&w.woken), 0);
    if (by_stop)
        vb_schedule_stop(d.s);
    for (int i = 0; !by_stop && i < 9; i++)
        vb_schedule_finish(d.s, ids[i], VB_SUCCEEDED);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&w.found), !by_stop);
}

static void test_a_waiting_thread_is_woken_by_an_end(void **state)
{
    wake(state, false);
}

static void test_a_waiting_thread_is_woken_by_a_stop(void **state)
{
    wake(state, true);
}

struct crew {
    vb_schedule *s;
    atomic_int done[64], finished;
};

static void *work(void *arg)
{
    struct crew *c = arg;
    int64_t id;
    int attempt;

    while (vb_schedule_next(c->s, &id, &attempt)) {
        int failed = atomic_fetch_add(&c->finished, 1) % 4 == 3;

        atomic_fetch_add(&c->done[id % 64], 1);
        vb_schedule_counts(c->s);
        vb_schedule_finish(c->s, id, failed ? VB_FAILED : VB_SUCCEEDED);
    }
    return NULL;
}

static void test_threads_get_each_quantum_once(void **state)
{
    auto_day d = new_day(state);
    struct crew c = {.s = d.s};
    vb_counts counts;
    int given = 0;

    vb_schedule_start(d.s);
    bench_threads(6, work, &c);
    counts = vb_schedule_counts(d.s);
    assert_int_equal(counts.succeeded + counts.failed + counts.blocked, 12);
    for (size_t i = 0; i < VB_COUNT(c.done); i++) {
        assert_true(atomic_load(&c.done[i]) <= 1);
        given += atomic_load(&c.done[i]);
    }
    assert_int_equal(given, counts.succeeded + counts.failed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_waits_for_nothing_is_ready),
        TEST(test_a_quantum_waits_for_all_that_make_its_inputs),
        TEST(test_what_depends_on_a_failure_is_blocked),
        TEST(test_what_depends_on_an_aborted_quantum_is_blocked),
        TEST(test_what_was_done_before_is_not_given_out),
        TEST(test_what_was_done_does_not_wait),
        TEST(test_attempts_are_counted_on),
        TEST(test_quanta_of_another_graph_are_ignored),
        TEST(test_nothing_is_given_out_after_a_stop),
        TEST(test_a_waiting_thread_is_woken_by_an_end),
        TEST(test_a_waiting_thread_is_woken_by_a_stop),
        TEST(test_threads_get_each_quantum_once),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
