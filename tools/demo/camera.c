/* camera.c - one exposure of one detector: astrometry, light, noise, defects. */
#include "tools/demo/camera.h"

#include "registry/base/mem.h"
#include "tools/demo/cards.h"
#include "tools/demo/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wcslib/wcshdr.h>

#define DEGREE (M_PI / 180)

static const int gap = 12;         /* pixels between the detectors */
static const double edge = 8;      /* a source ends at so many of its radii */
static const double stripe = 0.03; /* the sky's slope across a detector */
static const int bad_pixels = 6, cosmic_rays = 4;

void frame_init(frame *f, int size)
{
    size_t pixels = (size_t)size * (size_t)size;

    *f = (frame){.size = size};
    f->image = vb_alloc(pixels * sizeof *f->image);
    f->weight = vb_alloc(pixels * sizeof *f->weight);
    f->mask = vb_alloc(pixels * sizeof *f->mask);
}

void frame_free(frame *f)
{
    free(f->image);
    free(f->weight);
    free(f->mask);
    *f = (frame){0};
}

/* The index of column x, row y, both from 0. */
static size_t at(const frame *f, int x, int y)
{
    return (size_t)y * (size_t)f->size + (size_t)x;
}

/* Astrometry. */

/* About a thousandth of the field, whatever the field: quadratic and cubic in both coordinates. */
static void distort(plate *p, double field)
{
    static const double x_terms[PV_TERMS] = {0, 1.0004, 0.0002, 0, 0.0015, -0.0008, 0.0005, 0.001, 0, 0.0009, 0};
    static const double y_terms[PV_TERMS] = {0, 0.9997, -0.0003, 0, -0.0011, 0.0006, 0.0009, 0.0008, 0, 0.001, 0};
    static const int power[PV_TERMS] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2};

    for (int i = 0; i < PV_TERMS; i++) {
        p->pv[0][i] = x_terms[i] / pow(field, power[i]);
        p->pv[1][i] = y_terms[i] / pow(field, power[i]);
    }
}

static plate plate_of(const exposure *e, int detector, int size)
{
    double scale = camera_scale / 3600, c = cos(e->rotation * DEGREE), s = sin(e->rotation * DEGREE);
    plate p = {.crpix = {detector == 0 ? size + gap / 2 + 0.5 : -gap / 2 + 0.5, size / 2.0 + 0.5},
               .crval = {e->ra, e->dec},
               .cd = {{-scale * c, scale * s}, {scale * s, scale * c}},
               .tpv = e->tpv};

    if (p.tpv)
        distort(&p, scale * size);
    return p;
}

static void plate_cards(const plate *p, vb_buf *cards)
{
    static const char *const axes[] = {"RA--", "DEC-"};
    char key[9], text[9];

    card_int(cards, "WCSAXES", 2, "WCS dimensionality");
    card_text(cards, "RADESYS", "ICRS", "World coordinate reference frame");
    card_real(cards, "EQUINOX", 2000, "Mean equinox");
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%s-%s", axes[i], p->tpv ? "TPV" : "TAN");
        snprintf(key, sizeof key, "CTYPE%d", i + 1);
        card_text(cards, key, text, "WCS projection type for this axis");
        snprintf(key, sizeof key, "CUNIT%d", i + 1);
        card_text(cards, key, "deg", "Axis unit");
        snprintf(key, sizeof key, "CRVAL%d", i + 1);
        card_real(cards, key, p->crval[i], "World coordinate on this axis");
        snprintf(key, sizeof key, "CRPIX%d", i + 1);
        card_real(cards, key, p->crpix[i], "Reference pixel on this axis");
        for (int j = 0; j < 2; j++) {
            snprintf(key, sizeof key, "CD%d_%d", i + 1, j + 1);
            card_real(cards, key, p->cd[i][j], "Linear projection matrix");
        }
        for (int j = 0; p->tpv && j < PV_TERMS; j++) {
            snprintf(key, sizeof key, "PV%d_%d", i + 1, j);
            card_real(cards, key, p->pv[i][j], "Projection distortion parameter");
        }
    }
}

