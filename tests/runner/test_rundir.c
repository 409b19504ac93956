/* Tests of runner/run/rundir: the shared directory of a graph's execution; a link is the commit. */
#include "runner/run/rundir.h"
#include "registry/lease.h"
#include "tests/runner/bench.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void test_a_directory_is_made_for_a_graph(void **state)
{
    static const char *const parts[] = {"attempts", "receipts", "scratch", "files", "graph.vbg", "lock"};
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_autofree char *start = vb_format("%s/.vbutler/runs/u%%2Frun.", b->f->repo->root);

    assert_true(vb_starts_with(b->site.dir->path, start));
    assert_true(vb_ends_with(b->graph->id, b->site.dir->path + strlen(start)));
    for (size_t i = 0; i < VB_COUNT(parts); i++)
        assert_int_equal(faccessat(b->site.dir->fd, parts[i], F_OK, 0), 0);
}

static void test_one_runner_at_a_time_has_it(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *name = vb_process_name();
    vb_autofree char *process = vb_format("another vbutler (process %s) is executing this graph in %s", name,
                                          b->site.dir->path);
    vb_rundir *second = NULL;

    assert_int_equal(vb_rundir_open(b->f->repo, b->graph, fixture_path(b->f, "run.vbg"), &second, &err), -EBUSY);
    assert_null(second);
    assert_says(&err, process);
    assert_hints(&err, "wait for it to end");
    bench_again(b); /* and then another */
}

/* The execution can go on when the user's file is gone. */
static void test_the_graph_is_kept(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_buf text = {0};

    assert_int_equal(vb_read_file(AT_FDCWD, fixture_path(b->f, "run.vbg"), 1 << 30, &text, NULL), 0);
    assert_int_equal(unlink(fixture_path(b->f, "run.vbg")), 0);
    bench_again(b);
    vb_auto_buf kept = {0};
    assert_int_equal(vb_read_file(b->site.dir->fd, "graph.vbg", 1 << 30, &kept, NULL), 0);
    assert_int_equal(kept.len, text.len);
    assert_memory_equal(kept.data, text.data, text.len);
}

static void test_a_graph_that_cannot_be_kept_is_an_error(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_rundir *again = NULL;

    vb_rundir_close(VB_STEAL(b->site.dir));
    b->site.dir = NULL;
    vb_autofree char *runs = vb_path_join(b->f->repo->root, ".vbutler/runs");
    vb_remove_tree(AT_FDCWD, runs, NULL);
    assert_int_equal(vb_rundir_open(b->f->repo, b->graph, fixture_path(b->f, "none.vbg"), &again, &err), -ENOENT);
    assert_says(&err, "copying the graph to ");
    assert_says(&err, runs);
    assert_ok(vb_rundir_open(b->f->repo, b->graph, fixture_path(b->f, "run.vbg"), &b->site.dir, &err), &err);
}

/* ---- attempts --------------------------------------------------------------------------------------------------- */

static void test_attempts_take_the_least_number_that_is_free(void **state)
{
    static const struct {
        int from, gets;
    } cases[] = {{1, 1}, {1, 2}, {5, 5}, {1, 3}, {4, 4}, {4, 6}};
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_uuid quantum = world_uuid(3);

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        int number = cases[i].from;
        vb_autoclose int fd = vb_rundir_begin(b->site.dir, &quantum, &number, &err);

        assert_ok(fd, &err);
        assert_int_equal(number, cases[i].gets);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
}

struct race {
    vb_rundir *dir;
    atomic_int taken[64], won;
};

static void *begin_and_commit(void *arg)
{
    struct race *race = arg;
    vb_uuid quantum = world_uuid(5);

    for (int i = 0; i < 4; i++) {
        int number = 1;
        vb_autoclose int fd = vb_rundir_begin(race->dir, &quantum, &number, NULL);

        if (fd >= 0 && number < 64)
            atomic_fetch_add(&race->taken[number], 1);
        if (vb_rundir_commit(race->dir, &quantum, number, NULL) == 1)
            atomic_fetch_add(&race->won, 1);
    }
    return NULL;
}

static void test_of_many_attempts_each_has_its_number_and_one_counts(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    struct race race = {.dir = b->site.dir};

    bench_threads(8, begin_and_commit, &race);
    for (int i = 1; i <= 32; i++)
        assert_int_equal(atomic_load(&race.taken[i]), 1);
    assert_int_equal(atomic_load(&race.won), 1);
}

