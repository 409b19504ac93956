#include "fs/ingest/footprint.h"

#include "registry/base/mem.h"

#include <ctype.h>
#include <erfa.h>
#include <math.h>
#include <string.h>
#include <wcslib/wcs.h>
#include <wcslib/wcsfix.h>
#include <wcslib/wcshdr.h>
#include <wcslib/wcsmath.h>

/* Four pieces an edge: a detector's edges bend by half an arcsecond over their length, so a quarter of one by
 * 0.03; and 16 points are what a region holds without memory of its own. */
enum { PIECES = 4, POINTS = 4 * PIECES, MAX_AXES = 16 };

static const double DEGREE = 3.14159265358979323846 / 180;

/* ---- wcslib -------------------------------------------------------------------------------------------- */

typedef struct wcs_set {
    struct wcsprm *all;
    int count;
    struct wcsprm *sky; /* the one without a letter */
} wcs_set;

static void wcs_set_free(wcs_set *set)
{
    if (set->all)
        wcsvfree(&set->count, &set->all);
}

/* The cards that wcslib has a use for, '#' for a digit.  It gets no others, because its parser trusts them: a
 * long text in any card overruns a buffer of its own, an axis number of nine digits makes it ask for all
 * memory, and a distortion's coefficient that is no number leads it to address 8.  (And thirty cards are parsed sooner
 * than two hundred.)  Letters of alternative coordinates are left out, and distortion tables (CPDISn, DPn), which are
 * smaller than a pixel. */
static const char *const wcs_numbers[] = {
    "CRVAL#  ", "CRPIX#  ", "CDELT#  ", "CROTA#  ", "CD#_#   ", "PC#_#   ", "PC00#00#", "PV#_#   ", "PV#_##  ",
    "LONPOLE ", "LATPOLE ", "EQUINOX ", "EPOCH   ", "A_#_#   ", "B_#_#   ", "AP_#_#  ", "BP_#_#  ",
};
static const char *const wcs_texts[] = {"CTYPE#  ", "CUNIT#  ", "PS#_#   ", "RADESYS ", "RADECSYS", "WAT#_###"};

/* Those that count something: one digit is what they have. */
static const char *const wcs_counts[] = {"WCSAXES ", "A_ORDER ", "B_ORDER ", "AP_ORDER", "BP_ORDER"};

static bool is_one_of(const char *card, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int n = 0;

        while (n < 8 && (card[n] == patterns[i][n] || (patterns[i][n] == '#' && isdigit((unsigned char)card[n]))))
            n++;
        if (n == 8)
            return card[8] == '=' && card[9] == ' ';
    }
    return false;
}

/* The end of text in quotes that begins at `p`; NULL where it is none. */
static const char *text_end(const char *p, const char *end)
{
    if (p == end || *p++ != '\'')
        return NULL;
    for (; p < end && *p != '\''; p++)
        if (*p < 0x20 || *p > 0x7e)
            return NULL;
    return p < end ? p + 1 : NULL;
}

static const char *skip_digits(const char *p, const char *end, int *count)
{
    for (; p < end && isdigit((unsigned char)*p); p++)
        ++*count;
    return p;
}

/* The same of a number: -1.5, .5, 3., 1E-06, 2.D+3. */
static const char *number_end(const char *p, const char *end)
{
    int digits = 0, exponent = 0;

    p += p < end && (*p == '+' || *p == '-');
    p = skip_digits(p, end, &digits);
    if (p < end && *p == '.')
        p = skip_digits(p + 1, end, &digits);
    if (p < end && (*p == 'E' || *p == 'D')) {
        p += 1 + (p + 1 < end && (p[1] == '+' || p[1] == '-'));
        p = skip_digits(p, end, &exponent);
        digits = exponent ? digits : 0;
    }
    return digits && (p == end || *p == ' ' || *p == '/') ? p : NULL;
}

typedef enum value_kind { TEXT, NUMBER, ONE_DIGIT } value_kind;

/* Adds a card without its comment, if it has a value of that kind. */
static void add_card(vb_buf *out, const char *card, value_kind kind)
{
    const char *p = card + 10, *end = card + VB_CARD, *stop;

    while (p < end && *p == ' ')
        p++;
    stop = kind == TEXT ? text_end(p, end) : number_end(p, end);
    if (stop && (kind != ONE_DIGIT || (stop == p + 1 && isdigit((unsigned char)*p))))
        vb_buf_printf(out, "%-80.*s", (int)(stop - card), card);
}

static void select_cards(const vb_hdu *hdu, vb_buf *out)
{
    for (int i = 0; i < hdu->count; i++) {
        const char *card = hdu->cards + i * VB_CARD;

        if (is_one_of(card, wcs_counts, VB_COUNT(wcs_counts)))
            add_card(out, card, ONE_DIGIT);
        else if (is_one_of(card, wcs_numbers, VB_COUNT(wcs_numbers)))
            add_card(out, card, NUMBER);
        else if (is_one_of(card, wcs_texts, VB_COUNT(wcs_texts)))
            add_card(out, card, TEXT);
    }
    vb_buf_printf(out, "%-80s", "END");
}

