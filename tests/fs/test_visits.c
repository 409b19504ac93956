/* Visits: their regions grow, and can be defined later. */
#include "fs/ingest/element.h"
#include "fs/ingest/raws.h"
#include "fs/ingest/visits.h"
#include "tests/fs/fixture.h"

#include <math.h>

static void ingest_one(fixture *f, const char *name, bool no_visits)
{
    vb_raws_options options = {.no_visits = no_visits};
    vb_raws_report report;
    vb_auto_error err = VB_ERROR_INIT;
    char *paths[] = {fixture_path(f, name), NULL};

    assert_ok(vb_ingest_raws(f->repo, paths, &options, &report, &err), &err);
    if (report.nbad)
        fail_msg("%s", report.bad[0].error.message);
    vb_raws_report_clear(&report);
}

static void get_region(fixture *f, int64_t visit, vb_region *out)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_record key = {0}, found = {0};
    const vb_value *bytes;

    assert_ok(vb_registry_refresh(f->reg, &err), &err);
    assert_ok(vb_element_record(f->reg, "visit", &key, &err), &err);
    vb_record_set(&key, "instrument", vb_value_text("TestCam"));
    vb_record_set(&key, "visit", vb_value_int(visit));
    assert_int_equal(vb_element_find(f->reg, &key, &found, &err), 1);
    bytes = vb_record_value(&found, "region");
    assert_ok(vb_region_decode(bytes->bytes, bytes->len, out, &err), &err);
}

static void region_grows_as_detectors_come(void **state)
{
    fixture *f = *state;
    vb_auto_region first = {0}, second = {0};
    int64_t overlaps;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .ra = 10, .dec = 0});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 12, .detector = 2, .ra = 13, .dec = 0});
    ingest_one(f, "a_i_.fits", false);
    get_region(f, 12, &first);
    overlaps = fixture_count(f, "overlap_visit");
    assert_false(vb_region_contains(&first, vb_vec3_from_degrees(11.5, 0)));
    ingest_one(f, "b_i_.fits", false);
    get_region(f, 12, &second);
    assert_true(vb_region_contains(&second, vb_vec3_from_degrees(10, 0)));
    assert_true(vb_region_contains(&second, vb_vec3_from_degrees(11.5, 0)));
    assert_true(vb_region_contains(&second, vb_vec3_from_degrees(13, 0)));
    assert_true(fixture_count(f, "overlap_visit") > overlaps);
    assert_int_equal(fixture_count(f, "overlap_visit o WHERE NOT EXISTS (SELECT 1 FROM dimension_visit"
                                      " WHERE _id = o.record_id)"),
                     0);
    assert_int_equal(fixture_count(f, "dimension_visit"), 1);
    assert_int_equal(fixture_count(f, "dimension_visit_detector_region"), 2);
}

static void weights_do_not_widen(void **state)
{
    fixture *f = *state;
    vb_auto_region region = {0};

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .ra = 10, .dec = 0});
    fixture_fits(f, "b_w_.fits", (image){.exposure = 12, .detector = 2, .ra = 13, .dec = 0});
    ingest_one(f, "a_i_.fits", false);
    ingest_one(f, "b_w_.fits", false);
    get_region(f, 12, &region);
    assert_false(vb_region_contains(&region, vb_vec3_from_degrees(13, 0)));
}

static vb_define_report define(fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_define_report report;

    assert_ok(vb_define_visits(f->repo, "TestCam", NULL, 2, NULL, &report, &err), &err);
    return report;
}

static void visits_can_be_defined_later_and_only_once(void **state)
{
    fixture *f = *state;
    vb_define_report report;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .parts = 2, .ra = 10});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 13, .detector = 2, .ra = 11});
    ingest_one(f, "a_i_.fits", true);
    ingest_one(f, "b_i_.fits", true);
    assert_int_equal(fixture_count(f, "dimension_visit"), 0);
    report = define(f);
    assert_int_equal(report.visits, 2);
    assert_int_equal(report.raws, 3);
    assert_int_equal(fixture_count(f, "dimension_visit_detector_region"), 3);
    report = define(f);
    assert_int_equal(report.visits, 0);
}

static void unknown_instrument_gets_a_hint(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_define_report report;
    fixture *f = *state;

    fixture_register(f);
    assert_int_equal(vb_define_visits(f->repo, "TestCan", NULL, 1, NULL, &report, &err), -ENOENT);
    assert_string_equal(err.hint, "did you mean 'TestCam'?");
}

static void missing_artifact_is_named(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_define_report report;
    fixture *f = *state;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1});
    ingest_one(f, "a_i_.fits", true);
    assert_int_equal(unlink(fixture_path(f, "repo/TestCam/raw/all/raw/TestCam/1/raw_TestCam_1_12.fits")), 0);
    assert_int_equal(vb_define_visits(f->repo, "TestCam", NULL, 1, NULL, &report, &err), -ENOENT);
    assert_says(&err, "raw_TestCam_1_12.fits: No such file or directory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(region_grows_as_detectors_come),
        TEST(weights_do_not_widen),
        TEST(visits_can_be_defined_later_and_only_once),
        TEST(unknown_instrument_gets_a_hint),
        TEST(missing_artifact_is_named),
    };

    return cmocka_run_group_tests_name("visits", tests, NULL, NULL);
}
