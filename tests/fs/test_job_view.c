/* Tests of a job's view: work/ is a real directory with the inputs and the pipeline's files laid over it. */
#include "tests/fs/viewer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define INPUT "work/in/raw/raw_TestCam_2_101.fits"

typedef struct job {
    fixture *f;
    viewer *v;
    char *scratch;
} job;

static vb_dataset find_raw(fixture *f, int exposure, int detector, vb_location *location)
{
    char *names[] = {(char *)"TestCam/raw/all", NULL};
    vb_autofree char *values = vb_format("exposure=%d detector=%d", exposure, detector);
    vb_auto_search search = {0};
    vb_dataset d = {0};
    const vb_dataset_type *type;

    assert_int_equal(vb_dataset_type_find(f->reg, "raw", &type, NULL), 0);
    vb_auto_dataid id = world_dataid(f, type->group, values);
    assert_int_equal(vb_search_resolve(f->reg, names, &search, NULL), 0);
    assert_int_equal(vb_dataset_find(f->reg, type, &id, &search, &d, NULL), 1);
    assert_int_equal(vb_location_get(f->reg, d.id, location, NULL), 1);
    return d;
}

static void add_input(job *j, const char *connection, int exposure, int detector)
{
    vb_autofree char *file = vb_format("raw_TestCam_%d_%d.fits", detector, exposure);
    vb_file artifact = {0};
    vb_dataset d = find_raw(j->f, exposure, detector, &artifact.location);

    vb_job_add_input(j->v->view->job, connection, file, &d, &artifact);
}

/* One input, one output connection, one file of the pipeline. */
static job *make_job(fixture *f)
{
    job *j = VB_NEW(job);
    vb_auto_error err = VB_ERROR_INIT;

    world_raws(f);
    fixture_write(f, "default.param", "NUMBER\n");
    j->f = f;
    j->scratch = fixture_path(f, "scratch");
    assert_int_equal(mkdir(j->scratch, 0777), 0);
    j->v = viewer_new_job(f, f->reg, j->scratch);
    add_input(j, "raw", 101, 2);
    vb_job_add_connection(j->v->view->job, true, "cal");
    assert_ok(vb_job_add_file(j->v->view->job, "default.param", fixture_path(f, "default.param"), &err), &err);
    return j;
}

static void free_job(job *j)
{
    viewer_free(j->v);
    free(j);
}
VB_CLEANUP(job, free_job)

/* ---- what a program does ----------------------------------------------------------------------------------- */

/* The directory and the last name of a path: the caller gives the node back. */
static vb_node *parent_of(job *j, const char *path, const char **name)
{
    vb_autofree char *dir = vb_path_dir(path);
    vb_node *node;

    *name = vb_path_base(path);
    assert_int_equal(viewer_walk(j->v, strcmp(dir, ".") ? dir : "", &node), 0);
    return node;
}

/* Writes a new file; 0 or a negative errno. */
static int create(job *j, const char *path, const char *text)
{
    const char *name;
    vb_node *dir = parent_of(j, path, &name), *child;
    vb_content content;
    int r = dir->class->create ? dir->class->create(&j->v->call, dir, name, 0644, O_EXCL, &child, &content) : -EROFS;

    if (!r) {
        assert_int_equal(pwrite(content.fd, text, strlen(text), 0), strlen(text));
        close(content.fd);
        viewer_forget(j->v, child);
    }
    viewer_forget(j->v, dir);
    return r;
}

static int make(job *j, const char *path, mode_t mode)
{
    const char *name;
    vb_node *dir = parent_of(j, path, &name), *child;
    int r = dir->class->make(&j->v->call, dir, name, mode, makedev(1, 3), &child);

    if (!r)
        viewer_forget(j->v, child);
    viewer_forget(j->v, dir);
    return r;
}

static int symlink_to(job *j, const char *target, const char *path)
{
    const char *name;
    vb_node *dir = parent_of(j, path, &name), *child;
    int r = dir->class->symlink(&j->v->call, dir, name, target, &child);

    if (!r)
        viewer_forget(j->v, child);
    viewer_forget(j->v, dir);
    return r;
}

static int hardlink(job *j, const char *from, const char *path)
{
    const char *name;
    vb_node *dir = parent_of(j, path, &name), *node;
    int r;

    assert_int_equal(viewer_walk(j->v, from, &node), 0);
    r = dir->class->hardlink(&j->v->call, node, dir, name);
    viewer_forget(j->v, node);
    viewer_forget(j->v, dir);
    return r;
}

