/* Tests of fs/session: artifacts that a store has, and what that store may do.  A request that waits for it keeps
 * nobody else from an answer. */
#include "fs/session/internal.h"
#include "registry/base/clock.h"
#include "registry/sql.h"
#include "tests/fs/faulty.h"
#include "tests/fs/mounted.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_2 RAW "/exposure=102/raw_TestCam_2_102.fits"
#define FILE_3 RAW "/exposure=103/raw_TestCam_2_103.fits"

#define SMALL "small-300000"
#define LARGE "large-20000000"

static const vb_branch *const job_branches[] = {&vb_branch_data, &vb_branch_dimensions, NULL};

/* The artifact of exposure 10N and detector 2 lies at http://host/OBJECT. */
static void put_afar(fixture *f, int exposure, const char *object, bool told)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto_buf checksum = {0};
    vb_hash hash = faulty_hash(object);

    vb_buf_hex(&checksum, &hash, sizeof hash);
    vb_autofree char *facts = vb_format("size = %lld, checksum = x'%s'", (long long)faulty_size(object), checksum.data);
    vb_autofree char *sql = vb_format("UPDATE location SET path = 'http://host/%s', mtime = NULL, %s "
                                      "WHERE path LIKE '%%raw_TestCam_2_%d.fits'",
                                      object, told ? facts : "size = -1, checksum = NULL", exposure);

    assert_int_equal(vb_db_open(f->repo->registry_path, VB_DB_WRITE, &db, NULL), 0);
    assert_int_equal(vb_db_run(db, sql, NULL), 0);
}

