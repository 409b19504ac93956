/* Validity ranges: what certifying and decertifying make of them, and what holds at a time. */
#include "registry/association.h"
#include "registry/calibration.h"
#include "registry/internal.h"
#include "tests/registry/fixture.h"

#include <inttypes.h>

#define SECOND INT64_C(1000000000)

static const vb_dataset_type *bias, *flat;

static int setup(void **state)
{
    fixture *f;
    int r = fixture_setup_registry(state);

    if (r < 0)
        return r;
    f = *state;
    bias = fixture_calibration_type(f, "bias", "instrument,detector");
    flat = fixture_type(f, "flat", "instrument,detector");
    return 0;
}

static vb_timespan seconds(int begin, int end)
{
    return (vb_timespan){begin ? begin * SECOND : VB_TIME_MIN, end ? end * SECOND : VB_TIME_MAX};
}

/* A selection of one. */
static void select_one(fixture *f, const vb_dataset_type *type, int64_t id)
{
    vb_dataset d = {.id = id, .type = type};

    assert_ok(vb_select_datasets(f->reg, &d, 1, &f->err), &f->err);
}

static int64_t put(fixture *f, const char *run, int detector)
{
    vb_autofree char *id = vb_format("instrument=Cam,detector=%d", detector);

    return fixture_put(f, "bias", run, id);
}

static int certify(fixture *f, int64_t id, int begin, int end, vb_error *err)
{
    int64_t n;

    select_one(f, bias, id);
    return vb_calibration_certify(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), seconds(begin, end), &n, err);
}

static int add_range(void *arg, int64_t id, vb_timespan t, vb_error *err)
{
    vb_buf_printf(arg, "%s%" PRId64 ":%" PRId64 "-%" PRId64, ((vb_buf *)arg)->len ? " " : "", id, t.begin / SECOND,
                  t.end == VB_TIME_MAX ? 0 : t.end / SECOND);
    return 0;
}

/* "ID:BEGIN-END" of all ranges, in seconds; 0: open. */
static void check_ranges(fixture *f, const char *expected)
{
    vb_auto_buf text = {0};

    assert_ok(vb_calibration_each(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), bias, add_range, &text,
                                  &f->err),
              &f->err);
    assert_string_equal(vb_buf_text(&text), expected);
}

static void decertify(fixture *f, int begin, int end, int64_t expected)
{
    int64_t n;

    assert_ok(vb_calibration_decertify(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), bias,
                                       seconds(begin, end), false, &n, &f->err),
              &f->err);
    assert_int_equal(n, expected);
}

static int find_at(fixture *f, const char *collections, int detector, vb_timespan when, vb_error *err)
{
    vb_autofree char *text = vb_format("instrument=Cam,detector=%d", detector);
    vb_auto_dataid id = fixture_dataid(f, bias->group, text);
    vb_auto_dataset d = {0};
    int r = vb_dataset_find_at(f->reg, bias, &id, fixture_search(f, collections), when, &d, err);

    return r > 0 ? (int)d.id : r;
}

static void a_range_holds_from_its_begin_to_before_its_end(void **state)
{
    fixture *f = *state;
    int64_t a = put(f, "r", 1), b = put(f, "s", 1);

    assert_ok(certify(f, a, 10, 20, &f->err), &f->err);
    assert_ok(certify(f, b, 20, 0, &f->err), &f->err);
    check_ranges(f, "1:10-20 2:20-0");
    assert_int_equal(find_at(f, "calib", 1, (vb_timespan){20 * SECOND - 1, 20 * SECOND - 1}, &f->err), a);
    assert_int_equal(find_at(f, "calib", 1, (vb_timespan){20 * SECOND, 20 * SECOND}, &f->err), b);
    assert_int_equal(find_at(f, "calib", 1, seconds(5, 10), &f->err), 0);
    assert_int_equal(find_at(f, "calib", 1, seconds(5, 11), &f->err), a);
    assert_int_equal(find_at(f, "calib", 2, seconds(5, 11), &f->err), 0);
}

static void two_that_hold_are_an_error_that_names_both(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *first = NULL, *second = NULL;
    char uuid[VB_UUID_TEXT];
    int64_t a = put(f, "r", 1), b = put(f, "s", 1);

    assert_ok(certify(f, a, 10, 20, &f->err), &f->err);
    assert_ok(certify(f, b, 20, 30, &f->err), &f->err);
    assert_ok(certify(f, b, 30, 40, &f->err), &f->err);
    assert_int_equal(find_at(f, "calib", 1, seconds(19, 21), &err), -EINVAL);
    first = vb_strdup(vb_uuid_format(fixture_uuid(f, a), uuid));
    second = vb_strdup(vb_uuid_format(fixture_uuid(f, b), uuid));
    assert_says(&err, first);
    assert_says(&err, second);
    assert_says(&err, "has two for [1970-01-01T00:00:19, 1970-01-01T00:00:21)");
    assert_int_equal(find_at(f, "calib", 1, seconds(25, 35), &f->err), b); /* two ranges of one dataset are no doubt */
}

