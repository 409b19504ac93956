/* clock.h - the one place that asks what time it is.  Thread-safe.
 *
 * Tests shift the wall clock with the environment variable VBUTLER_CLOCK_OFFSET (seconds, may be negative); deadlines
 * use the monotonic clock, which nothing shifts. */
#ifndef VB_BASE_CLOCK_H
#define VB_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t vb_clock_unix_ns(void);      /* UTC, nanoseconds since 1970-01-01T00:00:00 */
int64_t vb_clock_monotonic_ns(void); /* nanoseconds since some moment */

/* A moment as one number, and back; those that 64 bits do not hold (before 1677, after 2262) are the ends of what they
 * do hold. */
int64_t vb_clock_ns(struct timespec t);
struct timespec vb_clock_timespec(int64_t ns);

/* "20261120T091500Z": the time stamp of a RUN collection. */
const char *vb_clock_run_stamp(int64_t unix_ns, char text[17]);

/* "2026-11-20T09:15:00.123456Z". */
const char *vb_clock_iso(int64_t unix_ns, char text[28]);

#endif
