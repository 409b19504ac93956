/* Tests of fs/remote against a server that does what servers should not do (tests/services/faulty.py): each fault gives
 * the right errno within the deadline, and never a wrong byte. */
#include "fs/store/class.h"
#include "fs/store/land.h"
#include "registry/base/clock.h"
#include "tests/fs/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { SIZE = 3 << 20, SECOND = 1000000000 };

/* One server for all tests. */
static pid_t server;
static int port;
static char *data;
static char directory[] = "/tmp/vbutler-remote.XXXXXX";

static void write_data(const char *name, const void *bytes, size_t n)
{
    vb_autofree char *path = vb_path_join(directory, name);

    assert_int_equal(vb_write_file(AT_FDCWD, path, bytes, n, 0644, false, NULL), 0);
}

static int start_server(void **state)
{
    int out[2];
    FILE *f;

    assert_non_null(mkdtemp(directory));
    data = vb_alloc(SIZE);
    for (uint64_t i = 0, x = 88172645463325252; i < SIZE; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = (char)x;
    }
    write_data("data", data, SIZE);
    write_data("empty", "", 0);
    assert_int_equal(pipe(out), 0);
    server = fork();
    if (!server) {
        vb_autofree char *log = vb_path_join(directory, "log");

        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where the test is killed */
        dup2(out[1], 1);
        close(out[0]);
        execlp("python3", "python3", "tests/services/faulty.py", directory, log, NULL);
        _exit(127);
    }
    close(out[1]);
    f = fdopen(out[0], "r");
    if (fscanf(f, "%d", &port) != 1)
        port = 0;
    fclose(f);
    return 0;
}

static int stop_server(void **state)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    free(data);
    return vb_remove_tree(AT_FDCWD, directory, NULL);
}

/* ---- one download --------------------------------------------------------------------------------------- */

struct got {
    vb_buf bytes;
    int64_t elapsed; /* nanoseconds */
    vb_error err;
};

static int collect(void *arg, const void *bytes, size_t n)
{
    vb_buf_add(arg, bytes, n);
    return 0;
}

static void got_clear(struct got *g)
{
    vb_buf_free(&g->bytes);
    vb_error_clear(&g->err);
}
#define auto_got __attribute__((cleanup(got_clear))) struct got

static const vb_store_options quick = {.timeout = 4 * (int64_t)SECOND, .retries = 4};

static void *open_store(const char *fault, const vb_store_options *options)
{
    vb_autofree char *root = vb_format("http://127.0.0.1:%d/%s", port, fault);
    void *store;

    if (!port)
        skip();
    assert_int_equal(vb_store_http.open(root, options, &store, NULL), 0);
    return store;
}

/* A range of an object, with the deadline of the options. */
static int read_range(const char *fault, const char *name, int64_t offset, int64_t length, const char *etag,
                      const vb_store_options *options, struct got *g)
{
    int64_t begun = vb_clock_monotonic_ns();
    void *store = open_store(fault, options);
    int r = vb_store_http.get(store, name, offset, length, etag, vb_store_deadline(options, -1), collect, &g->bytes,
                              &g->err);

    g->elapsed = vb_clock_monotonic_ns() - begun;
    vb_store_http.close(store);
    assert_true(r < 0 ? r == g->err.code && g->err.message : !g->err.code);
    /* Whatever happens, what has come is what the object begins with. */
    if (!strcmp(name, "data") && !vb_starts_with(fault, "wrong") && !vb_starts_with(fault, "changing")) {
        assert_true(offset + (int64_t)g->bytes.len <= SIZE);
        assert_memory_equal(vb_buf_text(&g->bytes), data + offset, g->bytes.len);
    }
    assert_true(g->elapsed < options->timeout + 2 * (int64_t)SECOND);
    return r;
}

static void reads_all(const char *fault)
{
    auto_got g = {0};

    assert_ok(read_range(fault, "data", 0, -1, "", &quick, &g), &g.err);
    assert_int_equal(g.bytes.len, SIZE);
}

static void fails(const char *fault, int code, const char *why)
{
    auto_got g = {0};

    assert_int_equal(read_range(fault, "data", 0, -1, "", &quick, &g), code);
    assert_says(&g.err, why);
    assert_says(&g.err, "reading http://127.0.0.1:");
}

static int count_requests(const char *line)
{
    vb_autofree char *path = vb_path_join(directory, "log");
    vb_auto_buf log = {0};
    int n = 0;

    assert_int_equal(vb_read_file(AT_FDCWD, path, 1 << 20, &log, NULL), 0);
    for (const char *p = vb_buf_text(&log); (p = strstr(p, line)); p++)
        n++;
    return n;
}

