/* Tests of runner/run/recover: what earlier executions of a graph have left. */
#include "runner/run/recover.h"
#include "tests/runner/bench.h"

#include <fcntl.h>

#define DETECTOR(n) "exposure=101 detector=" #n

/* Comes after another runner: *schedule is the caller's. */
static int recover(bench *b, vb_schedule **schedule, vb_error *err)
{
    bench_again(b);
    assert_ok(vb_schedule_new(b->graph, schedule, err), err);
    return vb_recover(&b->site, b->f->reg, b->graph, *schedule, err);
}

/* The artifact that attempt 1 of calibrate names for `cal`. */
static const char *artifact(bench *b, const char *values)
{
    vb_auto_quantum q = quanta_find(b->graph, b->f, "calibrate", values);
    vb_auto(vb_receipt_free) vb_receipt *r = quanta_receipt(b->f, b->graph, &q, 1, VB_STATUS_SUCCEEDED, true);

    for (size_t i = 0; i < r->noutputs; i++)
        if (!strcmp(r->outputs[i].connection, "cal")) {
            vb_autofree char *full = vb_path_join(b->f->repo->root, r->outputs[i].path);

            return fixture_path(b->f, full);
        }
    fail_msg("no output 'cal'");
    return NULL;
}

static bool has_scratch(bench *b, const char *values)
{
    vb_uuid quantum = bench_quantum(b, "calibrate", values);
    vb_autofree char *path = vb_rundir_scratch(b->site.dir, &quantum, 1);

    return !access(path, F_OK);
}

/* The number that the schedule gives the next attempt of a quantum; 0: it gives out none. */
static int next_attempt(bench *b, vb_schedule *s, const char *values)
{
    vb_uuid wanted = bench_quantum(b, "calibrate", values);
    int64_t id;
    int attempt, found = 0;

    vb_schedule_start(s);
    while (vb_schedule_next(s, &id, &attempt)) {
        vb_auto_quantum q = {0};

        assert_int_equal(vb_graph_quantum(b->graph, id, &q, NULL), 0);
        found = vb_uuid_equal(q.uuid, wanted) ? attempt : found;
        vb_schedule_finish(s, id, VB_FAILED);
    }
    return found;
}

static void leave(bench *b, const char *values, vb_status status, bench_stage stage)
{
    vb_receipt *r = bench_attempt(b, "calibrate", values, status, stage);

    if (r)
        vb_receipt_free(r);
}

/* One attempt, as far as it came, and what becomes of it. */
static void test_attempts_are_taken_up_as_far_as_they_came(void **state)
{
    static const struct {
        const char *values;
        vb_status status;
        bench_stage stage;
        bool artifact, scratch;
        int next; /* attempt */
    } cases[] = {
        {"exposure=101 detector=1", VB_STATUS_SUCCEEDED, BENCH_COUNTS, true, true, 0},
        {"exposure=101 detector=2", VB_STATUS_SUCCEEDED, BENCH_NOTED, false, false, 2},
        {"exposure=101 detector=3", VB_STATUS_SUCCEEDED, BENCH_INTENDED, false, false, 2},
        {"exposure=102 detector=1", VB_STATUS_SUCCEEDED, BENCH_BEGUN, false, false, 2},
        {"exposure=102 detector=2", VB_STATUS_FAILED, BENCH_NOTED, false, true, 2},
        {"exposure=102 detector=3", VB_STATUS_ABORTED, BENCH_NOTED, false, true, 2},
    };
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    for (size_t i = 0; i < VB_COUNT(cases); i++)
        leave(b, cases[i].values, cases[i].status, cases[i].stage);
    assert_ok(recover(b, &s, &err), &err);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto(vb_schedule_free) vb_schedule *again = NULL;

        if (!access(artifact(b, cases[i].values), F_OK) != cases[i].artifact)
            fail_msg("artifact of %s", cases[i].values);
        if (has_scratch(b, cases[i].values) != cases[i].scratch)
            fail_msg("scratch of %s", cases[i].values);
        assert_ok(recover(b, &again, &err), &err);
        assert_int_equal(next_attempt(b, again, cases[i].values), cases[i].next);
    }
    assert_int_equal(vb_schedule_counts(s).before, 1);
    assert_int_equal(fixture_count(b->f, "attempt"), 4);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 1"), 1);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 2"), 1);
    assert_int_equal(fixture_count(b->f, "attempt WHERE status = 4"), 2);
    assert_int_equal(fixture_count(b->f, "attempt WHERE message = 'its runner died before the attempt counted'"), 1);
}