typedef struct sky_to_pixel {
    struct wcsprm *wcs;
    int count;
} sky_to_pixel;

static void close_wcs(sky_to_pixel *w)
{
    if (w->wcs)
        wcsvfree(&w->count, &w->wcs);
}

static int open_wcs(sky_to_pixel *w, const vb_buf *cards, vb_error *err)
{
    vb_autofree char *header = vb_memdup(cards->data, cards->len + 1); /* wcslib wants to write */
    int rejected, r = wcspih(header, (int)(cards->len / CARD), WCSHDR_all, 0, &rejected, &w->count, &w->wcs);

    if (r || w->count < 1)
        return vb_fail(err, -EINVAL, "wcslib cannot read the header of a detector: %s", wcshdr_errmsg[r]);
    r = wcsset(w->wcs);
    return r ? vb_fail(err, -EINVAL, "wcslib refuses the WCS of a detector: %s", wcs_errmsg[r]) : 0;
}

/* Light. */

/* A Moffat profile with exponent 3, which needs no pow().  `x` and `y` are FITS pixels, from 1; `seeing` is
 * in pixels too. */
static void add_source(frame *f, const source *s, double x, double y, double counts, double seeing)
{
    double star = seeing / 2 / sqrt(cbrt(2) - 1), size = s->size / camera_scale;
    double major = hypot(star, size), minor = hypot(star, size * s->ratio);
    double c = cos(s->angle * DEGREE), sn = sin(s->angle * DEGREE);
    double peak = counts * 2 / (M_PI * major * minor), reach = edge * major;
    int x0 = (int)fmax(0, ceil(x - 1 - reach)), x1 = (int)fmin(f->size - 1, floor(x - 1 + reach));
    int y0 = (int)fmax(0, ceil(y - 1 - reach)), y1 = (int)fmin(f->size - 1, floor(y - 1 + reach));

    for (int row = y0; row <= y1; row++)
        for (int column = x0; column <= x1; column++) {
            double dx = column + 1 - x, dy = row + 1 - y;
            double u = (dx * c + dy * sn) / major, v = (dy * c - dx * sn) / minor, q = 1 + u * u + v * v;

            f->image[at(f, column, row)] += (float)(peak / (q * q * q));
        }
}

static void add_sources(frame *f, const exposure *e, int detector, const sky *all, const double *pixels)
{
    for (size_t i = 0; i < all->count; i++) {
        const source *s = &all->sources[i];
        double rate = pow(10, 0.4 * (e->zero_point[detector] - s->mag[e->band]));

        add_source(f, s, pixels[2 * i], pixels[2 * i + 1], rate * e->exptime, e->seeing / camera_scale);
    }
}

static int find_pixels(const sky_to_pixel *w, const sky *all, double *pixels, vb_error *err)
{
    size_t n = all->count;
    vb_autofree double *room = vb_alloc(6 * n * sizeof *room);
    vb_autofree int *status = vb_alloc(n * sizeof *status);
    double *world = room, *plane = room + 2 * n, *phi = room + 4 * n, *theta = room + 5 * n;
    int r;

    for (size_t i = 0; i < n; i++) {
        world[2 * i] = all->sources[i].ra;
        world[2 * i + 1] = all->sources[i].dec;
    }
    r = wcss2p(w->wcs, (int)n, 2, world, phi, theta, plane, pixels, status);
    return r ? vb_fail(err, -EINVAL, "wcslib cannot place the sources: %s", wcs_errmsg[r]) : 0;
}

static int find_centre(const sky_to_pixel *w, int size, plate *p, vb_error *err)
{
    double pixel[2] = {size / 2.0 + 0.5, size / 2.0 + 0.5}, plane[2], world[2], phi, theta;
    int status, r = wcsp2s(w->wcs, 1, 2, pixel, plane, &phi, &theta, world, &status);

    if (r)
        return vb_fail(err, -EINVAL, "wcslib cannot tell a detector's centre: %s", wcs_errmsg[r]);
    p->centre_ra = rint(world[0] * 1e10) / 1e10; /* less libm's last bits */
    p->centre_dec = rint(world[1] * 1e10) / 1e10;
    return 0;
}

