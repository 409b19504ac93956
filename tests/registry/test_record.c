/* Dimension records: columns, putting them, their regions. */
#include "registry/record.h"
#include "tests/registry/fixture.h"

#include <math.h>

static const rectangle here = {9.9, 10.1, -0.1, 0.1}, there = {40, 43, 20, 23};

static vb_record detector(fixture *f, int64_t id, const char *full_name)
{
    vb_record r = vb_record_new(f->reg, fixture_element(f, "detector"));

    vb_record_set(&r, "instrument", vb_value_text("Cam"));
    vb_record_set(&r, "detector", vb_value_int(id));
    vb_record_set(&r, "full_name", vb_value_text(full_name));
    return r;
}

/* Tract 1 of a sky map with that region. */
static vb_record tract(fixture *f, const rectangle *at)
{
    vb_record r = vb_record_new(f->reg, fixture_element(f, "tract"));
    vb_auto_region region = {0};

    vb_record_set(&r, "skymap", vb_value_text("m"));
    vb_record_set(&r, "tract", vb_value_int(1));
    if (!at)
        return r;
    assert_ok(vb_region_box_degrees(at->west, at->east, at->south, at->north, &region, &f->err), &f->err);
    vb_record_set_region(&r, &region);
    return r;
}

/* ---- columns ---------------------------------------------------------------------------------------------- */

static void columns_stand_in_the_order_of_the_table(void **state)
{
    static const struct {
        const char *element, *columns;
    } cases[] = {
        {"patch", "skymap,tract,patch,cell_x,cell_y,region"},
        {"day_obs", "instrument,day_obs,timespan_begin,timespan_end"},
        {"physical_filter", "instrument,physical_filter,band"},
        {"visit", "instrument,visit,day_obs,physical_filter,name,seq_num,exposure_time,target_name,observation_reason,"
                  "science_program,azimuth,zenith_angle,region,timespan_begin,timespan_end"},
        {"visit_definition", "instrument,exposure,visit"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_record r = vb_record_new(f->reg, fixture_element(f, cases[i].element));
        vb_auto_buf names = {0};

        for (int c = 0; c < vb_record_columns(&r); c++) {
            vb_buf_separate(&names, ",");
            vb_buf_puts(&names, vb_record_column(&r, c));
            assert_ptr_equal(vb_record_value(&r, vb_record_column(&r, c)), &r.values[c]);
            assert_int_equal(r.values[c].kind, VB_NULL);
        }
        assert_string_equal(vb_buf_text(&names), cases[i].columns);
    }
}

static void a_column_that_is_not_there_is_ignored(void **state)
{
    vb_auto_record r = detector(*state, 1, "A");

    assert_false(vb_record_set(&r, "seeing", vb_value_text("freed all the same")));
    assert_null(vb_record_value(&r, "seeing"));
    assert_null(vb_record_value(&r, "id"));
    assert_true(vb_record_set(&r, "raft", vb_value_text("R1")));
    assert_true(vb_record_set(&r, "raft", vb_value_text("R2"))); /* the first is freed */
    assert_string_equal(vb_record_value(&r, "raft")->text, "R2");
    vb_record_set_timespan(&r, (vb_timespan){1, 2}); /* a detector has none */
}

static void a_record_says_its_data_id(void **state)
{
    fixture *f = *state;
    vb_auto_record r = detector(f, 7, "A");
    vb_auto_dataid id = {0};
    vb_auto_buf text = {0};

    vb_record_dataid(&r, f->reg, &id);
    vb_dataid_print(&id, &text);
    assert_string_equal(vb_buf_text(&text), "{instrument: Cam, detector: 7}");
}

static void json_has_times_as_text_and_regions_in_base64(void **state)
{
    fixture *f = *state;
    vb_auto_record day = vb_record_new(f->reg, fixture_element(f, "day_obs")), t = tract(f, &here);
    vb_auto_region region = {0};
    vb_auto_buf bytes = {0};
    const char *base64;
    json_t *json;

    vb_record_set(&day, "day_obs", vb_value_int(20200101));
    vb_record_set(&day, "timespan_begin", vb_value_int(1428823881925900000));
    json = vb_record_json(&day);
    assert_true(json_is_null(json_object_get(json, "instrument")));
    assert_int_equal(json_integer_value(json_object_get(json, "day_obs")), 20200101);
    assert_string_equal(json_string_value(json_object_get(json, "timespan_begin")), "2015-04-12T07:31:21.9259");
    assert_true(json_is_null(json_object_get(json, "timespan_end")));
    json_decref(json);
    json = vb_record_json(&t);
    base64 = json_string_value(json_object_get(json, "region"));
    assert_ok(vb_region_decode_text(base64, strlen(base64), &region, &f->err), &f->err);
    json_decref(json);
    vb_region_encode(&region, &bytes);
    assert_int_equal(bytes.len, vb_record_value(&t, "region")->len);
    assert_memory_equal(bytes.data, vb_record_value(&t, "region")->bytes, bytes.len);
}

/* ---- putting ---------------------------------------------------------------------------------------------- */

static void a_record_is_found_as_it_was_put(void **state)
{
    fixture *f = *state;
    vb_auto_record r = detector(f, 1, "A"), found = {0}, by_id = {0};
    vb_auto_dataid id = {0};

    vb_record_dataid(&r, f->reg, &id);
    assert_int_equal(vb_record_find(f->reg, r.element, &id, &found, &f->err), 0);
    assert_int_equal(vb_record_put(f->reg, &r, VB_RECORD_SAME, &f->err), 1);
    assert_int_equal(vb_record_find(f->reg, r.element, &id, &found, &f->err), 1);
    assert_int_equal(vb_record_by_id(f->reg, r.element, r.id, &by_id, &f->err), 1);
    assert_int_equal(found.id, r.id);
    for (int i = 0; i < vb_record_columns(&r); i++) {
        assert_int_equal(vb_value_compare(&found.values[i], &r.values[i]), 0);
        assert_int_equal(vb_value_compare(&by_id.values[i], &r.values[i]), 0);
    }
    assert_int_equal(vb_record_by_id(f->reg, r.element, r.id + 1, &by_id, &f->err), 0);
}

static void the_mode_says_what_becomes_of_a_record_that_is_there(void **state)
{
    static const struct {
        vb_record_mode mode;
        const char *full_name;
        int expected;
        const char *left;
    } cases[] = {
        {VB_RECORD_SAME, "A", 0, "A"},   {VB_RECORD_SAME, "B", -EEXIST, "A"}, {VB_RECORD_KEEP, "B", 0, "A"},
        {VB_RECORD_UPDATE, "A", 0, "A"}, {VB_RECORD_UPDATE, "B", 1, "B"},     {VB_RECORD_SAME, "B", 0, "B"},
    };
    fixture *f = *state;
    vb_auto_record first = detector(f, 1, "A");

    assert_int_equal(vb_record_put(f->reg, &first, VB_RECORD_SAME, &f->err), 1);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_record r = detector(f, 1, cases[i].full_name), left = {0};
        vb_auto_error err = VB_ERROR_INIT;

        assert_int_equal(vb_record_put(f->reg, &r, cases[i].mode, &err), cases[i].expected);
        assert_int_equal(r.id, first.id);
        assert_int_equal(vb_record_by_id(f->reg, r.element, r.id, &left, &f->err), 1);
        assert_string_equal(vb_record_value(&left, "full_name")->text, cases[i].left);
        if (cases[i].expected < 0)
            assert_string_equal(err.message, "detector {instrument: Cam, detector: 1} is there already, and differs: "
                                             "full_name is 'A', not 'B'");
    }
}

