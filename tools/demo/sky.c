#include "tools/demo/sky.h"

#include "registry/base/mem.h"
#include "tools/demo/rng.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define DEGREE (M_PI / 180)

enum { NSIDE = 32, EQUATORIAL_FIRST = 2 * NSIDE * (NSIDE - 1) };

static const double stars_per_arcmin2 = 40, galaxies_per_arcmin2 = 8;
static const double near_ra = 150.1, near_dec = 2.2; /* the COSMOS field, near enough */
static const double gaia_limit = 21, gaia_epoch = 2016.0;
static const int strays = 80; /* stars of a shard outside the field */

/* In the equatorial belt pixels are diamonds in (ra, sin dec), bounded by lines on which one of these two is
 * an integer (Gorski et al. 2005, section 5). */
static double falling(double ra, double dec)
{
    return NSIDE * (0.5 + ra / 90 - 0.75 * sin(dec * DEGREE));
}

static double rising(double ra, double dec)
{
    return NSIDE * (0.5 + ra / 90 + 0.75 * sin(dec * DEGREE));
}

int64_t sky_ring_pixel(double ra, double dec)
{
    int64_t down = (int64_t)floor(falling(ra, dec)), up = (int64_t)floor(rising(ra, dec));
    int64_t ring = NSIDE + 1 + down - up; /* from 1, at the belt's northern end */
    int64_t shifted = ring % 2 == 0, column = (down + up - NSIDE + shifted + 1) / 2;

    assert(fabs(dec) < 41);
    return EQUATORIAL_FIRST + (ring - 1) * 4 * NSIDE + column % (4 * NSIDE);
}

double sky_centre_ra(void)
{
    double off = ceil(falling(near_ra, near_dec)) - falling(near_ra, near_dec);

    return near_ra + 90 * off / NSIDE;
}

double sky_centre_dec(void)
{
    return near_dec;
}

/* To some 1e-8 arcseconds: libm's last bits, which differ between processors, are gone then. */
static double rounded(double degrees)
{
    return rint(degrees * 1e11) / 1e11;
}

static void place(rng *r, double half, double *ra, double *dec)
{
    *dec = rounded(sky_centre_dec() + rng_uniform(r, -half, half));
    *ra = rounded(sky_centre_ra() + rng_uniform(r, -half, half) / cos(*dec * DEGREE));
}

/* Between `bright` and `faint`, in numbers that double for each magnitude. */
static double draw_magnitude(rng *r, double bright, double faint)
{
    return bright + log2(1 + rng_uniform(r, 0, 1) * (exp2(faint - bright) - 1));
}

static void colour(source *s, double r_mag, double redness)
{
    s->mag[BAND_R] = r_mag;
    s->mag[BAND_G] = r_mag + 0.2 + redness;
    s->mag[BAND_Z] = r_mag - 0.1 - 0.6 * redness;
}

static source draw_star(rng *r, double half)
{
    double mag = draw_magnitude(r, 16.5, 22.8), redness = rng_uniform(r, 0, 1.2);
    source s = {.ratio = 1, .gaia = mag + 0.1};

    place(r, half, &s.ra, &s.dec);
    colour(&s, mag, redness);
    return s;
}

static source draw_galaxy(rng *r, double half)
{
    source s = {.size = rng_uniform(r, 0.5, 1.6), .ratio = rng_uniform(r, 0.35, 0.95), .angle = rng_uniform(r, 0, 180)};
    double mag = draw_magnitude(r, 18, 22);

    place(r, half, &s.ra, &s.dec);
    colour(&s, mag, rng_uniform(r, 0.3, 1));
    return s;
}

void sky_fill(sky *s, uint64_t seed, double half)
{
    rng r = rng_new(seed, 1);
    double arcmin2 = 4 * half * half * 3600;
    long stars = lround(stars_per_arcmin2 * arcmin2), galaxies = lround(galaxies_per_arcmin2 * arcmin2);

    *s = (sky){0};
    for (long i = 0; i < stars; i++)
        *VB_PUSH(s->sources, s->count, s->cap) = draw_star(&r, half);
    for (long i = 0; i < galaxies; i++)
        *VB_PUSH(s->sources, s->count, s->cap) = draw_galaxy(&r, half);
}

void sky_free(sky *s)
{
    free(s->sources);
    *s = (sky){0};
}

static void add_reference(shard *s, double ra, double dec, double g, double redness)
{
    double error = 0.02 + 0.01 * exp2(g - 16);
    reference star = {.id = s->pixel << 40 | (int64_t)(s->count + 1),
                      .ra = ra,
                      .dec = dec,
                      .ra_error = (float)error,
                      .dec_error = (float)(0.9 * error),
                      .g = (float)g,
                      .bp = (float)(g + 0.3 + 0.5 * redness),
                      .rp = (float)(g - 0.3 - 0.5 * redness),
                      .epoch = (float)gaia_epoch};

    *VB_PUSH(s->stars, s->count, s->cap) = star;
}

static void add_stars_of_field(shard *s, const sky *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const source *star = &all->sources[i];

        if (star->size == 0 && star->gaia < gaia_limit && sky_ring_pixel(star->ra, star->dec) == s->pixel)
            add_reference(s, star->ra, star->dec, star->gaia, star->mag[BAND_G] - star->mag[BAND_R] - 0.2);
    }
}

static bool in_field(double ra, double dec, double half)
{
    return fabs(dec - sky_centre_dec()) < 2 * half && fabs(ra - sky_centre_ra()) < 2 * half;
}

/* Stars elsewhere in the pixel, within 2.5 degrees of (ra, dec), but none where an image would show it. */
static void add_strays(shard *s, uint64_t seed, double ra, double dec, double half)
{
    rng r = rng_new(seed, 2 + (uint64_t)s->pixel);

    for (int n = 0; n < strays;) {
        double x = rounded(ra + rng_uniform(&r, -2.5, 2.5)), y = rounded(dec + rng_uniform(&r, -2.5, 2.5));
        double g = draw_magnitude(&r, 14, gaia_limit), redness = rng_uniform(&r, 0, 1.2);

        if (sky_ring_pixel(x, y) != s->pixel || in_field(x, y, half))
            continue;
        add_reference(s, x, y, g, redness);
        n++;
    }
}

void sky_shards(const sky *s, uint64_t seed, double half, shard shards[SHARDS])
{
    static const double offsets[SHARDS][2] = {{-0.3, 0}, {0.3, 0}, {0, -2.4}, {0, 2.4}}; /* degrees in ra, dec */

    for (int i = 0; i < SHARDS; i++) {
        double ra = sky_centre_ra() + offsets[i][0], dec = sky_centre_dec() + offsets[i][1];

        shards[i] = (shard){.pixel = sky_ring_pixel(ra, dec)};
        for (int j = 0; j < i; j++)
            assert(shards[j].pixel != shards[i].pixel);
        add_stars_of_field(&shards[i], s);
        add_strays(&shards[i], seed, ra, dec, half);
    }
}

void shard_free(shard *s)
{
    free(s->stars);
    *s = (shard){0};
}
