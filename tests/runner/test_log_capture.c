/* Tests of runner/run/log_capture: what a task prints, as Rubin's log records. */
#include "runner/run/log_capture.h"
#include "tests/runner/bench.h"

#include <fcntl.h>
#include <unistd.h>

/* A log whose task is this test. */
struct task {
    vb_log_capture *log;
    int fds[2];
};

static void start(struct task *t, fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    int fds[2];

    t->log = vb_log_capture_new("calibrate", fixture_path(f, "spill"));
    assert_ok(vb_log_capture_open(t->log, &fds[0], &fds[1], &err), &err);
    for (int i = 0; i < 2; i++)
        t->fds[i] = dup(fds[i]);
    vb_log_capture_started(t->log);
}

/* Prints text; the reader reads as the pipe fills. */
static void print_bytes(struct task *t, int stream, const char *text, size_t n)
{
    while (n) {
        size_t part = n < 4096 ? n : 4096;

        assert_int_equal(write(t->fds[stream], text, part), part);
        assert_true(vb_log_capture_read(t->log, stream));
        text += part;
        n -= part;
    }
}

static void print(struct task *t, int stream, const char *text)
{
    print_bytes(t, stream, text, strlen(text));
}

static void end(struct task *t)
{
    for (int i = 0; i < 2; i++) {
        close(t->fds[i]);
        assert_false(vb_log_capture_read(t->log, i));
    }
}

/* Writes the log; its records. */
static json_t *written(struct task *t, fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = open(fixture_path(f, "log.json"), O_RDWR | O_CREAT | O_TRUNC, 0644);
    vb_auto_buf text = {0};
    vb_hash checksum, own;
    json_t *records;
    int64_t size;

    assert_ok(vb_log_capture_write(t->log, fd, &size, &checksum, &err), &err);
    assert_int_equal(vb_read_file(AT_FDCWD, fixture_path(f, "log.json"), 1 << 30, &text, NULL), 0);
    assert_int_equal(size, text.len);
    own = vb_hash_bytes(vb_buf_text(&text), text.len);
    assert_memory_equal(&checksum, &own, sizeof own);
    records = json_loads(vb_buf_text(&text), 0, NULL);
    assert_true(json_is_array(records));
    return records;
}

static const char *field(const json_t *records, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(records, i), name));
}

/* Fails the test unless the messages are those, up to NULL. */
static void check_messages(struct task *t, fixture *f, const char *const *messages)
{
    json_t *records = written(t, f);
    size_t n = 0;

    for (; messages[n]; n++)
        assert_string_equal(field(records, n, "message"), messages[n]);
    assert_int_equal(json_array_size(records), n);
    json_decref(records);
}

static void stop(struct task *t)
{
    vb_log_capture_free(t->log);
}
#define auto_task __attribute__((cleanup(stop))) struct task

static void test_a_line_is_a_record(void **state)
{
    auto_task t;
    json_t *records;

    start(&t, *state);
    print(&t, 0, "hello\n");
    print(&t, 1, "oh \"no\"\\\n");
    end(&t);
    records = written(&t, *state);
    assert_int_equal(json_array_size(records), 2);
    assert_string_equal(field(records, 0, "message"), "hello");
    assert_string_equal(field(records, 0, "name"), "calibrate.stdout");
    assert_string_equal(field(records, 0, "levelname"), "INFO");
    assert_string_equal(field(records, 1, "message"), "oh \"no\"\\");
    assert_string_equal(field(records, 1, "name"), "calibrate.stderr");
    assert_string_equal(json_string_value(json_object_get(json_object_get(json_array_get(records, 0), "MDC"), "LABEL")),
                        "calibrate");
    json_decref(records);
}

static void test_silence_is_an_empty_array(void **state)
{
    auto_task t;

    start(&t, *state);
    end(&t);
    check_messages(&t, *state, (const char *const[]){NULL});
}

