#include "registry/query/timeliteral.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TT_MINUS_TAI       INT64_C(32184000000)        /* nanoseconds: by definition */
#define CXCSEC_ZERO        INT64_C(883612767816000000) /* 1998-01-01T00:00:00 TT, in TAI */
#define MJD_OF_JULIAN_ZERO 2400000.5

typedef enum format { ISO, YDAY, MJD, JD, CXCSEC } format;
typedef enum time_scale { UTC, TAI, TT, UNSAID } time_scale;

struct literal {
    const char *text; /* without the format and the scale */
    format format;
    time_scale scale;
};

/* "mjd/...": the format that is named, else the one that the text has. */
static void take_format(struct literal *l)
{
    static const struct {
        const char *prefix;
        format format;
    } named[] = {{"iso/", ISO}, {"isot/", ISO}, {"fits/", ISO},     {"yday/", YDAY},
                 {"mjd/", MJD}, {"jd/", JD},    {"cxcsec/", CXCSEC}};
    double number;

    for (size_t i = 0; i < VB_COUNT(named); i++)
        if (vb_starts_with(l->text, named[i].prefix)) {
            l->text += strlen(named[i].prefix);
            l->format = named[i].format;
            return;
        }
    if (vb_parse_double(l->text, &number))
        l->format = MJD;
    else if (strlen(l->text) > 4 && l->text[4] == ':')
        l->format = YDAY;
}

static void take_scale(char *text, time_scale *out)
{
    static const char *const names[] = {[UTC] = "/utc", [TAI] = "/tai", [TT] = "/tt"};

    *out = UNSAID;
    for (int i = UTC; i <= TT; i++)
        if (vb_ends_with(text, names[i])) {
            text[strlen(text) - strlen(names[i])] = 0;
            *out = (time_scale)i;
            return;
        }
}

/* "2020:090:12:20:33" as "2020-03-30T12:20:33". */
static int from_year_day(const char *text, vb_buf *iso, vb_error *err)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, day, used = 0, month = 0;
    bool leap;

    if (sscanf(text, "%4d:%3d%n", &year, &day, &used) != 2 || used != 8 || day < 1 || (text[used] && text[used] != ':'))
        return vb_fail(err, -EINVAL, "'%s' is not YEAR:DAY:HOURS:MINUTES:SECONDS", text);
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (; month < 12 && day > lengths[month] + (month == 1 && leap); month++)
        day -= lengths[month] + (month == 1 && leap);
    if (month == 12)
        return vb_fail(err, -EINVAL, "'%s' is a day that its year does not have", text);
    vb_buf_printf(iso, "%04d-%02d-%02d", year, month + 1, day);
    if (text[used])
        vb_buf_printf(iso, "T%s", text + used + 1);
    return 0;
}

static int from_text(const struct literal *l, vb_timescale scale, int64_t *out, vb_error *err)
{
    vb_auto_buf iso = {0};
    const char *text = l->text;

    if (l->format == YDAY) {
        int r = from_year_day(text, &iso, err);

        if (r < 0)
            return r;
        text = vb_buf_text(&iso);
    }
    if (vb_starts_with(text, "+0")) /* FITS: a year of five digits */
        text += 2;
    return vb_time_parse_iso(text, scale, out, err);
}

int vb_time_literal(const char *text, int64_t *out, vb_error *err)
{
    vb_autofree char *copy = vb_strdup(text);
    struct literal l = {.text = copy, .format = ISO};
    vb_timescale scale;
    double number;
    int r;

    take_scale(copy, &l.scale);
    take_format(&l);
    if (l.scale == UNSAID)
        l.scale = l.format == ISO || l.format == YDAY ? UTC : l.format == CXCSEC ? TT : TAI;
    scale = l.scale == UTC ? VB_SCALE_UTC : VB_SCALE_TAI;
    if (l.format == ISO || l.format == YDAY) {
        r = from_text(&l, scale, out, err);
    } else if (!vb_parse_double(l.text, &number)) {
        r = vb_fail(err, -EINVAL, "'%s' is not a number", l.text);
    } else if (l.format == CXCSEC) {
        if (l.scale != TT || !(number > -1e9 && number < 4e9))
            return vb_fail(err, -EINVAL, "'%s': seconds since 1998 TT (cxcsec) are TT, and of our time", text);
        *out = CXCSEC_ZERO + (int64_t)(number * 1e9);
        return 0;
    } else {
        r = vb_time_from_mjd(l.format == JD ? number - MJD_OF_JULIAN_ZERO : number, scale, out, err);
    }
    if (!r && l.scale == TT && *out > VB_TIME_MIN && *out < VB_TIME_MAX)
        *out -= TT_MINUS_TAI;
    return r;
}
