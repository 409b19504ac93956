/* What went wrong, in one sentence, and what to do about it. */
#include "registry/base/error.h"
#include "tests/registry/fixture.h"

static void failure_has_code_and_sentence(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_fail(&err, -ENOENT, "no %s '%s'", "dataset", "x"), -ENOENT);
    assert_int_equal(err.code, -ENOENT);
    assert_string_equal(err.message, "no dataset 'x'");
    assert_null(err.hint);
}

static void errno_is_spelled_out(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_fail_errno(&err, -ENOENT, "opening %s", "f"), -ENOENT);
    assert_string_equal(err.message, "opening f: No such file or directory");
}

static void later_failure_replaces_the_earlier(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    vb_fail(&err, -EINVAL, "first");
    vb_hint(&err, "its hint");
    vb_fail(&err, -EIO, "after: %s", err.message); /* may speak of what it replaces */
    assert_string_equal(err.message, "after: first");
    assert_null(err.hint);
}

static void context_stands_before_the_message(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    vb_fail(&err, -EIO, "no space");
    assert_int_equal(vb_error_context(&err, "writing %d", 7), -EIO);
    vb_error_context(&err, "merging");
    assert_string_equal(err.message, "merging: writing 7: no space");
}

static void context_of_nothing_is_nothing(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_error_context(&err, "merging"), 0);
    assert_null(err.message);
}

static void last_hint_wins(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    vb_fail(&err, -EINVAL, "x");
    vb_hint(&err, "first %d", 1);
    vb_hint(&err, "second");
    assert_string_equal(err.hint, "second");
}

/* Bug: the old hint was freed before the new one was made of it. */
static void hint_may_speak_of_the_one_before(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    vb_fail(&err, -EINVAL, "x");
    vb_hint(&err, "try %s", "this");
    vb_hint(&err, "%s, or that", err.hint);
    assert_string_equal(err.hint, "try this, or that");
}

static void null_error_counts_the_code_only(void **state)
{
    vb_error from = VB_ERROR_INIT;

    assert_int_equal(vb_fail(NULL, -EIO, "x %s", "y"), -EIO);
    assert_int_equal(vb_fail_errno(NULL, -EIO, "x"), -EIO);
    assert_int_equal(vb_error_context(NULL, "x"), 0);
    vb_hint(NULL, "x");
    vb_error_clear(NULL);
    vb_fail(&from, -EIO, "lost");
    vb_error_move(NULL, &from);
    assert_int_equal(from.code, 0);
    assert_null(from.message);
}

static void moved_error_leaves_nothing_behind(void **state)
{
    vb_auto_error to = VB_ERROR_INIT, from = VB_ERROR_INIT;

    vb_fail(&to, -EIO, "old");
    vb_fail(&from, -EINVAL, "new");
    vb_hint(&from, "hint");
    vb_error_move(&to, &from);
    assert_int_equal(to.code, -EINVAL);
    assert_string_equal(to.message, "new");
    assert_string_equal(to.hint, "hint");
    assert_int_equal(from.code, 0);
    assert_null(from.message);
    assert_null(from.hint);
}

/* What a call prints to stderr. */
static void print_to_file(fixture *f, const vb_error *err, vb_buf *out)
{
    int saved = dup(STDERR_FILENO), fd = open(fixture_path(f, "err"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    vb_error_print(err);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fd);
    assert_ok(vb_read_file(AT_FDCWD, fixture_path(f, "err"), 1000, out, &f->err), &f->err);
}

static void printed_lines_are_indented(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf out = {0};

    vb_fail(&err, -EINVAL, "bad:\nvisti = 1\n^");
    vb_hint(&err, "one\ntwo");
    print_to_file(*state, &err, &out);
    assert_string_equal(vb_buf_text(&out), "error: bad:\n       visti = 1\n       ^\n       one\n       two\n");
}

static void nothing_is_printed_where_nothing_happened(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf out = {0};

    print_to_file(*state, &err, &out);
    assert_string_equal(vb_buf_text(&out), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_has_code_and_sentence),
        cmocka_unit_test(errno_is_spelled_out),
        cmocka_unit_test(later_failure_replaces_the_earlier),
        cmocka_unit_test(context_stands_before_the_message),
        cmocka_unit_test(context_of_nothing_is_nothing),
        cmocka_unit_test(last_hint_wins),
        cmocka_unit_test(hint_may_speak_of_the_one_before),
        cmocka_unit_test(null_error_counts_the_code_only),
        cmocka_unit_test(moved_error_leaves_nothing_behind),
        cmocka_unit_test_setup_teardown(printed_lines_are_indented, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_printed_where_nothing_happened, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