static int setup(void **state)
{
    int r = mounted_setup(state);
    fixture *f = *state;

    if (r)
        return r;
    faulty_reset();
    vb_store_test_class = &faulty_class;
    setenv("VBUTLER_CACHE", fixture_path(f, "cache"), 1);
    fixture_write(f, "repo/vbutler.yaml", "format: 1\nstores: {host: {timeout: 2}}\n");
    put_afar(f, 101, SMALL, true);
    put_afar(f, 102, LARGE, true);
    return 0;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static int teardown(void **state)
{
    atomic_store(&faults->stall, false);
    atomic_store(&faults->hang, false);
    pause_ms(30); /* threads that were left behind end */
    return mounted_teardown(state);
}

static mounted *mount_it(fixture *f, bool job, int servers)
{
    mounted *m = mounted_prepare(f, job ? job_branches : vb_browse_branches, job);
    vb_fetcher *fetcher;

    assert_int_equal(vb_stores_fetcher(m->stores, &fetcher, NULL), 0);
    vb_fetcher_set_large(fetcher, 1 << 20);
    mounted_at(m, &(vb_session_options){.timeout = 0, .writable = job, .passthrough = job && !geteuid()});
    mounted_serve(m, servers);
    return m;
}

static double seconds_since(int64_t start)
{
    return (double)(vb_clock_monotonic_ns() - start) / 1e9;
}

/* ---- another thread, which opens and reads ---------------------------------------------------------------------- */

struct reader {
    const char *path, *object;
    pthread_t id;
    int error; /* of open, or of read; 0: all bytes were right */
    double seconds;
    atomic_bool ended;
};

static void *open_and_read(void *arg)
{
    struct reader *r = arg;
    int64_t start = vb_clock_monotonic_ns();
    int fd = open(r->path, O_RDONLY);
    char byte;

    r->error = fd < 0 ? errno : 0;
    if (fd >= 0 && pread(fd, &byte, 1, 0) != 1)
        r->error = errno;
    else if (fd >= 0 && r->object && !faulty_is(fd, r->object))
        r->error = EILSEQ;
    r->seconds = seconds_since(start);
    if (fd >= 0)
        close(fd);
    atomic_store(&r->ended, true);
    return NULL;
}

static void start(struct reader *r, const char *path, const char *object)
{
    *r = (struct reader){.path = path, .object = object};
    assert_int_equal(pthread_create(&r->id, NULL, open_and_read, r), 0);
}

static int count_names(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* What must be answered whatever stores do. */
static void assert_answers(mounted *m)
{
    int64_t begin = vb_clock_monotonic_ns();
    struct statvfs space;
    struct stat st;

    assert_int_equal(statvfs(mounted_path(m, ""), &space), 0);
    assert_int_equal(count_names(mounted_path(m, RAW)), 5);
    assert_int_equal(count_names(mounted_path(m, RAW "/exposure=101")), 3);
    assert_int_equal(stat(mounted_path(m, FILE_1), &st), 0);
    assert_int_equal(st.st_size, 300000);
    assert_true(seconds_since(begin) < 1);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void test_an_artifact_afar_is_read(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, false, 1);
    vb_autoclose int fd = open(mounted_path(m, FILE_1), O_RDONLY), again = open(mounted_path(m, FILE_1), O_RDONLY);

    assert_true(fd >= 0 && again >= 0);
    assert_true(faulty_is(fd, SMALL) && faulty_is(again, SMALL));
    assert_int_equal(atomic_load(&faults->gets), 1);
    assert_int_equal(atomic_load(&faults->heads), 0);
}

static void test_a_slow_store_keeps_nobody_else_waiting(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, false, 1);
    struct reader r;

    atomic_store(&faults->latency_ms, 500);
    start(&r, mounted_path(m, FILE_1), SMALL);
    pause_ms(100);
    assert_answers(m);
    close(open(mounted_path(m, FILE_3), O_RDONLY));
    assert_false(atomic_load(&r.ended));
    pthread_join(r.id, NULL);
    assert_int_equal(r.error, 0);
}

static void test_many_readers_ask_once(void **state)
{
    enum { MANY = 8 };
    vb_auto(mounted_end) mounted *m = mount_it(*state, false, MAX_SERVERS);
    struct reader r[MANY];

    atomic_store(&faults->latency_ms, 100);
    for (int i = 0; i < MANY; i++)
        start(&r[i], mounted_path(m, FILE_1), SMALL);
    for (int i = 0; i < MANY; i++) {
        pthread_join(r[i].id, NULL);
        assert_int_equal(r[i].error, 0);
    }
    assert_int_equal(atomic_load(&faults->gets), 1);
}

static void test_a_large_artifact_comes_by_block(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, false, 1);
    vb_autoclose int fd = open(mounted_path(m, FILE_2), O_RDONLY);
    char got[2880], wanted[2880];

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, got, sizeof got, 0), sizeof got);
    faulty_bytes(LARGE, 0, wanted, sizeof got);
    assert_memory_equal(got, wanted, sizeof got);
    assert_int_equal(atomic_load(&faults->bytes), VB_CACHE_BLOCK);
    assert_int_equal(pread(fd, got, 1000, 19999900), 100);
    assert_int_equal(pread(fd, got, 1000, 20000000), 0);
    assert_true(faulty_is(fd, LARGE));
    assert_int_equal(atomic_load(&faults->bytes), 20000000);
}

static void test_several_threads_read_by_block(void **state)
{
    enum { MANY = 6 };
    vb_auto(mounted_end) mounted *m = mount_it(*state, false, MAX_SERVERS);
    struct reader r[MANY];

    atomic_store(&faults->latency_ms, 5);
    for (int i = 0; i < MANY; i++)
        start(&r[i], mounted_path(m, FILE_2), LARGE);
    for (int i = 0; i < MANY; i++) {
        pthread_join(r[i].id, NULL);
        assert_int_equal(r[i].error, 0);
    }
    assert_int_equal(atomic_load(&faults->bytes), 20000000);
}

/* How many of the open files the kernel reads by itself; -1: none, where it cannot at all. */
static int count_passed(mounted *m)
{
    int n = 0;

    pthread_mutex_lock(&m->session->handles_lock);
    for (const struct handle *h = m->session->handles; h; h = h->next)
        n += h->node->backing_id > 0;
    pthread_mutex_unlock(&m->session->handles_lock);
    return strcmp(vb_session_data_path(m->session), "passthrough") ? -1 : n;
}

