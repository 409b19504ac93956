#include "registry/base/clock.h"

#include "registry/base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const int64_t SECOND = 1000000000;
static int64_t offset_ns;

static void read_offset(void)
{
    const char *text = getenv("VBUTLER_CLOCK_OFFSET");
    double seconds;

    if (text && vb_parse_double(text, &seconds))
        offset_ns = (int64_t)(seconds * 1e9);
}

int64_t vb_clock_ns(struct timespec t)
{
    int64_t ns;

    if (__builtin_mul_overflow((int64_t)t.tv_sec, SECOND, &ns) || __builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
        return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

struct timespec vb_clock_timespec(int64_t ns)
{
    struct timespec t = {ns / SECOND, ns % SECOND};

    if (t.tv_nsec < 0) { /* the parts of a second count upwards, also before 1970 */
        t.tv_nsec += SECOND;
        t.tv_sec--;
    }
    return t;
}

static int64_t now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return vb_clock_ns(t);
}

int64_t vb_clock_unix_ns(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_offset);
    return now(CLOCK_REALTIME) + offset_ns;
}

int64_t vb_clock_monotonic_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

const char *vb_clock_run_stamp(int64_t unix_ns, char text[17])
{
    struct timespec t = vb_clock_timespec(unix_ns);
    struct tm tm;

    strftime(text, 17, "%Y%m%dT%H%M%SZ", gmtime_r(&t.tv_sec, &tm));
    return text;
}

const char *vb_clock_iso(int64_t unix_ns, char text[28])
{
    struct timespec t = vb_clock_timespec(unix_ns);
    struct tm tm;
    size_t n = strftime(text, 28, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t.tv_sec, &tm));

    snprintf(text + n, 28 - n, ".%06dZ", (int)t.tv_nsec / 1000);
    return text;
}