/* ---- good servers --------------------------------------------------------------------------------------- */

static void an_object_is_read_whole_and_in_ranges(void **state)
{
    auto_got part = {0}, tail = {0}, none = {0}, empty = {0};

    reads_all("ok");
    assert_ok(read_range("ok", "data", 1000, 5000, "", &quick, &part), &part.err);
    assert_int_equal(part.bytes.len, 5000);
    assert_ok(read_range("ok", "data", SIZE - 10, -1, "", &quick, &tail), &tail.err);
    assert_int_equal(tail.bytes.len, 10);
    assert_ok(read_range("ok", "data", SIZE, -1, "", &quick, &none), &none.err);
    assert_int_equal(none.bytes.len, 0);
    assert_ok(read_range("ok", "empty", 0, -1, "", &quick, &empty), &empty.err);
    assert_int_equal(empty.bytes.len, 0);
}

static void a_range_is_cut_out_where_the_server_knows_none(void **state)
{
    auto_got part = {0};

    assert_ok(read_range("norange-0-0", "data", 1000, 5000, "", &quick, &part), &part.err);
    assert_int_equal(part.bytes.len, 5000);
}

static void a_body_without_a_length_is_read(void **state)
{
    reads_all("chunked");
}

static void size_and_time_are_asked_for(void **state)
{
    static const char *const faults[] = {"ok", "nohead", "chunked"};

    for (size_t i = 0; i < VB_COUNT(faults); i++) {
        void *store = open_store(faults[i], &quick);
        vb_auto_error err = VB_ERROR_INIT;
        vb_object object;

        assert_ok(vb_store_http.stat(store, "data", vb_store_deadline(&quick, -1), &object, &err), &err);
        assert_int_equal(object.size, strcmp(faults[i], "chunked") ? SIZE : -1);
        assert_true(object.mtime > 0 && *object.etag);
        assert_int_equal(vb_store_http.stat(store, "nothing", vb_store_deadline(&quick, -1), &object, &err), -ENOENT);
        assert_says(&err, "it is not there");
        vb_store_http.close(store);
    }
}

static void another_version_is_refused(void **state)
{
    auto_got g = {0}, same = {0};
    vb_object object;
    void *store = open_store("ok", &quick);

    assert_int_equal(vb_store_http.stat(store, "data", vb_store_deadline(&quick, -1), &object, NULL), 0);
    vb_store_http.close(store);
    assert_int_equal(read_range("ok", "data", 0, -1, "\"other\"", &quick, &g), -ESTALE);
    assert_int_equal(g.bytes.len, 0);
    assert_ok(read_range("ok", "data", 0, -1, object.etag, &quick, &same), &same.err);
}

static void redirects_are_followed_to_http_only(void **state)
{
    reads_all("redirect-3");
    fails("redirect-20", -EIO, "redirects");
    fails("redirect-ftp", -EIO, "rotocol");
}

static void connections_are_used_again(void **state)
{
    void *store = open_store("ok", &quick);
    vb_auto_buf bytes = {0};
    int64_t begun = vb_clock_monotonic_ns();

    for (int i = 0; i < 100; i++)
        assert_int_equal(vb_store_http.get(store, "empty", 0, -1, "", begun + 20 * (int64_t)SECOND, collect, &bytes,
                                           NULL),
                         0);
    vb_store_http.close(store);
}

/* ---- what passes ---------------------------------------------------------------------------------------- */

static void what_passes_is_tried_again(void **state)
{
    reads_all("error-500-1");
    reads_all("error-503-3");
    reads_all("error-408-1");
    reads_all("latency-100");
    assert_int_equal(count_requests("GET /error-503-3/data"), 4);
}

static void a_server_that_is_busy_says_when_to_come_again(void **state)
{
    auto_got g = {0};

    assert_ok(read_range("error-429-1", "data", 0, -1, "", &quick, &g), &g.err);
    assert_true(g.elapsed >= SECOND);
}

static void a_broken_download_goes_on_where_it_was(void **state)
{
    reads_all("reset-1000000-2");
    assert_int_equal(count_requests("GET /reset-1000000-2/data"), 3); /* a reset may take what was sent with it */
    reads_all("truncate-1000000-2");
    assert_int_equal(count_requests("GET /truncate-1000000-2/data bytes="), 2);
    reads_all("norange-1500000-1");
    reads_all("unnamed-1500000-1");
    reads_all("reset-0-2");
}