static int look(const exposure *e, int detector, const sky *all, frame *f, plate *p, const vb_buf *cards, vb_error *err)
{
    __attribute__((cleanup(close_wcs))) sky_to_pixel w = {0};
    vb_autofree double *pixels = vb_alloc(2 * all->count * sizeof *pixels);
    int r = open_wcs(&w, cards, err);

    r = r ? r : find_centre(&w, f->size, p, err);
    r = r ? r : find_pixels(&w, all, pixels, err);
    if (!r)
        add_sources(f, e, detector, all, pixels);
    return r;
}

/* Noise. */

static double variance(double counts)
{
    return counts / camera_gain + camera_read_noise * camera_read_noise / (camera_gain * camera_gain);
}

/* Photons are so many (hundreds a pixel at least) that their Poisson noise is Gaussian.  Counts are kept to a
 * 32nd, so that libm's last bits, which differ between processors, do not show. */
static void add_sky_and_noise(frame *f, const exposure *e, rng *r)
{
    f->background = e->sky * e->exptime;
    f->noise = sqrt(variance(f->background));
    for (int y = 0; y < f->size; y++)
        for (int x = 0; x < f->size; x++) {
            float *pixel = &f->image[at(f, x, y)];
            double light = *pixel + f->background * (1 + stripe * ((double)x / f->size - 0.5));

            *pixel = (float)(rint(32 * (light + sqrt(variance(light)) * rng_gauss(r))) / 32);
            f->weight[at(f, x, y)] = (float)(1 / variance(f->background));
        }
}

/* Defects. */

static int pick(rng *r, int below)
{
    return (int)rng_uniform(r, 0, below);
}

static void spoil(frame *f, int x, int y, float value, int32_t why)
{
    if (x < 0 || y < 0 || x >= f->size || y >= f->size)
        return;
    f->image[at(f, x, y)] = value;
    f->weight[at(f, x, y)] = 0;
    f->mask[at(f, x, y)] |= why;
}

/* Part of a column and some pixels, the same in every exposure. */
static void add_bad_pixels(frame *f, uint64_t seed, int detector)
{
    rng r = rng_new(seed, 0x200000000 + (uint64_t)detector);
    int column = pick(&r, f->size), first = pick(&r, f->size / 2);

    for (int y = first; y < first + f->size / 3; y++)
        spoil(f, column, y, 0, MASK_BAD);
    for (int i = 0; i < bad_pixels; i++) {
        int x = pick(&r, f->size), y = pick(&r, f->size);

        spoil(f, x, y, 30000, MASK_BAD);
    }
}

static void add_cosmic_rays(frame *f, rng *r)
{
    for (int i = 0; i < cosmic_rays; i++) {
        int x = pick(r, f->size), y = pick(r, f->size), length = 3 + pick(r, 9), slope = pick(r, 5) - 2;
        float hit = (float)(1000 + pick(r, 8000));

        for (int j = 0; j < length; j++)
            spoil(f, x + j, y + j * slope / 2, (float)f->background + hit, MASK_COSMIC_RAY);
    }
}

static void saturate(frame *f)
{
    for (int y = 0; y < f->size; y++)
        for (int x = 0; x < f->size; x++)
            if (f->image[at(f, x, y)] >= camera_saturation)
                spoil(f, x, y, (float)camera_saturation, MASK_SATURATED);
}

int camera_expose(const exposure *e, int detector, uint64_t seed, const sky *all, frame *f, plate *p, vb_buf *cards,
                  vb_error *err)
{
    size_t pixels = (size_t)f->size * (size_t)f->size;
    rng r = rng_new(seed, 0x300000000 + (uint64_t)(e->number * DETECTORS + detector));
    int error;

    memset(f->image, 0, pixels * sizeof *f->image);
    memset(f->mask, 0, pixels * sizeof *f->mask);
    *p = plate_of(e, detector, f->size);
    plate_cards(p, cards);
    error = look(e, detector, all, f, p, cards, err);
    if (error)
        return error;
    add_sky_and_noise(f, e, &r);
    add_bad_pixels(f, seed, detector);
    add_cosmic_rays(f, &r);
    saturate(f);
    return 0;
}
