/* Tests of runner/run/committer: the thread that makes attempts count, in the order in which they came. */
#include "runner/run/committer.h"
#include "tests/runner/bench.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#define ONE   "exposure=101 detector=1"
#define TWO   "exposure=101 detector=2"
#define THREE "exposure=101 detector=3"

static vb_receipt *noted(bench *b, const char *values, vb_status status)
{
    return bench_attempt(b, "calibrate", values, status, BENCH_NOTED);
}

static bool counts(bench *b, const char *values)
{
    vb_uuid quantum = bench_quantum(b, "calibrate", values);

    return !access(bench_link(b, &quantum), F_OK);
}

static void test_an_attempt_counts_and_is_merged(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_committer *c = vb_committer_start(&b->site, b->f->reg, b->graph);

    vb_committer_add(c, noted(b, ONE, VB_STATUS_SUCCEEDED));
    vb_committer_add(c, noted(b, TWO, VB_STATUS_FAILED));
    assert_ok(vb_committer_stop(c, &err), &err);
    assert_true(counts(b, ONE));
    assert_false(counts(b, TWO)); /* a failure is told, but is no end */
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 1"), 1);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 2"), 1);
    assert_int_equal(fixture_count(b->f, "dataset d JOIN dataset_type t ON t.id = d.type_id WHERE t.name = 'cal'"), 1);
}

static void test_nothing_to_commit_is_no_error(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_committer_stop(vb_committer_start(&b->site, b->f->reg, b->graph), &err), &err);
}

/* The loser removes only its own files. */
static void test_an_attempt_that_comes_late_is_superseded(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_receipt *first = noted(b, ONE, VB_STATUS_SUCCEEDED), *second = noted(b, ONE, VB_STATUS_SUCCEEDED);
    vb_autofree char *lost = vb_strdup(first->outputs[0].path), *kept = vb_strdup(second->outputs[0].path);
    vb_committer *c = vb_committer_start(&b->site, b->f->reg, b->graph);

    assert_string_not_equal(lost, kept);
    vb_committer_add(c, second);
    vb_committer_add(c, first);
    assert_ok(vb_committer_stop(c, &err), &err);
    assert_false(bench_exists(b, lost));
    assert_true(bench_exists(b, kept));
    assert_int_equal(fixture_count(b->f, "quantum WHERE status = 1 AND attempt = 2"), 1);
    assert_int_equal(fixture_count(b->f,
                                   "attempt WHERE number = 1 AND status = 4 AND message LIKE 'superseded: another "
                                   "attempt of this quantum was committed before it'"),
                     1);
}

/* ---- what fails ------------------------------------------------------------------------------------------------- */

/* Takes away the file that the link would be to: the attempt cannot be committed. */
static void lose(bench *b, const char *values)
{
    vb_uuid quantum = bench_quantum(b, "calibrate", values);
    char uuid[VB_UUID_TEXT];
    vb_autofree char *path = NULL;

    vb_uuid_format(quantum, uuid);
    path = vb_format("attempts/%s/%s.1", uuid + 34, uuid);
    assert_int_equal(unlinkat(b->site.dir->fd, path, 0), 0);
}

/* Bug: what had not been committed was merged all the same: the registry had datasets whose artifacts the next run of
 * the graph swept.  And what came after it was committed, though it may have read what does not count. */
static void test_from_the_first_that_cannot_be_committed_on_none_counts(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_committer *c = vb_committer_start(&b->site, b->f->reg, b->graph);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_receipt *two;

    vb_committer_add(c, noted(b, ONE, VB_STATUS_SUCCEEDED));
    two = noted(b, TWO, VB_STATUS_SUCCEEDED);
    lose(b, TWO);
    vb_committer_add(c, two);
    vb_committer_add(c, noted(b, THREE, VB_STATUS_SUCCEEDED));
    vb_committer_add(c, noted(b, "exposure=102 detector=1", VB_STATUS_FAILED));
    assert_int_equal(vb_committer_stop(c, &err), -ENOENT);
    assert_says(&err, "committing ");
    assert_says(&err, b->site.dir->path);
    assert_true(counts(b, ONE));
    assert_false(counts(b, THREE));
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 1"), 1);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 2"), 1);

    /* The next execution sweeps and makes again what does not count, and all that is registered stays. */
    bench_again(b);
    assert_ok(vb_schedule_new(b->graph, &s, &err), &err);
    assert_ok(vb_recover(&b->site, b->f->reg, b->graph, s, &err), &err);
    assert_int_equal(vb_schedule_counts(s).before, 1);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 4"), 1);
    assert_int_equal(fixture_count(b->f,
                                   "location l JOIN dataset d ON d.id = l.dataset_id JOIN dataset_type t ON t.id = "
                                   "d.type_id WHERE t.name = 'cal'"),
                     1);
}

