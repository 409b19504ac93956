/* Tests of fs/view/draft: a mount for writing, in which files become datasets. */
#include "registry/base/hash.h"
#include "registry/provenance.h"
#include "tests/fs/mounted.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#define EDIT   "data/u/edit"
#define DRAFT  EDIT "/raw/instrument=TestCam/detector=3/exposure=101"
#define FILE_3 "raw_TestCam_3_101.fits"

#define assert_fails(call, error)         \
    do {                                  \
        assert_int_equal((call), -1);     \
        assert_int_equal(errno, (error)); \
    } while (0)

static void make_path(mounted *m, const char *path)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_mkdirs(AT_FDCWD, mounted_path(m, path), 0755, &err), &err);
}

static int open_in(mounted *m, const char *directory, const char *name, int flags)
{
    vb_autofree char *path = vb_format("%s/%s", directory, name);

    return open(mounted_path(m, path), flags, 0644);
}

static const char *in(mounted *m, const char *directory, const char *name)
{
    vb_autofree char *path = vb_format("%s/%s", directory, name);

    return mounted_path(m, path);
}

static void put(mounted *m, const char *directory, const char *name, const char *text)
{
    int fd = open_in(m, directory, name, O_WRONLY | O_CREAT | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

/* The dataset of u/edit, as another process sees it: 1 or 0. */
static int find(mounted *m, const char *values, vb_location *location)
{
    char *names[] = {(char *)"u/edit", NULL};
    const vb_dataset_type *type;
    vb_auto_search search = {0};
    vb_auto_dataset d = {0};
    vb_auto_dataid id = {0};
    vb_auto_error err = VB_ERROR_INIT;
    int r;

    vb_registry_refresh(m->f->reg, NULL);
    assert_ok(vb_dataset_type_find(m->f->reg, "raw", &type, &err), &err);
    id = world_dataid(m->f, type->group, values);
    assert_ok(vb_search_resolve(m->f->reg, names, &search, &err), &err);
    r = vb_dataset_find(m->f->reg, type, &id, &search, &d, &err);
    assert_ok(r, &err);
    if (r)
        assert_int_equal(vb_location_get(m->f->reg, d.id, location, &err), 1);
    return r;
}

/* RELEASE comes a little after close(). */
static void expect_dataset(mounted *m, const char *values, const char *text)
{
    vb_auto_location location = {0};
    vb_autofree char *path = NULL, *found = NULL;
    struct stat st;
    int tries = 0;

    while (!find(m, values, &location)) {
        assert_true(++tries < 500);
        usleep(10000);
    }
    path = vb_format("repo/%s", location.path);
    found = mounted_read(fixture_path(m->f, path));
    assert_string_equal(found, text);
    assert_int_equal(stat(fixture_path(m->f, path), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | m->f->repo->file_mode);
    assert_int_equal(location.size, strlen(text));
    assert_true(location.has_checksum);
}

static bool has_dataset(mounted *m, const char *values)
{
    vb_auto_location location = {0};

    return find(m, values, &location);
}

/* ---- becoming a dataset ----------------------------------------------------------------------------------------- */

static void test_a_closed_file_is_a_dataset(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 2);
    vb_autofree char *text = NULL;
    struct stat st;

    make_path(m, DRAFT);
    put(m, DRAFT, FILE_3, "written\n");
    expect_dataset(m, "exposure=101 detector=3", "written\n");
    text = mounted_read(in(m, DRAFT, FILE_3));
    assert_string_equal(text, "written\n");
    assert_int_equal(stat(in(m, DRAFT, FILE_3), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0444);
    assert_int_equal(st.st_nlink, 1);
}

static void test_dimensions_stand_in_any_order(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);
    const char *other = EDIT "/raw/exposure=101/detector=3/instrument=TestCam";

    make_path(m, other);
    make_path(m, DRAFT);
    put(m, other, "beside", "x");
    assert_int_equal(access(in(m, DRAFT, "beside"), F_OK), 0); /* one draft a data ID */
    assert_int_equal(rename(in(m, DRAFT, "beside"), in(m, other, FILE_3)), 0);
    expect_dataset(m, "exposure=101 detector=3", "x");
}

/* A rename to the dataset's name returns when the dataset is there. */
static void test_a_renamed_file_is_a_dataset_at_once(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);

    make_path(m, DRAFT);
    put(m, DRAFT, ".tmp", "by rename");
    usleep(100000); /* its RELEASE */
    assert_int_equal(rename(in(m, DRAFT, ".tmp"), in(m, DRAFT, FILE_3)), 0);
    assert_true(has_dataset(m, "exposure=101 detector=3"));
    expect_dataset(m, "exposure=101 detector=3", "by rename");
    assert_fails(access(in(m, DRAFT, ".tmp"), F_OK), ENOENT);
}

static void test_an_open_file_is_none_yet(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);
    int one, two;

    make_path(m, DRAFT);
    one = open_in(m, DRAFT, FILE_3, O_WRONLY | O_CREAT);
    two = dup(one);
    assert_int_equal(write(one, "a", 1), 1);
    close(one); /* a FLUSH, as a shell's redirection makes them */
    usleep(100000);
    assert_false(has_dataset(m, "exposure=101 detector=3"));
    assert_int_equal(write(two, "b", 1), 1);
    one = open_in(m, DRAFT, FILE_3, O_WRONLY | O_APPEND);
    close(two);
    assert_int_equal(write(one, "c", 1), 1);
    assert_false(has_dataset(m, "exposure=101 detector=3"));
    close(one);
    expect_dataset(m, "exposure=101 detector=3", "abc");
}

