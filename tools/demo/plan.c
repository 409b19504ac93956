/* plan.c - when and where the camera looks. */
#include "tools/demo/camera.h"
#include "tools/demo/rng.h"

#include <math.h>

#define DEGREE (M_PI / 180)

const char *const camera_bands[BANDS] = {"g", "r", "z"};
const char *const camera_detectors[DETECTORS] = {"S1", "S2"};
const double camera_scale = 0.262, camera_gain = 4, camera_read_noise = 6.5, camera_saturation = 45000;

static const int64_t first_night = 1740630300000; /* 2025-02-27T04:25 UTC, the field near the meridian */
static const double site_longitude = -70.81489, site_latitude = -30.16606;
static const int64_t sidereal_day_ms = 86164091;

/* Dithers, in sides of a detector.  Where four patches meet in the middle of the field, a detector lies in
 * one, two or all of them. */
static const double dithers[][2] = {{-0.33, -0.60}, {0.30, 0.38}, {-0.27, 0.62}, {0.34, -0.36}};
static const double jitter = 0.05;

static const struct {
    double zero_point, seeing, sky, exptime;
} bands[BANDS] = {
    [BAND_G] = {25.12, 1.30, 1.2, 90},
    [BAND_R] = {25.21, 1.15, 3.4, 75},
    [BAND_Z] = {24.85, 1.00, 19, 110},
};

/* Milli-magnitudes and the like: what an observer would write down, and no bit of libm's below it. */
static double thousandths(double x)
{
    return rint(x * 1000) / 1000;
}

double camera_reach(int size)
{
    return 1.6 * size * camera_scale / 3600;
}

static void point(exposure *e, rng *r, int size)
{
    const double *dither = dithers[e->visit % (int)(sizeof dithers / sizeof *dithers)];
    double degrees = size * camera_scale / 3600;
    double east = (dither[0] + rng_uniform(r, -jitter, jitter)) * degrees;
    double north = (dither[1] + rng_uniform(r, -jitter, jitter)) * degrees;

    e->dec = rint((sky_centre_dec() + north) * 1e8) / 1e8;
    e->ra = rint((sky_centre_ra() + east / cos(e->dec * DEGREE)) * 1e8) / 1e8;
    e->rotation = thousandths(rng_uniform(r, -1.5, 1.5));
}

/* Greenwich mean sidereal time in degrees (to the second of time, which is all that a pointing needs). */
static double sidereal(int64_t ms)
{
    double days = (double)ms / 86400e3 - 10957.5; /* since 2000-01-01T12:00 */

    return fmod(280.46062 + 360.98564737 * days, 360);
}

static void horizon(exposure *e)
{
    double ha = remainder(sidereal(e->start_ms) + site_longitude - e->ra, 360), h = ha * DEGREE;
    double d = e->dec * DEGREE, phi = site_latitude * DEGREE;
    double up = sin(phi) * sin(d) + cos(phi) * cos(d) * cos(h);
    double north = cos(phi) * sin(d) - sin(phi) * cos(d) * cos(h), east = -cos(d) * sin(h);
    double azimuth = atan2(east, north) / DEGREE;

    e->hour_angle = ha;
    e->zenith_distance = rint(acos(up) / DEGREE * 100) / 100;
    e->azimuth = thousandths(azimuth < 0 ? azimuth + 360 : azimuth);
    e->airmass = rint(100 / up) / 100;
}

exposure camera_plan(uint64_t seed, int visit, int band, int size)
{
    int64_t order = (int64_t)visit * BANDS + band;
    rng r = rng_new(seed, 0x100000000 + (uint64_t)order);
    exposure e = {.number = 101 + order, .visit = visit, .band = band, .tpv = visit % 2 == 1};

    e.exptime = bands[band].exptime + 3 * (visit % 4);
    e.start_ms = first_night + visit * sidereal_day_ms + band * 155000 + (int64_t)rng_uniform(&r, 0, 20000);
    e.seeing = thousandths(bands[band].seeing * rng_uniform(&r, 0.8, 1.25));
    e.sky = thousandths(bands[band].sky * rng_uniform(&r, 0.8, 1.3));
    e.zero_point[0] = thousandths(bands[band].zero_point - rng_uniform(&r, 0, 0.35));
    e.zero_point[1] = thousandths(e.zero_point[0] + rng_uniform(&r, -0.03, 0.03));
    point(&e, &r, size);
    horizon(&e);
    return e;
}
