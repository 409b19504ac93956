/* Tests of fs/session: a view behind a real mount, asked by system calls.  They skip where FUSE cannot be had. */
#include "fs/session/session.h"
#include "fs/view/job.h"
#include "registry/sql.h"
#include "tests/fs/viewer.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define RAW    "data/TestCam/raw/all/raw/instrument=TestCam/detector=2"
#define FILE_1 RAW "/exposure=101/raw_TestCam_2_101.fits"

enum { MAX_SERVERS = 3 };

typedef struct server {
    struct mounted *m;
    pthread_t thread;
    vb_registry *reg;
    vb_call call;
    int result;
} server;

/* A mount at "mnt", and who serves it. */
typedef struct mounted {
    fixture *f;
    vb_stores *stores;
    vb_view *view;
    vb_job_view *job;
    vb_session *session;
    vb_journal *journal; /* the first server's */
    server servers[MAX_SERVERS];
    int count;
} mounted;

static void *serve(void *arg)
{
    server *s = arg;

    s->result = vb_session_serve(s->m->session, &s->call, NULL, 0, false, NULL);
    return NULL;
}

static mounted *prepare(fixture *f, const vb_branch *const *branches, bool job)
{
    vb_auto_error err = VB_ERROR_INIT;
    mounted *m = VB_NEW(mounted);

    m->f = f;
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "mnt"), 0755), 0);
    assert_ok(vb_stores_open(f->reg, f->repo->root, &m->stores, &err), &err);
    m->view = vb_view_new(m->stores, branches);
    m->journal = vb_journal_new();
    if (job) {
        assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "scratch"), 0755), 0);
        assert_ok(vb_job_view_new(fixture_path(f, "scratch"), &m->job, &err), &err);
        m->view->job = m->job;
    }
    return m;
}

static void mount_at(mounted *m, const vb_session_options *options)
{
    vb_auto_error err = VB_ERROR_INIT;

    if (vb_session_mount(m->view, fixture_path(m->f, "mnt"), "test", false, options, &m->session, &err) == -EPERM) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    assert_non_null(m->session);
}

static void start_servers(mounted *m, int n)
{
    vb_auto_error err = VB_ERROR_INIT;

    for (; m->count < n; m->count++) {
        server *s = &m->servers[m->count];

        s->m = m;
        s->result = -1;
        assert_ok(vb_repo_registry(m->f->repo, VB_ACCESS_READ, &s->reg, &err), &err);
        s->call = (vb_call){.view = m->view, .reg = s->reg, .journal = m->count ? NULL : m->journal};
        assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    }
}

/* A browsing mount. */
static mounted *browse(fixture *f, int servers)
{
    mounted *m = prepare(f, vb_browse_branches, false);

    mount_at(m, &(vb_session_options){.timeout = 0});
    start_servers(m, servers);
    return m;
}

/* Waits for the threads; all must have come to a good end. */
static void join_servers(mounted *m)
{
    for (int i = 0; i < m->count; i++) {
        pthread_join(m->servers[i].thread, NULL);
        assert_int_equal(m->servers[i].result, 0);
        vb_registry_close(m->servers[i].reg);
    }
    m->count = 0;
}

static void unmount(mounted *m)
{
    if (m->session)
        vb_session_stop(m->session);
    umount2(fixture_path(m->f, "mnt"), MNT_FORCE | MNT_DETACH);
    join_servers(m);
    if (m->session)
        vb_session_free(m->session);
    vb_view_free(m->view);
    if (m->job)
        vb_job_view_free(m->job);
    vb_journal_free(m->journal);
    vb_stores_close(m->stores);
    free(m);
}
VB_CLEANUP(mounted, unmount)

static const char *at(mounted *m, const char *path)
{
    vb_autofree char *below = vb_format("mnt/%s", path);

    return fixture_path(m->f, below);
}

static int setup_raws(void **state)
{
    int r = world_setup(state);

    if (!r)
        world_raws(*state);
    return r;
}

/* A test that failed has left its mount. */
static int teardown(void **state)
{
    umount2(fixture_path(*state, "mnt"), MNT_FORCE | MNT_DETACH);
    return fixture_teardown(state);
}

