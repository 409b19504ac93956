/* Tests of fs/store: artifacts are opened as they were registered, or not at all. */
#include "fs/store/store.h"
#include "registry/prune.h"
#include "registry/sql.h"
#include "registry/trash.h"
#include "tests/fs/world.h"

#include <fcntl.h>
#include <fitsio.h>
#include <inttypes.h>
#include <utime.h>

static vb_stores *open_stores(fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_stores *s = NULL;

    assert_ok(vb_stores_open(f->reg, f->repo->root, &s, &err), &err);
    return s;
}

/* A file of the repository, and a location that tells its size and time. */
static vb_location put(fixture *f, const char *path, const char *text)
{
    vb_autofree char *full = vb_path_join(f->repo->root, path), *dir = vb_path_dir(full);
    struct stat st;

    assert_int_equal(vb_mkdirs(AT_FDCWD, dir, 0755, NULL), 0);
    assert_int_equal(vb_write_file(AT_FDCWD, full, text, strlen(text), 0644, false, NULL), 0);
    assert_int_equal(stat(full, &st), 0);
    return (vb_location){.store_id = 1,
                         .path = (char *)path,
                         .size = st.st_size,
                         .mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
}

static void check_refused(vb_stores *s, const vb_location *location, int code, const char *message)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;

    assert_int_equal(vb_stores_open_artifact(s, location, &content, &err), code);
    assert_says(&err, message);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void test_an_artifact_is_opened_for_reading(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = put(f, "a/b.txt", "hello");
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;
    char text[8] = {0};

    assert_ok(vb_stores_open_artifact(s, &l, &content, &err), &err);
    assert_int_equal(content.size, 5);
    assert_true(content.whole);
    assert_int_equal(read(content.fd, text, sizeof text), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(write(content.fd, "x", 1), -1);
    assert_true(fcntl(content.fd, F_GETFD) & FD_CLOEXEC);
    close(content.fd);
}

static void test_what_changed_is_not_what_was_registered(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = put(f, "a.txt", "hello"), longer = l, later = l;

    longer.size = 7;
    check_refused(s, &longer, -ESTALE, "artifact a.txt changed: it has 5 bytes, and had 7 when it was registered");
    later.mtime -= 1;
    check_refused(s, &later, -ESTALE, "artifact a.txt changed: it was written after it was registered");
}

static void test_what_was_not_recorded_is_not_compared(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = put(f, "a.txt", "hello");
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;

    l.size = l.mtime = -1;
    assert_ok(vb_stores_open_artifact(s, &l, &content, &err), &err);
    assert_int_equal(content.size, 5);
    close(content.fd);
}

static void test_what_is_no_artifact_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = put(f, "a.txt", "hello");
    vb_autofree char *outside = vb_path_join(f->repo->root, "none.txt");

    l.size = l.mtime = -1;
    l.path = (char *)"none.txt";
    check_refused(s, &l, -ENOENT, outside);
    l.path = (char *)".vbutler/..";
    check_refused(s, &l, -EINVAL, "artifact path '.vbutler/..' leads out of its store");
    l.path = (char *)"../etc/passwd";
    check_refused(s, &l, -EINVAL, "leads out of its store");
    l.path = (char *)"";
    check_refused(s, &l, -EINVAL, "leads out of its store");
    assert_int_equal(mkfifoat(AT_FDCWD, fixture_path(f, "repo/fifo"), 0644), 0);
    l.path = (char *)"fifo"; /* and nobody waits for its writer */
    check_refused(s, &l, -EINVAL, "artifact fifo: is no regular file");
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "repo/dir"), 0755), 0);
    l.path = (char *)"dir";
    check_refused(s, &l, -EINVAL, "artifact dir: is no regular file");
    l.store_id = 7;
    check_refused(s, &l, -ENOENT, "no store number 7");
}

/* Ingested `direct`: where it was. */
static void test_an_absolute_path_is_taken_as_it_is(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = {.store_id = 1, .path = fixture_path(f, "elsewhere.txt"), .size = 2, .mtime = -1};
    vb_autofree char *path = vb_stores_path(s, &l);
    vb_auto_error err = VB_ERROR_INIT;
    vb_content content;

    fixture_write(f, "elsewhere.txt", "hi");
    assert_string_equal(path, l.path);
    assert_ok(vb_stores_open_artifact(s, &l, &content, &err), &err);
    close(content.fd);
}

