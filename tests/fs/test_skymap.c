/* Sky maps: their keys, their geometry, their records. */
#include "fs/ingest/skymap.h"
#include "tests/fs/fixture.h"

#include <math.h>

static const double arcsec = M_PI / 180 / 3600;

static const char demo[] = "name: demo\n"
                           "pixel_scale: 0.262\n"
                           "patches: [3, 2]\n"
                           "patch_size: 350\n"
                           "patch_border: 10\n"
                           "tracts:\n"
                           "  - {id: 0, center: [151.6537, 2.2]}\n"
                           "  - {id: 7, center: [10, -89.99], patches: 2, patch_size: [100, 200]}\n";

static int load(const char *text, vb_skymap *out, vb_error *err)
{
    return vb_skymap_load("m.yaml", text, strlen(text), out, err);
}

static void tracts_take_what_the_map_says_unless_they_say_otherwise(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_skymap map;

    assert_ok(load(demo, &map, &err), &err);
    assert_int_equal(map.count, 2);
    assert_int_equal(map.tracts[0].nx, 3);
    assert_int_equal(map.tracts[0].ny, 2);
    assert_int_equal(map.tracts[0].width, 350);
    assert_int_equal(map.tracts[1].nx, 2);
    assert_int_equal(map.tracts[1].ny, 2);
    assert_int_equal(map.tracts[1].height, 200);
    assert_int_equal(map.tracts[1].border, 10);
    vb_skymap_clear(&map);
}

/* A point of the tangent plane of a tract, in arcseconds to the west and north. */
static vb_vec3 point(const vb_tract *t, double west, double north)
{
    double lon = t->ra * M_PI / 180, lat = t->dec * M_PI / 180;
    vb_vec3 c = vb_vec3_from_radians(lon, lat);
    vb_vec3 e = {-sin(lon), cos(lon), 0}, n = vb_vec3_cross(c, e);

    return vb_vec3_unit(
        vb_vec3_add(c, vb_vec3_add(vb_vec3_scale(e, -west * arcsec), vb_vec3_scale(n, north * arcsec))));
}

static void assert_vertex(const vb_region *region, vb_vec3 v)
{
    double nearest = 4;

    for (size_t i = 0; i < region->count; i++)
        nearest = fmin(nearest, vb_vec3_angle(vb_region_vertices(region)[i], v));
    assert_true(nearest < 1e-6 * arcsec);
}

static void patch_is_its_cell_and_border(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region region = {0};
    vb_skymap map;

    assert_ok(load(demo, &map, &err), &err);
    assert_ok(vb_tract_patch_region(&map.tracts[0], 0, 0, &region, &err), &err);
    assert_int_equal(region.count, 4);
    assert_vertex(&region, point(&map.tracts[0], (-525 - 10) * 0.262, (-350 - 10) * 0.262));
    assert_vertex(&region, point(&map.tracts[0], (-175 + 10) * 0.262, (0 + 10) * 0.262));
    vb_skymap_clear(&map);
}

static void neighbours_share_their_borders_and_others_nothing(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region first = {0}, second = {0}, third = {0};
    vb_skymap map;

    assert_ok(load(demo, &map, &err), &err);
    assert_ok(vb_tract_patch_region(&map.tracts[0], 0, 0, &first, &err), &err);
    assert_ok(vb_tract_patch_region(&map.tracts[0], 1, 0, &second, &err), &err);
    assert_ok(vb_tract_patch_region(&map.tracts[0], 2, 0, &third, &err), &err);
    assert_true(vb_region_overlaps(&first, &second));
    assert_false(vb_region_overlaps(&first, &third));
    vb_skymap_clear(&map);
}

static void tract_holds_its_patches(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_region tract = {0};
    vb_skymap map;

    assert_ok(load(demo, &map, &err), &err);
    for (size_t i = 0; i < map.count; i++) {
        const vb_tract *t = &map.tracts[i];

        vb_region_free(&tract);
        assert_ok(vb_tract_region(t, &tract, &err), &err);
        assert_int_equal(tract.count, 4);
        assert_true(vb_region_contains(&tract, vb_vec3_from_degrees(t->ra, t->dec)));
        for (int64_t p = 0; p < t->nx * t->ny; p++) {
            vb_auto_region patch = {0};

            assert_ok(vb_tract_patch_region(t, p % t->nx, p / t->nx, &patch, &err), &err);
            assert_true(vb_region_contains(&tract, vb_region_center(&patch)));
        }
    }
    vb_skymap_clear(&map);
}

