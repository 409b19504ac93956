/* Small questions about text. */
#include "registry/base/text.h"
#include "tests/registry/fixture.h"

/* ---- UTF-8 -------------------------------------------------------------------------------------------------- */

static void utf8_characters_have_their_width(void **state)
{
    assert_int_equal(vb_utf8_width("a", 1), 1);
    assert_int_equal(vb_utf8_width("\0", 1), 1);
    assert_int_equal(vb_utf8_width("\xc3\xa9", 2), 2);
    assert_int_equal(vb_utf8_width("\xe2\x82\xac", 3), 3);
    assert_int_equal(vb_utf8_width("\xf0\x9f\x94\xad", 4), 4);
    assert_int_equal(vb_utf8_width("\xf4\x8f\xbf\xbf", 4), 4); /* U+10FFFF */
}

static void malformed_utf8_has_none(void **state)
{
    static const char *const bad[] = {
        "\x80",             /* begins with a continuation */
        "\xc1\xbf",         /* overlong, two bytes */
        "\xe0\x9f\xbf",     /* overlong, three */
        "\xf0\x8f\xbf\xbf", /* overlong, four */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80", "\xff", "\xc3(", "\xe2\x82(", "\xf0\x9f\x94(",
    };

    assert_int_equal(vb_utf8_width("a", 0), 0);
    assert_int_equal(vb_utf8_width("\xe2\x82\xac", 2), 0);
    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        assert_int_equal(vb_utf8_width(bad[i], strlen(bad[i])), 0);
        assert_false(vb_utf8_valid(bad[i], strlen(bad[i])));
    }
    assert_true(vb_utf8_valid("na\xc3\xafve", 6));
    assert_true(vb_utf8_valid("", 0));
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static void check_int(const char *text, bool is, int64_t value)
{
    int64_t got = -77;

    assert_int_equal(vb_parse_int(text, &got), is);
    if (is)
        assert_int_equal(got, value);
}

static void integers_are_whole_texts(void **state)
{
    check_int("0", true, 0);
    check_int("-12", true, -12);
    check_int("+12", true, 12);
    check_int("007", true, 7);
    check_int("9223372036854775807", true, INT64_MAX);
    check_int("-9223372036854775808", true, INT64_MIN);
    check_int("9223372036854775808", false, 0);
    check_int("", false, 0);
    check_int("-", false, 0);
    check_int("--1", false, 0);
    check_int(" 1", false, 0);
    check_int("1 ", false, 0);
    check_int("0x10", false, 0);
    check_int("1.0", false, 0);
}

static void numbers_are_whole_texts(void **state)
{
    double d;

    assert_true(vb_parse_double("-1.5e3", &d));
    assert_float_equal(d, -1500, 0);
    assert_true(vb_parse_double("1e-400", &d)); /* too small is 0, and well */
    assert_true(vb_parse_double(".5", &d));
    assert_false(vb_parse_double("1e400", &d));
    assert_false(vb_parse_double("", &d));
    assert_false(vb_parse_double(" 1", &d));
    assert_false(vb_parse_double("1 ", &d));
    assert_false(vb_parse_double("1,5", &d));
}

static void check_bytes(const char *text, int64_t expected)
{
    int64_t n = -1;

    assert_int_equal(vb_parse_bytes(text, &n), expected >= 0);
    if (expected >= 0)
        assert_int_equal(n, expected);
}

static void sizes_are_read_with_their_units(void **state)
{
    check_bytes("100", 100);
    check_bytes("100B", 100);
    check_bytes("2GB", 2000000000);
    check_bytes("2 g", 2000000000);
    check_bytes("512 MiB", 512 << 20);
    check_bytes("1.5k", 1500);
    check_bytes("1Ti", INT64_C(1) << 40);
    check_bytes("", -1);
    check_bytes("GB", -1);
    check_bytes("-1", -1);
    check_bytes("1 XB", -1);
    check_bytes("1 GBx", -1);
    check_bytes("nan", -1);
    check_bytes("inf", -1);
    check_bytes("10000 PB", -1);
}

/* ---- lists -------------------------------------------------------------------------------------------------- */

static void split_drops_spaces_and_empty_parts(void **state)
{
    size_t n;
    char **parts = vb_split(" a ,, b c,\t,d", ',', &n);

    assert_int_equal(n, 3);
    assert_string_equal(parts[0], "a");
    assert_string_equal(parts[1], "b c");
    assert_string_equal(parts[2], "d");
    assert_null(parts[3]);
    vb_strv_free(parts);
}

static void split_of_nothing_is_an_empty_list(void **state)
{
    static const char *const empty[] = {"", ",", " , ,"};

    for (size_t i = 0; i < VB_COUNT(empty); i++) {
        char **parts = vb_split(empty[i], ',', NULL);

        assert_null(parts[0]);
        vb_strv_free(parts);
    }
}

static void lists_are_copied_and_searched(void **state)
{
    char **list = NULL, **copy;

    assert_int_equal(vb_strv_count(NULL), 0);
    assert_false(vb_strv_has(NULL, "a"));
    vb_strv_add(&list, "a");
    vb_strv_add(&list, "bc");
    copy = vb_strv_dup(list);
    vb_strv_free(list);
    assert_int_equal(vb_strv_count(copy), 2);
    assert_true(vb_strv_has(copy, "bc"));
    assert_false(vb_strv_has(copy, "b"));
    vb_strv_free(copy);
    copy = vb_strv_dup(NULL);
    assert_int_equal(vb_strv_count(copy), 0);
    vb_strv_free(copy);
}

static void beginnings_and_ends(void **state)
{
    assert_true(vb_starts_with("abc", "ab"));
    assert_true(vb_starts_with("abc", ""));
    assert_false(vb_starts_with("ab", "abc"));
    assert_true(vb_ends_with("abc", "bc"));
    assert_true(vb_ends_with("abc", ""));
    assert_false(vb_ends_with("bc", "abc"));
}

/* ---- for people --------------------------------------------------------------------------------------------- */

static void check_plural(int64_t n, const char *noun, const char *expected)
{
    char buf[48];

    assert_string_equal(vb_plural(buf, sizeof buf, n, noun), expected);
}

static void counts_have_their_noun(void **state)
{
    check_plural(1, "dataset", "1 dataset");
    check_plural(0, "dataset", "0 datasets");
    check_plural(1234567, "dataset", "1,234,567 datasets");
    check_plural(1, "quantum", "1 quantum");
    check_plural(2, "quantum", "2 quanta");
    check_plural(2, "query", "2 queries");
    check_plural(1, "query", "1 query");
    check_plural(2, "dataset type", "2 dataset types");
}

/* Bug: two patches were "2 patchs", and two days "2 daies". */
static void plural_of_a_hiss_and_of_a_vowel_with_y(void **state)
{
    check_plural(2, "patch", "2 patches");
    check_plural(1, "patch", "1 patch");
    check_plural(2, "mesh", "2 meshes");
    check_plural(2, "box", "2 boxes");
    check_plural(2, "bias", "2 biases");
    check_plural(2, "day", "2 days");
}

static void check_thousands(int64_t n, const char *expected)
{
    char buf[32];

    assert_string_equal(vb_thousands(buf, sizeof buf, n), expected);
}

static void thousands_are_grouped(void **state)
{
    check_thousands(0, "0");
    check_thousands(999, "999");
    check_thousands(1000, "1,000");
    check_thousands(-1234567, "-1,234,567");
    check_thousands(INT64_MIN, "-9,223,372,036,854,775,808");
}

static void thousands_stay_in_their_buffer(void **state)
{
    char buf[8] = "xxxxxxx";

    vb_thousands(buf, 4, 1234567);
    assert_string_equal(buf, "1,2");
    assert_int_equal(buf[4], 'x');
}

static void check_shown(int64_t n, const char *expected)
{
    char buf[32];

    assert_string_equal(vb_bytes(buf, sizeof buf, n), expected);
}

static void bytes_have_a_fitting_unit(void **state)
{
    check_shown(0, "0 B");
    check_shown(999, "999 B");
    check_shown(1000, "1.0 kB");
    check_shown(999949, "999.9 kB");
    check_shown(999950, "1.0 MB"); /* and not "1000.0 kB" */
    check_shown(9100000, "9.1 MB");
    check_shown(INT64_MAX, "9223.4 PB");
}

static void nearest_word_is_a_near_one(void **state)
{
    static const char *const words[] = {"exposure", "visit", "detector", "instrument", NULL};

    assert_string_equal(vb_nearest("visti", words), "visit");
    assert_string_equal(vb_nearest("instument", words), "instrument");
    assert_string_equal(vb_nearest("detector", words), "detector");
    assert_null(vb_nearest("calexp", words));
    assert_null(vb_nearest("", words));
    assert_null(vb_nearest("visit", NULL));
}

/* Words are compared by their beginning: a long one costs no more and writes nowhere else. */
static void nearest_word_may_be_long(void **state)
{
    char name[500];
    const char *words[] = {name, NULL};

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_ptr_equal(vb_nearest(name, words), name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_characters_have_their_width),
        cmocka_unit_test(malformed_utf8_has_none),
        cmocka_unit_test(integers_are_whole_texts),
        cmocka_unit_test(numbers_are_whole_texts),
        cmocka_unit_test(sizes_are_read_with_their_units),
        cmocka_unit_test(split_drops_spaces_and_empty_parts),
        cmocka_unit_test(split_of_nothing_is_an_empty_list),
        cmocka_unit_test(lists_are_copied_and_searched),
        cmocka_unit_test(beginnings_and_ends),
        cmocka_unit_test(counts_have_their_noun),
        cmocka_unit_test(plural_of_a_hiss_and_of_a_vowel_with_y),
        cmocka_unit_test(thousands_are_grouped),
        cmocka_unit_test(thousands_stay_in_their_buffer),
        cmocka_unit_test(bytes_have_a_fitting_unit),
        cmocka_unit_test(nearest_word_is_a_near_one),
        cmocka_unit_test(nearest_word_may_be_long),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
