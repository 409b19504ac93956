/* time.h - TAI nanoseconds since 1970-01-01T00:00:00 TAI, as Rubin's registry keeps time, and timespans of them.
 *
 * Conversions between UTC and TAI are ERFA's (leap seconds to its release).  Thread-safe. */
#ifndef VB_REGISTRY_TIME_H
#define VB_REGISTRY_TIME_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define VB_TIME_MIN INT64_C(0)                   /* unbounded begin */
#define VB_TIME_MAX INT64_C(4102444800000000000) /* 2100-01-01: unbounded end */

typedef enum vb_timescale { VB_SCALE_TAI, VB_SCALE_UTC } vb_timescale;

/* Half open, [begin, end); empty where begin > end. */
typedef struct vb_timespan {
    int64_t begin, end;
} vb_timespan;

/* ISO 8601: "2015-04-12", "2015-04-12T07:30:45.9259", with 'T' or a space; -EINVAL and a sentence otherwise. */
int vb_time_parse_iso(const char *text, vb_timescale scale, int64_t *out, vb_error *err);

/* Modified Julian date. */
int vb_time_from_mjd(double mjd, vb_timescale scale, int64_t *out, vb_error *err);

/* Now, in TAI. */
int64_t vb_time_now(void);

/* A UTC instant of the system clock (nanoseconds since 1970 UTC) in TAI. */
int64_t vb_time_from_unix(int64_t unix_ns);

/* "2015-04-12T07:31:20.9259" (TAI): as many of nine digits as count, so that it reads back the same. */
void vb_time_print(int64_t tai, vb_buf *out);

/* The night that a moment belongs to, as YYYYMMDD, and when that night begins and ends. */
int64_t vb_day_obs(int64_t tai, int64_t offset, vb_timespan *day);

bool vb_timespan_overlaps(vb_timespan a, vb_timespan b);

#endif
