#include "registry/base/clock.h"

#include "registry/base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t offset_ns;

static void read_offset(void)
{
    const char *text = getenv("VBUTLER_CLOCK_OFFSET");
    double seconds;

    if (text && vb_parse_double(text, &seconds))
        offset_ns = (int64_t)(seconds * 1e9);
}

static int64_t now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
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

/* Fills the parts of a second too; those of a moment before 1970 count upwards as well. */
static struct tm broken_down(int64_t unix_ns, int *ns)
{
    time_t seconds = unix_ns / 1000000000;
    struct tm tm;

    *ns = (int)(unix_ns % 1000000000);
    if (*ns < 0) {
        *ns += 1000000000;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    return tm;
}

const char *vb_clock_run_stamp(int64_t unix_ns, char text[17])
{
    int ns;
    struct tm tm = broken_down(unix_ns, &ns);

    strftime(text, 17, "%Y%m%dT%H%M%SZ", &tm);
    return text;
}

const char *vb_clock_iso(int64_t unix_ns, char text[28])
{
    int ns;
    struct tm tm = broken_down(unix_ns, &ns);
    size_t n = strftime(text, 28, "%Y-%m-%dT%H:%M:%S", &tm);

    snprintf(text + n, 28 - n, ".%06dZ", ns / 1000);
    return text;
}