static void test_size_and_time_are_looked_up(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = put(f, "a.txt", "hello"), none = {.store_id = 1, .path = (char *)"none.txt"};
    vb_auto_error err = VB_ERROR_INIT;
    int64_t size, mtime;

    assert_ok(vb_stores_stat(s, &l, &size, &mtime, &err), &err);
    assert_int_equal(size, 5);
    assert_int_equal(mtime, l.mtime);
    assert_int_equal(vb_stores_stat(s, &none, &size, &mtime, &err), -ENOENT);
    assert_says(&err, "none.txt");
    none.store_id = 7;
    assert_int_equal(vb_stores_stat(s, &none, &size, &mtime, &err), -ENOENT);
    assert_says(&err, "no store number 7");
}

static void test_an_artifact_is_copied_checked(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = put(f, "a.txt", "hello");
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int to = open(fixture_path(f, "copy"), O_RDWR | O_CREAT, 0644);
    vb_auto_buf text = {0};

    assert_ok(vb_stores_copy_artifact(s, &l, to, &err), &err);
    assert_int_equal(vb_read_file(AT_FDCWD, fixture_path(f, "copy"), 100, &text, NULL), 0);
    assert_string_equal(vb_buf_text(&text), "hello");
    l.size++;
    assert_int_equal(vb_stores_copy_artifact(s, &l, to, &err), -ESTALE);
}

/* ---- parts of FITS files ---------------------------------------------------------------------------------------- */

/* raw.fits: a primary HDU, and images of detectors 1, 2 and 3. */
static vb_location part(fixture *f, const char *fragment)
{
    remove(fixture_path(f, "repo/raw.fits"));
    fixture_fits(f, "repo/raw.fits", (image){.exposure = 1, .detector = 1, .parts = 3});
    return (vb_location){.store_id = 1,
                         .path = fixture_path(f, fragment) + strlen(f->dir) + 1, /* lives as long */
                         .size = -1,
                         .mtime = -1};
}

static void check_part(fixture *f, vb_stores *s, const char *fragment, int detector)
{
    vb_location l = part(f, fragment);
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int to = -1;
    fitsfile *file;
    int status = 0, hdus = 0;
    long number = 0;
    int64_t size, mtime;
    struct stat st;

    remove(fixture_path(f, "copy.fits"));
    to = open(fixture_path(f, "copy.fits"), O_RDWR | O_CREAT, 0644);
    assert_ok(vb_stores_copy_artifact(s, &l, to, &err), &err);
    assert_ok(vb_stores_stat(s, &l, &size, &mtime, &err), &err);
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(size, st.st_size);
    assert_int_equal(size % 2880, 0);
    fits_open_diskfile(&file, fixture_path(f, "copy.fits"), READONLY, &status);
    fits_get_num_hdus(file, &hdus, &status);
    if (detector) {
        fits_movabs_hdu(file, 2, NULL, &status);
        fits_read_key(file, TLONG, "CCDNUM", &number, NULL, &status);
    }
    fits_close_file(file, &status);
    assert_int_equal(status, 0);
    assert_int_equal(hdus, detector ? 2 : 1);
    assert_int_equal(number, detector);
}

static void test_a_part_is_the_primary_and_its_hdu(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);

    check_part(f, s, "raw.fits#hdu=1", 1);
    check_part(f, s, "raw.fits#hdu=3", 3);
    check_part(f, s, "raw.fits#hdu=0", 0);
}

static void test_a_parts_file_is_its_whole(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = part(f, "raw.fits#hdu=2");
    vb_autofree char *path = vb_stores_path(s, &l);

    assert_string_equal(path, fixture_path(f, "repo/raw.fits"));
}

/* Bug: part 4294967297 was part 1. */
static void test_a_part_that_is_not_there_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_location l = part(f, "raw.fits#hdu=4");

    check_refused(s, &l, -EINVAL, "FITS HDU 4: ");
    l = part(f, "raw.fits#hdu=4294967297");
    check_refused(s, &l, -ENOENT, "raw.fits#hdu=4294967297");
    l = part(f, "raw.fits#hdu=2147483647");
    check_refused(s, &l, -ENOENT, "raw.fits#hdu=2147483647");
    l = part(f, "raw.fits#hdu=-1");
    check_refused(s, &l, -ENOENT, "raw.fits#hdu=-1");
    l = put(f, "a.txt", "no FITS");
    l.path = (char *)"a.txt#hdu=1";
    check_refused(s, &l, -EINVAL, "FITS HDU 1: ");
    l = part(f, "raw.fits#hdu=3");
    assert_int_equal(truncate(fixture_path(f, "repo/raw.fits"), 4 * 2880), 0);
    check_refused(s, &l, -EINVAL, "FITS HDU 3: ");
}

