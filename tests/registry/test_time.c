/* Times: TAI nanoseconds since 1970, from ISO text and from Julian dates; and timespans. */
#include "registry/base/clock.h"
#include "registry/query/compile.h"
#include "registry/time.h"
#include "tests/registry/fixture.h"

#include <inttypes.h>
#include <math.h>

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

static int64_t iso(const char *text, vb_timescale scale)
{
    vb_auto_error err = VB_ERROR_INIT;
    int64_t t = -1;

    assert_ok(vb_time_parse_iso(text, scale, &t, &err), &err);
    return t;
}

/* ---- ISO 8601 ------------------------------------------------------------------------------------------------ */

static void iso_tai_counts_from_1970(void **state)
{
    assert_int_equal(iso("1970-01-01", VB_SCALE_TAI), 0);
    assert_int_equal(iso("1970-01-02T00:00:01", VB_SCALE_TAI), DAY + SECOND);
    assert_int_equal(iso("1970-01-01 00:01", VB_SCALE_TAI), 60 * SECOND);
    assert_int_equal(iso("1970-01-01T00:00:00.000000001", VB_SCALE_TAI), 1);
    assert_int_equal(iso("1970-01-01T00:00:00.5", VB_SCALE_TAI), SECOND / 2);
    assert_int_equal(iso("1970-01-01T00:00:00.1234567899", VB_SCALE_TAI), 123456789); /* no more than nanoseconds */
    assert_int_equal(iso("2100-01-01", VB_SCALE_TAI), VB_TIME_MAX);
}

static void iso_utc_counts_leap_seconds(void **state)
{
    assert_int_equal(iso("2017-01-01", VB_SCALE_UTC) - iso("2017-01-01", VB_SCALE_TAI), 37 * SECOND);
    assert_int_equal(iso("2016-12-31T23:59:59Z", VB_SCALE_UTC) - iso("2016-12-31T23:59:59", VB_SCALE_TAI), 36 * SECOND);
    assert_int_equal(iso("2016-12-31T23:59:60", VB_SCALE_UTC) - iso("2016-12-31T23:59:59", VB_SCALE_UTC), SECOND);
    assert_int_equal(iso("2017-01-01", VB_SCALE_UTC) - iso("2016-12-31T23:59:60", VB_SCALE_UTC), SECOND);
}

static void times_beyond_the_range_are_its_ends(void **state)
{
    assert_int_equal(iso("1960-01-01", VB_SCALE_UTC), VB_TIME_MIN);
    assert_int_equal(iso("2150-01-01T12:00:00", VB_SCALE_UTC), VB_TIME_MAX);
    assert_int_equal(iso("2099-12-31T23:59:59.999999999", VB_SCALE_TAI), VB_TIME_MAX - 1);
}

/* Bug: the seconds were added to the end of the range, and led out of it, or into it. */
static void seconds_do_not_change_that(void **state)
{
    assert_int_equal(iso("2099-12-31T23:59:59", VB_SCALE_UTC), VB_TIME_MAX);
    assert_int_equal(iso("2099-12-31T23:59:59", VB_SCALE_TAI), VB_TIME_MAX - 1000000000);
    assert_int_equal(iso("1950-01-01T00:00:45.5", VB_SCALE_TAI), VB_TIME_MIN);
    assert_int_equal(iso("1969-12-31T23:59:59", VB_SCALE_TAI), VB_TIME_MIN);
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2015",
        "2015-4-12",
        "2015-04-12T",
        "2015-04-12T07",
        "2015-04-12x",
        "20150412",
        "2015-04-12T7:3",
        "2015-04-12T25:00",
        "2015-04-12T07:60",
        "2015-04-12T07:30:61",
        "-2015-04-12",
        " 2015-04-12",
        "2015-04-12 ",
        "2015-04-12Z ",
        "2015-04-12T07:30+01",
        "2015-04-12T07:30:45ZZ",
    };

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        int64_t t;

        assert_int_equal(vb_time_parse_iso(bad[i], VB_SCALE_TAI, &t, &err), -EINVAL);
        assert_says(&err, bad[i]);
    }
}

static void dates_that_are_not_are_refused(void **state)
{
    static const char *const bad[] = {"2015-02-29", "2015-13-01", "2015-00-01", "2015-04-31", "2015-01-00"};

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        int64_t t;

        assert_int_equal(vb_time_parse_iso(bad[i], VB_SCALE_UTC, &t, &err), -EINVAL);
        assert_says(&err, "no such date");
    }
}