/* Lines come in pieces; the last may have no end; the streams do not mix within a line. */
static void test_lines_are_put_together(void **state)
{
    auto_task t;

    start(&t, *state);
    print(&t, 0, "one ");
    print(&t, 1, "else\n");
    print(&t, 0, "line\n\n\n  \nlast");
    end(&t);
    check_messages(&t, *state, (const char *const[]){"else", "one line", "last", NULL});
}

static void test_escape_sequences_are_taken_out(void **state)
{
    static const struct {
        const char *printed, *message;
    } cases[] = {
        {"\x1b[31mred\x1b[0m", "red"},
        {"\x1b[2K10%\r", "10%"},
        {"a\tb", "a\tb"},
        {"bell\x07", "bell"},
        {"cut \x1b[", "cut"},
        {"\x1b[38;5;12mblue", "blue"},
        {"nul\x01\x02", "nul"},
        {"trailing   ", "trailing"},
        {"  leading", "  leading"},
        {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
        {"bad \xff.", "bad \xef\xbf\xbd."},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        auto_task t;

        start(&t, *state);
        print(&t, 0, cases[i].printed);
        end(&t);
        check_messages(&t, *state, (const char *const[]){cases[i].message, NULL});
    }
}

/* What has no end in sight becomes records before it fills the memory; no byte is lost. */
static void test_a_line_without_end_is_cut(void **state)
{
    enum { SIZE = 100000 };
    vb_autofree char *text = vb_alloc(SIZE);
    auto_task t;
    json_t *records;
    size_t sum = 0;

    memset(text, 'x', SIZE);
    start(&t, *state);
    print_bytes(&t, 0, text, SIZE);
    end(&t);
    records = written(&t, *state);
    for (size_t i = 0; i < json_array_size(records); i++)
        sum += strlen(field(records, i, "message"));
    assert_true(json_array_size(records) > 2);
    assert_int_equal(sum, SIZE);
    json_decref(records);
}

/* ---- long logs -------------------------------------------------------------------------------------------------- */

static void print_lines(struct task *t, int n)
{
    for (int i = 0; i < n; i++) {
        vb_autofree char *line = vb_format("line %d of a program that has very much to say about what it does\n", i);

        print(t, 0, line);
    }
}

static void test_a_long_log_goes_through_a_file(void **state)
{
    enum { LINES = 20000 };
    fixture *f = *state;
    auto_task t;
    json_t *records;

    start(&t, f);
    print_lines(&t, LINES);
    assert_int_equal(access(fixture_path(f, "spill"), F_OK), 0);
    end(&t);
    records = written(&t, f);
    assert_int_equal(json_array_size(records), LINES);
    assert_non_null(strstr(field(records, LINES - 1, "message"), "line 19999 "));
    json_decref(records);
}

static void test_the_file_goes_with_the_log(void **state)
{
    fixture *f = *state;
    struct task t;

    start(&t, f);
    print_lines(&t, 10000);
    end(&t);
    stop(&t);
    assert_int_equal(access(fixture_path(f, "spill"), F_OK), -1);
}

/* Where the file cannot be made the memory has to do. */
static void test_without_a_file_a_long_log_stays_whole(void **state)
{
    fixture *f = *state;
    auto_task t;
    json_t *records;

    start(&t, f);
    assert_int_equal(mkdirat(AT_FDCWD, fixture_path(f, "spill"), 0755), 0);
    print_lines(&t, 10000);
    end(&t);
    records = written(&t, f);
    assert_int_equal(json_array_size(records), 10000);
    json_decref(records);
}

/* Bug: a full disk under the file cut the log short, and the log was taken as written. */
static void test_a_long_log_on_a_full_disk_is_an_error(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = open(fixture_path(f, "log.json"), O_RDWR | O_CREAT, 0644);
    auto_task t;
    int64_t size;
    vb_hash checksum;

    assert_int_equal(symlink("/dev/full", fixture_path(f, "spill")), 0);
    start(&t, f);
    print_lines(&t, 10000);
    end(&t);
    assert_int_equal(vb_log_capture_write(t.log, fd, &size, &checksum, &err), -ENOSPC);
    assert_says(&err, "spill: No space left on device");
}

static void test_a_log_that_cannot_be_written_is_an_error(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autoclose int fd = open("/dev/full", O_RDWR);
    auto_task t;
    int64_t size;
    vb_hash checksum;

    start(&t, f);
    print(&t, 0, "hello\n");
    end(&t);
    assert_int_equal(vb_log_capture_write(t.log, fd, &size, &checksum, &err), -ENOSPC);
    assert_says(&err, "writing a log: No space left on device");
}

/* ---- for receipts and messages ---------------------------------------------------------------------------------- */

static void test_the_runner_has_its_say(void **state)
{
    auto_task t;
    json_t *records, *tail;

    start(&t, *state);
    vb_log_capture_say(t.log, "WARNING", "it read \xff what it did not declare");
    end(&t);
    tail = vb_log_capture_tail(t.log);
    assert_string_equal(field(tail, 0, "levelname"), "WARNING");
    assert_string_equal(field(tail, 0, "name"), "calibrate");
    json_decref(tail);
    records = written(&t, *state);
    assert_string_equal(field(records, 0, "name"), "calibrate.vbutler");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(records, 0), "levelno")), 30);
    assert_string_equal(field(records, 0, "message"), "it read \xef\xbf\xbd what it did not declare");
    json_decref(records);
}