/* Some make a file, close it, and write to it later. */
static void test_an_empty_file_is_none_yet(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);

    make_path(m, DRAFT);
    put(m, DRAFT, FILE_3, "");
    usleep(100000);
    assert_false(has_dataset(m, "exposure=101 detector=3"));
    put(m, DRAFT, FILE_3, "now");
    expect_dataset(m, "exposure=101 detector=3", "now");
}

/* What is written through a mapping belongs to it, as long as somebody has it mapped. */
static void test_a_mapped_file_is_none_yet(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);
    char *map;
    int fd;

    make_path(m, DRAFT);
    fd = open_in(m, DRAFT, FILE_3, O_RDWR | O_CREAT);
    assert_int_equal(write(fd, "....", 4), 4);
    map = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    close(fd);
    usleep(100000);
    assert_false(has_dataset(m, "exposure=101 detector=3"));
    memcpy(map, "late", 4);
    munmap(map, 4);
    expect_dataset(m, "exposure=101 detector=3", "late");
}

/* The dataset must not change with a name that was kept. */
static void test_another_name_is_no_alias(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);

    make_path(m, DRAFT);
    put(m, DRAFT, "mine", "first");
    usleep(100000);
    assert_int_equal(link(in(m, DRAFT, "mine"), in(m, DRAFT, FILE_3)), 0);
    put(m, DRAFT, "mine", "later");
    expect_dataset(m, "exposure=101 detector=3", "first");
}

/* No RELEASE comes after a mount has gone: what was closed before is complete all the same. */
static void test_a_mount_that_goes_at_once_loses_nothing(void **state)
{
    fixture *f = *state;

    for (int i = 101; i <= 103; i++) {
        mounted *m = mounted_write(f, 1);
        vb_autofree char *directory = vb_format(EDIT "/raw/instrument=TestCam/detector=3/exposure=%d", i),
                         *name = vb_format("raw_TestCam_3_%d.fits", i),
                         *values = vb_format("exposure=%d detector=3", i);

        make_path(m, directory);
        put(m, directory, name, "quick");
        umount2(mounted_path(m, ""), MNT_DETACH);
        mounted_join(m);
        vb_session_free(VB_STEAL(m->session));
        vb_view_free(m->view);
        vb_drafts_close(VB_STEAL(m->drafts));
        expect_dataset(m, values, "quick");
        m->view = vb_view_new(m->stores, vb_browse_branches);
        mounted_end(m);
        assert_int_equal(rmdir(fixture_path(f, "mnt")), 0);
    }
}

static void test_what_is_no_dataset_stays_behind(void **state)
{
    fixture *f = *state;
    mounted *m = mounted_write(f, 1);
    int entries = 0;
    DIR *dir;

    make_path(m, DRAFT);
    make_path(m, EDIT "/raw/instrument=TestCam/detector=2");
    put(m, DRAFT, "unfinished", "x");
    mounted_end(m);
    dir = opendir(fixture_path(f, "repo/.vbutler/drafts"));
    for (struct dirent *e; (e = readdir(dir));)
        entries += e->d_name[0] != '.';
    closedir(dir);
    assert_int_equal(entries, 1);
}

/* ---- what stays as it is ---------------------------------------------------------------------------------------- */

