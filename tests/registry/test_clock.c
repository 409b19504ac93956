/* The one place that asks what time it is. */
#include "registry/base/clock.h"
#include "tests/registry/fixture.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

static void stamp_names_a_run(void **state)
{
    char text[17];

    assert_string_equal(vb_clock_run_stamp(INT64_C(1794165300123456789), text), "20261108T191500Z");
    assert_string_equal(vb_clock_run_stamp(0, text), "19700101T000000Z");
}

static void iso_has_microseconds(void **state)
{
    char text[28];

    assert_string_equal(vb_clock_iso(INT64_C(1794165300123456789), text), "2026-11-08T19:15:00.123456Z");
    assert_string_equal(vb_clock_iso(0, text), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(vb_clock_iso(INT64_MAX, text), "2262-04-11T23:47:16.854775Z");
}

/* Bug: a moment before 1970 had a second too much and a negative fraction of it. */
static void iso_counts_backwards_from_1970(void **state)
{
    char text[28];

    assert_string_equal(vb_clock_iso(-1000, text), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(vb_clock_iso(INT64_C(-1000000000), text), "1969-12-31T23:59:59.000000Z");
    assert_string_equal(vb_clock_iso(INT64_MIN, text), "1677-09-21T00:12:43.145224Z");
}

static void monotonic_clock_does_not_go_back(void **state)
{
    int64_t last = vb_clock_monotonic_ns();

    for (int i = 0; i < 1000; i++) {
        int64_t now = vb_clock_monotonic_ns();

        assert_true(now >= last);
        last = now;
    }
}

static int64_t unshifted(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* True where a process with this offset sees the wall clock shifted by so much. */
static bool is_shifted(const char *offset, int64_t ns)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        int64_t before = unshifted(), shown;

        setenv("VBUTLER_CLOCK_OFFSET", offset, 1);
        shown = vb_clock_unix_ns();
        _exit(shown < before + ns || shown > unshifted() + ns);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void offset_shifts_the_wall_clock(void **state)
{
    assert_true(is_shifted("0", 0));
    assert_true(is_shifted("-315576000", INT64_C(-315576000000000000)));
    assert_true(is_shifted("1.5", 1500000000));
    assert_true(is_shifted("tomorrow", 0));
}

static void a_moment_goes_to_a_number_and_back(void **state)
{
    static const struct timespec held[] = {{0, 0},
                                           {1, 5},
                                           {-1, 999999999},
                                           {-9223372036, 145224193},
                                           {9223372036, 854775807}};

    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        struct timespec back = vb_clock_timespec(vb_clock_ns(held[i]));

        assert_int_equal(back.tv_sec, held[i].tv_sec);
        assert_int_equal(back.tv_nsec, held[i].tv_nsec);
    }
    assert_true(vb_clock_ns((struct timespec){INT64_C(16725225600), 0}) == INT64_MAX); /* the year 2500 */
    assert_true(vb_clock_ns((struct timespec){-INT64_C(16725225600), 0}) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offset_shifts_the_wall_clock), /* first: the offset is read once */
        cmocka_unit_test(a_moment_goes_to_a_number_and_back),
        cmocka_unit_test(stamp_names_a_run),
        cmocka_unit_test(iso_has_microseconds),
        cmocka_unit_test(iso_counts_backwards_from_1970),
        cmocka_unit_test(monotonic_clock_does_not_go_back),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