static int rename_to(job *j, const char *from, const char *to)
{
    const char *name, *to_name;
    vb_node *dir = parent_of(j, from, &name), *to_dir = parent_of(j, to, &to_name);
    int r = dir->class->rename ? dir->class->rename(&j->v->call, dir, name, to_dir, to_name, 0) : -EROFS;

    viewer_forget(j->v, dir);
    viewer_forget(j->v, to_dir);
    return r;
}

static int unlink_at(job *j, const char *path, bool directory)
{
    const char *name;
    vb_node *dir = parent_of(j, path, &name);
    int r = dir->class->unlink(&j->v->call, dir, name, directory);

    viewer_forget(j->v, dir);
    return r;
}

static int change(job *j, const char *path, struct stat st, unsigned valid)
{
    vb_node *node;
    int r;

    assert_int_equal(viewer_walk(j->v, path, &node), 0);
    r = node->class->setattr ? node->class->setattr(&j->v->call, node, &st, valid, NULL) : -EROFS;
    viewer_forget(j->v, node);
    return r;
}

static char *in_scratch(job *j, const char *path)
{
    vb_autofree char *full = vb_path_join(j->scratch, path);
    vb_buf text = {0};

    if (vb_read_file(AT_FDCWD, full, 1 << 20, &text, NULL) < 0)
        fail_msg("%s is not there", full);
    return vb_buf_steal(&text);
}

/* ---- what is shown ------------------------------------------------------------------------------------------ */

static void test_the_root_of_a_job(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    vb_autofree char *in = viewer_link(j->v, "in"), *out = viewer_link(j->v, "out");

    assert_listing(j->v, "", "data dimensions in out work");
    assert_string_equal(in, "work/in");
    assert_string_equal(out, "work/out");
    assert_int_equal(viewer_try(j->v, "provenance"), -ENOENT);
    assert_int_equal(viewer_try(j->v, "by-id"), -ENOENT);
}

static void test_inputs_and_files_are_laid_over(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_listing(j->v, "work", "default.param in out");
    assert_listing(j->v, "work/in", "raw");
    assert_listing(j->v, "work/in/raw", "raw_TestCam_2_101.fits");
    assert_listing(j->v, "work/out", "cal");
    assert_listing(j->v, "work/out/cal", "");
    assert_reads(j->v, INPUT, "raw 101 2\n");
    assert_reads(j->v, "in/raw/raw_TestCam_2_101.fits", "raw 101 2\n");
    assert_reads(j->v, "work/default.param", "NUMBER\n");
}

/* The plain name and the dataset's own are one inode. */
static void test_an_input_is_one_inode_under_all_its_names(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    const char *data = "data/TestCam/raw/all/raw/detector=2/exposure=101/raw_TestCam_2_101.fits";

    add_input(j, "again", 101, 2);
    assert_int_equal(viewer_ino(j->v, INPUT), viewer_ino(j->v, data));
    assert_int_equal(viewer_ino(j->v, "work/in/again/raw_TestCam_2_101.fits"), viewer_ino(j->v, data));
}

/* Nothing is made below until something is first made in a directory. */
static void test_looking_makes_nothing(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    DIR *dir;
    int n = 0;

    assert_listing(j->v, "work/out/cal", "");
    assert_reads(j->v, INPUT, "raw 101 2\n");
    dir = opendir(j->scratch);
    while (readdir(dir))
        n++;
    closedir(dir);
    assert_int_equal(n, 2); /* "." and ".." */
}

static void test_attributes_of_directories_not_yet_made(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(viewer_stat(j->v, "work/out/cal").st_mode, S_IFDIR | 0755);
    assert_int_equal(viewer_stat(j->v, "work/default.param").st_size, 7);
    assert_int_equal(viewer_stat(j->v, "work/default.param").st_mode, S_IFREG | 0444);
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void test_outputs_are_real_files(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "work/out/cal/x.fits", "output\n"), 0);
    vb_autofree char *text = in_scratch(j, "out/cal/x.fits");
    assert_string_equal(text, "output\n");
    assert_reads(j->v, "work/out/cal/x.fits", "output\n");
    assert_listing(j->v, "work/out/cal", "x.fits");
    assert_int_equal(create(j, "work/out/cal/x.fits", ""), -EEXIST);
}