/* Bug: links were made, though what they say counts may not have been on the disk. */
static void test_without_a_sync_nothing_counts(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_site site = b->site;
    vb_committer *c;

    site.root = -1;
    c = vb_committer_start(&site, b->f->reg, b->graph);
    vb_committer_add(c, noted(b, ONE, VB_STATUS_SUCCEEDED));
    vb_committer_add(c, noted(b, TWO, VB_STATUS_FAILED));
    assert_int_equal(vb_committer_stop(c, &err), -EBADF);
    assert_says(&err, "syncing the repository's file system: Bad file descriptor");
    assert_false(counts(b, ONE));
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 1"), 0);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 2"), 1);
}

/* With --durability quantum each attempt was synced before: there is nothing to sync here. */
static void test_attempts_that_are_synced_one_by_one_are_not_synced_again(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_site site = b->site;
    vb_committer *c;

    site.root = -1;
    b->options.durability = VB_DURABILITY_QUANTUM;
    c = vb_committer_start(&site, b->f->reg, b->graph);
    vb_committer_add(c, noted(b, ONE, VB_STATUS_SUCCEEDED));
    assert_ok(vb_committer_stop(c, &err), &err);
    assert_true(counts(b, ONE));
}

/* It counts, and the next execution merges it. */
static void test_what_the_registry_refuses_counts_nevertheless(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_receipt *receipt = noted(b, ONE, VB_STATUS_SUCCEEDED);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_committer *c = vb_committer_start(&b->site, b->f->reg, b->graph);

    free(receipt->task);
    receipt->task = vb_strdup("nobody");
    vb_committer_add(c, receipt);
    assert_true(vb_committer_stop(c, &err) < 0);
    assert_says(&err, "merging nobody");
    assert_true(counts(b, ONE));
    assert_int_equal(fixture_count(b->f, "attempt"), 0);

    bench_again(b);
    vb_error_clear(&err);
    assert_ok(vb_schedule_new(b->graph, &s, &err), &err);
    assert_ok(vb_recover(&b->site, b->f->reg, b->graph, s, &err), &err);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 1"), 1);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

struct crowd {
    vb_committer *committer;
    vb_receipt *receipts[9];
    atomic_int next;
};

static void *hand_over(void *arg)
{
    struct crowd *c = arg;

    for (int i; (i = atomic_fetch_add(&c->next, 1)) < 9;)
        vb_committer_add(c->committer, c->receipts[i]);
    return NULL;
}

static void test_threads_hand_over_at_once(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    struct crowd c = {0};

    for (int i = 0; i < 9; i++) {
        vb_autofree char *values = vb_format("exposure=%d detector=%d", 101 + i / 3, 1 + i % 3);

        c.receipts[i] = noted(b, values, VB_STATUS_SUCCEEDED);
    }
    c.committer = vb_committer_start(&b->site, b->f->reg, b->graph);
    bench_threads(4, hand_over, &c);
    assert_ok(vb_committer_stop(c.committer, &err), &err);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 1"), 9);
    assert_true(counts(b, "exposure=103 detector=3"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_attempt_counts_and_is_merged),
        TEST(test_nothing_to_commit_is_no_error),
        TEST(test_an_attempt_that_comes_late_is_superseded),
        TEST(test_from_the_first_that_cannot_be_committed_on_none_counts),
        TEST(test_without_a_sync_nothing_counts),
        TEST(test_attempts_that_are_synced_one_by_one_are_not_synced_again),
        TEST(test_what_the_registry_refuses_counts_nevertheless),
        TEST(test_threads_hand_over_at_once),
    };

    return cmocka_run_group_tests_name("committer", tests, NULL, NULL);
}
