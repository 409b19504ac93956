/* Text that grows. */
#include "registry/base/buf.h"
#include "tests/registry/fixture.h"

#include <inttypes.h>

static void empty_buffer_is_empty_text(void **state)
{
    vb_auto_buf b = {0};
    vb_autofree char *stolen = NULL;

    assert_null(b.data);
    assert_string_equal(vb_buf_text(&b), "");
    stolen = vb_buf_steal(&b);
    assert_string_equal(stolen, "");
}

static void what_is_added_follows_what_was(void **state)
{
    vb_auto_buf b = {0};

    vb_buf_puts(&b, "a");
    vb_buf_putc(&b, 'b');
    vb_buf_add(&b, "cdx", 2);
    vb_buf_add(&b, NULL, 0);
    vb_buf_printf(&b, "%d%s", 7, "e");
    assert_string_equal(b.data, "abcd7e");
    assert_int_equal(b.len, 6);
}

static void a_number_is_what_printf_makes_of_it(void **state)
{
    static const int64_t cases[] = {0, 1, -1, 9, 10, -10, 1234567890123456789, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_buf b = {0}, expected = {0};

        vb_buf_int(&b, cases[i]);
        vb_buf_printf(&expected, "%" PRId64, cases[i]);
        assert_string_equal(b.data, expected.data);
        assert_int_equal(b.len, expected.len);
    }
}

static void grows_beyond_its_first_size(void **state)
{
    vb_auto_buf b = {0};

    for (int i = 0; i < 1000; i++) {
        vb_buf_printf(&b, "%03d", i);
        assert_int_equal(strlen(b.data), b.len);
    }
    assert_int_equal(b.len, 3000);
    assert_memory_equal(b.data + 2997, "999", 4);
}

/* A text of exactly the room that is left needs one byte more, for its NUL. */
static void printf_of_any_length_is_whole(void **state)
{
    for (int n = 0; n < 300; n++) {
        vb_auto_buf b = {0};

        vb_buf_printf(&b, "%*s", n, "");
        assert_int_equal(b.len, n);
        assert_int_equal(strlen(vb_buf_text(&b)), n);
    }
}

static void steal_leaves_a_buffer_that_works(void **state)
{
    vb_auto_buf b = {0};
    vb_autofree char *first = NULL;

    vb_buf_puts(&b, "one");
    first = vb_buf_steal(&b);
    vb_buf_puts(&b, "two");
    assert_string_equal(first, "one");
    assert_string_equal(b.data, "two");
}

static void clear_keeps_the_memory(void **state)
{
    vb_auto_buf b = {0};
    size_t cap;

    vb_buf_clear(&b);
    vb_buf_printf(&b, "%200s", "");
    cap = b.cap;
    vb_buf_clear(&b);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
}

static void separator_stands_between_only(void **state)
{
    vb_auto_buf b = {0};

    for (int i = 0; i < 3; i++) {
        vb_buf_separate(&b, ", ");
        vb_buf_printf(&b, "%d", i);
    }
    assert_string_equal(b.data, "0, 1, 2");
}

static void hex_is_lower_case(void **state)
{
    vb_auto_buf b = {0};

    vb_buf_hex(&b, "\x00\x0f\xf0\xab", 4);
    assert_string_equal(b.data, "000ff0ab");
    vb_buf_hex(&b, "", 0);
    assert_int_equal(b.len, 8);
}

static void check_json(const char *text, size_t n, const char *expected)
{
    vb_auto_buf b = {0};

    vb_buf_json(&b, text, n);
    assert_string_equal(b.data, expected);
}

static void json_escapes_what_it_must(void **state)
{
    check_json("", 0, "\"\"");
    check_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    check_json("\n\t\r\b\f", 5, "\"\\n\\t\\r\\b\\f\"");
    check_json("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
    check_json("\xc3\xa9\xf0\x9f\x94\xad", 6, "\"\xc3\xa9\xf0\x9f\x94\xad\"");
}

/* Each byte that begins no character becomes one U+FFFD, and what follows it is kept. */
static void json_replaces_what_is_no_utf8(void **state)
{
    check_json("a\xff\xfe"
               "b",
               4,
               "\"a\xef\xbf\xbd\xef\xbf\xbd"
               "b\"");
    check_json("\xc3", 1, "\"\xef\xbf\xbd\"");
    check_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void check_csv(const char *text, const char *expected)
{
    vb_auto_buf b = {0};

    vb_buf_csv(&b, text);
    assert_string_equal(vb_buf_text(&b), expected);
}

static void csv_is_quoted_where_it_must_be(void **state)
{
    check_csv("", "");
    check_csv("plain text", "plain text");
    check_csv("a,b", "\"a,b\"");
    check_csv("a\nb", "\"a\nb\"");
    check_csv("a\rb", "\"a\rb\"");
    check_csv("\"", "\"\"\"\"");
    check_csv("say \"hi\"", "\"say \"\"hi\"\"\"");
}

static void words_are_quoted_as_a_shell_wants_them(void **state)
{
    static const char *const words[][2] = {
        {"plain", "plain"},
        {"a/b.c:1,2=3%@_+-", "a/b.c:1,2=3%@_+-"},
        {"", "''"},
        {"two words", "'two words'"},
        {"a='b'", "'a='\\''b'\\'''"},
        {"$HOME", "'$HOME'"},
        {"a\nb", "'a\nb'"},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        vb_auto_buf out = {0};

        vb_buf_shell(&out, words[i][0]);
        assert_string_equal(vb_buf_text(&out), words[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_as_a_shell_wants_them),
        cmocka_unit_test(empty_buffer_is_empty_text),
        cmocka_unit_test(what_is_added_follows_what_was),
        cmocka_unit_test(a_number_is_what_printf_makes_of_it),
        cmocka_unit_test(grows_beyond_its_first_size),
        cmocka_unit_test(printf_of_any_length_is_whole),
        cmocka_unit_test(steal_leaves_a_buffer_that_works),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(separator_stands_between_only),
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(json_escapes_what_it_must),
        cmocka_unit_test(json_replaces_what_is_no_utf8),
        cmocka_unit_test(csv_is_quoted_where_it_must_be),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