static void test_files_beside_the_laid_over(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "work/log", "1"), 0);
    assert_int_equal(create(j, "work/in/raw/x.head", "2"), 0);
    assert_int_equal(make(j, "work/sub", S_IFDIR | 0755), 0);
    assert_int_equal(create(j, "work/sub/deep", "3"), 0);
    assert_listing(j->v, "work", "default.param in log out sub");
    assert_listing(j->v, "work/in/raw", "raw_TestCam_2_101.fits x.head");
    assert_listing(j->v, "work/sub", "deep");
}

/* Programs write a temporary name, and rename it when it is whole. */
static void test_rename_onto_a_declared_name(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "work/tmp", "whole\n"), 0);
    assert_int_equal(rename_to(j, "work/tmp", "work/out/cal/x.fits"), 0);
    assert_reads(j->v, "work/out/cal/x.fits", "whole\n");
    assert_int_equal(viewer_try(j->v, "work/tmp"), -ENOENT);
    assert_int_equal(create(j, "work/tmp", "newer\n"), 0);
    assert_int_equal(rename_to(j, "work/tmp", "work/out/cal/x.fits"), 0);
    assert_reads(j->v, "work/out/cal/x.fits", "newer\n");
}

/* A node holds its file, not its name. */
static void test_a_held_file_outlives_its_name(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    vb_node *held;
    struct stat st;

    assert_int_equal(create(j, "work/a", "1234"), 0);
    assert_int_equal(viewer_walk(j->v, "work/a", &held), 0);
    assert_int_equal(rename_to(j, "work/a", "work/b"), 0);
    assert_int_equal(viewer_ino(j->v, "work/b"), held->ino);
    assert_int_equal(unlink_at(j, "work/b", false), 0);
    vb_view_attr(&j->v->call, held, &st);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(create(j, "work/c", "1"), 0);
    assert_int_not_equal(viewer_ino(j->v, "work/c"), held->ino);
    viewer_forget(j->v, held);
}

static void test_unlink_and_rmdir(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(make(j, "work/sub", S_IFDIR | 0755), 0);
    assert_int_equal(create(j, "work/sub/x", "1"), 0);
    assert_int_equal(unlink_at(j, "work/sub", true), -ENOTEMPTY);
    assert_int_equal(unlink_at(j, "work/sub/x", true), -ENOTDIR);
    assert_int_equal(unlink_at(j, "work/sub/x", false), 0);
    assert_int_equal(unlink_at(j, "work/sub", true), 0);
    assert_int_equal(unlink_at(j, "work/sub", true), -ENOENT);
    assert_int_equal(viewer_try(j->v, "work/sub"), -ENOENT);
}

static void test_attributes_are_changed(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    struct stat wanted = {.st_mode = 0640, .st_size = 2, .st_mtim = {1000000000, 5}}, st;

    assert_int_equal(create(j, "work/x", "1234"), 0);
    assert_int_equal(change(j, "work/x", wanted, VB_SET_MODE | VB_SET_SIZE), 0);
    assert_int_equal(change(j, "work/x", wanted, VB_SET_MTIME), 0);
    st = viewer_stat(j->v, "work/x");
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(st.st_size, 2);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(st.st_mtim.tv_nsec, 5);
}

/* ---- what is refused ------------------------------------------------------------------------------------------ */

/* Whatever is laid over stays: an input, a file of the pipeline, a connection's directory. */
static void test_what_is_laid_over_cannot_be_changed(void **state)
{
    static const char *const over[] = {INPUT, "work/default.param", "work/out/cal", "work/in"};
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "work/x", "1"), 0);
    for (size_t i = 0; i < VB_COUNT(over); i++) {
        assert_int_equal(create(j, over[i], ""), -EROFS);
        assert_int_equal(make(j, over[i], S_IFDIR | 0755), -EROFS);
        assert_int_equal(symlink_to(j, "x", over[i]), -EROFS);
        assert_int_equal(hardlink(j, "work/x", over[i]), -EROFS);
        assert_int_equal(unlink_at(j, over[i], i >= 2), -EROFS);
        assert_int_equal(rename_to(j, "work/x", over[i]), -EROFS);
        assert_int_equal(rename_to(j, over[i], "work/y"), -EROFS);
    }
    assert_reads(j->v, INPUT, "raw 101 2\n");
    assert_true(viewer_journal(j->v, VB_JOURNAL_FILE, INPUT)->touch & VB_TOUCH_DENIED);
}

