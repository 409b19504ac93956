/* Tests of data/ in CALIBRATION collections: a data ID has many datasets, each valid for a time. */
#include "registry/calibration.h"
#include "registry/record.h"
#include "tests/fs/viewer.h"

#define BIAS   "data/calib/bias/instrument=TestCam/detector=1"
#define NAME   "bias_TestCam_1.fits"
#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)

static vb_error failure = VB_ERROR_INIT; /* nothing else is told there */

/* 2020-01-02T00:00:00 TAI */
#define DAY (INT64_C(18263) * 24 * HOUR)

static void certify(fixture *f, const char *run, const char *text, int64_t begin, int64_t end)
{
    vb_auto_dataset d = {0};
    vb_auto_txn txn = {0};
    const vb_collection *calib;
    int64_t n;

    world_dataset(f, run, "bias", "detector=1", NULL, text, &d);
    d.dataid = (vb_dataid){0}; /* it has none of its own */
    assert_ok(vb_registry_begin(f->reg, &txn, &failure), &failure);
    assert_ok(vb_select_datasets(f->reg, &d, 1, &failure), &failure);
    assert_ok(vb_collection_find(f->reg, "calib", &calib, &failure), &failure);
    assert_ok(vb_calibration_certify(f->reg, calib, (vb_timespan){begin, end}, &n, &failure), &failure);
    assert_ok(vb_txn_commit(&txn, &failure), &failure);
}

/* Exposures and visits have a time: 101 at 01:00, 102 at 12:30, 103 over 12:00. */
static void set_time(fixture *f, const char *element, const char *values, int64_t begin, int64_t end)
{
    const vb_element *e = vb_universe_find(vb_registry_universe(f->reg), element);
    vb_auto_dataid id = world_dataid(f, vb_universe_conform(vb_registry_universe(f->reg), e->required), values);
    vb_auto_record record = {0};

    assert_int_equal(vb_record_find(f->reg, e, &id, &record, &failure), 1);
    vb_record_set_timespan(&record, (vb_timespan){begin, end});
    assert_ok(vb_record_put(f->reg, &record, VB_RECORD_UPDATE, &failure), &failure);
}

/* Three biases of detector 1: before noon, from noon to 15:00, and after. */
static int setup(void **state)
{
    vb_dataset_type wanted = {.name = (char *)"bias",
                              .storage_class = (char *)"ExposureF",
                              .extension = (char *)".fits",
                              .is_calibration = true};
    static char *const dimensions[] = {(char *)"instrument", (char *)"detector", NULL};
    const vb_dataset_type *type;
    fixture *f;

    if (world_setup(state) < 0)
        return -1;
    f = *state;
    world_raws(f);
    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), dimensions, &wanted.group, &failure), &failure);
    assert_ok(vb_dataset_type_register(f->reg, &wanted, &type, &failure), &failure);
    world_collection(f, "calib", VB_CALIBRATION, NULL);
    certify(f, "run1", "early\n", VB_TIME_MIN, DAY + 12 * HOUR);
    certify(f, "run2", "noon\n", DAY + 12 * HOUR, DAY + 15 * HOUR);
    certify(f, "run3", "late\n", DAY + 15 * HOUR, VB_TIME_MAX);
    world_dataset(f, "run4", "bias", "detector=2", NULL, "of a run\n", NULL);
    world_collection(f, "all", VB_CHAINED, "run4,calib,TestCam/raw/all");
    set_time(f, "exposure", "exposure=101", DAY + HOUR, DAY + HOUR + 30 * SECOND);
    set_time(f, "visit", "visit=102", DAY + 12 * HOUR + HOUR / 2, DAY + 13 * HOUR);
    set_time(f, "exposure", "exposure=103", DAY + 12 * HOUR - SECOND, DAY + 12 * HOUR + SECOND);
    return 0;
}

#define EARLY "valid=..2020-01-02T12:00:00"
#define NOON  "valid=2020-01-02T12:00:00..2020-01-02T15:00:00"
#define LATE  "valid=2020-01-02T15:00:00.."

static void a_level_of_ranges_comes_before_the_file(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, "data/calib", "bias");
    assert_listing(v, "data/calib/bias", "instrument=TestCam");
    assert_listing(v, "data/calib/bias/instrument=TestCam", "detector=1");
    assert_listing(v, BIAS, EARLY " " NOON " " LATE);
    assert_listing(v, BIAS "/" NOON, NAME);
    assert_reads(v, BIAS "/" EARLY "/" NAME, "early\n");
    assert_reads(v, BIAS "/" NOON "/" NAME, "noon\n");
    assert_reads(v, "data/calib/bias/" LATE "/detector=1/" NAME, "late\n");
    assert_int_equal(viewer_try(v, BIAS "/" NAME), -ENOENT);
}

/* The same dataset is one inode, by its range and by a time. */
static void a_time_narrows_to_what_is_valid_then(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, BIAS "/at=2020-01-02T13:00:00", NAME);
    assert_reads(v, BIAS "/at=2020-01-02T13:00:00/" NAME, "noon\n");
    assert_reads(v, BIAS "/at=2020-01-02T12:00:00/" NAME, "noon\n"); /* a range holds from its begin */
    assert_reads(v, BIAS "/at=2020-01-02/" NAME, "early\n");
    assert_reads(v, BIAS "/at=2021-01-01/" NAME, "late\n");
    assert_reads(v, BIAS "/exposure=101/" NAME, "early\n");
    assert_reads(v, BIAS "/visit=102/" NAME, "noon\n");
    assert_reads(v, "data/calib/bias/exposure=101/detector=1/" NAME, "early\n");
    assert_listing(v, "data/calib/bias/exposure=101", "instrument=TestCam");
    assert_listing(v, "data/calib/bias/exposure=101/instrument=TestCam", "detector=1");
    assert_int_equal(viewer_ino(v, BIAS "/" NOON "/" NAME), viewer_ino(v, BIAS "/visit=102/" NAME));
}