static void test_the_tail_is_the_last_records(void **state)
{
    auto_task t;
    json_t *tail;
    size_t n;

    start(&t, *state);
    print_lines(&t, 1000);
    end(&t);
    tail = vb_log_capture_tail(t.log);
    n = json_array_size(tail);
    assert_true(n >= 100 && n < 1000);
    assert_non_null(strstr(field(tail, n - 1, "message"), "line 999 "));
    for (size_t i = 0; i < n; i++) {
        vb_autofree char *start_of = vb_format("line %zu ", 1000 - n + i);

        assert_true(vb_starts_with(field(tail, i, "message"), start_of));
    }
    json_decref(tail);
}

static void test_the_last_lines_are_at_most_so_many(void **state)
{
    static const struct {
        int n;
        const char *text;
    } cases[] = {{0, ""}, {1, "three"}, {2, "two\nthree"}, {3, "one\ntwo\nthree"}, {9, "one\ntwo\nthree"}};
    auto_task t;

    start(&t, *state);
    print(&t, 0, "one\ntwo\nthree\n");
    end(&t);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_buf text = {0};

        vb_log_capture_last_lines(t.log, cases[i].n, &text);
        assert_string_equal(vb_buf_text(&text), cases[i].text);
    }
}

static void test_pipes_are_closed_in_programs(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_log_capture_free) vb_log_capture *log = vb_log_capture_new("a", fixture_path(*state, "spill"));
    int out, err_fd;

    assert_ok(vb_log_capture_open(log, &out, &err_fd, &err), &err);
    for (int i = 0; i < 2; i++)
        assert_true(fcntl(vb_log_capture_fd(log, i), F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(out, F_GETFD) & FD_CLOEXEC);
    vb_log_capture_started(log);
    assert_int_equal(fcntl(out, F_GETFD), -1);
    assert_int_equal(fcntl(err_fd, F_GETFD), -1);
    assert_false(vb_log_capture_read(log, 0)); /* nobody has the other end */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_line_is_a_record),
        TEST(test_silence_is_an_empty_array),
        TEST(test_lines_are_put_together),
        TEST(test_escape_sequences_are_taken_out),
        TEST(test_a_line_without_end_is_cut),
        TEST(test_a_long_log_goes_through_a_file),
        TEST(test_the_file_goes_with_the_log),
        TEST(test_without_a_file_a_long_log_stays_whole),
        TEST(test_a_long_log_on_a_full_disk_is_an_error),
        TEST(test_a_log_that_cannot_be_written_is_an_error),
        TEST(test_the_runner_has_its_say),
        TEST(test_the_tail_is_the_last_records),
        TEST(test_the_last_lines_are_at_most_so_many),
        TEST(test_pipes_are_closed_in_programs),
    };

    return cmocka_run_group_tests_name("log_capture", tests, NULL, NULL);
}