static void test_what_counts_is_published(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_quantum q = quanta_find(b->graph, b->f, "mosaic", "exposure=101");
    vb_auto_error err = VB_ERROR_INIT;

    leave(b, DETECTOR(1), VB_STATUS_SUCCEEDED, BENCH_COUNTS);
    leave(b, DETECTOR(2), VB_STATUS_SUCCEEDED, BENCH_NOTED);
    assert_ok(recover(b, &s, &err), &err);
    for (size_t i = 0; i < q.ninputs; i++) {
        vb_auto_location l = {0};

        assert_int_equal(vb_published_find(b->site.published, &q.inputs[i].dataset.uuid, &l), i == 0);
        if (!i)
            assert_true(bench_exists(b, l.path));
    }
}

static void test_to_recover_twice_is_to_recover_once(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;

    leave(b, DETECTOR(1), VB_STATUS_SUCCEEDED, BENCH_COUNTS);
    leave(b, DETECTOR(2), VB_STATUS_FAILED, BENCH_NOTED);
    leave(b, DETECTOR(3), VB_STATUS_SUCCEEDED, BENCH_NOTED);
    for (int i = 0; i < 3; i++) {
        vb_auto(vb_schedule_free) vb_schedule *s = NULL;

        assert_ok(recover(b, &s, &err), &err);
        assert_int_equal(fixture_count(b->f, "attempt"), 3);
        assert_int_equal(fixture_count(b->f, "quantum"), 3);
        assert_int_equal(vb_schedule_counts(s).before, 1);
    }
}

static void test_where_nothing_was_nothing_is_done(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(recover(b, &s, &err), &err);
    assert_int_equal(vb_schedule_counts(s).waiting, 12);
    assert_int_equal(fixture_count(b->f, "attempt"), 0);
}

/* More than one transaction of receipts. */
static void test_many_attempts_are_all_merged(void **state)
{
    enum { MANY = 1001 };
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_quantum q = quanta_find(b->graph, b->f, "calibrate", DETECTOR(1));
    vb_auto_error err = VB_ERROR_INIT;

    for (int i = 1; i <= MANY; i++) {
        vb_auto(vb_receipt_free) vb_receipt *r = quanta_receipt(b->f, b->graph, &q, i, VB_STATUS_FAILED, true);
        vb_autofree char *line = vb_receipt_write(r);
        int number = i;
        vb_autoclose int file = vb_rundir_begin(b->site.dir, &q.uuid, &number, &err);

        assert_ok(vb_rundir_note(file, line, &err), &err);
    }
    assert_ok(recover(b, &s, &err), &err);
    assert_int_equal(fixture_count(b->f, "attempt"), MANY);
    assert_int_equal(next_attempt(b, s, DETECTOR(1)), MANY + 1);
}

/* An intent is a file's content: it must not lead the sweep out of the repository. */
static void test_a_sweep_stays_in_the_repository(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_uuid quantum = bench_quantum(b, "calibrate", DETECTOR(1));
    const char *outside = fixture_path(b->f, "outside");
    const char *const paths[] = {"../outside", outside, "a/../../outside", ""};
    int number = 1;
    vb_autoclose int file = vb_rundir_begin(b->site.dir, &quantum, &number, &err);
    struct stat st;

    fixture_write(b->f, "outside", "x");
    assert_int_equal(stat(outside, &st), 0);
    for (size_t i = 0; i < VB_COUNT(paths); i++) {
        vb_autofree char *line = vb_format("{\"intent\":[{\"path\":\"%s\",\"inode\":%llu}]}", paths[i],
                                           (unsigned long long)st.st_ino);

        assert_ok(vb_rundir_note(file, line, &err), &err);
    }
    assert_ok(recover(b, &s, &err), &err);
    assert_int_equal(access(outside, F_OK), 0);
}