static void what_is_no_time_is_not_there(void **state)
{
    static const char *const names[] = {"valid=2020-01-02T12:00:00..2020-01-02T14:00:00", /* no such range */
                                        "valid=2020-01-02..2020-01-02T15:00:00",          /* another spelling */
                                        "valid=2020-01-02T12:00:00",
                                        "valid=..",
                                        "valid=",
                                        "at=",
                                        "at=yesterday",
                                        "exposure=102", /* its time is not known */
                                        "exposure=999",
                                        "exposure=0101",
                                        "visit=x",
                                        "patch=1",
                                        NOON "/at=2020-01-02T13:00:00",
                                        "at=2020-01-02T13:00:00/" NOON,
                                        "exposure=101/visit=102"};
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_autofree char *path = vb_format("%s/%s", BIAS, names[i]);

        assert_int_equal(viewer_try(v, path), -ENOENT);
    }
    assert_int_equal(viewer_try(v, "data/TestCam/raw/all/raw/at=2020-01-02"), -ENOENT);
    assert_int_equal(viewer_try(v, "data/TestCam/raw/all/raw/valid=.."), -ENOENT);
}

/* Exposure 103 begins with one and ends with another. */
static void two_that_are_valid_are_an_error(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_int_equal(viewer_try(v, BIAS "/exposure=103"), 0);
    assert_int_equal(viewer_try(v, BIAS "/exposure=103/" NAME), -EINVAL);
}

static void a_chain_skips_its_calibrations_unless_it_is_narrowed(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    assert_listing(v, "data/all", "bias raw");
    assert_listing(v, "data/all/bias/instrument=TestCam", "detector=2");
    assert_listing(v, "data/all/bias/instrument=TestCam/detector=1", "");
    assert_listing(v, "data/all/bias/exposure=101/instrument=TestCam", "detector=1 detector=2");
    assert_reads(v, "data/all/bias/detector=1/at=2020-01-02/" NAME, "early\n");
    assert_reads(v, "data/all/bias/exposure=101/detector=2/bias_TestCam_2.fits", "of a run\n");
    assert_reads(v, "data/all/bias/detector=2/bias_TestCam_2.fits", "of a run\n");
}

static void a_range_that_comes_later_is_shown(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_auto_txn txn = {0};
    const vb_collection *calib;
    const vb_dataset_type *type;
    int64_t n;

    assert_listing(v, BIAS, EARLY " " NOON " " LATE);
    assert_ok(vb_collection_find(f->reg, "calib", &calib, &failure), &failure);
    assert_ok(vb_dataset_type_find(f->reg, "bias", &type, &failure), &failure);
    assert_ok(vb_registry_begin(f->reg, &txn, &failure), &failure);
    assert_ok(vb_calibration_decertify(f->reg, calib, type, (vb_timespan){DAY + 14 * HOUR, VB_TIME_MAX}, false, &n,
                                       &failure),
              &failure);
    assert_ok(vb_txn_commit(&txn, &failure), &failure);
    assert_listing(v, BIAS, EARLY " valid=2020-01-02T12:00:00..2020-01-02T14:00:00");
    assert_int_equal(viewer_try(v, BIAS "/" LATE), -ENOENT);
}

/* More ranges than a page of a listing has. */
static void long_listings_of_ranges(void **state)
{
    enum { MANY = 700 };
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_autofree char *listing = NULL;
    vb_auto_dataset d = {0};
    vb_auto_txn txn = {0};
    const vb_collection *calib;
    int64_t n;
    size_t seen = 1;

    world_dataset(f, "run5", "bias", "detector=3", NULL, "many\n", &d);
    d.dataid = (vb_dataid){0};
    assert_ok(vb_registry_begin(f->reg, &txn, &failure), &failure);
    assert_ok(vb_select_datasets(f->reg, &d, 1, &failure), &failure);
    assert_ok(vb_collection_find(f->reg, "calib", &calib, &failure), &failure);
    for (int i = 0; i < MANY; i++)
        assert_ok(vb_calibration_certify(f->reg, calib, (vb_timespan){DAY + 2 * i * HOUR, DAY + (2 * i + 1) * HOUR}, &n,
                                         &failure),
                  &failure);
    assert_ok(vb_txn_commit(&txn, &failure), &failure);
    listing = viewer_list(v, "data/calib/bias/instrument=TestCam/detector=3");
    for (const char *p = listing; *p; p++)
        seen += *p == ' ';
    assert_int_equal(seen, MANY);
}

#define CALIBRATION(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALIBRATION(a_level_of_ranges_comes_before_the_file),
        CALIBRATION(a_time_narrows_to_what_is_valid_then),
        CALIBRATION(what_is_no_time_is_not_there),
        CALIBRATION(two_that_are_valid_are_an_error),
        CALIBRATION(a_chain_skips_its_calibrations_unless_it_is_narrowed),
        CALIBRATION(a_range_that_comes_later_is_shown),
        CALIBRATION(long_listings_of_ranges),
    };

    return cmocka_run_group_tests_name("view calibration", tests, NULL, NULL);
}
