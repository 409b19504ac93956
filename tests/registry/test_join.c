/* The FROM and WHERE of a query over dimensions, built on demand. */
#include "registry/query/join.h"
#include "tests/registry/fixture.h"

/* Rows of the columns of dimensions "visit,band", "10 g|11 r"; or of `columns`, SQL, where dimensions is NULL. */
static const char *rows(fixture *f, vb_join *j, const char *dimensions, const char *columns)
{
    char **names = vb_split(dimensions ? dimensions : "", ',', NULL);
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf list = {0}, sql = {0};
    vb_buf told = {0};
    int r, n = dimensions ? (int)vb_strv_count(names) : 1;

    vb_buf_puts(&list, dimensions ? "" : columns);
    for (char **name = names; *name; name++)
        vb_buf_printf(&list, "%s%s", list.len ? ", " : "", j->columns[fixture_element(f, *name)->index]);
    vb_strv_free(names);
    vb_join_select(j, vb_buf_text(&list), &sql);
    vb_buf_puts(&sql, " ORDER BY ");
    for (int i = 0; i < n; i++)
        vb_buf_printf(&sql, "%s%d", i ? ", " : "", i + 1);
    r = vb_join_sql(j, &s, vb_buf_text(&sql), &f->err);
    for (; !r && (r = vb_stmt_step(s, &f->err)) > 0; r = 0) {
        vb_buf_separate(&told, "|");
        for (int i = 0; i < n; i++)
            vb_buf_printf(&told, "%s%s", i ? " " : "", vb_col_text(s, i));
    }
    assert_ok(r, &f->err);
    return fixture_keep(f, vb_buf_steal(&told));
}

static vb_join join_of(fixture *f, const char *dimensions)
{
    vb_join j;

    vb_join_init(&j, f->reg, "main", fixture_group(f, dimensions));
    return j;
}

static void join_dimension(fixture *f, vb_join *j, const char *name)
{
    assert_ok(vb_join_dimension(j, fixture_element(f, name), &f->err), &f->err);
}

static void join_element(fixture *f, vb_join *j, const char *name)
{
    assert_ok(vb_join_element(j, fixture_element(f, name), &f->err), &f->err);
}

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

static void values_are_numbered_and_owned(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "visit");

    join_dimension(f, &j, "visit");
    vb_buf_puts(vb_join_condition(&j), "e_visit.name = ");
    vb_join_bind(&j, vb_value_text("V11"), &j.where);
    vb_buf_puts(vb_join_condition(&j), "e_visit.visit > ");
    vb_join_bind(&j, vb_value_int(10), &j.where);
    assert_non_null(strstr(j.where.data, "e_visit.name = ?1 AND e_visit.visit > ?2"));
    assert_string_equal(rows(f, &j, "visit", NULL), "11");
}

static void nothing_joined_is_one_row(void **state)
{
    vb_auto_join j = join_of(*state, "visit");

    assert_string_equal(rows(*state, &j, NULL, "1"), "1");
}

/* ---- dimensions and records -------------------------------------------------------------------------------------- */

static void dimension_is_joined_with_what_it_requires(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "visit,detector");

    join_dimension(f, &j, "detector");
    assert_non_null(j.columns[fixture_element(f, "instrument")->index]);
    assert_null(j.columns[fixture_element(f, "visit")->index]);
    join_dimension(f, &j, "visit");
    assert_string_equal(rows(f, &j, "instrument,visit,detector", NULL),
                        "Cam 10 1|Cam 10 2|Cam 11 1|Cam 11 2|Cam 12 1|Cam 12 2");
}

static void implied_dimensions_come_by_what_implies_them(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "visit");

    join_dimension(f, &j, "band");
    join_dimension(f, &j, "visit");
    assert_string_equal(rows(f, &j, "visit,band,physical_filter", NULL), "10 g Cam-g|11 r Cam-r|12 g Cam-g");
}

/* A view of another element's table. */
static void bands_are_those_that_some_filter_has(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "band");

    fixture_record(f, "physical_filter", "instrument=Cam,physical_filter=g2,band=g", NULL);
    join_dimension(f, &j, "band");
    assert_string_equal(rows(f, &j, "band", NULL), "g|r");
}

static void element_is_joined_once(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "visit");

    join_element(f, &j, "visit");
    size_t before = j.nfrom;
    join_element(f, &j, "visit");
    join_dimension(f, &j, "visit");
    join_dimension(f, &j, "physical_filter");
    assert_int_equal(j.nfrom, before);
    assert_string_equal(rows(f, &j, NULL, "e_visit.name"), "V10|V11|V12");
}