static int parse(const vb_hdu *hdu, wcs_set *set, vb_error *err)
{
    vb_auto_buf cards = {0};
    int rejected, fixed[NWCSFIX], r;

    select_cards(hdu, &cards);
    r = wcspih(cards.data, (int)(cards.len / VB_CARD), WCSHDR_all, 0, &rejected, &set->count, &set->all);
    if (r)
        return vb_fail(err, -EINVAL, "its WCS cannot be read: %s", wcshdr_errmsg[r]);
    for (int i = 0; i < set->count && !set->sky; i++)
        if (set->all[i].alt[0] == ' ')
            set->sky = &set->all[i];
    if (!set->sky)
        return vb_fail(err, -EINVAL, "it has no celestial WCS");
    wcsfix(7, NULL, set->sky, fixed); /* what it cannot mend, wcsset() refuses */
    r = wcsset(set->sky);
    if (r)
        return vb_fail(err, -EINVAL, "its WCS cannot be used: %s", wcs_errmsg[r]);
    if (set->sky->lng < 0 || set->sky->lat < 0 || set->sky->naxis > MAX_AXES)
        return vb_fail(err, -EINVAL, "it has no celestial WCS (CTYPE1 is '%s')", set->sky->ctype[0]);
    return 0;
}

/* Which of the two pixel axes of the sky is the first: those that the celestial ones depend on. */
static void pixel_axes(const struct wcsprm *w, int axes[2])
{
    axes[0] = w->lng < w->lat ? w->lng : w->lat;
    axes[1] = w->lng < w->lat ? w->lat : w->lng;
}

/* Great circles stay straight in a tangent plane, unless something bends it. */
static bool is_straight(const struct wcsprm *w)
{
    return !strcmp(w->cel.prj.code, "TAN") && !w->lin.dispre && !w->lin.disseq;
}

/* Points round the image, from corner to corner of its pixels; returns how many. */
static int outline(const vb_hdu *hdu, bool straight, double points[POINTS][2])
{
    double width = (double)hdu->width, height = (double)hdu->height;
    const double corners[5][2] = {{0, 0}, {width, 0}, {width, height}, {0, height}, {0, 0}};
    int pieces = straight ? 1 : PIECES;

    for (int i = 0; i < 4 * pieces; i++) {
        const double *from = corners[i / pieces], *to = corners[i / pieces + 1];
        double t = (double)(i % pieces) / pieces;

        points[i][0] = 0.5 + from[0] + t * (to[0] - from[0]);
        points[i][1] = 0.5 + from[1] + t * (to[1] - from[1]);
    }
    return 4 * pieces;
}

/* Longitudes and latitudes of points, in degrees. */
static int project(struct wcsprm *w, const double points[][2], int n, double sky[][2], vb_error *err)
{
    size_t cells = (size_t)n * (size_t)w->naxis;
    vb_autofree double *room = vb_alloc((3 * cells + 2 * (size_t)n) * sizeof *room);
    double *pixels = room, *plane = room + cells, *world = room + 2 * cells, *phi = room + 3 * cells, *theta = phi + n;
    vb_autofree int *status = vb_alloc((size_t)n * sizeof *status);
    int axes[2], r;

    pixel_axes(w, axes);
    for (size_t i = 0; i < cells; i++)
        pixels[i] = 1;
    for (int i = 0; i < n; i++) {
        pixels[i * w->naxis + axes[0]] = points[i][0];
        pixels[i * w->naxis + axes[1]] = points[i][1];
    }
    r = wcsp2s(w, n, w->naxis, pixels, plane, phi, theta, world, status);
    if (r)
        return vb_fail(err, -EINVAL, "its WCS does not reach the edges of the image: %s", wcs_errmsg[r]);
    for (int i = 0; i < n; i++) {
        sky[i][0] = world[i * w->naxis + w->lng];
        sky[i][1] = world[i * w->naxis + w->lat];
        if (!isfinite(sky[i][0]) || !isfinite(sky[i][1]))
            return vb_fail(err, -EINVAL, "its WCS gives no position at the edges of the image");
    }
    return 0;
}

/* ---- the sky ------------------------------------------------------------------------------------------- */

static int check_frame(const struct wcsprm *w, bool *galactic, vb_error *err)
{
    *galactic = !strncmp(w->lngtyp, "GLON", 4);
    if (!*galactic && strncmp(w->lngtyp, "RA", 2))
        return vb_fail(err, -EINVAL, "its WCS is in '%.8s', not in RA and DEC", w->ctype[w->lng]);
    if (!strncmp(w->radesys, "FK4", 3) || (!undefined(w->equinox) && w->equinox != 0 && w->equinox != 2000))
        return vb_fail(err, -EINVAL, "its WCS has equinox %g (%s): only 2000 is known here", w->equinox, w->radesys);
    return 0;
}

static vb_vec3 direction(const double sky[2], bool galactic)
{
    double lon = sky[0] * DEGREE, lat = sky[1] * DEGREE;

    if (galactic)
        eraG2icrs(lon, lat, &lon, &lat);
    return vb_vec3_from_radians(lon, lat);
}

int vb_footprint(const vb_hdu *hdu, vb_region *out, vb_error *err)
{
    __attribute__((cleanup(wcs_set_free))) wcs_set set = {0};
    double points[POINTS][2], sky[POINTS][2];
    vb_vec3 edge[POINTS];
    bool galactic = false;
    int n, r = parse(hdu, &set, err);

    if (!r)
        r = check_frame(set.sky, &galactic, err);
    if (r < 0)
        return r;
    n = outline(hdu, is_straight(set.sky), points);
    r = project(set.sky, points, n, sky, err);
    if (r < 0)
        return r;
    for (int i = 0; i < n; i++)
        edge[i] = direction(sky[i], galactic);
    r = vb_region_hull(edge, (size_t)n, out, err);
    return r < 0 ? vb_error_context(err, "the footprint of its WCS") : 0;
}
