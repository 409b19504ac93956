/* Raw images: datasets, records, what is refused. */
#include "fs/ingest/raws.h"
#include "fs/store/store.h"
#include "registry/instrument_rules.h"
#include "tests/fs/fixture.h"

#include <fcntl.h>

typedef struct outcome {
    int status;
    vb_raws_report report;
    vb_error error;
} outcome;

static outcome ingest(fixture *f, const vb_raws_options *options, const char *const *names)
{
    static const vb_raws_options defaults = {.threads = 2};
    outcome o = {0};
    char **paths = vb_strv_dup(NULL);

    for (; *names; names++)
        vb_strv_add(&paths, fixture_path(f, *names));
    o.status = vb_ingest_raws(f->repo, paths, options ? options : &defaults, &o.report, &o.error);
    vb_strv_free(paths);
    return o;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void clear(outcome *o)
{
    vb_raws_report_clear(&o->report);
    vb_error_clear(&o->error);
}

#define auto_outcome __attribute__((cleanup(clear))) outcome

static void file_becomes_a_dataset_with_records_and_a_visit(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 2, .ra = 10, .dec = 20});
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.ingested, 1);
    assert_int_equal(o.report.exposures, 1);
    assert_int_equal(o.report.nbad, 0);
    assert_int_equal(fixture_count(f, "dataset WHERE dataid = '[\"TestCam\",2,12]'"), 1);
    assert_int_equal(fixture_count(f, "location WHERE path = 'TestCam/raw/all/raw/TestCam/2/raw_TestCam_2_12.fits'"
                                      " AND size = 8640 AND length(checksum) = 16 AND mtime > 0"),
                     1);
    assert_int_equal(fixture_count(f,
                                   "dimension_exposure WHERE exposure = 12 AND obs_id = 'test12' AND \"group\" = '12'"),
                     1);
    assert_int_equal(fixture_count(f, "dimension_physical_filter WHERE physical_filter = 'g' AND band = 'g'"), 1);
    assert_int_equal(fixture_count(f, "dimension_day_obs WHERE day_obs = 20200101"), 1);
    assert_int_equal(fixture_count(f, "dimension_visit WHERE visit = 12 AND name = 'test12' AND region NOT NULL"), 1);
    assert_int_equal(fixture_count(f, "dimension_visit_definition WHERE visit = 12 AND exposure = 12"), 1);
    assert_int_equal(fixture_count(f, "dimension_visit_system_membership WHERE visit = 12 AND visit_system = 0"), 1);
    assert_int_equal(fixture_count(f, "dimension_visit_system WHERE name = 'one-to-one'"), 1);
    assert_int_equal(fixture_count(f, "dimension_visit_detector_region WHERE visit = 12 AND detector = 2"), 1);
}

static void file_name_tells_the_dataset_type(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 2, .ra = 10, .dec = 20});
    fixture_fits(f, "a_w_.fits", (image){.exposure = 12, .detector = 2, .ra = 10, .dec = 20});
    fixture_fits(f, "odd.fits", (image){.exposure = 12, .detector = 1, .ra = 10, .dec = 20});
    o = ingest(f, NULL, NAMES("a_w_.fits", "a_i_.fits", "odd.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.ingested, 2);
    assert_int_equal(fixture_count(f, "location WHERE path LIKE '%/raw_weight_TestCam_2_12.fits'"), 1);
    assert_int_equal(o.report.nbad, 1);
    assert_says(&o.report.bad[0].error, "its name is none that the rules of TestCam know");
}

static void bad_files_are_left_out_and_told_in_order(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 2});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 13, .detector = 2});
    assert_int_equal(truncate(fixture_path(f, "b_i_.fits"), 6000), 0);
    fixture_write(f, "notes.txt", "hello");
    fixture_fits(f, "c_i_.fits", (image){.exposure = 14, .detector = 77});
    o = ingest(f, NULL, NAMES("b_i_.fits", "a_i_.fits", "notes.txt", "c_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.files, 4);
    assert_int_equal(o.report.ingested, 1);
    assert_int_equal(o.report.nbad, 3);
    assert_says(&o.report.bad[0].error, "truncated: 6,000 bytes where the header asks for 8,640");
    assert_says(&o.report.bad[1].error, "not FITS");
    assert_says(&o.report.bad[2].error, "detector 77 is none of TestCam's 3");
    assert_int_equal(fixture_count(f, "dimension_exposure"), 1);
}

static void fail_fast_ingests_nothing(void **state)
{
    fixture *f = *state;
    vb_raws_options options = {.fail_fast = true};
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 2});
    fixture_write(f, "notes.txt", "hello");
    o = ingest(f, &options, NAMES("a_i_.fits", "notes.txt"));
    assert_int_equal(o.status, -EINVAL);
    assert_says(&o.error, "notes.txt: not FITS");
    assert_int_equal(fixture_count(f, "dataset"), 0);
    assert_int_equal(fixture_count(f, "dimension_exposure"), 0);
    assert_int_not_equal(access(fixture_path(f, "repo/TestCam"), F_OK), 0);
}