/* What the kernel reads by itself is a whole file: one that came by block is one once it was whole and closed. */
static void test_a_job_reads_both_kinds(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, true, 1);
    int fds[2];

    for (int pass = 0; pass < 2; pass++) {
        fds[0] = open(mounted_path(m, FILE_1), O_RDONLY);
        fds[1] = open(mounted_path(m, FILE_2), O_RDONLY);
        assert_true(count_passed(m) == pass + 1 || count_passed(m) == -1);
        assert_true(faulty_is(fds[0], SMALL));
        assert_true(faulty_is(fds[1], LARGE));
        close(fds[0]);
        close(fds[1]);
    }
    vb_session_stop(m->session);
    mounted_join(m);
    assert_int_equal(vb_job_fetched(m->job), 20300000);
    assert_null(vb_job_fault(m->job));
    assert_int_equal(atomic_load(&faults->bytes), 20300000);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void test_a_size_that_nobody_told_is_asked_for_once(void **state)
{
    vb_auto(mounted_end) mounted *m = NULL;
    struct stat st;

    put_afar(*state, 103, "untold-12345", false);
    m = mount_it(*state, false, 2);
    assert_int_equal(count_names(mounted_path(m, RAW "/exposure=103")), 3);
    assert_int_equal(atomic_load(&faults->heads), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stat(mounted_path(m, FILE_3), &st), 0);
        assert_int_equal(st.st_size, 12345);
    }
    assert_int_equal(atomic_load(&faults->heads), 1);
    atomic_store(&faults->stall, true); /* remembered */
    assert_int_equal(stat(mounted_path(m, FILE_3), &st), 0);
}

static void test_a_size_that_cannot_be_had_is_an_error(void **state)
{
    vb_auto(mounted_end) mounted *m = NULL;
    struct stat st;
    int64_t begin = vb_clock_monotonic_ns();

    put_afar(*state, 103, "untold-12345", false);
    m = mount_it(*state, true, 1);
    atomic_store(&faults->stall, true);
    assert_int_equal(stat(mounted_path(m, FILE_3), &st), -1);
    assert_int_equal(errno, EIO);
    assert_true(seconds_since(begin) < 4);
    assert_int_equal(count_names(mounted_path(m, RAW "/exposure=103")), 3);
    atomic_store(&faults->stall, false);
    assert_int_equal(stat(mounted_path(m, FILE_3), &st), 0);
    vb_session_stop(m->session);
    mounted_join(m);
    assert_non_null(strstr(vb_job_fault(m->job), "untold-12345"));
}

/* ---- what stores do --------------------------------------------------------------------------------------------- */

static void test_a_stalled_store_is_an_error_at_the_deadline(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, true, 1);
    struct reader small, large;

    atomic_store(&faults->stall, true);
    start(&small, mounted_path(m, FILE_1), NULL);
    start(&large, mounted_path(m, FILE_2), NULL);
    pause_ms(200);
    assert_answers(m);
    pthread_join(small.id, NULL);
    pthread_join(large.id, NULL);
    assert_int_equal(small.error, EIO);
    assert_int_equal(large.error, EIO);
    assert_true(small.seconds > 1.5 && small.seconds < 4 && large.seconds < 4);
    vb_session_stop(m->session);
    mounted_join(m);
    assert_non_null(strstr(vb_job_fault(m->job), "deadline"));
}

/* A thread that does not heed its deadline is left alone. */
static void test_a_store_that_hangs_hangs_nobody(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, true, 1);
    struct reader r;

    atomic_store(&faults->hang, true);
    start(&r, mounted_path(m, FILE_1), NULL);
    pause_ms(200);
    assert_answers(m);
    pthread_join(r.id, NULL);
    assert_int_equal(r.error, EIO);
    assert_true(r.seconds < 4.5);
    vb_session_stop(m->session);
    mounted_join(m);
    assert_non_null(strstr(vb_job_fault(m->job), SMALL));
}

static void test_wrong_bytes_are_never_read(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, true, 1);
    vb_autoclose int fd = -1;

    atomic_store(&faults->corrupt, 1);
    assert_int_equal(open(mounted_path(m, FILE_1), O_RDONLY), -1);
    assert_int_equal(errno, EIO);
    fd = open(mounted_path(m, FILE_1), O_RDONLY);
    assert_true(faulty_is(fd, SMALL)); /* it was a bad moment */
    close(fd);
    fd = -1;
    vb_session_stop(m->session);
    mounted_join(m);
    assert_non_null(strstr(vb_job_fault(m->job), "checksum"));
}