/* ---- Julian dates -------------------------------------------------------------------------------------------- */

static void julian_dates_are_exact_to_a_double(void **state)
{
    int64_t t;

    assert_int_equal(vb_time_from_mjd(40587, VB_SCALE_TAI, &t, NULL), 0);
    assert_int_equal(t, 0);
    assert_int_equal(vb_time_from_mjd(40588.5, VB_SCALE_TAI, &t, NULL), 0);
    assert_int_equal(t, DAY + DAY / 2);
    assert_int_equal(vb_time_from_mjd(57754, VB_SCALE_UTC, &t, NULL), 0);
    assert_int_equal(t, iso("2017-01-01", VB_SCALE_UTC));
}

static void julian_dates_that_are_no_time_are_refused(void **state)
{
    static const double bad[] = {1e9, -1e9, 1e300};
    vb_auto_error err = VB_ERROR_INIT;
    int64_t t;

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        assert_int_equal(vb_time_from_mjd(bad[i], VB_SCALE_TAI, &t, &err), -ERANGE);
        assert_true(vb_time_from_mjd(bad[i], VB_SCALE_UTC, &t, &err) < 0);
    }
    assert_int_equal(vb_time_from_mjd((double)NAN, VB_SCALE_TAI, &t, &err), -EINVAL);
    assert_int_equal(vb_time_from_mjd((double)INFINITY, VB_SCALE_UTC, &t, &err), -EINVAL);
}

/* ---- the system's clock ---------------------------------------------------------------------------------------- */

static void unix_time_is_utc(void **state)
{
    assert_int_equal(vb_time_from_unix(INT64_C(1483228800) * SECOND), iso("2017-01-01", VB_SCALE_UTC));
    assert_int_equal(vb_time_from_unix(INT64_C(1483228799) * SECOND + 5), iso("2016-12-31T23:59:59", VB_SCALE_UTC) + 5);
}

static void now_is_after_this_was_written(void **state)
{
    assert_true(vb_time_now() > iso("2025-01-01", VB_SCALE_UTC));
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

static void check_print(int64_t t, const char *expected)
{
    vb_auto_buf out = {0};

    vb_time_print(t, &out);
    assert_string_equal(vb_buf_text(&out), expected);
}

static void print_has_the_digits_that_count(void **state)
{
    check_print(0, "1970-01-01T00:00:00");
    check_print(1, "1970-01-01T00:00:00.000000001");
    check_print(INT64_C(1428823880925900000), "2015-04-12T07:31:20.9259");
    check_print(VB_TIME_MAX, "2100-01-01T00:00:00");
    check_print(-1, "1969-12-31T23:59:59.999999999");
}

static void what_is_printed_reads_back(void **state)
{
    for (int64_t t = 0; t < VB_TIME_MAX; t += INT64_C(12345678901234567)) {
        vb_auto_buf out = {0};

        vb_time_print(t, &out);
        assert_int_equal(iso(vb_buf_text(&out), VB_SCALE_TAI), t);
    }
}

/* ---- timespans ------------------------------------------------------------------------------------------------- */

static void timespans_are_half_open(void **state)
{
    vb_timespan a = {10, 20}, all = {VB_TIME_MIN, VB_TIME_MAX};

    assert_true(vb_timespan_overlaps(a, (vb_timespan){19, 30}));
    assert_true(vb_timespan_overlaps(a, (vb_timespan){0, 11}));
    assert_true(vb_timespan_overlaps(a, all));
    assert_false(vb_timespan_overlaps(a, (vb_timespan){20, 30}));
    assert_false(vb_timespan_overlaps(a, (vb_timespan){0, 10}));
}

static void empty_timespan_overlaps_nothing(void **state)
{
    vb_timespan all = {VB_TIME_MIN, VB_TIME_MAX}, empty = {VB_TIME_MAX, VB_TIME_MIN};

    assert_false(vb_timespan_overlaps(all, empty));
    assert_false(vb_timespan_overlaps(empty, all));
    assert_false(vb_timespan_overlaps(empty, empty));
}

/* ---- literals: what T'...' means in an expression ---------------------------------------------------------------- */

static int literal(fixture *f, const char *text, int64_t *out, vb_error *err)
{
    vb_autofree char *where = vb_format("T'%s' = T'%s'", text, text);
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_auto_join j = {0};
    int r = vb_expr_parse(where, &e, err);

    vb_join_init(&j, f->reg, "main", fixture_group(f, ""));
    if (!r)
        r = vb_join_where(&j, where, e, NULL, err);
    if (!r)
        *out = j.values[0].i;
    return r;
}

static void check_literal(fixture *f, const char *text, int64_t expected)
{
    int64_t t = -1;

    assert_ok(literal(f, text, &t, &f->err), &f->err);
    if (t != expected)
        fail_msg("T'%s' is %" PRId64 ", not %" PRId64, text, t, expected);
}

static void literals_have_the_scale_of_their_format(void **state)
{
    check_literal(*state, "2017-01-01", iso("2017-01-01", VB_SCALE_UTC));
    check_literal(*state, "2017-01-01/utc", iso("2017-01-01", VB_SCALE_UTC));
    check_literal(*state, "2017-01-01/tai", iso("2017-01-01", VB_SCALE_TAI));
    check_literal(*state, "57754", iso("2017-01-01", VB_SCALE_TAI));
    check_literal(*state, "57754/tai", iso("2017-01-01", VB_SCALE_TAI));
    check_literal(*state, "57754/utc", iso("2017-01-01", VB_SCALE_UTC));
    check_literal(*state, "mjd/57754/utc", iso("2017-01-01", VB_SCALE_UTC));
}

/* Bug: the slash after "mjd" was taken for that of a scale, and TAI became UTC. */
static void mjd_with_its_format_is_tai(void **state)
{
    check_literal(*state, "mjd/57754", iso("2017-01-01", VB_SCALE_TAI));
}

static void literals_that_are_no_time_are_refused(void **state)
{
    static const char *const bad[] = {"",         "/",         "/tai",           "mjd/",         "mjd/x",
                                      "mjd//tai", "yesterday", "2017-01-01/ut1", "nan",          "unix/1",
                                      "2019:366", "2020:000",  "2020:1",         "cxcsec/1/utc", "jd/"};

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        int64_t t;

        if (!literal(*state, bad[i], &t, &err))
            fail_msg("T'%s' is taken", bad[i]);
        assert_says(&err, "at column 1");
    }
}