static void test_inputs_are_read_only(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(viewer_open(j->v, INPUT, O_WRONLY), -EROFS);
    assert_int_equal(viewer_open(j->v, INPUT, O_RDONLY | O_TRUNC), -EROFS);
    assert_int_equal(viewer_open(j->v, "work/default.param", O_RDWR), -EROFS);
    assert_int_equal(change(j, INPUT, (struct stat){.st_size = 0}, VB_SET_SIZE), -EROFS);
    assert_int_equal(change(j, "work/default.param", (struct stat){.st_mode = 0777}, VB_SET_MODE), -EROFS);
}

/* No alias of an artifact: link(2) says what it says between file systems, and programs copy then. */
static void test_inputs_cannot_be_linked(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(hardlink(j, INPUT, "work/x"), -EXDEV);
    assert_int_equal(hardlink(j, "work/default.param", "work/x"), -EXDEV);
    assert_int_equal(create(j, "work/x", "1"), 0);
    assert_int_equal(rename_to(j, "work/x", "data/x"), -EROFS);
}

/* Who may make them elsewhere may make them here. */
static void test_devices_are_made_by_root(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(make(j, "work/null", S_IFCHR | 0666), geteuid() ? -EPERM : 0);
    assert_int_equal(make(j, "work/disk", S_IFBLK | 0666), geteuid() ? -EPERM : 0);
    assert_int_equal(make(j, "work/pipe", S_IFIFO | 0666), 0);
    assert_int_equal(viewer_stat(j->v, "work/pipe").st_mode & S_IFMT, S_IFIFO);
}

static void test_the_rest_of_the_view_is_read_only(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "data/x", ""), -EROFS);
    assert_int_equal(create(j, "data/TestCam/x", ""), -EROFS);
    assert_int_equal(create(j, "x", ""), -EROFS);
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static void test_symlinks_are_kept_as_they_are(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    vb_autofree char *inside = NULL, *outside = NULL;

    assert_int_equal(create(j, "work/x", "1"), 0);
    assert_int_equal(symlink_to(j, "x", "work/inside"), 0);
    assert_int_equal(symlink_to(j, "/etc/passwd", "work/outside"), 0);
    inside = viewer_link(j->v, "work/inside");
    outside = viewer_link(j->v, "work/outside");
    assert_string_equal(inside, "x");
    assert_string_equal(outside, "/etc/passwd");
    assert_int_equal(viewer_stat(j->v, "work/outside").st_mode & S_IFMT, S_IFLNK);
    assert_int_equal(viewer_try(j->v, "work/outside/x"), -ENOTDIR);
}

/* The server itself never follows one: what a task makes could lead it anywhere. */
static void test_the_server_follows_no_symlink(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    fixture_write(j->f, "victim", "mine");
    assert_int_equal(symlink_to(j, fixture_path(j->f, "victim"), "work/link"), 0);
    assert_int_equal(create(j, "work/link", ""), -EEXIST);
    change(j, "work/link", (struct stat){.st_size = 0}, VB_SET_SIZE);
    vb_autofree char *victim = in_scratch(j, fixture_path(j->f, "victim"));
    assert_string_equal(victim, "mine");
}

static void test_hard_links_in_scratch(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "work/x", "1"), 0);
    assert_int_equal(hardlink(j, "work/x", "work/out/cal/y"), 0);
    assert_int_equal(viewer_stat(j->v, "work/out/cal/y").st_nlink, 2);
    assert_int_equal(viewer_ino(j->v, "work/x"), viewer_ino(j->v, "work/out/cal/y"));
    assert_int_equal(hardlink(j, "work/x", "work/out/cal/y"), -EEXIST);
}

/* ---- extended attributes ------------------------------------------------------------------------------------- */

static void test_extended_attributes_of_scratch_files(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    vb_node *node;
    int r;

    assert_int_equal(create(j, "work/x", "1"), 0);
    assert_int_equal(viewer_walk(j->v, "work/x", &node), 0);
    r = node->class->setxattr(&j->v->call, node, "user.test", "value", 5, 0);
    if (!r) { /* some file systems have none */
        vb_autofree char *value = viewer_xattr(j->v, "work/x", "user.test");

        assert_string_equal(value, "value");
        assert_int_equal(node->class->removexattr(&j->v->call, node, "user.test"), 0);
        assert_null(viewer_xattr(j->v, "work/x", "user.test"));
    } else {
        assert_int_equal(r, -EOPNOTSUPP);
    }
    viewer_forget(j->v, node);
    assert_null(viewer_xattr(j->v, "work/out/cal", "user.test"));
}

/* ---- the journal --------------------------------------------------------------------------------------------- */

static unsigned touch_of(job *j, vb_journal_kind kind, const char *path)
{
    const vb_journal_entry *e = viewer_journal(j->v, kind, path);

    return e ? e->touch : 0;
}