static void test_what_cannot_be_begun_or_committed_is_told_with_its_path(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_uuid quantum = world_uuid(3);
    int number = 1;

    assert_int_equal(vb_rundir_commit(b->site.dir, &quantum, 1, &err), -ENOENT);
    assert_says(&err, "committing ");
    assert_says(&err, "/attempts/03/03030303-0303-0303-0303-030303030303.1");
    assert_int_equal(unlinkat(b->site.dir->fd, "attempts", AT_REMOVEDIR), 0);
    assert_int_equal(vb_rundir_begin(b->site.dir, &quantum, &number, &err), -ENOENT);
    assert_says(&err, "beginning attempt ");
    assert_says(&err, b->site.dir->path);
}

static void test_a_working_directory_is_made_once(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_uuid quantum = world_uuid(3);
    vb_autofree char *path = NULL, *again = NULL, *name = vb_rundir_scratch(b->site.dir, &quantum, 2);

    assert_ok(vb_rundir_make_scratch(b->site.dir, &quantum, 2, &path, &err), &err);
    assert_string_equal(path, name);
    assert_true(vb_ends_with(path, "/scratch/03030303-0303-0303-0303-030303030303.2"));
    assert_int_equal(access(path, W_OK), 0);
    assert_int_equal(vb_rundir_make_scratch(b->site.dir, &quantum, 2, &again, &err), -EEXIST);
    assert_says(&err, path);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct seen {
    vb_buf text;
    int calls;
};

/* "calibrate.1 succeeded counts intends 4; " */
static int see(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct seen *s = arg;

    s->calls++;
    vb_buf_printf(&s->text, "%s.%d%s%s intends %zu; ", a->receipt ? a->receipt->task : "?", a->number,
                  a->receipt ? vb_status_name(a->receipt->status) : "", a->committed ? " counts" : "", a->nintended);
    return 0;
}

static void check_seen(bench *b, const char *expected)
{
    vb_auto_error err = VB_ERROR_INIT;
    struct seen s = {0};

    assert_ok(vb_rundir_each(b->site.dir, see, &s, &err), &err);
    assert_string_equal(vb_buf_text(&s.text), expected);
    vb_buf_free(&s.text);
}

static void test_attempts_are_read_as_far_as_they_came(void **state)
{
    static const struct {
        bench_stage stage;
        vb_status status;
        const char *seen;
    } cases[] = {
        {BENCH_BEGUN, VB_STATUS_SUCCEEDED, "?.1 intends 0; "},
        {BENCH_INTENDED, VB_STATUS_SUCCEEDED, "?.1 intends 3; "},
        {BENCH_NOTED, VB_STATUS_SUCCEEDED, "calibrate.1succeeded intends 3; "},
        {BENCH_COUNTS, VB_STATUS_SUCCEEDED, "calibrate.1succeeded counts intends 3; "},
        {BENCH_NOTED, VB_STATUS_FAILED, "calibrate.1failed intends 0; "},
    };
    vb_auto(bench_free) bench *b = bench_new(*state);

    check_seen(b, "");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_receipt *r = bench_attempt(b, "calibrate", "exposure=101 detector=1", cases[i].status, cases[i].stage);

        if (r)
            vb_receipt_free(r);
        check_seen(b, cases[i].seen);
        vb_remove_tree(b->site.dir->fd, "attempts", NULL);
        vb_remove_tree(b->site.dir->fd, "receipts", NULL);
        vb_remove_tree(b->site.dir->fd, "scratch", NULL);
        bench_again(b);
    }
}

/* A line that was cut off when its writer died counts for nothing; no more does one that is damaged. */
static void test_a_line_that_was_cut_off_counts_for_nothing(void **state)
{
    static const char *const cut[] = {"{\"intent\":[{\"path\":\"a\",\"inode\":1}]}",
                                      "{\"format\":\"vbutler-receipt\"",
                                      "{\"intent\":[{\"path\":\"a\",\"inode\":1}\n",
                                      "{}\n",
                                      "\n\n",
                                      "{\"intent\":7}\n",
                                      "\xff\xfe\n"};
    vb_auto(bench_free) bench *b = bench_new(*state);

    for (size_t i = 0; i < VB_COUNT(cut); i++) {
        vb_uuid quantum = world_uuid(1);
        int number = 1;
        vb_autoclose int fd = vb_rundir_begin(b->site.dir, &quantum, &number, NULL);

        assert_int_equal(write(fd, cut[i], strlen(cut[i])), strlen(cut[i]));
        check_seen(b, "?.1 intends 0; ");
        vb_remove_tree(b->site.dir->fd, "attempts/01", NULL);
    }
}