static char *read_whole(const char *path)
{
    vb_buf text = {0};
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_read_file(AT_FDCWD, path, 1 << 20, &text, &err), &err);
    return vb_buf_steal(&text);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void test_datasets_are_files(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 1);
    vb_autofree char *text = read_whole(at(m, FILE_1));
    struct stat st;

    assert_string_equal(text, "raw 101 2\n");
    assert_int_equal(stat(at(m, FILE_1), &st), 0);
    assert_int_equal(st.st_size, 10);
    assert_int_equal(st.st_mode, S_IFREG | 0444);
    assert_int_equal(stat(at(m, RAW), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0555);
    assert_int_equal(access(at(m, "data/nothing"), F_OK), -1);
    assert_int_equal(errno, ENOENT);
}

static void test_files_are_read_in_any_pieces(void **state)
{
    static const struct {
        off_t at;
        size_t n;
        const char *text;
    } cases[] = {{0, 3, "raw"}, {4, 100, "101 2\n"}, {10, 5, ""}, {4000, 5, ""}};
    vb_auto(unmount) mounted *m = browse(*state, 1);
    vb_autoclose int fd = open(at(m, FILE_1), O_RDONLY);

    assert_true(fd >= 0);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        char text[101] = {0};

        assert_int_equal(pread(fd, text, cases[i].n, cases[i].at), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void test_generated_text_is_read_in_any_pieces(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 1);
    const char *path = at(m, "dimensions/detector/instrument=TestCam/detector=2/record.json");
    vb_autofree char *text = read_whole(path);
    vb_autoclose int fd = open(path, O_RDONLY);
    size_t n = strlen(text);
    char end[4] = {0};

    assert_non_null(strstr(text, "\"full_name\""));
    assert_int_equal(pread(fd, end, 4, (off_t)n - 3), 3);
    assert_string_equal(end, text + n - 3);
    assert_int_equal(pread(fd, end, 4, (off_t)n), 0);
    assert_int_equal(pread(fd, end, 4, 1 << 20), 0);
}

/* As where nobody has told it: the artifact is asked. */
static void forget_size(fixture *f, const char *path)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_autofree char *sql = vb_format("UPDATE location SET size = -1, mtime = NULL WHERE path = '%s'", path);

    assert_int_equal(vb_db_open(f->repo->registry_path, VB_DB_WRITE, &db, NULL), 0);
    assert_int_equal(vb_db_run(db, sql, NULL), 0);
}

/* A part of a FITS file has two segments: a read may span both. */
static void test_parts_of_files_are_read_across_their_seam(void **state)
{
    fixture *f = *state;
    vb_auto(unmount) mounted *m = NULL;
    vb_auto_buf bytes = {0};
    char seam[400], expected[400];
    vb_autoclose int fd = -1;

    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "repo/x"), 0755), 0);
    fixture_fits(f, "repo/x/three.fits", (image){.exposure = 1, .detector = 1, .parts = 3});
    world_type(f, "part", "detector", "Image", ".fits");
    assert_int_equal(vb_read_file(AT_FDCWD, fixture_path(f, "repo/x/three.fits"), 1 << 20, &bytes, NULL), 0);
    world_dataset(f, "u/parts", "part", "detector=2", "x/three.fits#hdu=2", "", NULL);
    forget_size(f, "x/three.fits#hdu=2");
    m = browse(f, 1);
    fd = open(at(m, "data/u/parts/part/instrument=TestCam/detector=2/part_TestCam_2.fits"), O_RDONLY);
    assert_true(fd >= 0);
    memcpy(expected, bytes.data + 2880 - 200, 200);
    memcpy(expected + 200, bytes.data + 2880 + 2 * 2880, 200); /* after HDU 1: a header and a block of data */
    assert_int_equal(pread(fd, seam, 400, 2880 - 200), 400);
    assert_memory_equal(seam, expected, 400);
    assert_int_equal(lseek(fd, 0, SEEK_END), 3 * 2880);
}

static void test_attributes_name_the_dataset(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 1);
    char value[100] = {0}, names[400] = {0};

    assert_int_equal(getxattr(at(m, FILE_1), "user.butler.type", value, sizeof value), 3);
    assert_string_equal(value, "raw");
    assert_int_equal(getxattr(at(m, FILE_1), "user.butler.type", NULL, 0), 3);
    assert_int_equal(getxattr(at(m, FILE_1), "user.butler.type", value, 2), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(getxattr(at(m, FILE_1), "user.none", value, sizeof value), -1);
    assert_int_equal(errno, ENODATA);
    assert_true(listxattr(at(m, FILE_1), names, sizeof names) > 0);
    assert_string_equal(names, "user.butler.id");
}