static void collections_are_searched_in_their_order(void **state)
{
    fixture *f = *state;
    int64_t a = put(f, "r", 1), b = put(f, "s", 1);
    vb_auto_dataid id = fixture_dataid(f, bias->group, "instrument=Cam,detector=1");
    vb_auto_dataset d = {0};

    assert_ok(certify(f, a, 10, 20, &f->err), &f->err);
    fixture_chain(f, "chain", "calib,s");
    assert_int_equal(find_at(f, "chain", 1, seconds(12, 13), &f->err), a);
    assert_int_equal(find_at(f, "chain", 1, seconds(22, 23), &f->err), b);
    assert_int_equal(find_at(f, "s,calib", 1, seconds(12, 13), &f->err), b);
    /* Without a time the CALIBRATION collection is passed over. */
    assert_int_equal(vb_dataset_find(f->reg, bias, &id, fixture_search(f, "chain"), &d, &f->err), 1);
    assert_int_equal(d.id, b);
}

static void what_would_overlap_is_refused(void **state)
{
    static const struct {
        int begin, end;
        bool fits;
    } cases[] = {{5, 10, true},   {20, 21, true}, {0, 10, true},   {20, 0, true},  {19, 20, false},
                 {10, 20, false}, {5, 11, false}, {12, 15, false}, {5, 25, false}, {0, 0, false},
                 {30, 40, true},  {25, 31, true}, {35, 0, true}};
    fixture *f = *state;
    int64_t a = put(f, "r", 1), b = put(f, "s", 1);

    assert_ok(certify(f, a, 10, 20, &f->err), &f->err);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_txn txn = {0};

        assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
        assert_int_equal(certify(f, b, cases[i].begin, cases[i].end, &err), cases[i].fits ? 0 : -EEXIST);
        if (!cases[i].fits)
            assert_says(&err, "cannot be certified in 'calib' for [");
    }
    check_ranges(f, "1:10-20");
}

static void two_of_one_data_id_are_not_certified_together(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_dataset both[] = {{.id = put(f, "r", 1), .type = bias}, {.id = put(f, "s", 1), .type = bias}};
    vb_auto_txn txn = {0};
    int64_t n;

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_select_datasets(f->reg, both, 2, &f->err), &f->err);
    assert_int_equal(vb_calibration_certify(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), seconds(1, 2), &n,
                                            &err),
                     -EEXIST);
    assert_says(&err, "bias {instrument: Cam, detector: 1}");
}

static void other_types_and_collections_are_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    int64_t n, id = fixture_put(f, "flat", "r", "instrument=Cam,detector=1");

    select_one(f, flat, id);
    assert_int_equal(vb_calibration_certify(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), seconds(1, 2), &n,
                                            &err),
                     -EINVAL);
    assert_says(&err, "'flat' is no calibration type");
    assert_int_equal(vb_calibration_certify(f->reg, fixture_run(f, "r"), seconds(1, 2), &n, &err), -EINVAL);
    assert_says(&err, "'r' is a RUN, not CALIBRATION");
    assert_int_equal(vb_calibration_certify(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), seconds(2, 2), &n,
                                            &err),
                     -EINVAL);
    assert_says(&err, "an empty timespan");
    assert_int_equal(vb_associate(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), &n, &err), -EINVAL);
    assert_hints(&err, "certify-calibrations");
}

static void decertifying_cuts_and_splits(void **state)
{
    fixture *f = *state;
    int64_t a = put(f, "r", 1), b = put(f, "s", 1);

    assert_ok(certify(f, a, 10, 20, &f->err), &f->err);
    assert_ok(certify(f, b, 20, 30, &f->err), &f->err);
    decertify(f, 18, 22, 2);
    check_ranges(f, "1:10-18 2:22-30");
    decertify(f, 12, 13, 1);
    check_ranges(f, "1:10-12 1:13-18 2:22-30");
    decertify(f, 18, 22, 0);
    decertify(f, 5, 12, 1);
    check_ranges(f, "1:13-18 2:22-30");
    assert_int_equal(fixture_count(f, "association"), 2);
    decertify(f, 0, 20, 1);
    check_ranges(f, "2:22-30");
    assert_int_equal(fixture_count(f, "association"), 1);
    assert_ok(certify(f, a, 10, 22, &f->err), &f->err);
    decertify(f, 0, 0, 2);
    check_ranges(f, "");
    assert_int_equal(fixture_count(f, "association"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_range_holds_from_its_begin_to_before_its_end),
        TEST(two_that_hold_are_an_error_that_names_both),
        TEST(collections_are_searched_in_their_order),
        TEST(what_would_overlap_is_refused),
        TEST(two_of_one_data_id_are_not_certified_together),
        TEST(other_types_and_collections_are_refused),
        TEST(decertifying_cuts_and_splits),
    };

    return cmocka_run_group_tests_name("validity ranges", tests, NULL, NULL);
}