static void mistakes_name_the_line(void **state)
{
    static const char *const bad[][2] = {
        {"tracts: []", "needs a 'name'"},
        {"name: x", "needs 'tracts'"},
        {"name: x\ntracts:\n  - {id: 0, center: [1, 2]}", "m.yaml:3:5: a tract needs 'pixel_scale'"},
        {"name: x\npixel_scale: 0\ntracts: [{id: 0}]", "m.yaml:2:14: 'pixel_scale' must be"},
        {"name: x\npixel_scale: 1\npatches: 2\npatch_size: 9\ntracts: [{id: 0, center: [1, 91]}]", "needs a 'center'"},
        {"name: x\npixel_scale: 1\npatches: [2, 0]\ntracts: [{id: 0}]", "'patches' must be"},
        {"name: x\npixel_scale: 1\npatches: 2\npatch_size: 9\n"
         "tracts: [{id: 0, center: [1, 9]}, {id: 0, center: [2, 9]}]",
         "another tract has this id"},
        {"name: x\npixel_scale: 3600\npatches: 20\npatch_size: 99\ntracts: [{id: 0, center: [1, 9]}]",
         "further than 60 degrees"},
        {"name: x\npixel_scal: 1\ntracts: []", "no key 'pixel_scal'"},
    };

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_skymap map;

        assert_int_equal(load(bad[i][0], &map, &err), -EINVAL);
        assert_says(&err, bad[i][1]);
    }
}

static int register_text(fixture *f, const char *text, const char *run, vb_error *err)
{
    vb_skymap map = {0};
    int r;

    fixture_write(f, "map.yaml", text);
    r = vb_skymap_register(f->repo, fixture_path(f, "map.yaml"), run, &map, err);
    vb_skymap_clear(&map);
    return r;
}

static void registering_makes_records_and_a_dataset(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    fixture *f = *state;
    vb_auto_buf text = {0};

    assert_int_equal(register_text(f, demo, "skymaps", &err), 1);
    assert_int_equal(fixture_count(f, "dimension_tract"), 2);
    assert_int_equal(fixture_count(f, "dimension_patch"), 10);
    assert_int_equal(fixture_count(f, "dimension_patch WHERE patch = 4 AND cell_x = 1 AND cell_y = 1"), 1);
    assert_true(fixture_count(f, "overlap_patch") >= 10);
    assert_ok(vb_read_file(-100, fixture_path(f, "repo/skymaps/skyMap/skyMap_demo.yaml"), 10000, &text, &err), &err);
    assert_string_equal(text.data, demo);
}

static void registering_again_is_nothing_and_otherwise_an_error(void **state)
{
    static const char other[] =
        "name: demo\npixel_scale: 1\npatches: 1\npatch_size: 9\ntracts: [{id: 0, center: [1, 9]}]\n";
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *commented = vb_format("# the same, with a comment\n%s", demo);

    assert_int_equal(register_text(*state, demo, "skymaps", &err), 1);
    assert_int_equal(register_text(*state, commented, "skymaps", &err), 0);
    assert_int_equal(register_text(*state, other, "skymaps", &err), -EEXIST);
    assert_says(&err, "another definition");
    assert_int_equal(fixture_count(*state, "dataset"), 1);
    assert_int_equal(register_text(*state, demo, "elsewhere", &err), 1);
    assert_int_equal(fixture_count(*state, "dataset"), 2);
    assert_int_equal(fixture_count(*state, "dimension_patch"), 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tracts_take_what_the_map_says_unless_they_say_otherwise),
        TEST(patch_is_its_cell_and_border),
        TEST(neighbours_share_their_borders_and_others_nothing),
        TEST(tract_holds_its_patches),
        TEST(mistakes_name_the_line),
        TEST(registering_makes_records_and_a_dataset),
        TEST(registering_again_is_nothing_and_otherwise_an_error),
    };

    return cmocka_run_group_tests_name("skymap", tests, NULL, NULL);
}