static void test_a_changed_artifact_is_an_error(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 1);

    fixture_write(m->f, "repo/TestCam/raw/all/raw/TestCam/2/raw_TestCam_2_101.fits", "other bytes\n");
    assert_int_equal(open(at(m, FILE_1), O_RDONLY), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(close(open(at(m, RAW "/exposure=102/raw_TestCam_2_102.fits"), O_RDONLY)), 0);
}

/* More entries than a page, or a reply, holds; each once, also after a rewind and a seek. */
static void test_long_directories_are_listed_whole(void **state)
{
    enum { MANY = 1200 };
    fixture *f = *state;
    vb_auto(unmount) mounted *m = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    long half = 0;
    DIR *dir;
    char middle[256] = "";

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    for (int i = 0; i < MANY; i++) {
        vb_autofree char *name = vb_format("many/run%04d", i);

        world_collection(f, name, VB_RUN, NULL);
    }
    assert_ok(vb_txn_commit(&txn, &err), &err);
    m = browse(f, 1);
    dir = opendir(at(m, "data/many"));
    for (int pass = 0; pass < 2; pass++) {
        struct dirent *e;
        int n = 0;

        for (; (e = readdir(dir)); n++)
            if (n == MANY / 2) {
                half = telldir(dir);
            } else if (n == MANY / 2 + 1) {
                snprintf(middle, sizeof middle, "%s", e->d_name);
            }
        assert_int_equal(n, MANY + 2);
        rewinddir(dir);
    }
    seekdir(dir, half);
    assert_string_equal(readdir(dir)->d_name, middle);
    closedir(dir);
}

static void test_a_browsing_mount_is_read_only(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 1);
    const int results[] = {
        open(at(m, FILE_1), O_WRONLY),
        open(at(m, "data/new"), O_WRONLY | O_CREAT, 0644),
        mkdir(at(m, "data/new"), 0755),
        unlink(at(m, FILE_1)),
        rename(at(m, FILE_1), at(m, "data/x")),
        chmod(at(m, FILE_1), 0777),
        truncate(at(m, FILE_1), 0),
        symlink("x", at(m, "data/new")),
        setxattr(at(m, FILE_1), "user.x", "", 0, 0),
    };

    for (size_t i = 0; i < VB_COUNT(results); i++)
        assert_int_equal(results[i], -1);
    assert_int_equal(errno, EROFS);
}

static void test_touches_are_noted(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 1);
    vb_autofree char *text = read_whole(at(m, FILE_1));
    bool read = false, missing = false;

    access(at(m, "data/nothing"), F_OK);
    vb_session_stop(m->session);
    join_servers(m); /* the journal is its thread's until then */
    for (size_t i = 0; i < vb_journal_count(m->journal); i++) {
        const vb_journal_entry *e = vb_journal_at(m->journal, i);

        read = read || (e->kind == VB_JOURNAL_DATASET && (e->touch & VB_TOUCH_READ) && !strcmp(e->path, FILE_1));
        missing = missing || (e->kind == VB_JOURNAL_MISSING && !strcmp(e->path, "data/nothing"));
    }
    assert_true(read);
    assert_true(missing);
}

/* ---- serving ---------------------------------------------------------------------------------------------------- */

struct readers {
    mounted *m;
    const char *paths[9];
    atomic_int wrong;
};

static void *read_all(void *arg)
{
    struct readers *r = arg;

    for (int i = 0; i < 45; i++) {
        vb_autoclose int fd = open(r->paths[i % 9], O_RDONLY);
        char text[32] = {0};

        if (fd < 0 || read(fd, text, sizeof text - 1) != 10 || text[4] != '1')
            atomic_fetch_add(&r->wrong, 1);
    }
    return NULL;
}

static void test_several_threads_serve(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, MAX_SERVERS);
    struct readers r = {.m = m};
    pthread_t threads[4];

    for (int i = 0; i < 9; i++) {
        vb_autofree char *path = vb_format("data/TestCam/raw/all/raw/instrument=TestCam/detector=%d/exposure=%d/"
                                           "raw_TestCam_%d_%d.fits",
                                           i / 3 + 1, 101 + i % 3, i / 3 + 1, 101 + i % 3);

        r.paths[i] = at(m, path);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &r), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&r.wrong), 0);
}

static void test_serving_ends_with_the_mount(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 2);

    assert_int_equal(access(at(m, "data"), F_OK), 0);
    assert_false(vb_session_gone(m->session));
    assert_int_equal(umount2(at(m, ""), 0), 0);
    join_servers(m);
    assert_true(vb_session_gone(m->session));
}

