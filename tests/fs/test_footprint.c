/* Where images lie on the sky. */
#include "fs/ingest/footprint.h"
#include "fs/ingest/scan.h"
#include "registry/sky/pixels.h"
#include "tests/fs/fixture.h"

#include <math.h>
#include <stdio.h>
#include <wcslib/wcs.h>
#include <wcslib/wcshdr.h>

static const double arcsec = M_PI / 180 / 3600;

/* A header with the cards of a WCS, for an image of 2000 x 4000 pixels. */
static vb_hdu hdu_of(fixture *f, const char *const *lines)
{
    vb_hdu hdu = {.is_image = true, .width = 2000, .height = 4000};

    hdu.cards = (char *)fixture_header(f, lines).own;
    hdu.count = (int)(strlen(hdu.cards) / VB_CARD);
    return hdu;
}

static const char *const tan_cards[] = {"NAXIS   =                    2",
                                        "NAXIS1  =                 2000",
                                        "NAXIS2  =                 4000",
                                        "CTYPE1  = 'RA---TAN'",
                                        "CTYPE2  = 'DEC--TAN'",
                                        "CRVAL1  =                 30.0",
                                        "CRVAL2  =                -45.0",
                                        "CRPIX1  =               1000.5",
                                        "CRPIX2  =               2000.5",
                                        "CD1_1   =             -7.3E-05",
                                        "CD1_2   =                  0.0",
                                        "CD2_1   =                  0.0",
                                        "CD2_2   =              7.3E-05",
                                        "RADESYS = 'ICRS'",
                                        NULL};

/* The direction of a pixel of tan_cards by the formulas of the tangent plane. */
static vb_vec3 exact(double x, double y)
{
    double lon = 30 * M_PI / 180, lat = -45 * M_PI / 180, unit = 7.3e-5 * M_PI / 180;
    double xi = -(x - 1000.5) * unit, eta = (y - 2000.5) * unit;
    vb_vec3 v = {cos(lat) * cos(lon) - xi * sin(lon) - eta * sin(lat) * cos(lon),
                 cos(lat) * sin(lon) + xi * cos(lon) - eta * sin(lat) * sin(lon), sin(lat) + eta * cos(lat)};

    return vb_vec3_unit(v);
}

static void tangent_plane_has_its_four_corners(void **state)
{
    vb_hdu hdu = hdu_of(*state, tan_cards);
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};
    const vb_vec3 corners[] = {exact(0.5, 0.5), exact(2000.5, 0.5), exact(2000.5, 4000.5), exact(0.5, 4000.5)};

    assert_ok(vb_footprint(&hdu, &region, &err), &err);
    assert_int_equal(region.kind, VB_REGION_POLYGON);
    assert_int_equal(region.count, 4);
    for (size_t i = 0; i < 4; i++) {
        double nearest = 1;

        for (size_t k = 0; k < 4; k++)
            nearest = fmin(nearest, vb_vec3_angle(corners[i], vb_region_vertices(&region)[k]));
        assert_true(nearest < 1e-6 * arcsec);
    }
}

static void image_across_longitude_zero_is_small(void **state)
{
    const char *lines[VB_COUNT(tan_cards)];
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};
    vb_hdu hdu;

    memcpy(lines, tan_cards, sizeof lines);
    lines[5] = "CRVAL1  =                  0.0";
    hdu = hdu_of(*state, lines);
    assert_ok(vb_footprint(&hdu, &region, &err), &err);
    assert_true(vb_region_contains(&region, vb_vec3_from_degrees(359.99, -45)));
    assert_true(vb_region_contains(&region, vb_vec3_from_degrees(0.01, -45)));
    assert_false(vb_region_contains(&region, vb_vec3_from_degrees(180, -45)));
}

static void image_round_the_pole_has_the_pole(void **state)
{
    const char *lines[VB_COUNT(tan_cards)];
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};
    vb_hdu hdu;

    memcpy(lines, tan_cards, sizeof lines);
    lines[6] = "CRVAL2  =                 89.99";
    hdu = hdu_of(*state, lines);
    assert_ok(vb_footprint(&hdu, &region, &err), &err);
    assert_true(vb_region_contains(&region, (vb_vec3){0, 0, 1}));
}

static void galactic_coordinates_are_turned(void **state)
{
    const char *lines[VB_COUNT(tan_cards)];
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};
    vb_hdu hdu;

    memcpy(lines, tan_cards, sizeof lines);
    lines[3] = "CTYPE1  = 'GLON-TAN'";
    lines[4] = "CTYPE2  = 'GLAT-TAN'";
    lines[5] = "CRVAL1  =                  0.0";
    lines[6] = "CRVAL2  =                  0.0";
    hdu = hdu_of(*state, lines);
    assert_ok(vb_footprint(&hdu, &region, &err), &err);
    assert_true(vb_region_contains(&region, vb_vec3_from_degrees(266.405, -28.936))); /* the centre of the Galaxy */
}

static void headers_without_a_usable_wcs_are_refused(void **state)
{
    static const struct {
        size_t line;
        const char *text, *says;
    } bad[] = {
        {3, "CTYPE1  = 'LINEAR'", "no celestial WCS"},
        {3, "CTYPE1  = 'ELON-TAN'", "not in RA and DEC"},
        {13, "EQUINOX =               1950.0", "equinox 1950"},
        {3, "CTYPE1  = 'RA---XYZ'", "its WCS cannot be used"},
    };

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        const char *lines[VB_COUNT(tan_cards)];
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_region region = {0};
        vb_hdu hdu;

        memcpy(lines, tan_cards, sizeof lines);
        lines[bad[i].line] = bad[i].text;
        if (i == 1)
            lines[4] = "CTYPE2  = 'ELAT-TAN'";
        if (i == 0)
            lines[4] = "CTYPE2  = 'LINEAR'";
        if (i == 3)
            lines[4] = "CTYPE2  = 'DEC--XYZ'";
        hdu = hdu_of(*state, lines);
        assert_int_equal(vb_footprint(&hdu, &region, &err), -EINVAL);
        assert_says(&err, bad[i].says);
    }
}