static void test_wrong_bytes_in_a_block_are_told_to_who_reads_all(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, true, 1);
    int fd = open(mounted_path(m, FILE_2), O_RDONLY);
    char *all = vb_alloc(20000000);
    ssize_t n, sum = 0;

    atomic_store(&faults->corrupt, 1);
    while ((n = read(fd, all, 100000)) > 0)
        sum += n;
    assert_int_equal(n, -1);
    assert_int_equal(errno, EIO);
    assert_true(sum < 20000000);
    free(all);
    close(fd);
    vb_session_stop(m->session);
    mounted_join(m);
    assert_non_null(strstr(vb_job_fault(m->job), LARGE));
}

/* ---- interrupts, ends ------------------------------------------------------------------------------------------- */

static void do_nothing(int signal)
{
}

static void test_a_signal_interrupts_an_open_and_not_the_download(void **state)
{
    vb_auto(mounted_end) mounted *m = mount_it(*state, false, 1);
    struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART */
    vb_autoclose int fd = -1;
    struct reader r;
    int64_t begin;

    sigaction(SIGUSR1, &action, NULL);
    atomic_store(&faults->latency_ms, 800);
    start(&r, mounted_path(m, FILE_1), NULL);
    pause_ms(200);
    begin = vb_clock_monotonic_ns();
    pthread_kill(r.id, SIGUSR1);
    pthread_join(r.id, NULL);
    assert_int_equal(r.error, EINTR);
    assert_true(seconds_since(begin) < 0.4);
    fd = open(mounted_path(m, FILE_1), O_RDONLY);
    assert_true(faulty_is(fd, SMALL));
    assert_int_equal(atomic_load(&faults->gets), 1);
}

static void test_a_mount_ends_whatever_waits(void **state)
{
    mounted *m = mount_it(*state, false, 2);
    struct reader r[2];
    int64_t begin;

    atomic_store(&faults->hang, true);
    start(&r[0], mounted_path(m, FILE_1), NULL);
    start(&r[1], mounted_path(m, FILE_2), NULL);
    pause_ms(200);
    begin = vb_clock_monotonic_ns();
    umount2(mounted_path(m, ""), MNT_FORCE);
    pthread_join(r[0].id, NULL);
    pthread_join(r[1].id, NULL);
    assert_int_not_equal(r[0].error, 0);
    assert_int_equal(umount2(mounted_path(m, ""), MNT_DETACH), 0);
    mounted_join(m);
    assert_true(seconds_since(begin) < 2);
    mounted_end(m);
    assert_true(seconds_since(begin) < 5); /* the pool was given two seconds */
}

static void test_a_job_ends_whatever_waits(void **state)
{
    mounted *m = mount_it(*state, true, 1);
    struct reader r;
    int64_t begin;

    atomic_store(&faults->stall, true);
    start(&r, mounted_path(m, FILE_1), NULL);
    pause_ms(200);
    begin = vb_clock_monotonic_ns();
    vb_session_stop(m->session);
    mounted_join(m);
    assert_true(seconds_since(begin) < 1);
    pthread_join(r.id, NULL); /* serving has ended: it was answered */
    assert_int_equal(r.error, EIO);
    mounted_end(m);
    assert_true(seconds_since(begin) < 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_artifact_afar_is_read),
        TEST(test_a_slow_store_keeps_nobody_else_waiting),
        TEST(test_many_readers_ask_once),
        TEST(test_a_large_artifact_comes_by_block),
        TEST(test_several_threads_read_by_block),
        TEST(test_a_job_reads_both_kinds),
        TEST(test_a_size_that_nobody_told_is_asked_for_once),
        TEST(test_a_size_that_cannot_be_had_is_an_error),
        TEST(test_a_stalled_store_is_an_error_at_the_deadline),
        TEST(test_a_store_that_hangs_hangs_nobody),
        TEST(test_wrong_bytes_are_never_read),
        TEST(test_wrong_bytes_in_a_block_are_told_to_who_reads_all),
        TEST(test_a_signal_interrupts_an_open_and_not_the_download),
        TEST(test_a_mount_ends_whatever_waits),
        TEST(test_a_job_ends_whatever_waits),
    };

    return cmocka_run_group_tests_name("session_remote", tests, NULL, NULL);
}
