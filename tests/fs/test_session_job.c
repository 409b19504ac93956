/* Tests of fs/session: a job's mount, in which there is something to write to. */
#include "fs/view/job.h"
#include "tests/fs/mounted.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};

static mounted *open_job(fixture *f, bool passthrough)
{
    mounted *m = mounted_prepare(f, job_branches, true);

    vb_job_add_connection(m->job, true, "cal");
    fixture_write(f, "kept", "NUMBER\n");
    assert_int_equal(vb_job_add_file(m->job, "default.param", fixture_path(f, "kept"), NULL), 0);
    mounted_at(m, &(vb_session_options){.writable = true, .timeout = VB_FOR_EVER, .passthrough = passthrough});
    mounted_serve(m, 1);
    return m;
}

static void test_a_job_writes_real_files(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state, false);
    vb_autoclose int fd = open(mounted_path(m, "work/out/cal/c.fits"), O_RDWR | O_CREAT | O_EXCL, 0644);
    vb_autofree char *param = mounted_read(mounted_path(m, "work/default.param")), *text = NULL;
    char back[8] = {0};
    struct statvfs space;

    assert_string_equal(param, "NUMBER\n");
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(pwrite(fd, "J", 1, 0), 1);
    assert_int_equal(pread(fd, back, 8, 0), 5);
    assert_string_equal(back, "Jello");
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 5);
    text = mounted_read(fixture_path(m->f, "scratch/out/cal/c.fits"));
    assert_string_equal(text, "Jello");
    assert_int_equal(statvfs(mounted_path(m, "work"), &space), 0);
    assert_true(space.f_blocks > 0);
    assert_null(vb_job_fault(m->job));
}

static void test_a_job_changes_names(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state, false);
    vb_autofree char *text = NULL;
    struct stat st;
    char target[8] = {0};

    assert_int_equal(mkdir(mounted_path(m, "work/d"), 0755), 0);
    fixture_write(m->f, "mnt/work/d/a", "x"); /* a temporary beside it, and a rename */
    assert_int_equal(link(mounted_path(m, "work/d/a"), mounted_path(m, "work/b")), 0);
    assert_int_equal(stat(mounted_path(m, "work/b"), &st), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(rename(mounted_path(m, "work/b"), mounted_path(m, "work/out/cal/c")), 0);
    assert_int_equal(symlink("a", mounted_path(m, "work/d/s")), 0);
    assert_int_equal(readlink(mounted_path(m, "work/d/s"), target, 8), 1);
    assert_int_equal(rmdir(mounted_path(m, "work/d")), -1);
    assert_int_equal(errno, ENOTEMPTY);
    assert_int_equal(unlink(mounted_path(m, "work/d/s")), 0);
    assert_int_equal(unlink(mounted_path(m, "work/d/a")), 0);
    assert_int_equal(rmdir(mounted_path(m, "work/d")), 0);
    assert_int_equal(truncate(mounted_path(m, "work/out/cal/c"), 3), 0);
    assert_int_equal(stat(fixture_path(m->f, "scratch/out/cal/c"), &st), 0);
    assert_int_equal(st.st_size, 3);
}

static void test_a_job_does_not_write_to_what_it_reads(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state, false);

    assert_int_equal(open(mounted_path(m, FILE_1), O_WRONLY), -1);
    assert_int_equal(link(mounted_path(m, FILE_1), mounted_path(m, "work/linked")), -1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(open(mounted_path(m, "data/new"), O_WRONLY | O_CREAT, 0644), -1);
    assert_int_equal(unlink(mounted_path(m, FILE_1)), -1);
    assert_int_equal(access(fixture_path(m->f, "repo/TestCam/raw/all/raw/TestCam/2/raw_TestCam_2_101.fits"), F_OK), 0);
}

/* Passthrough, or a sentence why not: either way the bytes are right, and two opens of one file agree. */
static void test_passthrough_reads_the_same_bytes(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state, true);
    int one = open(mounted_path(m, FILE_1), O_RDONLY), two = open(mounted_path(m, FILE_1), O_RDONLY);
    char a[16] = {0}, b[16] = {0};
    const char *path;

    assert_int_equal(read(one, a, 15), 10);
    assert_int_equal(read(two, b, 15), 10);
    assert_string_equal(a, "raw 101 2\n");
    assert_string_equal(a, b);
    close(one);
    close(two); /* while somebody answers */
    vb_session_stop(m->session);
    mounted_join(m);
    path = vb_session_data_path(m->session);
    assert_true(!strcmp(path, "passthrough") || vb_starts_with(path, "cached ("));
}

/* Handles that nobody closed are closed when serving ends: no RELEASE comes after an abort. */
static void test_open_handles_end_with_the_session(void **state)
{
    vb_auto(mounted_end) mounted *m = open_job(*state, false);
    vb_autoclose int fd = open(mounted_path(m, "work/open"), O_RDWR | O_CREAT, 0644);

    assert_int_equal(write(fd, "x", 1), 1);
    umount2(mounted_path(m, ""), MNT_FORCE | MNT_DETACH);
    vb_session_stop(m->session);
    mounted_join(m);
    assert_int_equal(access(fixture_path(m->f, "scratch/open"), F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mounted_setup, mounted_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_job_writes_real_files),
        TEST(test_a_job_changes_names),
        TEST(test_a_job_does_not_write_to_what_it_reads),
        TEST(test_passthrough_reads_the_same_bytes),
        TEST(test_open_handles_end_with_the_session),
    };

    return cmocka_run_group_tests_name("session_job", tests, NULL, NULL);
}
