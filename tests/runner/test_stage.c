/* Tests of runner/run/stage: jobs without a file system of their own get copies. */
#include "runner/run/attempt.h"
#include "tests/runner/bench.h"

#include <fcntl.h>

/* An attempt with a working directory, and the location of an input: raw 101 1. */
struct job {
    vb_worker worker;
    vb_attempt attempt;
    vb_location input;
};

static void start(struct job *j, fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    const vb_dataset_type *raw;
    char *const names[] = {(char *)"TestCam/raw/all", NULL};
    vb_auto_search search = {0};
    vb_auto_dataid id = {0};
    vb_auto_dataset d = {0};

    *j = (struct job){0};
    j->attempt.worker = &j->worker;
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "scratch"), 0755), 0);
    assert_ok(vb_job_view_new(fixture_path(f, "scratch"), &j->attempt.job, &err), &err);
    assert_ok(vb_stores_open(f->reg, f->repo->root, &j->worker.stores, &err), &err);
    assert_ok(vb_dataset_type_find(f->reg, "raw", &raw, &err), &err);
    id = world_dataid(f, raw->group, "exposure=101 detector=1");
    assert_ok(vb_search_resolve(f->reg, names, &search, &err), &err);
    assert_int_equal(vb_dataset_find(f->reg, raw, &id, &search, &d, &err), 1);
    assert_int_equal(vb_location_get(f->reg, d.id, &j->input, &err), 1);
}

static void stop(struct job *j)
{
    vb_location_clear(&j->input);
    vb_job_view_free(j->attempt.job);
    vb_stores_close(j->worker.stores);
}
#define auto_job __attribute__((cleanup(stop))) struct job

static void check_file(fixture *f, const char *path, const char *content)
{
    vb_auto_buf text = {0};
    struct stat st;

    assert_int_equal(vb_read_file(AT_FDCWD, fixture_path(f, path), 1000, &text, NULL), 0);
    assert_string_equal(vb_buf_text(&text), content);
    assert_int_equal(stat(fixture_path(f, path), &st), 0);
    assert_int_equal(st.st_mode & 0222, 0);
}

static void test_inputs_and_files_are_copied_for_reading(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    auto_job j;

    start(&j, f);
    fixture_write(f, "kept", "A 1\n");
    assert_ok(vb_attempt_stage_input(&j.attempt, "in/raw/r.fits", &j.input, &err), &err);
    assert_ok(vb_attempt_stage_file(&j.attempt, "a.conf", fixture_path(f, "kept"), &err), &err);
    check_file(f, "scratch/in/raw/r.fits", "raw 101 1\n");
    check_file(f, "scratch/a.conf", "A 1\n");
}

static void test_no_copy_takes_the_place_of_another(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    auto_job j;

    start(&j, f);
    fixture_write(f, "kept", "A 1\n");
    assert_ok(vb_attempt_stage_input(&j.attempt, "in/raw/r.fits", &j.input, &err), &err);
    assert_int_equal(vb_attempt_stage_input(&j.attempt, "in/raw/r.fits", &j.input, &err), -EEXIST);
    assert_says(&err, "staging in/raw/r.fits: File exists");
    assert_int_equal(symlink("/etc/hostname", fixture_path(f, "scratch/a.conf")), 0);
    assert_int_equal(vb_attempt_stage_file(&j.attempt, "a.conf", fixture_path(f, "kept"), &err), -EEXIST);
}

static void test_what_cannot_be_copied_is_named(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    auto_job j;

    start(&j, f);
    assert_int_equal(vb_attempt_stage_file(&j.attempt, "a.conf", fixture_path(f, "none"), &err), -ENOENT);
    assert_says(&err, "file a.conf of the pipeline, kept as ");
    assert_says(&err, fixture_path(f, "none"));
    j.input.size++;
    assert_int_equal(vb_attempt_stage_input(&j.attempt, "in/raw/r.fits", &j.input, &err), -ESTALE);
    assert_says(&err, j.input.path);
    assert_int_equal(vb_remove_tree(AT_FDCWD, fixture_path(f, "scratch/in"), NULL), 0);
    fixture_write(f, "scratch/in", "in the way\n");
    assert_true(vb_attempt_stage_input(&j.attempt, "in/raw/s.fits", &j.input, &err) < 0);
}

static void test_afterwards_what_the_job_made_is_left(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    auto_job j;

    start(&j, f);
    assert_ok(vb_attempt_stage_input(&j.attempt, "in/raw/r.fits", &j.input, &err), &err);
    fixture_write(f, "scratch/made", "x");
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "scratch/out"), 0755), 0);
    vb_attempt_unstage(&j.attempt);
    assert_int_equal(access(fixture_path(f, "scratch/in"), F_OK), -1);
    assert_int_equal(access(fixture_path(f, "scratch/made"), F_OK), 0);
    assert_int_equal(access(fixture_path(f, "scratch/out"), F_OK), 0);
    assert_null(vb_job_fault(j.attempt.job)); /* the disk is not full */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_inputs_and_files_are_copied_for_reading),
        TEST(test_no_copy_takes_the_place_of_another),
        TEST(test_what_cannot_be_copied_is_named),
        TEST(test_afterwards_what_the_job_made_is_left),
    };

    return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