static void test_serving_ends_when_it_is_asked_to(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 2);

    vb_session_stop(m->session);
    join_servers(m);
    assert_true(vb_session_gone(m->session));
}

struct watched {
    int fd, calls;
};

static bool read_byte(void *arg)
{
    struct watched *w = arg;
    char byte;

    w->calls++;
    return read(w->fd, &byte, 1) == 1;
}

/* Each byte is one call, and so is the end. */
static void test_serving_ends_with_its_watches(void **state)
{
    vb_auto(unmount) mounted *m = browse(*state, 0);
    vb_auto_error err = VB_ERROR_INIT;
    vb_call call = {.view = m->view, .reg = m->f->reg};
    struct watched w[2];
    vb_session_watch watches[2];
    int pairs[2][2];

    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(pairs[i]), 0);
        w[i] = (struct watched){.fd = pairs[i][0]};
        watches[i] = (vb_session_watch){pairs[i][0], read_byte, &w[i]};
        assert_int_equal(write(pairs[i][1], "abc", (size_t)i + 1), i + 1);
        close(pairs[i][1]);
    }
    assert_ok(vb_session_serve(m->session, &call, watches, 2, true, &err), &err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w[i].calls, i + 2);
        assert_int_equal(watches[i].fd, -1);
        close(pairs[i][0]);
    }
    assert_false(vb_session_gone(m->session));
}

static void test_what_cannot_be_mounted_is_told(void **state)
{
    fixture *f = *state;
    mounted *m = prepare(f, vb_browse_branches, false);
    vb_auto_error err = VB_ERROR_INIT;
    const char *nowhere = fixture_path(f, "nowhere");

    assert_int_equal(vb_session_mount(m->view, nowhere, "test", false, &(vb_session_options){0}, &m->session, &err),
                     -EPERM);
    assert_null(m->session);
    assert_says(&err, "mounting at ");
    assert_says(&err, nowhere);
    assert_non_null(strstr(err.hint, "vbutler umount"));
    unmount(m);
}

static void test_a_descriptor_that_is_no_device_is_closed(void **state)
{
    mounted *m = prepare(*state, vb_browse_branches, false);
    vb_auto_error err = VB_ERROR_INIT;
    vb_call call = {.view = m->view, .reg = m->f->reg};
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (!vb_session_new(m->view, fd, &(vb_session_options){0}, &m->session, &err)) {
        assert_string_equal(vb_session_data_path(m->session), "cached (no right to passthrough)");
        vb_session_stop(m->session);
        assert_ok(vb_session_serve(m->session, &call, NULL, 0, false, &err), &err);
        vb_session_free(VB_STEAL(m->session));
    }
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    m->session = NULL;
    unmount(m);
}

/* ---- a job's mount ---------------------------------------------------------------------------------------------- */

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};

static mounted *open_job(fixture *f, bool passthrough)
{
    mounted *m = prepare(f, job_branches, true);

    vb_job_add_connection(m->job, true, "cal");
    fixture_write(f, "kept", "NUMBER\n");
    assert_int_equal(vb_job_add_file(m->job, "default.param", fixture_path(f, "kept"), NULL), 0);
    mount_at(m, &(vb_session_options){.writable = true, .timeout = VB_FOR_EVER, .passthrough = passthrough});
    start_servers(m, 1);
    return m;
}

static void test_a_job_writes_real_files(void **state)
{
    vb_auto(unmount) mounted *m = open_job(*state, false);
    vb_autoclose int fd = open(at(m, "work/out/cal/c.fits"), O_RDWR | O_CREAT | O_EXCL, 0644);
    vb_autofree char *param = read_whole(at(m, "work/default.param")), *text = NULL;
    char back[8] = {0};
    struct statvfs space;

    assert_string_equal(param, "NUMBER\n");
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(pwrite(fd, "J", 1, 0), 1);
    assert_int_equal(pread(fd, back, 8, 0), 5);
    assert_string_equal(back, "Jello");
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 5);
    text = read_whole(fixture_path(m->f, "scratch/out/cal/c.fits"));
    assert_string_equal(text, "Jello");
    assert_int_equal(statvfs(at(m, "work"), &space), 0);
    assert_true(space.f_blocks > 0);
    assert_null(vb_job_fault(m->job));
}