static void another_key_that_is_taken_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_record a = detector(f, 1, "A"), b = detector(f, 2, "B"), c = detector(f, 3, "A"), d = detector(f, 2, "A");
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_record_put(f->reg, &a, VB_RECORD_SAME, &f->err), 1);
    assert_int_equal(vb_record_put(f->reg, &b, VB_RECORD_SAME, &f->err), 1);
    assert_int_equal(vb_record_put(f->reg, &c, VB_RECORD_KEEP, &err), -EEXIST);
    assert_says(&err, "detector {instrument: Cam, detector: 3}");
    assert_says(&err, "full_name");
    assert_int_equal(vb_record_put(f->reg, &d, VB_RECORD_UPDATE, NULL), -EEXIST);
    assert_int_equal(fixture_count(f, "dimension_detector"), 2);
}

/* Bug: was said to be there already. */
static void a_value_that_is_missing_or_of_the_wrong_type_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_record none = detector(f, 1, "A"), text = detector(f, 1, "A");

    vb_record_set(&none, "instrument", (vb_value){0});
    assert_int_equal(vb_record_put(f->reg, &none, VB_RECORD_SAME, NULL), -EINVAL);
    vb_record_set(&text, "detector", vb_value_text("one"));
    assert_int_equal(vb_record_put(f->reg, &text, VB_RECORD_SAME, NULL), -EINVAL);
}