/* Formats that Rubin takes and we do not yet: they are refused, not misread. */
static void literals_mean_what_they_mean_to_rubin(void **state)
{
    fixture *f = *state;
    char *path = fixture_shared(f, "golden/times.json");
    json_t *list = path ? json_load_file(path, 0, NULL) : NULL;
    const json_t *entry;
    size_t i, known = 0;

    if (!path)
        skip();
    json_array_foreach(list, i, entry) {
        const char *text = json_string_value(json_object_get(entry, "literal"));
        int64_t t;

        if (json_object_get(entry, "nsec")) {
            int64_t nsec = json_integer_value(json_object_get(entry, "nsec"));
            vb_autofree char *tai = vb_format("%s/tai", json_string_value(json_object_get(entry, "tai_iso")));

            check_literal(f, text, nsec);
            assert_ok(literal(f, tai, &t, &f->err), &f->err);
            if (nsec != VB_TIME_MIN && nsec != VB_TIME_MAX) /* daf_butler's ends of time; rounded to milliseconds */
                assert_true(llabs(t - nsec) <= 500000);
            known++;
        } else {
            assert_true(literal(f, text, &t, NULL) < 0);
        }
    }
    json_decref(list);
    assert_true(known >= 18);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_tai_counts_from_1970),
        cmocka_unit_test(iso_utc_counts_leap_seconds),
        cmocka_unit_test(times_beyond_the_range_are_its_ends),
        cmocka_unit_test(seconds_do_not_change_that),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(dates_that_are_not_are_refused),
        cmocka_unit_test(julian_dates_are_exact_to_a_double),
        cmocka_unit_test(julian_dates_that_are_no_time_are_refused),
        cmocka_unit_test(unix_time_is_utc),
        cmocka_unit_test(now_is_after_this_was_written),
        cmocka_unit_test(print_has_the_digits_that_count),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(timespans_are_half_open),
        cmocka_unit_test(empty_timespan_overlaps_nothing),
        TEST(literals_have_the_scale_of_their_format),
        TEST(mjd_with_its_format_is_tai),
        TEST(literals_that_are_no_time_are_refused),
        TEST(literals_mean_what_they_mean_to_rubin),
    };

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