static void test_inputs_are_declared(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    const char *other = "data/TestCam/raw/all/raw/detector=2/exposure=102/raw_TestCam_2_102.fits";
    const vb_journal_entry *e;

    assert_reads(j->v, INPUT, "raw 101 2\n");
    e = viewer_journal(j->v, VB_JOURNAL_DATASET, INPUT);
    assert_true(e->declared);
    assert_int_equal(e->touch, VB_TOUCH_LOOKUP | VB_TOUCH_READ);
    assert_reads(j->v, other, "raw 102 2\n");
    assert_false(viewer_journal(j->v, VB_JOURNAL_DATASET, other)->declared);
}

/* With policy `fail` an undeclared dataset can be seen and not be opened. */
static void test_policy_fail_denies(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);
    const char *other = "data/TestCam/raw/all/raw/detector=2/exposure=102/raw_TestCam_2_102.fits";

    j->v->view->undeclared = VB_POLICY_FAIL;
    assert_int_equal(viewer_open(j->v, other, O_RDONLY), -EACCES);
    assert_int_equal(touch_of(j, VB_JOURNAL_DATASET, other), VB_TOUCH_LOOKUP | VB_TOUCH_DENIED);
    assert_int_equal(viewer_open(j->v, INPUT, O_RDONLY), 0);
}

static void test_scratch_files_are_noted(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(create(j, "work/x", "1"), 0);
    assert_int_equal(touch_of(j, VB_JOURNAL_SCRATCH, "work/x"), VB_TOUCH_WRITTEN);
    assert_reads(j->v, "work/x", "1");
    assert_int_equal(touch_of(j, VB_JOURNAL_SCRATCH, "work/x"), VB_TOUCH_WRITTEN | VB_TOUCH_READ);
    assert_listing(j->v, "work/out", "cal");
    assert_int_equal(touch_of(j, VB_JOURNAL_SCRATCH, "work/out"), VB_TOUCH_LISTED);
    assert_reads(j->v, "work/default.param", "NUMBER\n");
    assert_int_equal(touch_of(j, VB_JOURNAL_FILE, "work/default.param"), VB_TOUCH_LOOKUP | VB_TOUCH_READ);
}

/* SWarp looks for `i.head` beside an input: what is missing there is no scratch file. */
static void test_what_is_missing(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    assert_int_equal(viewer_try(j->v, "work/in/raw/x.head"), -ENOENT);
    assert_int_equal(viewer_try(j->v, "work/in/nothing"), -ENOENT);
    assert_int_equal(viewer_try(j->v, "work/default.sex"), -ENOENT);
    assert_int_equal(viewer_try(j->v, "work/out/cal/x.fits"), -ENOENT);
    assert_int_equal(touch_of(j, VB_JOURNAL_MISSING, "work/in/raw/x.head"), VB_TOUCH_MISSING);
    assert_int_equal(touch_of(j, VB_JOURNAL_MISSING, "work/in/nothing"), VB_TOUCH_MISSING);
    assert_int_equal(touch_of(j, VB_JOURNAL_SCRATCH, "work/default.sex"), VB_TOUCH_MISSING);
    assert_int_equal(touch_of(j, VB_JOURNAL_SCRATCH, "work/out/cal/x.fits"), VB_TOUCH_MISSING);
}

/* An artifact that is not what was registered fails the attempt, whatever the program makes of its EIO. */
static void test_a_changed_input_is_a_fault(void **state)
{
    vb_auto(free_job) job *j = make_job(*state);

    fixture_write(j->f, "repo/TestCam/raw/all/raw/TestCam/2/raw_TestCam_2_101.fits", "something longer\n");
    assert_null(vb_job_fault(j->v->view->job));
    assert_int_equal(viewer_open(j->v, INPUT, O_RDONLY), -EIO);
    assert_non_null(strstr(vb_job_fault(j->v->view->job), "changed"));
    vb_job_note_fault(&j->v->call, "another");
    assert_null(strstr(vb_job_fault(j->v->view->job), "another")); /* the first is kept */
    assert_int_equal(touch_of(j, VB_JOURNAL_DATASET, INPUT), VB_TOUCH_LOOKUP);
}

/* ---- ad-hoc commands ------------------------------------------------------------------------------------------- */