static void relation_relates(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "visit,exposure");

    assert_ok(vb_join_relations(&j, &f->err), &f->err);
    join_dimension(f, &j, "visit");
    join_dimension(f, &j, "exposure");
    assert_string_equal(rows(f, &j, "visit,exposure", NULL), "10 10|11 11|12 12");
}

static void what_has_no_records_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "htm7,band");
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(vb_join_element(&j, fixture_element(f, "htm7"), &err), -EINVAL);
    assert_says(&err, "'htm7' has no records");
    assert_int_equal(vb_join_element(&j, fixture_element(f, "band"), &err), -EINVAL);
    assert_int_equal(vb_join_dimension(&j, fixture_element(f, "htm7"), &err), -EINVAL);
    assert_says(&err, "nothing tells which values of 'htm7' there are");
}

/* ---- datasets ---------------------------------------------------------------------------------------------------- */

static const vb_dataset_type *put_images(fixture *f)
{
    const vb_dataset_type *type = fixture_type(f, "image", "instrument,detector,visit");

    fixture_put(f, "image", "a", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "image", "a", "instrument=Cam,detector=2,visit=11");
    fixture_put(f, "image", "b", "instrument=Cam,detector=1,visit=10");
    return type;
}

static void one_collection_tells_its_datasets(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *type = put_images(f);
    vb_auto_join j = join_of(f, "visit,detector");
    vb_autofree char *expected = vb_format("%ld|%ld", (long)fixture_int(f, "SELECT min(id) FROM dataset"),
                                           (long)fixture_int(f, "SELECT min(id) + 1 FROM dataset"));

    assert_ok(vb_join_datasets(&j, type, fixture_search(f, "a"), &f->err), &f->err);
    assert_string_equal(rows(f, &j, "visit,detector", NULL), "10 1|11 2");
    assert_string_equal(rows(f, &j, NULL, "d0.dataset_id"), expected);
}

static void several_collections_tell_each_data_id_once(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *type = put_images(f);
    vb_auto_join j = join_of(f, "visit,detector");

    assert_ok(vb_join_datasets(&j, type, fixture_search(f, "a,b"), &f->err), &f->err);
    assert_string_equal(rows(f, &j, "visit,detector", NULL), "10 1|11 2");
}

static void datasets_of_two_types_meet_in_their_dimensions(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *image = put_images(f), *bias = fixture_type(f, "bias", "instrument,detector");
    vb_auto_join j = join_of(f, "visit,detector");

    fixture_put(f, "bias", "a", "instrument=Cam,detector=2");
    assert_ok(vb_join_datasets(&j, image, fixture_search(f, "a"), &f->err), &f->err);
    assert_ok(vb_join_datasets(&j, bias, fixture_search(f, "a"), &f->err), &f->err);
    join_dimension(f, &j, "band");
    assert_string_equal(rows(f, &j, "visit,detector,band", NULL), "11 2 r");
}

static void no_collection_is_refused(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *type = put_images(f);
    vb_auto_join j = join_of(f, "visit,detector");
    vb_auto_error err = VB_ERROR_INIT;
    const vb_search none = {0};

    assert_int_equal(vb_join_datasets(&j, type, &none, &err), -EINVAL);
    assert_says(&err, "no collection to look for 'image' in");
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void relating_joins_all_and_the_sky(void **state)
{
    fixture *f = *state;
    vb_auto_join j = join_of(f, "visit,patch");

    assert_ok(vb_join_relate(&j, &f->err), &f->err);
    /* A pair that shares several pixels stands in as many rows. */
    vb_autofree char *distinct = vb_format("DISTINCT %s || ' ' || %s", j.columns[fixture_element(f, "visit")->index],
                                           j.columns[fixture_element(f, "patch")->index]);
    assert_string_equal(rows(f, &j, NULL, distinct), "10 0|10 1|11 0|11 1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(values_are_numbered_and_owned),
        TEST(nothing_joined_is_one_row),
        TEST(dimension_is_joined_with_what_it_requires),
        TEST(implied_dimensions_come_by_what_implies_them),
        TEST(bands_are_those_that_some_filter_has),
        TEST(element_is_joined_once),
        TEST(relation_relates),
        TEST(what_has_no_records_is_refused),
        TEST(one_collection_tells_its_datasets),
        TEST(several_collections_tell_each_data_id_once),
        TEST(datasets_of_two_types_meet_in_their_dimensions),
        TEST(no_collection_is_refused),
        TEST(relating_joins_all_and_the_sky),
    };

    return cmocka_run_group_tests_name("joins", tests, NULL, NULL);
}