static void header_without_wcs_is_refused(void **state)
{
    static const char *const lines[] = {"NAXIS   =  2", "OBJECT  = 'x'", NULL};
    vb_hdu hdu = hdu_of(*state, lines);
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};

    assert_int_equal(vb_footprint(&hdu, &region, &err), -EINVAL);
    assert_says(&err, "WCS");
}

/* Bug: wcslib's parser overran a buffer of its own at a text of 70 characters, in whatever card
 * (found by fuzz_header). */
static void odd_cards_do_not_reach_wcslib(void **state)
{
    const char *lines[VB_COUNT(tan_cards) + 2];
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};
    size_t n = VB_COUNT(tan_cards) - 1;
    vb_hdu hdu;

    memcpy(lines, tan_cards, n * sizeof *lines);
    lines[n] = "OBJECT  = 'a text that does not end, and is as long as a card can be ........";
    lines[n + 1] = "WCSAXES =           2000000000";
    lines[n + 2] = NULL;
    hdu = hdu_of(*state, lines);
    assert_ok(vb_footprint(&hdu, &region, &err), &err);
    assert_int_equal(region.count, 4);
}

/* Bug: wcslib's parser followed a null pointer at a coefficient that is no number (found by fuzz_header). */
static void coefficients_that_are_no_numbers_do_not_reach_wcslib(void **state)
{
    static const char *const bad[] = {"A_0_2   = E", "B_0_2   = 'x'", "AP_1_0  = 1E", "BP_1_1  = -.",
                                      "A_2_0   = 1.5.2"};
    const char *lines[VB_COUNT(tan_cards) + 1];
    size_t n = VB_COUNT(tan_cards) - 1;

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_region region = {0};
        vb_hdu hdu;

        memcpy(lines, tan_cards, n * sizeof *lines);
        lines[n] = bad[i];
        lines[n + 1] = NULL;
        hdu = hdu_of(*state, lines);
        assert_ok(vb_footprint(&hdu, &region, &err), &err);
        assert_int_equal(region.count, 4);
    }
}

/* Every pixel's middle, by wcslib, lies in the footprint of a distorted image; points two pixels outside do
 * not. */
static void check_pixels(const vb_hdu *hdu, const vb_region *region)
{
    vb_autofree char *cards = vb_strdup(hdu->cards);
    struct wcsprm *wcs;
    int rejected, n, status;

    assert_int_equal(wcspih(cards, hdu->count, WCSHDR_all, 0, &rejected, &n, &wcs), 0);
    for (double y = -1.5; y <= (double)hdu->height + 2.5; y += 1)
        for (double x = -1.5; x <= (double)hdu->width + 2.5; x += 1) {
            double pixel[2] = {x, y}, plane[2], phi, theta, world[2];
            bool inside = x >= 1 && y >= 1 && x <= (double)hdu->width && y <= (double)hdu->height;
            bool outside = x < 0 || y < 0 || x > (double)hdu->width + 1 || y > (double)hdu->height + 1;
            bool contained;

            assert_int_equal(wcsp2s(wcs, 1, 2, pixel, plane, &phi, &theta, world, &status), 0);
            contained = vb_region_contains(region, vb_vec3_from_degrees(world[0], world[1]));
            assert_true(!inside || contained);
            assert_true(!outside || !contained);
        }
    wcsvfree(&n, &wcs);
}

static void check_real(fixture *f, const char *path)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_fits fits = {0};
    vb_auto_region region = {0};

    (void)f;
    assert_ok(vb_fits_read(path, &fits, &err), &err);
    assert_ok(vb_footprint(&fits.hdus[1], &region, &err), &err);
    assert_true(region.count > 4); /* its edges bend */
    assert_true(region.count <= VB_REGION_FEW);
    check_pixels(&fits.hdus[1], &region);
}

static void real_distorted_images_hold_their_pixels(void **state)
{
    static const char *const names[] = {"CP20150411/c4d_150412_073257_ooi_z_ls9.N11.fits",
                                        "CP20180217/c4d_180218_090701_ooi_z_ls9.N10.fits",
                                        "CP20140818/c4d_140818_232043_ooi_z_ls9.N12.fits"};
    const char *folder = fixture_shared(*state, "decam/images/decam/CP/V4.8.2a");

    if (!folder)
        skip();
    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_autofree char *path = vb_path_join(folder, names[i]);

        check_real(*state, path);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tangent_plane_has_its_four_corners),
        TEST(image_across_longitude_zero_is_small),
        TEST(image_round_the_pole_has_the_pole),
        TEST(galactic_coordinates_are_turned),
        TEST(headers_without_a_usable_wcs_are_refused),
        TEST(header_without_wcs_is_refused),
        TEST(odd_cards_do_not_reach_wcslib),
        TEST(coefficients_that_are_no_numbers_do_not_reach_wcslib),
        TEST(real_distorted_images_hold_their_pixels),
    };

    return cmocka_run_group_tests_name("footprint", tests, NULL, NULL);
}