/* ---- stores ----------------------------------------------------------------------------------------------------- */

static void sql(fixture *f, const char *text)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_db_open(f->repo->registry_path, VB_DB_WRITE, &db, &err), &err);
    assert_ok(vb_db_run(db, text, &err), &err);
}

static void test_a_store_lies_where_its_root_says(void **state)
{
    static const char *const roots[][2] = {{".", "repo/a"}, {"sub", "repo/sub/a"}, {"/x y", NULL}, {"file:///x", NULL}};
    static const char *const absolute[] = {"/x y/a", "/x/a"};
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(roots); i++) {
        vb_autofree char *update = vb_format("UPDATE store SET root = '%s'", roots[i][0]);
        vb_location l = {.store_id = 1, .path = (char *)"a"};

        sql(f, update);
        vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
        vb_autofree char *path = vb_stores_path(s, &l);
        assert_string_equal(path, i < 2 ? fixture_path(f, roots[i][1]) : absolute[i - 2]);
    }
}

static void test_a_store_of_another_kind_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_stores *s = NULL;

    sql(f, "UPDATE store SET root = 's3://bucket/x'");
    assert_int_equal(vb_stores_open(f->reg, f->repo->root, &s, &err), -EPROTONOSUPPORT);
    assert_null(s);
    assert_says(&err, "store 1: this vbutler has no stores like s3://bucket/x");
}

/* ---- trash ------------------------------------------------------------------------------------------------------ */

/* A dataset that is taken out of its run: its artifact is trash. */
static void throw_away(fixture *f, const char *values, const char *path)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    vb_dataset d;

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    world_dataset(f, "u/run", "thing", values, path, "bytes\n", &d);
    d.dataid = world_dataid(f, d.type->group, values);
    assert_ok(vb_dataset_remove(f->reg, &d, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
    vb_dataid_clear(&d.dataid);
}

static int setup_trash(void **state)
{
    int r = world_setup(state);

    world_type(*state, "thing", "detector", "Text", ".txt");
    return r;
}

static void empty(fixture *f, int64_t left)
{
    vb_auto(vb_stores_close) vb_stores *s = open_stores(f);
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_stores_empty_trash(s, f->reg, &err), &err);
    assert_int_equal(fixture_count(f, "trash"), left);
}

static void test_trash_is_unlinked_and_forgotten(void **state)
{
    fixture *f = *state;

    throw_away(f, "detector=1", "t/1.txt");
    throw_away(f, "detector=2", "t/2.txt");
    assert_int_equal(unlink(fixture_path(f, "repo/t/2.txt")), 0); /* what is gone is gone */
    assert_int_equal(fixture_count(f, "trash"), 2);
    empty(f, 0);
    assert_int_equal(access(fixture_path(f, "repo/t/1.txt"), F_OK), -1);
    empty(f, 0);
}

static void test_a_newer_file_of_that_name_stays(void **state)
{
    fixture *f = *state;

    throw_away(f, "detector=1", "t/1.txt");
    throw_away(f, "detector=2", "t/2.txt");
    fixture_write(f, "repo/t/1.txt", "other bytes\n"); /* of another size */
    assert_int_equal(utime(fixture_path(f, "repo/t/2.txt"), NULL), 0);
    empty(f, 0);
    assert_int_equal(access(fixture_path(f, "repo/t/1.txt"), F_OK), 0);
    assert_int_equal(access(fixture_path(f, "repo/t/2.txt"), F_OK), 0);
}

static void test_a_file_with_another_part_in_use_stays(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    throw_away(f, "detector=1", "t/1.txt");
    world_dataset(f, "u/run", "thing", "detector=2", "t/1.txt#hdu=1", "x", NULL);
    assert_int_equal(vb_write_file(AT_FDCWD, fixture_path(f, "repo/t/1.txt"), "bytes\n", 6, 0644, false, &err), 0);
    sql(f, "UPDATE trash SET mtime = -1");
    empty(f, 0);
    assert_int_equal(access(fixture_path(f, "repo/t/1.txt"), F_OK), 0);
}