static void a_server_that_falls_silent_is_left(void **state)
{
    reads_all("stall-1000000-1");
    reads_all("stall-0-1");
}

/* ---- what does not --------------------------------------------------------------------------------------- */

static void what_does_not_pass_is_an_error(void **state)
{
    static const vb_store_options few = {.timeout = 4 * (int64_t)SECOND, .retries = 2};
    auto_got g = {0};

    assert_int_equal(read_range("error-500", "data", 0, -1, "", &few, &g), -EIO);
    assert_says(&g.err, "answered 500 (3 tries)");
    assert_int_equal(count_requests("GET /error-500/data"), 3);
    fails("error-404", -ENOENT, "it is not there");
    fails("error-410", -ENOENT, "it is not there");
    fails("error-403", -EACCES, "answered 403");
    fails("error-401", -EACCES, "answered 401");
    fails("error-400", -EIO, "answered 400");
    assert_int_equal(count_requests("GET /error-403/data"), 1);
}

static void a_stall_for_ever_ends_at_the_deadline(void **state)
{
    auto_got g = {0}, late = {0};
    const vb_store_options short_one = {.timeout = 2 * (int64_t)SECOND, .retries = 100};

    assert_int_equal(read_range("stall-1000", "data", 0, -1, "", &short_one, &g), -ETIMEDOUT);
    assert_int_equal(read_range("latency-60000", "data", 0, -1, "", &short_one, &late), -ETIMEDOUT);
    assert_int_equal(late.bytes.len, 0);
}

static void a_retry_that_comes_too_late_is_not_waited_for(void **state)
{
    auto_got g = {0};
    const vb_store_options impatient = {.timeout = SECOND / 2, .retries = 100};

    assert_int_equal(read_range("error-429", "data", 0, -1, "", &impatient, &g), -ETIMEDOUT);
    assert_says(&g.err, "answered 429");
    assert_true(g.elapsed < SECOND);
}

static void nobody_there_is_an_error(void **state)
{
    static const vb_store_options few = {.timeout = 4 * (int64_t)SECOND, .retries = 1};
    vb_auto_error err = VB_ERROR_INIT;
    vb_object object;
    void *store;

    assert_int_equal(vb_store_http.open("http://127.0.0.1:1", &few, &store, &err), 0);
    assert_int_equal(vb_store_http.stat(store, "x", vb_store_deadline(&few, -1), &object, &err), -EIO);
    assert_says(&err, "asking for http://127.0.0.1:1/x");
    assert_says(&err, "2 tries");
    vb_store_http.close(store);
}

static void bytes_that_were_not_asked_for_are_refused(void **state)
{
    auto_got shifted = {0}, more = {0};

    assert_int_equal(read_range("shifted", "data", 100, 1000, "", &quick, &shifted), -EIO);
    assert_int_equal(shifted.bytes.len, 0);
    assert_true(read_range("more-100", "data", 100, 1000, "", &quick, &more) < 0);
}

static void a_version_that_changes_meanwhile_is_stale(void **state)
{
    auto_got g = {0};

    assert_int_equal(read_range("changing-1000000", "data", 0, -1, "", &quick, &g), -ESTALE);
    assert_memory_equal(g.bytes.data, data, g.bytes.len); /* of the first version only */
}

static void a_rest_of_an_unknown_version_is_not_taken(void **state)
{
    fails("mute-1000000", -EIO, "does not tell whether");
}

static void an_end_that_does_not_come_is_an_error(void **state)
{
    fails("long-1000", -ESTALE, "shorter than what was asked for");
}

/* ---- landing -------------------------------------------------------------------------------------------- */

static int land(const char *fault, const vb_location *location, int fd, vb_error *err)
{
    void *store = open_store(fault, &quick);
    int r = vb_store_land(&vb_store_http, store, "data", location, fd, vb_store_deadline(&quick, -1), NULL, err);

    vb_store_http.close(store);
    return r;
}

static int new_file(void)
{
    int fd = open(directory, O_TMPFILE | O_RDWR, 0600);

    assert_true(fd >= 0);
    return fd;
}

static vb_location whole(void)
{
    return (vb_location){.path = (char *)"data",
                         .size = SIZE,
                         .mtime = -1,
                         .has_checksum = true,
                         .checksum = vb_hash_bytes(data, SIZE)};
}

