/* What a program says beside its output. */
#include "registry/base/log.h"
#include "tests/registry/fixture.h"

#include <sys/wait.h>

static void levels_are_ordered_and_named_in_any_case(void **state)
{
    assert_true(vb_log_set_level("Warning"));
    assert_false(vb_log_enabled(VB_INFO));
    assert_true(vb_log_enabled(VB_WARNING));
    assert_true(vb_log_enabled(VB_ERROR));
    assert_true(vb_log_set_level("TRACE"));
    assert_true(vb_log_enabled(VB_DEBUG));
    assert_true(vb_log_set_level("critical"));
    assert_false(vb_log_enabled(VB_WARNING));
}

static void unknown_level_changes_nothing(void **state)
{
    assert_true(vb_log_set_level("INFO"));
    assert_false(vb_log_set_level("LOUD"));
    assert_false(vb_log_set_level(""));
    assert_true(vb_log_enabled(VB_INFO));
    assert_false(vb_log_enabled(VB_VERBOSE));
}

/* What `child` says on stderr, in a process of its own: the level is read from the environment only once. */
static void said_by(fixture *f, void (*child)(void), vb_buf *out)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        int fd = open(fixture_path(f, "log"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        dup2(fd, STDERR_FILENO);
        child();
        fflush(stderr);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_ok(vb_read_file(AT_FDCWD, fixture_path(f, "log"), 1000, out, &f->err), &f->err);
}

static void say_all(void)
{
    vb_log_set_level("DEBUG");
    vb_log(VB_DEBUG, "a%d", 1);
    vb_log(VB_VERBOSE, "b");
    vb_log(VB_INFO, "c");
    vb_log(VB_WARNING, "d");
    vb_log(VB_ERROR, "e");
}

static void lines_begin_with_their_level(void **state)
{
    vb_auto_buf out = {0};

    said_by(*state, say_all, &out);
    assert_string_equal(vb_buf_text(&out), "debug: a1\nb\nc\nwarning: d\nerror: e\n");
}

static void say_less(void)
{
    vb_log_set_level("ERROR");
    vb_log(VB_WARNING, "not said");
    vb_log(VB_ERROR, "said");
}

static void what_is_below_the_level_is_not_said(void **state)
{
    vb_auto_buf out = {0};

    said_by(*state, say_less, &out);
    assert_string_equal(vb_buf_text(&out), "error: said\n");
}

static void clear_line(void)
{
    fputs("<", stderr);
}

static void draw_line(void)
{
    fputs(">", stderr);
}

static void say_with_progress(void)
{
    vb_log_set_level("INFO");
    vb_log_set_line(clear_line, draw_line);
    vb_log(VB_INFO, "a");
    vb_log(VB_DEBUG, "not said");
    vb_log_set_line(NULL, NULL);
    vb_log(VB_INFO, "b");
}

static void progress_line_is_cleared_and_drawn_again(void **state)
{
    vb_auto_buf out = {0};

    said_by(*state, say_with_progress, &out);
    assert_string_equal(vb_buf_text(&out), "<a\n>b\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_ordered_and_named_in_any_case),
        cmocka_unit_test(unknown_level_changes_nothing),
        TEST(lines_begin_with_their_level),
        TEST(what_is_below_the_level_is_not_said),
        TEST(progress_line_is_cleared_and_drawn_again),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
