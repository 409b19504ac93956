/* Data IDs with their dimension records. */
#include "registry/expand.h"
#include "tests/registry/fixture.h"

static const int visits[] = {10, 11, 10, 12, 11, 11, 10};

static int64_t id_of(const vb_record *const *records, fixture *f, const char *element)
{
    const vb_record *r = records[fixture_element(f, element)->index];

    return r ? r->id : 0;
}

/* The row that a look-up of the element alone finds. */
static int64_t row(fixture *f, const char *element, const char *where)
{
    vb_autofree char *sql = vb_format("SELECT _id FROM \"dimension_%s\" WHERE %s", element, where);

    return fixture_int(f, sql);
}

static void each_has_the_records_of_all_that_it_tells(void **state)
{
    fixture *f = *state;
    const vb_group *group = fixture_group(f, "instrument,detector,visit");
    vb_auto(vb_expander_free) vb_expander *x = vb_expander_new(f->reg, group);

    for (size_t i = 0; i < 2 * VB_COUNT(visits); i++) {
        int detector = 1 + (int)(i % 2), visit = visits[i / 2];
        vb_autofree char *text = vb_format("instrument=Cam,detector=%d,visit=%d", detector, visit);
        vb_autofree char *of_visit = vb_format("visit = %d", visit),
                         *of_detector = vb_format("detector = %d", detector);
        vb_autofree char *of_both = vb_format("visit = %d AND detector = %d", visit, detector);
        vb_autofree char *of_filter = vb_format("physical_filter = (SELECT physical_filter FROM dimension_visit WHERE"
                                                " visit = %d)",
                                                visit);
        vb_auto_dataid id = fixture_dataid(f, group, text);
        const vb_record *const *records;

        assert_ok(vb_expand(x, &id, &records, &f->err), &f->err);
        assert_int_equal(id_of(records, f, "instrument"), row(f, "instrument", "1"));
        assert_int_equal(id_of(records, f, "detector"), row(f, "detector", of_detector));
        assert_int_equal(id_of(records, f, "visit"), row(f, "visit", of_visit));
        assert_int_equal(id_of(records, f, "visit_detector_region"), row(f, "visit_detector_region", of_both));
        assert_int_equal(id_of(records, f, "physical_filter"), row(f, "physical_filter", of_filter));
        assert_int_equal(id_of(records, f, "exposure"), 0); /* a visit does not tell it */
        assert_int_equal(vb_record_value(records[fixture_element(f, "visit")->index], "visit")->i, visit);
    }
}

static void what_has_no_record_tells_no_more(void **state)
{
    fixture *f = *state;
    const vb_group *group = fixture_group(f, "instrument,detector,visit");
    vb_auto(vb_expander_free) vb_expander *x = vb_expander_new(f->reg, group);
    vb_auto_dataid known = fixture_dataid(f, group, "instrument=Cam,detector=1,visit=10"),
                   unknown = fixture_dataid(f, group, "instrument=Cam,detector=1,visit=77");
    const vb_record *const *records;

    for (int i = 0; i < 2; i++) {
        assert_ok(vb_expand(x, &known, &records, &f->err), &f->err);
        assert_true(id_of(records, f, "visit") && id_of(records, f, "physical_filter"));
        assert_ok(vb_expand(x, &unknown, &records, &f->err), &f->err);
        assert_true(id_of(records, f, "detector") > 0);
        assert_int_equal(id_of(records, f, "visit"), 0);
        assert_int_equal(id_of(records, f, "physical_filter"), 0);
        assert_int_equal(id_of(records, f, "visit_detector_region"), 0);
    }
}

static void no_lock_stays_between_two(void **state)
{
    fixture *f = *state;
    const vb_group *group = fixture_group(f, "instrument,detector");
    vb_auto(vb_expander_free) vb_expander *x = vb_expander_new(f->reg, group);
    vb_auto_dataid id = fixture_dataid(f, group, "instrument=Cam,detector=1");
    vb_auto(vb_db_close) vb_db *other = NULL;
    const vb_record *const *records;

    assert_ok(vb_expand(x, &id, &records, &f->err), &f->err);
    assert_ok(vb_db_open(f->path, VB_DB_WRITE, &other, &f->err), &f->err);
    assert_ok(vb_db_run(other, "CREATE TABLE t (a)", &f->err), &f->err);
    assert_int_equal(fixture_int(f, "SELECT count(*) FROM sqlite_schema WHERE name = 't'"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_has_the_records_of_all_that_it_tells),
        TEST(what_has_no_record_tells_no_more),
        TEST(no_lock_stays_between_two),
    };

    return cmocka_run_group_tests_name("expanded data IDs", tests, NULL, NULL);
}