/* Bug: a database has no NaN, so that the record differed from itself. */
static void a_number_that_is_none_is_nothing(void **state)
{
    fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        vb_auto_record r = vb_record_new(f->reg, fixture_element(f, "visit"));

        vb_record_set(&r, "instrument", vb_value_text("Cam"));
        vb_record_set(&r, "visit", vb_value_int(1));
        vb_record_set(&r, "azimuth", vb_value_real((double)NAN));
        assert_int_equal(vb_record_put(f->reg, &r, VB_RECORD_SAME, &f->err), i == 0);
    }
}

static void a_data_id_may_have_more_but_not_less(void **state)
{
    fixture *f = *state;
    vb_auto_record r = detector(f, 1, "A"), found = {0}, none = {0};
    vb_auto_dataid more = fixture_dataid(f, fixture_group(f, "visit,detector"), "instrument=Cam,visit=1,detector=1");
    vb_auto_dataid less = fixture_dataid(f, fixture_group(f, "instrument"), "instrument=Cam");
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_record_put(f->reg, &r, VB_RECORD_SAME, &f->err), 1);
    assert_int_equal(vb_record_find(f->reg, r.element, &more, &found, &f->err), 1);
    assert_int_equal(vb_record_find(f->reg, r.element, &less, &none, &err), -EINVAL);
    assert_says(&err, "without 'detector'");
    assert_int_equal(vb_record_find(f->reg, fixture_element(f, "htm7"), &more, &none, &f->err), 0);
    assert_int_equal(vb_record_find(f->reg, fixture_element(f, "band"), &more, &none, &f->err), 0);
}

/* ---- regions ---------------------------------------------------------------------------------------------- */

static void overlaps_follow_the_region(void **state)
{
    fixture *f = *state;
    vb_auto_record none = tract(f, NULL), a = tract(f, &here), b = tract(f, &there);
    int64_t of_a, of_b;

    assert_int_equal(vb_record_put(f->reg, &none, VB_RECORD_SAME, &f->err), 1);
    assert_int_equal(fixture_count(f, "overlap_tract"), 0);
    assert_int_equal(vb_record_put(f->reg, &a, VB_RECORD_UPDATE, &f->err), 1);
    of_a = fixture_count(f, "overlap_tract");
    assert_int_equal(vb_record_put(f->reg, &b, VB_RECORD_UPDATE, &f->err), 1);
    of_b = fixture_count(f, "overlap_tract");
    assert_true(of_b > of_a && of_a > 0);
    assert_int_equal(vb_record_put(f->reg, &a, VB_RECORD_KEEP, &f->err), 0);
    assert_int_equal(fixture_count(f, "overlap_tract"), of_b);
    assert_int_equal(vb_record_put(f->reg, &a, VB_RECORD_UPDATE, &f->err), 1);
    assert_int_equal(fixture_count(f, "overlap_tract"), of_a);
    assert_int_equal(vb_record_put(f->reg, &none, VB_RECORD_UPDATE, &f->err), 1);
    assert_int_equal(fixture_count(f, "overlap_tract"), 0);
}

static void bytes_that_are_no_region_are_refused(void **state)
{
    fixture *f = *state;
    vb_auto_record r = tract(f, NULL);

    vb_record_set(&r, "region", vb_value_bytes("nonsense", 8));
    assert_int_equal(vb_record_put(f->reg, &r, VB_RECORD_SAME, NULL), -EINVAL);
}