/* Bug: what another runner had put under a name that a dead attempt had meant was swept. */
static void test_a_name_that_another_file_has_by_now_is_left(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    const char *path = artifact(b, DETECTOR(1));
    vb_autofree char *other = vb_format("%s.other", path);

    leave(b, DETECTOR(1), VB_STATUS_SUCCEEDED, BENCH_NOTED);
    assert_int_equal(rename(path, other), 0); /* its inode lives on, elsewhere */
    fixture_write(b->f, path, "another's");
    assert_ok(recover(b, &s, &err), &err);
    assert_int_equal(access(path, F_OK), 0);
}

/* Bug: a run's directory that was removed had everything made again, beside what the registry held. */
static void test_what_the_registry_has_is_done_though_the_directory_was_removed(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;

    leave(b, DETECTOR(1), VB_STATUS_SUCCEEDED, BENCH_COUNTS);
    for (int i = 0; i < 2; i++) {
        vb_auto(vb_schedule_free) vb_schedule *s = NULL;

        assert_ok(recover(b, &s, &err), &err);
        assert_int_equal(vb_schedule_counts(s).before, 1);
        vb_remove_tree(b->site.dir->fd, "attempts", NULL);
        vb_remove_tree(b->site.dir->fd, "receipts", NULL);
    }
    assert_int_equal(access(artifact(b, DETECTOR(1)), F_OK), 0);
}

/* Bug: where the receipt of what counts could not be read, its artifacts were swept: the registry had them, and no
 * later attempt could count. */
static void test_a_damaged_receipt_that_counts_is_an_error(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto(vb_schedule_free) vb_schedule *s = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_uuid quantum = bench_quantum(b, "calibrate", DETECTOR(1));
    const char *link = bench_link(b, &quantum);
    vb_auto_buf text = {0};
    char uuid[VB_UUID_TEXT];
    vb_autoclose int fd = -1;

    leave(b, DETECTOR(1), VB_STATUS_SUCCEEDED, BENCH_COUNTS);
    assert_int_equal(vb_read_file(AT_FDCWD, link, 1 << 20, &text, NULL), 0);
    fd = open(link, O_WRONLY); /* the same inode as the attempt's file */
    assert_int_equal(ftruncate(fd, (off_t)text.len - 3), 0);
    assert_int_equal(recover(b, &s, &err), -EBADMSG);
    assert_says(&err, vb_uuid_format(quantum, uuid));
    assert_says(&err, "/receipts cannot be read");
    assert_hints(&err, "remove receipts/");
    assert_int_equal(access(artifact(b, DETECTOR(1)), F_OK), 0);
}

/* Bug: the registry may be on disk before the link is; a power cut between them had what is registered swept. */
static void test_what_the_registry_has_counts_though_its_link_was_lost(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_uuid quantum = bench_quantum(b, "calibrate", DETECTOR(1));
    const char *link = bench_link(b, &quantum);
    vb_auto_error err = VB_ERROR_INIT;

    leave(b, DETECTOR(1), VB_STATUS_SUCCEEDED, BENCH_COUNTS);
    for (int i = 0; i < 2; i++) {
        vb_auto(vb_schedule_free) vb_schedule *s = NULL;

        assert_ok(recover(b, &s, &err), &err);
        assert_int_equal(vb_schedule_counts(s).before, 1);
        assert_int_equal(access(artifact(b, DETECTOR(1)), F_OK), 0);
        assert_int_equal(fixture_count(b->f, "attempt"), 1);
        unlink(link);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_attempts_are_taken_up_as_far_as_they_came),
        TEST(test_what_counts_is_published),
        TEST(test_to_recover_twice_is_to_recover_once),
        TEST(test_where_nothing_was_nothing_is_done),
        TEST(test_many_attempts_are_all_merged),
        TEST(test_a_sweep_stays_in_the_repository),
        TEST(test_what_the_registry_has_counts_though_its_link_was_lost),
        TEST(test_a_name_that_another_file_has_by_now_is_left),
        TEST(test_what_the_registry_has_is_done_though_the_directory_was_removed),
        TEST(test_a_damaged_receipt_that_counts_is_an_error),
    };

    return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