static void test_datasets_never_change(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);
    const char *file;

    make_path(m, DRAFT);
    put(m, DRAFT, FILE_3, "first");
    expect_dataset(m, "exposure=101 detector=3", "first");
    file = in(m, DRAFT, FILE_3);
    put(m, DRAFT, "other", "second");
    for (int pass = 0; pass < 2; pass++) { /* while the kernel has the old inode, and when it has the dataset's */
        assert_fails(open(file, O_WRONLY), EROFS);
        assert_fails(open(file, O_RDWR | O_TRUNC), EROFS);
        assert_fails(truncate(file, 0), EROFS);
        assert_fails(chmod(file, 0777), EROFS);
        assert_fails(unlink(file), EROFS);
        assert_fails(rename(in(m, DRAFT, "other"), file), EEXIST);
        assert_fails(link(file, in(m, DRAFT, "alias")), EXDEV);
        assert_fails(rename(file, in(m, DRAFT, "moved")), EROFS);
        assert_fails(open(file, O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
        sleep(1);
    }
    assert_int_equal(access(in(m, DRAFT, "other"), F_OK), 0);
    expect_dataset(m, "exposure=101 detector=3", "first");
    assert_fails(open(mounted_path(m, FILE_1), O_WRONLY), EROFS);
    assert_fails(mkdir(mounted_path(m, "data/new"), 0755), EROFS);
    assert_fails(mkdir(mounted_path(m, "data/TestCam/raw/all/raw/instrument=TestCam/detector=9"), 0755), EROFS);
}

/* Somebody else has made it since: close() tells. */
static void test_close_tells_what_is_wrong(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);
    int fd;

    make_path(m, DRAFT);
    fd = open_in(m, DRAFT, FILE_3, O_WRONLY | O_CREAT);
    assert_int_equal(write(fd, "mine", 4), 4);
    world_dataset(m->f, "u/edit", "raw", "exposure=101 detector=3", NULL, "theirs", NULL);
    assert_fails(close(fd), EEXIST);
    usleep(100000);
    assert_true(has_dataset(m, "exposure=101 detector=3"));
}

static void test_wrong_paths_are_refused(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);

    assert_fails(mkdir(mounted_path(m, EDIT "/rwa"), 0755), ENOENT);
    make_path(m, EDIT "/raw/instrument=TestCam");
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/patch=3"), 0755), ENOENT);
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/band=g"), 0755), ENOENT); /* implied */
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/instrument=TestCam/detector=03"), 0755), ENOENT);
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/instrument=TestCam/detector=x"), 0755), ENOENT);
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/instrument=TestCam/instrument=TestCam"), 0755), ENOENT);
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/instrument=TestCam/any"), 0755), ENOENT);
    assert_fails(open_in(m, EDIT "/raw/instrument=TestCam", FILE_3, O_WRONLY | O_CREAT), ENOENT);
    make_path(m, EDIT "/raw/instrument=TestCam/detector=9"); /* whether there is one is told by the whole data ID */
    assert_fails(mkdir(mounted_path(m, EDIT "/raw/instrument=TestCam/detector=9/exposure=101"), 0755), EINVAL);
    assert_fails(access(mounted_path(m, EDIT "/raw/instrument=TestCam/detector=9/exposure=101"), F_OK), ENOENT);
}

/* ---- directories ------------------------------------------------------------------------------------------------ */

static int count(mounted *m, const char *path)
{
    DIR *dir = opendir(mounted_path(m, path));
    int n = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void test_directories_are_made_and_taken_away(void **state)
{
    vb_auto(mounted_end) mounted *m = mounted_write(*state, 1);

    assert_int_equal(count(m, EDIT), 0);
    make_path(m, DRAFT);
    assert_fails(mkdir(mounted_path(m, DRAFT), 0755), EEXIST);
    assert_int_equal(count(m, EDIT), 1);
    assert_int_equal(count(m, EDIT "/raw/instrument=TestCam"), 1);
    assert_fails(rmdir(mounted_path(m, EDIT "/raw")), ENOTEMPTY);
    put(m, DRAFT, "x", "x");
    assert_fails(rmdir(mounted_path(m, DRAFT)), ENOTEMPTY);
    assert_int_equal(unlink(in(m, DRAFT, "x")), 0);
    assert_int_equal(rmdir(mounted_path(m, DRAFT)), 0);
    assert_fails(access(mounted_path(m, DRAFT), F_OK), ENOENT);
    make_path(m, DRAFT);
    put(m, DRAFT, FILE_3, "again");
    expect_dataset(m, "exposure=101 detector=3", "again");
    assert_fails(rmdir(mounted_path(m, DRAFT)), ENOTEMPTY);
    assert_int_equal(count(m, DRAFT), 1);
    assert_int_equal(count(m, EDIT "/raw/instrument=TestCam"), 1); /* made, and with a dataset: once */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mounted_setup, mounted_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_closed_file_is_a_dataset),
        TEST(test_dimensions_stand_in_any_order),
        TEST(test_a_renamed_file_is_a_dataset_at_once),
        TEST(test_an_open_file_is_none_yet),
        TEST(test_an_empty_file_is_none_yet),
        TEST(test_a_mapped_file_is_none_yet),
        TEST(test_another_name_is_no_alias),
        TEST(test_a_mount_that_goes_at_once_loses_nothing),
        TEST(test_what_is_no_dataset_stays_behind),
        TEST(test_datasets_never_change),
        TEST(test_close_tells_what_is_wrong),
        TEST(test_wrong_paths_are_refused),
        TEST(test_directories_are_made_and_taken_away),
    };

    return cmocka_run_group_tests_name("drafts", tests, NULL, NULL);
}