static void test_a_job_changes_names(void **state)
{
    vb_auto(unmount) mounted *m = open_job(*state, false);
    vb_autofree char *text = NULL;
    struct stat st;
    char target[8] = {0};

    assert_int_equal(mkdir(at(m, "work/d"), 0755), 0);
    fixture_write(m->f, "mnt/work/d/a", "x"); /* a temporary beside it, and a rename */
    assert_int_equal(link(at(m, "work/d/a"), at(m, "work/b")), 0);
    assert_int_equal(stat(at(m, "work/b"), &st), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(rename(at(m, "work/b"), at(m, "work/out/cal/c")), 0);
    assert_int_equal(symlink("a", at(m, "work/d/s")), 0);
    assert_int_equal(readlink(at(m, "work/d/s"), target, 8), 1);
    assert_int_equal(rmdir(at(m, "work/d")), -1);
    assert_int_equal(errno, ENOTEMPTY);
    assert_int_equal(unlink(at(m, "work/d/s")), 0);
    assert_int_equal(unlink(at(m, "work/d/a")), 0);
    assert_int_equal(rmdir(at(m, "work/d")), 0);
    assert_int_equal(truncate(at(m, "work/out/cal/c"), 3), 0);
    assert_int_equal(stat(fixture_path(m->f, "scratch/out/cal/c"), &st), 0);
    assert_int_equal(st.st_size, 3);
}

static void test_a_job_does_not_write_to_what_it_reads(void **state)
{
    vb_auto(unmount) mounted *m = open_job(*state, false);

    assert_int_equal(open(at(m, FILE_1), O_WRONLY), -1);
    assert_int_equal(link(at(m, FILE_1), at(m, "work/linked")), -1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(open(at(m, "data/new"), O_WRONLY | O_CREAT, 0644), -1);
    assert_int_equal(unlink(at(m, FILE_1)), -1);
    assert_int_equal(access(fixture_path(m->f, "repo/TestCam/raw/all/raw/TestCam/2/raw_TestCam_2_101.fits"), F_OK), 0);
}

/* Passthrough, or a sentence why not: either way the bytes are right, and two opens of one file agree. */
static void test_passthrough_reads_the_same_bytes(void **state)
{
    vb_auto(unmount) mounted *m = open_job(*state, true);
    int one = open(at(m, FILE_1), O_RDONLY), two = open(at(m, FILE_1), O_RDONLY);
    char a[16] = {0}, b[16] = {0};
    const char *path;

    assert_int_equal(read(one, a, 15), 10);
    assert_int_equal(read(two, b, 15), 10);
    assert_string_equal(a, "raw 101 2\n");
    assert_string_equal(a, b);
    close(one);
    close(two); /* while somebody answers */
    vb_session_stop(m->session);
    join_servers(m);
    path = vb_session_data_path(m->session);
    assert_true(!strcmp(path, "passthrough") || vb_starts_with(path, "cached ("));
}

/* Handles that nobody closed are closed when serving ends: no RELEASE comes after an abort. */
static void test_open_handles_end_with_the_session(void **state)
{
    vb_auto(unmount) mounted *m = open_job(*state, false);
    vb_autoclose int fd = open(at(m, "work/open"), O_RDWR | O_CREAT, 0644);

    assert_int_equal(write(fd, "x", 1), 1);
    umount2(at(m, ""), MNT_FORCE | MNT_DETACH);
    vb_session_stop(m->session);
    join_servers(m);
    assert_int_equal(access(fixture_path(m->f, "scratch/open"), F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_raws, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_datasets_are_files),
        TEST(test_files_are_read_in_any_pieces),
        TEST(test_generated_text_is_read_in_any_pieces),
        TEST(test_parts_of_files_are_read_across_their_seam),
        TEST(test_attributes_name_the_dataset),
        TEST(test_a_changed_artifact_is_an_error),
        TEST(test_long_directories_are_listed_whole),
        TEST(test_a_browsing_mount_is_read_only),
        TEST(test_touches_are_noted),
        TEST(test_several_threads_serve),
        TEST(test_serving_ends_with_the_mount),
        TEST(test_serving_ends_when_it_is_asked_to),
        TEST(test_serving_ends_with_its_watches),
        TEST(test_what_cannot_be_mounted_is_told),
        TEST(test_a_descriptor_that_is_no_device_is_closed),
        TEST(test_a_job_writes_real_files),
        TEST(test_a_job_changes_names),
        TEST(test_a_job_does_not_write_to_what_it_reads),
        TEST(test_passthrough_reads_the_same_bytes),
        TEST(test_open_handles_end_with_the_session),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