/* Bug: "UUID.01" and "UUID.4294967297" were taken for attempt 1, which was then missing: nothing could be run. */
static void test_what_is_no_attempt_is_ignored(void **state)
{
    static const char *const names[] = {"README",
                                        "03030303-0303-0303-0303-030303030303",
                                        "03030303-0303-0303-0303-030303030303.0",
                                        "03030303-0303-0303-0303-030303030303.-1",
                                        "03030303-0303-0303-0303-030303030303.01",
                                        "03030303-0303-0303-0303-030303030303.4294967297",
                                        "03030303-0303-0303-0303-030303030303.x",
                                        "0303030A-0303-0303-0303-030303030303.1",
                                        "03030303-0303-0303-0303-030303030304.1", /* of another division */
                                        "x.1",
                                        ".1"};
    vb_auto(bench_free) bench *b = bench_new(*state);

    assert_int_equal(mkdirat(b->site.dir->fd, "attempts/03", 0755), 0);
    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_autofree char *path = vb_format("attempts/03/%s", names[i]);

        assert_int_equal(vb_write_file(b->site.dir->fd, path, "x\n", 2, 0644, false, NULL), 0);
    }
    assert_int_equal(vb_write_file(b->site.dir->fd, "attempts/notes", "x\n", 2, 0644, false, NULL), 0);
    check_seen(b, "");
}

static int refuse(void *arg, const vb_attempt_file *a, vb_error *err)
{
    ++*(int *)arg;
    return vb_fail(err, -ENODATA, "no more");
}

static void test_an_error_of_the_caller_ends_the_reading(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    int calls = 0;

    for (int i = 1; i <= 3; i++) {
        vb_uuid quantum = world_uuid(i);
        int number = 1;
        vb_autoclose int fd = vb_rundir_begin(b->site.dir, &quantum, &number, NULL);

        assert_true(fd >= 0);
    }
    assert_int_equal(vb_rundir_each(b->site.dir, refuse, &calls, &err), -ENODATA);
    assert_string_equal(err.message, "no more");
    assert_int_equal(calls, 1);
}

/* Bug: attempts that could not be listed were taken for none, and what counts would have been made again. */
static void test_attempts_that_cannot_be_listed_are_an_error(void **state)
{
    vb_auto(bench_free) bench *b = bench_new(*state);
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_receipt_free)
        vb_receipt *r = bench_attempt(b, "calibrate", "exposure=101 detector=1", VB_STATUS_SUCCEEDED, BENCH_COUNTS);
    struct rlimit before, low;
    struct seen s = {0};
    int next = dup(0), result;

    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    close(next);
    low.rlim_cur = (rlim_t)next + 1; /* one more: attempts/ itself */
    setrlimit(RLIMIT_NOFILE, &low);
    result = vb_rundir_each(b->site.dir, see, &s, &err);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(result, -EMFILE);
    assert_says(&err, "/attempts/");
    assert_says(&err, b->site.dir->path);
    assert_int_equal(s.calls, 0);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void test_a_note_on_a_full_disk_is_an_error(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_int_equal(vb_rundir_note(fd, "{}", &err), -ENOSPC);
    assert_says(&err, "writing an attempt's file: No space left on device");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_directory_is_made_for_a_graph),
        TEST(test_one_runner_at_a_time_has_it),
        TEST(test_the_graph_is_kept),
        TEST(test_a_graph_that_cannot_be_kept_is_an_error),
        TEST(test_attempts_take_the_least_number_that_is_free),
        TEST(test_of_many_attempts_each_has_its_number_and_one_counts),
        TEST(test_what_cannot_be_begun_or_committed_is_told_with_its_path),
        TEST(test_a_working_directory_is_made_once),
        TEST(test_attempts_are_read_as_far_as_they_came),
        TEST(test_a_line_that_was_cut_off_counts_for_nothing),
        TEST(test_what_is_no_attempt_is_ignored),
        TEST(test_an_error_of_the_caller_ends_the_reading),
        TEST(test_attempts_that_cannot_be_listed_are_an_error),
        TEST(test_a_note_on_a_full_disk_is_an_error),
    };

    return cmocka_run_group_tests_name("rundir", tests, NULL, NULL);
}