static void check_file(int fd)
{
    vb_hash is, was = vb_hash_bytes(data, SIZE);

    assert_int_equal(vb_hash_fd(fd, &is, NULL, NULL), 0);
    assert_memory_equal(&is, &was, sizeof is);
}

static void what_lands_has_the_size_and_the_checksum(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = new_file();
    vb_location l = whole();

    assert_ok(land("reset-1000000-1x", &l, fd, &err), &err);
    check_file(fd);
}

static void bytes_that_were_damaged_on_their_way_are_read_again(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = new_file(), bad = new_file();
    vb_location l = whole();

    assert_ok(land("wrong-1", &l, fd, &err), &err);
    check_file(fd);
    assert_int_equal(land("wrong-1000", &l, bad, &err), -EIO);
    assert_says(&err, "has other bytes than those that were registered");
}

static void a_wrong_size_is_stale(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = new_file(), more = new_file();
    vb_location l = whole(), less = whole();

    assert_int_equal(land("short-1000", &l, fd, &err), -ESTALE);
    assert_says(&err, "it has 1000 bytes, and had 3145728");
    less.size = 1000;
    assert_int_equal(land("ok", &less, more, &err), -ESTALE);
    assert_says(&err, "more than 1000 bytes");
}

static void a_copy_that_was_broken_off_is_finished(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = new_file(), damaged = new_file(), unproved = new_file();
    vb_location l = whole(), plain = whole();
    int before = count_requests("GET /ok/data bytes=2000000-");

    assert_int_equal(vb_write_all(fd, data, 2000000), 0);
    assert_ok(land("ok", &l, fd, &err), &err);
    check_file(fd);
    assert_int_equal(count_requests("GET /ok/data bytes=2000000-"), before + 1);
    assert_int_equal(vb_write_all(damaged, data + 1, 2000000), 0);
    assert_ok(land("ok", &l, damaged, &err), &err);
    check_file(damaged);
    plain.has_checksum = false;
    assert_int_equal(vb_write_all(unproved, data + 1, 2000000), 0);
    assert_ok(land("ok", &plain, unproved, &err), &err);
    check_file(unproved);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static int put(const char *fault, const char *name, bool replace, vb_error *err)
{
    void *store = open_store(fault, &quick);
    vb_autoclose int fd = new_file();
    int r;

    assert_int_equal(vb_write_all(fd, data, 100000), 0);
    r = vb_store_http.put(store, name, fd, 100000, replace, vb_store_deadline(&quick, -1), err);
    vb_store_http.close(store);
    return r;
}

static void check_stored(const char *name)
{
    vb_autofree char *path = vb_path_join(directory, name);
    vb_auto_buf bytes = {0};

    assert_int_equal(vb_read_file(AT_FDCWD, path, 1 << 20, &bytes, NULL), 0);
    assert_int_equal(bytes.len, 100000);
    assert_memory_equal(bytes.data, data, 100000);
}

static void check_no_temporaries(void)
{
    vb_autofree char *command = vb_format("! ls -A %s | grep -q '^[.]'", directory);

    assert_int_equal(system(command), 0);
}

static void what_was_stored_counts_though_the_answer_is_lost(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    void *store = open_store("lost-1", &quick);

    assert_ok(put("lost-1", "lost", false, &err), &err);
    check_stored("lost");
    assert_ok(put("error-503-1", "busy", false, &err), &err);
    check_stored("busy");
    assert_ok(vb_store_http.remove(store, "lost", vb_store_deadline(&quick, -1), &err), &err);
    assert_int_equal(vb_store_http.remove(store, "lost", vb_store_deadline(&quick, -1), &err), -ENOENT);
    vb_store_http.close(store);
    check_no_temporaries();
}

static void what_cannot_be_stored_leaves_nothing(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(put("error-403", "refused", false, &err), -EACCES);
    assert_says(&err, "writing http://127.0.0.1");
    assert_ok(put("ok", "taken", false, &err), &err);
    assert_int_equal(put("ok", "taken", false, &err), -EEXIST);
    assert_ok(put("ok", "taken", true, &err), &err);
    check_stored("taken");
    check_no_temporaries();
}

/* ---- identity and limits -------------------------------------------------------------------------------- */

static void a_password_comes_from_netrc_and_stays_with_its_host(void **state)
{
    vb_autofree char *file = vb_path_join(directory, "netrc"), *away = vb_format("host-%d", port);
    static const char text[] = "machine 127.0.0.1 login me password secret\n";

    if (!port)
        skip();
    fails("auth", -EACCES, "answered 401");
    write_data("netrc", text, sizeof text - 1);
    setenv("NETRC", file, 1);
    reads_all("auth");
    reads_all(away);
    unsetenv("NETRC");
    assert_int_equal(count_requests("GET /auth/data - auth"), 1);
    assert_int_equal(count_requests("GET /ok/data - auth"), 0);
}

/* A bucket whose name is the fault. */
static void a_bucket_is_read_through_faults(void **state)
{
    static const char *const faults[] = {"ok", "error-503-1", "reset-1000000-1", "stall-1000000-1"};
    vb_autofree char *endpoint = vb_format("http://127.0.0.1:%d", port);
    vb_store_options options = quick;

    if (!port)
        skip();
    setenv("AWS_ACCESS_KEY_ID", "KEY", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "SECRET", 1);
    setenv("AWS_SESSION_TOKEN", "TOKEN", 1);
    options.endpoint = endpoint;
    for (size_t i = 0; i < VB_COUNT(faults); i++) {
        vb_autofree char *root = vb_format("s3://%s", faults[i]);
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_buf bytes = {0};
        void *store;

        assert_ok(vb_store_s3.open(root, &options, &store, &err), &err);
        assert_ok(vb_store_s3.get(store, "data", 0, -1, "", vb_store_deadline(&options, -1), collect, &bytes, &err),
                  &err);
        assert_int_equal(bytes.len, SIZE);
        assert_memory_equal(bytes.data, data, SIZE);
        vb_store_s3.close(store);
    }
    unsetenv("AWS_SESSION_TOKEN");
    assert_true(count_requests("GET /ok/data - host;x-amz-content-sha256;x-amz-date;x-amz-security-token") == 1);
}

struct slow {
    void *store;
    int r;
};

static void *read_slowly(void *arg)
{
    struct slow *s = arg;
    vb_auto_buf bytes = {0};

    s->r = vb_store_http.get(s->store, "data", 0, 500000, "", vb_clock_monotonic_ns() + 20 * (int64_t)SECOND, collect,
                             &bytes, NULL);
    return NULL;
}

static void a_rate_limit_holds_for_all_threads_together(void **state)
{
    static const vb_store_options slow = {.timeout = 20 * (int64_t)SECOND,
                                          .retries = 1,
                                          .rate = 1000000,
                                          .parallel = 2};
    struct slow jobs[4];
    pthread_t threads[4];
    void *store = open_store("ok", &slow);
    int64_t begun = vb_clock_monotonic_ns();

    for (size_t i = 0; i < 4; i++) {
        jobs[i].store = store;
        assert_int_equal(pthread_create(&threads[i], NULL, read_slowly, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].r, 0);
    }
    assert_true(vb_clock_monotonic_ns() - begun > 15 * (int64_t)SECOND / 10); /* 2 MB, less what was in the buckets */
    vb_store_http.close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_read_whole_and_in_ranges),
        TEST(a_range_is_cut_out_where_the_server_knows_none),
        TEST(a_body_without_a_length_is_read),
        TEST(size_and_time_are_asked_for),
        TEST(another_version_is_refused),
        TEST(redirects_are_followed_to_http_only),
        TEST(connections_are_used_again),
        TEST(what_passes_is_tried_again),
        TEST(a_server_that_is_busy_says_when_to_come_again),
        TEST(a_broken_download_goes_on_where_it_was),
        TEST(a_server_that_falls_silent_is_left),
        TEST(what_does_not_pass_is_an_error),
        TEST(a_stall_for_ever_ends_at_the_deadline),
        TEST(a_retry_that_comes_too_late_is_not_waited_for),
        TEST(nobody_there_is_an_error),
        TEST(bytes_that_were_not_asked_for_are_refused),
        TEST(a_version_that_changes_meanwhile_is_stale),
        TEST(a_rest_of_an_unknown_version_is_not_taken),
        TEST(an_end_that_does_not_come_is_an_error),
        TEST(what_lands_has_the_size_and_the_checksum),
        TEST(bytes_that_were_damaged_on_their_way_are_read_again),
        TEST(a_wrong_size_is_stale),
        TEST(a_copy_that_was_broken_off_is_finished),
        TEST(what_was_stored_counts_though_the_answer_is_lost),
        TEST(what_cannot_be_stored_leaves_nothing),
        TEST(a_password_comes_from_netrc_and_stays_with_its_host),
        TEST(a_bucket_is_read_through_faults),
        TEST(a_rate_limit_holds_for_all_threads_together),
    };
    return cmocka_run_group_tests_name("remote", tests, start_server, stop_server);
}