/* in/TYPE/FILE of all datasets of the search, found when they are asked for. */
static void test_in_shows_the_types_of_a_search(void **state)
{
    fixture *f = *state;
    vb_auto_search search = {0};
    char *names[] = {(char *)"u/new", (char *)"TestCam/raw/all", NULL};
    vb_auto(viewer_free) viewer *v = NULL;

    world_raws(f);
    world_dataset(f, "u/new", "raw", "exposure=101 detector=2", NULL, "newer\n", NULL);
    assert_int_equal(mkdir(fixture_path(f, "scratch"), 0777), 0);
    assert_int_equal(vb_search_resolve(f->reg, names, &search, NULL), 0);
    v = viewer_new_job(f, f->reg, fixture_path(f, "scratch"));
    vb_job_show_types(v->view->job, &search);
    assert_listing(v, "work/in", "raw");
    assert_listing(v, "work/in/raw",
                   "raw_TestCam_1_101.fits raw_TestCam_1_102.fits raw_TestCam_1_103.fits "
                   "raw_TestCam_2_101.fits raw_TestCam_2_102.fits raw_TestCam_2_103.fits "
                   "raw_TestCam_3_101.fits raw_TestCam_3_102.fits raw_TestCam_3_103.fits");
    assert_reads(v, "work/in/raw/raw_TestCam_2_101.fits", "newer\n"); /* find-first */
    assert_int_equal(viewer_try(v, "work/in/nothing"), -ENOENT);
    assert_true(viewer_journal(v, VB_JOURNAL_DATASET, "work/in/raw/raw_TestCam_2_101.fits")->declared);
}

/* Two data IDs whose values differ only in what a plain name cannot hold: both are shown, each once.
 * Bug: with a second collection that has the second of them, that one was shown twice. */
static void test_names_that_collide(void **state)
{
    fixture *f = *state;
    vb_auto_search search = {0};
    char *names[] = {(char *)"a", (char *)"b", NULL};
    vb_auto(viewer_free) viewer *v = NULL;
    vb_autofree char *listing = NULL;
    int n = 0;

    world_type(f, "flat", "physical_filter", "Image", ".fits");
    world_dataset(f, "a", "flat", "physical_filter=g/1", "a/1", "slash\n", NULL);
    world_dataset(f, "a", "flat", "physical_filter=g=1", "a/2", "equals\n", NULL);
    world_dataset(f, "b", "flat", "physical_filter=g=1", "b/2", "older\n", NULL);
    assert_int_equal(mkdir(fixture_path(f, "scratch"), 0777), 0);
    assert_int_equal(vb_search_resolve(f->reg, names, &search, NULL), 0);
    v = viewer_new_job(f, f->reg, fixture_path(f, "scratch"));
    vb_job_show_types(v->view->job, &search);
    listing = viewer_list(v, "work/in/flat");
    for (const char *p = listing; (p = strstr(p, "flat_TestCam_g_1")); p++)
        n++;
    assert_int_equal(n, 2);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_the_root_of_a_job),
        IN_WORLD(test_inputs_and_files_are_laid_over),
        IN_WORLD(test_an_input_is_one_inode_under_all_its_names),
        IN_WORLD(test_looking_makes_nothing),
        IN_WORLD(test_attributes_of_directories_not_yet_made),
        IN_WORLD(test_outputs_are_real_files),
        IN_WORLD(test_files_beside_the_laid_over),
        IN_WORLD(test_rename_onto_a_declared_name),
        IN_WORLD(test_a_held_file_outlives_its_name),
        IN_WORLD(test_unlink_and_rmdir),
        IN_WORLD(test_attributes_are_changed),
        IN_WORLD(test_what_is_laid_over_cannot_be_changed),
        IN_WORLD(test_inputs_are_read_only),
        IN_WORLD(test_inputs_cannot_be_linked),
        IN_WORLD(test_devices_are_made_by_root),
        IN_WORLD(test_the_rest_of_the_view_is_read_only),
        IN_WORLD(test_symlinks_are_kept_as_they_are),
        IN_WORLD(test_the_server_follows_no_symlink),
        IN_WORLD(test_hard_links_in_scratch),
        IN_WORLD(test_extended_attributes_of_scratch_files),
        IN_WORLD(test_inputs_are_declared),
        IN_WORLD(test_policy_fail_denies),
        IN_WORLD(test_scratch_files_are_noted),
        IN_WORLD(test_what_is_missing),
        IN_WORLD(test_a_changed_input_is_a_fault),
        IN_WORLD(test_in_shows_the_types_of_a_search),
        IN_WORLD(test_names_that_collide),
    };

    return cmocka_run_group_tests_name("job view", tests, NULL, NULL);
}