static void dataset_that_is_there_is_an_error_unless_skipped(void **state)
{
    fixture *f = *state;
    vb_raws_options skip_existing = {.skip_existing = true};
    auto_outcome first, again, skipped;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 2});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 12, .detector = 3, .ra = 0.1});
    first = ingest(f, NULL, NAMES("a_i_.fits"));
    again = ingest(f, NULL, NAMES("a_i_.fits", "b_i_.fits"));
    assert_int_equal(again.report.ingested, 1);
    assert_int_equal(again.report.nbad, 1);
    assert_says(&again.report.bad[0].error,
                "raw {instrument: TestCam, detector: 2, exposure: 12} is in TestCam/raw/all already");
    skipped = ingest(f, &skip_existing, NAMES("a_i_.fits", "b_i_.fits"));
    assert_ok(skipped.status, &skipped.error);
    assert_int_equal(skipped.report.nbad, 0);
    assert_int_equal(skipped.report.existing, 2);
    assert_int_equal(skipped.report.ingested, 0);
    assert_int_equal(fixture_count(f, "dataset"), 2);
}

static void same_dataset_twice_names_the_other_file(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 2});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 12, .detector = 2});
    o = ingest(f, NULL, NAMES("a_i_.fits", "b_i_.fits"));
    assert_int_equal(o.report.ingested, 1);
    assert_int_equal(o.report.nbad, 1);
    assert_says(&o.report.bad[0].error, "a_i_.fits is");
}

static void files_that_disagree_about_an_exposure_are_refused(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 12, .detector = 2, .date = "2020-01-02T03:04:06"});
    o = ingest(f, NULL, NAMES("a_i_.fits", "b_i_.fits"));
    assert_int_equal(o.report.ingested, 1);
    assert_int_equal(o.report.nbad, 1);
    assert_says(&o.report.bad[0].error, "its begin is not that of ");
}

static void exposure_that_is_registered_otherwise_is_refused_unless_updated(void **state)
{
    fixture *f = *state;
    vb_raws_options update = {.update_records = true};
    auto_outcome first, second, third;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 12, .detector = 2, .filter = "r"});
    first = ingest(f, NULL, NAMES("a_i_.fits"));
    second = ingest(f, NULL, NAMES("b_i_.fits"));
    assert_int_equal(second.report.nbad, 1);
    assert_says(&second.report.bad[0].error,
                "its exposure is registered with another physical_filter: 'g', here it is 'r'");
    third = ingest(f, &update, NAMES("b_i_.fits"));
    assert_int_equal(third.report.ingested, 1);
    assert_int_equal(fixture_count(f, "dimension_exposure WHERE physical_filter = 'r'"), 1);
}

static void obs_id_belongs_to_one_exposure(void **state)
{
    fixture *f = *state;
    auto_outcome first, second;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .obs_id = "same"});
    fixture_fits(f, "b_i_.fits", (image){.exposure = 13, .detector = 1, .obs_id = "same"});
    first = ingest(f, NULL, NAMES("a_i_.fits", "b_i_.fits"));
    assert_int_equal(first.report.nbad, 1);
    assert_says(&first.report.bad[0].error, "its obs_id 'same' is that of ");
    second = ingest(f, NULL, NAMES("b_i_.fits"));
    assert_int_equal(second.report.nbad, 1);
    assert_says(&second.report.bad[0].error, "is that of exposure 12, which is registered");
}

static void several_detectors_in_a_file_are_parts_of_one_artifact(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .parts = 3, .ra = 10, .dec = 5});
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.detectors, 3);
    assert_int_equal(fixture_count(f, "dataset"), 3);
    assert_int_equal(fixture_count(f, "location WHERE path = 'TestCam/raw/all/raw/TestCam/raw_TestCam_12.fits#hdu=2'"),
                     1);
    assert_int_equal(access(fixture_path(f, "repo/TestCam/raw/all/raw/TestCam/raw_TestCam_12.fits"), F_OK), 0);
    assert_int_equal(fixture_count(f, "dimension_visit_detector_region"), 3);
}

/* Bug: the location had the size of the whole file, so that opening the artifact found it changed. */
static void parts_of_a_file_have_sizes_of_their_own(void **state)
{
    fixture *f = *state;
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .parts = 3, .ra = 10, .dec = 5});
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.ndatasets, 3);
    assert_ok(vb_stores_open(f->reg, f->repo->root, &stores, &err), &err);
    for (size_t i = 0; i < o.report.ndatasets; i++) {
        vb_auto_dataset d = {0};
        vb_auto_location location = {0};
        vb_content content;

        assert_int_equal(vb_dataset_by_uuid(f->reg, &o.report.datasets[i].uuid, &d, &err), 1);
        assert_int_equal(vb_location_get(f->reg, d.id, &location, &err), 1);
        assert_ok(vb_stores_open_artifact(stores, &location, &content, &err), &err);
        assert_int_equal(content.size, location.size);
        assert_int_equal(content.size % 2880, 0);
        close(content.fd);
    }
}

static void hdus_that_the_rules_ignore_are_left_out(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 99});
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_int_equal(o.report.nbad, 1);
    assert_says(&o.report.bad[0].error, "none of its images is a detector's");
}