/* bug: only parts of a file were looked for, so a purge took the bytes of a dataset that was registered in place */
static void test_a_file_that_another_dataset_has_stays(void **state)
{
    fixture *f = *state;
    vb_autofree char *absolute = vb_path_join(f->repo->root, "t/2.txt"), *set = NULL;

    for (int i = 1; i <= 3; i++) {
        vb_autofree char *values = vb_format("detector=%d", i), *path = vb_format("t/%d.txt", i);

        throw_away(f, values, path);
    }
    world_dataset(f, "u/other", "thing", "detector=1", "t/1.txt", "bytes\n", NULL);
    world_dataset(f, "u/other", "thing", "detector=2", "u/2.txt", "bytes\n", NULL);
    set = vb_format("UPDATE location SET path = '%s' WHERE path = 'u/2.txt'", absolute);
    sql(f, set); /* as if the repository had been moved to where a direct artifact lies */
    sql(f, "UPDATE trash SET mtime = -1");
    empty(f, 0);
    assert_int_equal(access(fixture_path(f, "repo/t/1.txt"), F_OK), 0);
    assert_int_equal(access(fixture_path(f, "repo/t/2.txt"), F_OK), 0);
    assert_int_equal(access(fixture_path(f, "repo/t/3.txt"), F_OK), -1);
}

/* bug: the file was looked at through the link, and so taken for gone: the link stayed, and nothing knew it */
static void test_a_link_to_nothing_is_unlinked(void **state)
{
    fixture *f = *state;

    throw_away(f, "detector=1", "t/1.txt");
    assert_int_equal(unlink(fixture_path(f, "repo/t/1.txt")), 0);
    assert_int_equal(symlink("/nothing/there", fixture_path(f, "repo/t/1.txt")), 0);
    empty(f, 0);
    assert_int_equal(faccessat(AT_FDCWD, fixture_path(f, "repo/t/1.txt"), F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* More than one thread takes at once, in several directories. */
static void test_many_files_are_unlinked(void **state)
{
    enum { MANY = 1000 };
    vb_auto_error err = VB_ERROR_INIT;
    fixture *f = *state;

    for (int i = 0; i < 7; i++) {
        vb_autofree char *dir = vb_format("repo/t/%d", i);

        assert_ok(vb_mkdirs(AT_FDCWD, fixture_path(f, dir), 0755, &err), &err);
    }
    for (int i = 0; i < MANY; i++) {
        vb_autofree char *path = vb_format("t/%d/%d.txt", i % 7, i), *full = vb_format("repo/%s", path);
        vb_autofree char *note = vb_format("INSERT INTO trash (store_id, path, size) VALUES (1, '%s', %d)", path,
                                           i % 10 ? 6 : 5);

        fixture_write(f, full, "bytes\n");
        sql(f, note);
    }
    empty(f, 0);
    for (int i = 0; i < MANY; i++) {
        vb_autofree char *full = vb_format("repo/t/%d/%d.txt", i % 7, i);

        assert_int_equal(access(fixture_path(f, full), F_OK), i % 10 ? -1 : 0); /* every tenth is another file */
    }
}

static void test_what_cannot_be_removed_stays_noted(void **state)
{
    fixture *f = *state;

    throw_away(f, "detector=1", "t/1.txt");
    throw_away(f, "detector=2", "v/2.txt");
    vb_remove_tree(AT_FDCWD, fixture_path(f, "repo/t"), NULL);
    fixture_write(f, "repo/t", "in the way\n");
    empty(f, 1);
    assert_int_equal(access(fixture_path(f, "repo/v/2.txt"), F_OK), -1);
    assert_int_equal(unlink(fixture_path(f, "repo/t")), 0);
    empty(f, 0);
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
#define TRASH(name) cmocka_unit_test_setup_teardown(name, setup_trash, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_artifact_is_opened_for_reading),
        TEST(test_what_changed_is_not_what_was_registered),
        TEST(test_what_was_not_recorded_is_not_compared),
        TEST(test_what_is_no_artifact_is_refused),
        TEST(test_an_absolute_path_is_taken_as_it_is),
        TEST(test_size_and_time_are_looked_up),
        TEST(test_an_artifact_is_copied_checked),
        TEST(test_a_part_is_the_primary_and_its_hdu),
        TEST(test_a_parts_file_is_its_whole),
        TEST(test_a_part_that_is_not_there_is_refused),
        TEST(test_a_store_lies_where_its_root_says),
        TEST(test_a_store_of_another_kind_is_refused),
        TRASH(test_trash_is_unlinked_and_forgotten),
        TRASH(test_a_newer_file_of_that_name_stays),
        TRASH(test_a_file_with_another_part_in_use_stays),
        TRASH(test_a_file_that_another_dataset_has_stays),
        TRASH(test_a_link_to_nothing_is_unlinked),
        TRASH(test_many_files_are_unlinked),
        TRASH(test_what_cannot_be_removed_stays_noted),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
