/* Records of older universes, brought up: which fields become what, and which records come with them. */
#include "registry/older.h"
#include "tests/registry/fixture.h"

static void fields_of_older_universes_have_a_rule(void **state)
{
    static const struct {
        int from;
        const char *element, *field;
        vb_older what;
    } cases[] = {
        {0, "visit", "seeing", VB_OLDER_DROP},
        {1, "visit", "seeing", VB_OLDER_UNKNOWN},
        {1, "visit", "visit_system", VB_OLDER_MEMBERSHIP},
        {2, "visit", "visit_system", VB_OLDER_UNKNOWN},
        {0, "visit_definition", "visit_system", VB_OLDER_DROP},
        {5, "exposure", "group_name", VB_OLDER_GROUP},
        {5, "exposure", "group_id", VB_OLDER_DROP},
        {6, "exposure", "group_name", VB_OLDER_UNKNOWN},
        {0, "detector", "seeing", VB_OLDER_UNKNOWN},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++)
        assert_int_equal(vb_older_field(cases[i].from, cases[i].element, cases[i].field), cases[i].what);
}

static int noon(void *arg, const char *instrument, int64_t *offset, vb_error *err)
{
    assert_string_equal(instrument, "Cam");
    *offset = INT64_C(12) * 3600 * 1000000000;
    return 1;
}

static vb_record a_visit(fixture *f, int64_t id)
{
    vb_record visit = vb_record_new(f->reg, fixture_element(f, "visit"));

    vb_record_set(&visit, "instrument", vb_value_text("Cam"));
    vb_record_set(&visit, "visit", vb_value_int(id));
    return visit;
}

/* Ten o'clock on the morning of the second belongs to the night that began at noon of the first. */
static void a_visit_gets_its_night_and_its_system(void **state)
{
    fixture *f = *state;
    vb_bringing_up up = {.reg = f->reg, .from = 0, .day_offset = noon};
    vb_auto_record visit = a_visit(f, 7);
    vb_auto_txn txn = {0}, again = {0};
    vb_value system = vb_value_int(3);
    int64_t begin;

    assert_ok(vb_time_parse_iso("2020-01-02T10:00:00", VB_SCALE_TAI, &begin, &f->err), &f->err);
    vb_record_set_timespan(&visit, (vb_timespan){begin, begin + 1});
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_older_before(&up, &visit, &f->err), &f->err);
    assert_int_equal(vb_record_value(&visit, "day_obs")->i, 20200101);
    assert_ok(vb_older_after(&up, &visit, &system, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    assert_int_equal(up.records, 2);
    assert_int_equal(fixture_count(f, "dimension_day_obs WHERE instrument = 'Cam' AND day_obs = 20200101"
                                      " AND timespan_end - timespan_begin = 86400000000000"),
                     1);
    assert_int_equal(fixture_count(f, "dimension_visit_system_membership WHERE visit = 7 AND visit_system = 3"), 1);
    /* Again: they are there. */
    assert_ok(vb_registry_begin(f->reg, &again, &f->err), &f->err);
    assert_ok(vb_older_before(&up, &visit, &f->err), &f->err);
    assert_int_equal(up.there, 1);
}

static void what_is_of_its_own_universe_stays(void **state)
{
    fixture *f = *state;
    vb_bringing_up up = {.reg = f->reg, .from = 8, .day_offset = noon};
    vb_auto_record visit = a_visit(f, 7);
    vb_value none = {0};

    assert_ok(vb_older_before(&up, &visit, &f->err), &f->err);
    assert_ok(vb_older_after(&up, &visit, &none, &f->err), &f->err);
    assert_int_equal(vb_record_value(&visit, "day_obs")->kind, VB_NULL);
    assert_int_equal(up.records, 0);
}

static void a_visit_without_a_begin_has_no_night(void **state)
{
    fixture *f = *state;
    vb_bringing_up up = {.reg = f->reg, .from = 0};
    vb_auto_record visit = a_visit(f, 7);
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_older_before(&up, &visit, &err), -ENODATA);
    assert_says(&err, "no datetime_begin");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_older_universes_have_a_rule),
        TEST(a_visit_gets_its_night_and_its_system),
        TEST(what_is_of_its_own_universe_stays),
        TEST(a_visit_without_a_begin_has_no_night),
    };

    return cmocka_run_group_tests_name("older", tests, NULL, NULL);
}