static void exposure_that_saw_no_sky_makes_no_visit(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1, .no_wcs = true});
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.ingested, 1);
    assert_int_equal(fixture_count(f, "dimension_visit"), 0);
}

static void unknown_instruments_are_named(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1});
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_int_equal(o.report.nbad, 1);
    assert_says(&o.report.bad[0].error, "no instrument's rules match its header (INSTRUME 'TestCam')");
}

static void directories_are_walked(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    assert_int_equal(vb_mkdirs(AT_FDCWD, fixture_path(f, "in/deep"), 0777, NULL), 0);
    fixture_fits(f, "in/a_i_.fits", (image){.exposure = 12, .detector = 1});
    fixture_fits(f, "in/deep/b_i_.fits", (image){.exposure = 12, .detector = 2, .ra = 0.1});
    fixture_write(f, "in/readme.txt", "hello");
    o = ingest(f, NULL, NAMES("in"));
    assert_int_equal(o.report.files, 2);
    assert_int_equal(o.report.ingested, 2);
}

static void failed_transfer_leaves_the_file_out(void **state)
{
    fixture *f = *state;
    vb_raws_options options = {.transfer = VB_TRANSFER_MOVE};
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1});
    fixture_fits(f, "real.fits", (image){.exposure = 13, .detector = 1});
    assert_int_equal(symlink("real.fits", fixture_path(f, "b_i_.fits")), 0);
    o = ingest(f, &options, NAMES("a_i_.fits", "b_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.ingested, 1);
    assert_int_equal(o.report.nbad, 1);
    assert_says(&o.report.bad[0].error, "symbolic link");
    assert_int_equal(fixture_count(f, "dimension_exposure"), 1);
    assert_int_not_equal(access(fixture_path(f, "a_i_.fits"), F_OK), 0);
}

static void same_sanitised_path_gets_a_name_of_its_own(void **state)
{
    fixture *f = *state;
    auto_outcome o;

    fixture_register(f);
    fixture_fits(f, "a_i_.fits", (image){.exposure = 12, .detector = 1});
    assert_int_equal(vb_mkdirs(AT_FDCWD, fixture_path(f, "repo/TestCam/raw/all/raw/TestCam/1"), 0777, NULL), 0);
    fixture_write(f, "repo/TestCam/raw/all/raw/TestCam/1/raw_TestCam_1_12.fits", "of another");
    o = ingest(f, NULL, NAMES("a_i_.fits"));
    assert_ok(o.status, &o.error);
    assert_int_equal(fixture_count(f, "location WHERE path GLOB '*/raw_TestCam_1_12_????????.fits'"), 1);
}

/* ---- real files ---------------------------------------------------------------------------------------- */

static void real_decam_files_come_in(void **state)
{
    fixture *f = *state;
    char *folder = fixture_shared(f, "decam/images");
    vb_raws_options options = {.transfer = VB_TRANSFER_SYMLINK};
    char *paths[] = {folder, NULL};
    auto_outcome o = {0};

    if (!folder)
        skip();
    o.status = vb_ingest_raws(f->repo, paths, &options, &o.report, &o.error);
    assert_ok(o.status, &o.error);
    assert_int_equal(o.report.ingested, 24);
    assert_int_equal(o.report.exposures, 8);
    assert_int_equal(o.report.detectors, 3);
    assert_int_equal(fixture_count(f, "dimension_detector WHERE instrument = 'DECam'"), 62);
    assert_int_equal(fixture_count(f, "dimension_visit v JOIN dimension_physical_filter USING (physical_filter)"
                                      " WHERE band = 'z'"),
                     3);
    /* 2015-03-29T08:31:18.909663 UTC, 68 s */
    assert_int_equal(fixture_count(f, "dimension_visit WHERE visit = 425858 AND timespan_begin = 1427617913909663000"
                                      " AND timespan_end = 1427617981909663000 AND day_obs = 20150328"),
                     1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(file_becomes_a_dataset_with_records_and_a_visit),
        TEST(file_name_tells_the_dataset_type),
        TEST(bad_files_are_left_out_and_told_in_order),
        TEST(fail_fast_ingests_nothing),
        TEST(dataset_that_is_there_is_an_error_unless_skipped),
        TEST(same_dataset_twice_names_the_other_file),
        TEST(files_that_disagree_about_an_exposure_are_refused),
        TEST(exposure_that_is_registered_otherwise_is_refused_unless_updated),
        TEST(obs_id_belongs_to_one_exposure),
        TEST(several_detectors_in_a_file_are_parts_of_one_artifact),
        TEST(parts_of_a_file_have_sizes_of_their_own),
        TEST(hdus_that_the_rules_ignore_are_left_out),
        TEST(exposure_that_saw_no_sky_makes_no_visit),
        TEST(unknown_instruments_are_named),
        TEST(directories_are_walked),
        TEST(failed_transfer_leaves_the_file_out),
        TEST(same_sanitised_path_gets_a_name_of_its_own),
        TEST(real_decam_files_come_in),
    };

    return cmocka_run_group_tests_name("ingest raws", tests, NULL, NULL);
}