static void the_finest_region_that_a_data_id_has_is_its_region(void **state)
{
    static const struct {
        const char *dimensions, *values, *element; /* whose record has it; NULL: none */
    } cases[] = {
        {"visit,detector", "instrument=Cam,visit=10,detector=1", "visit_detector_region"},
        {"visit", "instrument=Cam,visit=10", "visit"},
        {"patch", "skymap=map,tract=0,patch=2", "patch"},
        {"tract", "skymap=map,tract=0", "tract"},
        {"detector", "instrument=Cam,detector=1", NULL},
        {"exposure", "instrument=Cam,exposure=10", NULL},
        {"visit", "instrument=Cam,visit=99", NULL},
        {"patch,band", "skymap=map,tract=0,patch=2,band=g", "patch"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_dataid id = fixture_dataid(f, fixture_group(f, cases[i].dimensions), cases[i].values);
        vb_auto_region region = {0};
        vb_auto_record record = {0};
        vb_auto_buf bytes = {0};

        assert_int_equal(vb_dataid_region(f->reg, &id, &region, &f->err), cases[i].element != NULL);
        if (!cases[i].element)
            continue;
        assert_int_equal(vb_record_find(f->reg, fixture_element(f, cases[i].element), &id, &record, &f->err), 1);
        vb_region_encode(&region, &bytes);
        assert_int_equal(bytes.len, vb_record_value(&record, "region")->len);
        assert_memory_equal(bytes.data, vb_record_value(&record, "region")->bytes, bytes.len);
    }
}

/* ---- against daf_butler ----------------------------------------------------------------------------------- */

/* Puts the records of a Gen3 table; `columns` are ours, the last is the region in base64. */
static void copy_records(fixture *f, vb_db *gen3, const char *element, const char *sql, char *const *columns)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_sql(gen3, &s, &f->err, sql, VB_NO_ARGS), &f->err);
    while (vb_stmt_step(s, &f->err) > 0) {
        vb_auto_record r = vb_record_new(f->reg, fixture_element(f, element));
        vb_auto_region region = {0};
        int i = 0;

        for (; columns[i]; i++)
            assert_true(vb_record_set(&r, columns[i], vb_col_value(s, i)));
        assert_ok(vb_region_decode_text(vb_col_text(s, i), strlen(vb_col_text(s, i)), &region, &f->err), &f->err);
        vb_record_set_region(&r, &region);
        vb_record_set(&r, "cell_x", vb_value_int(0)); /* a patch must have them */
        vb_record_set(&r, "cell_y", vb_value_int(0));
        assert_ok(vb_record_put(f->reg, &r, VB_RECORD_SAME, &f->err), &f->err);
    }
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
}

static int64_t count_different(fixture *f, const char *gen3, const char *element, const char *columns)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_autofree char *ours = vb_format("SELECT pixel, %s FROM overlap_%s JOIN dimension_%s ON _id = record_id", columns,
                                       element, element);
    vb_autofree char *theirs = vb_format("SELECT skypix_index, %s FROM gen3.%s_skypix_overlap"
                                         " WHERE skypix_system = 'htm' AND skypix_level = 7",
                                         columns, element);
    vb_autofree char *sql =
        vb_format("SELECT (SELECT count(*) FROM (%s EXCEPT %s)) + (SELECT count(*) FROM (%s EXCEPT %s))", ours, theirs,
                  theirs, ours);
    int64_t n = -1;

    assert_ok(vb_db_open(f->path, VB_DB_READ, &db, &f->err), &f->err);
    assert_ok(vb_db_attach(db, gen3, "gen3", &f->err), &f->err);
    assert_ok(vb_sql_int(db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
    return n;
}

static void pixels_of_daf_butlers_regions_are_daf_butlers(void **state)
{
    static const struct {
        const char *element, *sql, *columns;
        int rows;
    } cases[] = {
        {"tract", "SELECT skymap, id, region FROM tract", "skymap,tract", 3},
        {"patch", "SELECT skymap, tract, id, region FROM patch", "skymap,tract,patch", 243},
        {"visit", "SELECT instrument, id, region FROM visit", "instrument,visit", 10},
        {"visit_detector_region", "SELECT instrument, detector, visit, region FROM visit_detector_region",
         "instrument,detector,visit", 1120},
    };
    fixture *f = *state;
    const char *path = fixture_shared(f, "gen3/repo-small/gen3.sqlite3");
    vb_auto(vb_db_close) vb_db *gen3 = NULL;

    if (!path)
        skip();
    assert_ok(vb_db_open(path, VB_DB_IMMUTABLE, &gen3, &f->err), &f->err);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *table = vb_format("dimension_%s", cases[i].element);
        char **columns = vb_split(cases[i].columns, ',', NULL);

        copy_records(f, gen3, cases[i].element, cases[i].sql, columns);
        vb_strv_free(columns);
        assert_int_equal(fixture_count(f, table), cases[i].rows);
        assert_int_equal(count_different(f, path, cases[i].element, cases[i].columns), 0);
    }
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
#define TEST_WORLD(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(columns_stand_in_the_order_of_the_table),
        TEST(a_column_that_is_not_there_is_ignored),
        TEST(a_record_says_its_data_id),
        TEST(json_has_times_as_text_and_regions_in_base64),
        TEST(a_record_is_found_as_it_was_put),
        TEST(the_mode_says_what_becomes_of_a_record_that_is_there),
        TEST(another_key_that_is_taken_is_refused),
        TEST(a_value_that_is_missing_or_of_the_wrong_type_is_refused),
        TEST(a_number_that_is_none_is_nothing),
        TEST(a_data_id_may_have_more_but_not_less),
        TEST(overlaps_follow_the_region),
        TEST(bytes_that_are_no_region_are_refused),
        TEST_WORLD(the_finest_region_that_a_data_id_has_is_its_region),
        TEST(pixels_of_daf_butlers_regions_are_daf_butlers),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
