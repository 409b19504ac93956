#include "registry/time.h"

#include "registry/base/clock.h"

#include <ctype.h>
#include <erfa.h>
#include <erfam.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const double JD_1970 = 2440587.5;
static const int64_t DAY_NS = INT64_C(86400000000000);

/* Two-part Julian dates are exact enough here: the first part is a whole day, the second a fraction of it. */
static int64_t from_tai_jd(double day, double fraction)
{
    double whole = day - JD_1970;

    return (int64_t)llround(whole) * DAY_NS + llround((whole - round(whole) + fraction) * 86400e9);
}

static int to_tai(double day, double fraction, vb_timescale scale, int64_t *out, vb_error *err)
{
    double tai1 = day, tai2 = fraction;

    if (scale == VB_SCALE_UTC && eraUtctai(day, fraction, &tai1, &tai2) < 0)
        return vb_fail(err, -EINVAL, "no such date");
    if (!isfinite(tai1 + tai2) || fabs(tai1 - JD_1970) > 1e5)
        return vb_fail(err, -ERANGE, "out of the range of times (1970 to 2100)");
    *out = from_tai_jd(tai1, tai2);
    return 0;
}

/* What lies beyond the range is its end. */
static int64_t in_range(int64_t t)
{
    return t < VB_TIME_MIN ? VB_TIME_MIN : t > VB_TIME_MAX ? VB_TIME_MAX : t;
}

/* Reads up to `width` digits; returns how many there were. */
static int digits(const char **p, int width, int *out)
{
    int n = 0;

    for (*out = 0; n < width && isdigit((unsigned char)**p); n++)
        *out = 10 * *out + (*(*p)++ - '0');
    return n;
}

static bool read_clock(const char **p, int hms[2], int64_t *ns)
{
    int seconds = 0, digit;
    int64_t unit = 100000000;

    *ns = 0;
    if (digits(p, 2, &hms[0]) != 2 || *(*p)++ != ':' || digits(p, 2, &hms[1]) != 2)
        return false;
    if (**p == ':') {
        ++*p;
        if (digits(p, 2, &seconds) != 2)
            return false;
        if (**p == '.')
            for (++*p; digits(p, 1, &digit); unit /= 10)
                *ns += digit * unit;
    }
    *ns += seconds * INT64_C(1000000000);
    return hms[0] < 24 && hms[1] < 60 && seconds < 61;
}

int vb_time_parse_iso(const char *text, vb_timescale scale, int64_t *out, vb_error *err)
{
    const char *p = text;
    int year, month, day, hm[2] = {0}, status, r;
    int64_t ns = 0, base;
    double day1, day2;

    if (digits(&p, 4, &year) != 4 || *p++ != '-' || digits(&p, 2, &month) != 2 || *p++ != '-' ||
        digits(&p, 2, &day) != 2)
        return vb_fail(err, -EINVAL, "'%s' is not a time like 2015-04-12T07:30:45", text);
    if ((*p == 'T' || *p == ' ') && (p++, !read_clock(&p, hm, &ns)))
        return vb_fail(err, -EINVAL, "'%s' is not a time like 2015-04-12T07:30:45", text);
    if (*p && !(*p == 'Z' && !p[1]))
        return vb_fail(err, -EINVAL, "'%s' is not a time like 2015-04-12T07:30:45", text);
    /* The minute goes through ERFA, nanoseconds of it are added after: a double day would round them. */
    status = eraDtf2d(scale == VB_SCALE_UTC ? "UTC" : "TAI", year, month, day, hm[0], hm[1], 0, &day1, &day2);
    if (status < 0)
        return vb_fail(err, -EINVAL, "'%s': no such date", text);
    r = to_tai(day1, day2, scale, &base, err);
    if (r < 0)
        return vb_error_context(err, "'%s'", text);
    /* A whole minute in UTC or TAI is a whole millisecond: undo the rounding. */
    base = (base < 0 ? base - 500 : base + 500) / 1000 * 1000;
    *out = in_range(base + ns);
    return 0;
}

int vb_time_from_mjd(double mjd, vb_timescale scale, int64_t *out, vb_error *err)
{
    double day = floor(mjd);
    int64_t t;
    int r;

    if (!isfinite(mjd))
        return vb_fail(err, -EINVAL, "a modified Julian date must be a number");
    r = to_tai(day + ERFA_DJM0, mjd - day, scale, &t, err);
    if (!r)
        *out = in_range(t);
    return r;
}

int64_t vb_time_from_unix(int64_t unix_ns)
{
    double day = floor((double)(unix_ns / DAY_NS)), offset = 0;
    int year, month, mday;
    double fraction;

    if (eraJd2cal(JD_1970, day, &year, &month, &mday, &fraction) >= 0)
        eraDat(year, month, mday, 0, &offset);
    return unix_ns + (int64_t)(offset * 1e9);
}

int64_t vb_time_now(void)
{
    return vb_time_from_unix(vb_clock_unix_ns());
}

void vb_time_print(int64_t tai, vb_buf *out)
{
    int64_t days = tai / DAY_NS, rest = tai % DAY_NS, ns;
    int year, month, day;
    double fraction;
    char tail[16];
    int n;

    if (rest < 0) {
        rest += DAY_NS;
        days--;
    }
    eraJd2cal(JD_1970, (double)days, &year, &month, &day, &fraction);
    ns = rest % 1000000000;
    rest /= 1000000000;
    vb_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, (int)(rest / 3600), (int)(rest / 60 % 60),
                  (int)(rest % 60));
    if (!ns)
        return;
    n = snprintf(tail, sizeof tail, ".%09" PRId64, ns);
    while (tail[n - 1] == '0')
        tail[--n] = 0;
    vb_buf_puts(out, tail);
}

bool vb_timespan_overlaps(vb_timespan a, vb_timespan b)
{
    return a.begin < b.end && b.begin < a.end && a.begin <= a.end && b.begin <= b.end;
}

int64_t vb_day_obs(int64_t tai, int64_t offset, vb_timespan *day)
{
    int64_t days = (tai - offset) / DAY_NS, date = 0;
    vb_auto_buf text = {0};

    days -= (tai - offset) % DAY_NS < 0;
    *day = (vb_timespan){days * DAY_NS + offset, (days + 1) * DAY_NS + offset};
    vb_time_print(days * DAY_NS, &text);
    for (int i = 0; i < 10; i++)
        if (text.data[i] != '-')
            date = 10 * date + (text.data[i] - '0');
    return date;
}
