/* What a faceted directory asks: the values of a dimension that go with the values chosen. */
#include "registry/query/facet.h"
#include "tests/registry/fixture.h"

enum { MANY = 100 };

/* A question in the making: choices "band=g,visit=10" about the datasets of a type along collections, or (collections
 * NULL) about an element's records. */
typedef struct question {
    fixture *f;
    vb_faceted faceted;
    vb_choice choices[8];
} question;

static void choose(question *q, const char *choices)
{
    char **pairs = vb_split(choices, ',', NULL);

    for (char **pair = pairs; *pair; pair++) {
        vb_choice *c = &q->choices[q->faceted.count++];
        char *equals = strchr(*pair, '=');

        *equals = 0;
        c->dimension = fixture_element(q->f, *pair);
        assert_ok(vb_dimension_parse(c->dimension, equals + 1, &c->value, &q->f->err), &q->f->err);
    }
    vb_strv_free(pairs);
}

static question ask(fixture *f, const char *what, const char *collections)
{
    question q = {.f = f};

    if (collections) {
        q.faceted.search = fixture_search(f, collections);
        assert_ok(vb_dataset_type_find(f->reg, what, &q.faceted.type, &f->err), &f->err);
    } else {
        q.faceted.element = fixture_element(f, what);
    }
    return q;
}

static void clear(question *q)
{
    for (size_t i = 0; i < q->faceted.count; i++)
        vb_value_clear(&q->choices[i].value);
}

/* The values, "10 11 12", above `after` ("": from the lowest) and at most `limit`. */
static char *values(question *q, const char *choices, const char *dimension, const char *after, size_t limit)
{
    const vb_element *e = fixture_element(q->f, dimension);
    vb_auto_value from = {0};
    vb_value out[MANY];
    vb_buf text = {0};
    size_t n = MANY;

    choose(q, choices);
    q->faceted.choices = q->choices;
    if (*after)
        assert_ok(vb_dimension_parse(e, after, &from, &q->f->err), &q->f->err);
    assert_ok(vb_faceted_values(q->f->reg, &q->faceted, e, *after ? &from : NULL, limit, out, &n, &q->f->err),
              &q->f->err);
    assert_true(n <= limit);
    for (size_t i = 0; i < n; i++) {
        vb_buf_separate(&text, " ");
        vb_value_print(&out[i], &text);
        vb_value_clear(&out[i]);
    }
    clear(q);
    return fixture_keep(q->f, vb_buf_steal(&text));
}

static void check(fixture *f, const char *what, const char *collections, const char *choices, const char *dimension,
                  const char *expected)
{
    question q = ask(f, what, collections);
    const char *got = values(&q, choices, dimension, "", MANY);

    if (strcmp(got, expected) != 0)
        fail_msg("%s of %s with {%s}: '%s', not '%s'", dimension, what, choices, got, expected);
}

static void check_exists(fixture *f, const char *what, const char *collections, const char *choices, int expected)
{
    question q = ask(f, what, collections);

    choose(&q, choices);
    q.faceted.choices = q.choices;
    assert_int_equal(vb_faceted_exists(f->reg, &q.faceted, &f->err), expected);
    clear(&q);
}

/* Raws of all visits; images of detector 1 of visits 10 and 12 in "a", of detector 2 of visit 11 and of detector 1 of
 * visit 10 in "b"; coadds of patches 0 and 2. */
static int setup(void **state)
{
    int r = fixture_setup_world(state);
    fixture *f = *state;

    if (r < 0)
        return r;
    fixture_raws(f);
    fixture_type(f, "image", "instrument,detector,visit");
    fixture_put(f, "image", "a", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "image", "a", "instrument=Cam,detector=1,visit=12");
    fixture_put(f, "image", "b", "instrument=Cam,detector=2,visit=11");
    fixture_put(f, "image", "b", "instrument=Cam,detector=1,visit=10");
    fixture_type(f, "coadd", "skymap,tract,patch,band");
    fixture_put(f, "coadd", "a", "band=r,skymap=map,tract=0,patch=0");
    fixture_put(f, "coadd", "a", "band=g,skymap=map,tract=0,patch=2");
    fixture_chain(f, "both", "a,b");
    return 0;
}

/* ---- datasets -------------------------------------------------------------------------------------------------- */

static void required_dimensions_are_listed_in_their_order(void **state)
{
    check(*state, "raw", "raws", "", "instrument", "Cam");
    check(*state, "raw", "raws", "instrument=Cam", "detector", "1 2");
    check(*state, "raw", "raws", "instrument=Cam,detector=2", "exposure", "10 11 12");
    check(*state, "image", "a", "instrument=Cam,detector=1", "visit", "10 12");
    check(*state, "image", "a", "instrument=Cam,detector=2", "visit", "");
    check(*state, "image", "a", "instrument=Other", "detector", "");
}

static void dimensions_may_be_chosen_in_any_order(void **state)
{
    check(*state, "image", "a", "", "visit", "10 12");
    check(*state, "image", "b", "visit=11", "detector", "2");
    check(*state, "image", "b", "detector=2", "visit", "11");
    check(*state, "image", "b", "visit=11,instrument=Cam", "detector", "2");
    check(*state, "raw", "raws", "exposure=12", "instrument", "Cam");
}

static void value_that_is_chosen_is_its_dimensions_only_one(void **state)
{
    check(*state, "image", "a", "visit=10", "visit", "10");
    check(*state, "image", "a", "visit=11", "visit", "");
}

static void implied_dimensions_are_those_of_the_datasets(void **state)
{
    check(*state, "image", "a", "", "band", "g");
    check(*state, "image", "b", "", "band", "g r");
    check(*state, "image", "b", "visit=11", "band", "r");
    check(*state, "image", "b", "visit=11", "physical_filter", "Cam-r");
    check(*state, "image", "a", "visit=12", "day_obs", "20200102");
    check(*state, "raw", "raws", "exposure=10", "band", "g");
}

static void implied_dimensions_narrow(void **state)
{
    check(*state, "image", "b", "band=g", "visit", "10");
    check(*state, "image", "both", "band=g,instrument=Cam", "visit", "10 12");
    check(*state, "raw", "raws", "band=r", "exposure", "11");
    check(*state, "raw", "raws", "day_obs=20200101,band=g", "exposure", "10");
    check(*state, "image", "b", "band=z", "visit", "");
    check(*state, "coadd", "a", "band=g", "patch", "2");
}

static void collections_are_merged(void **state)
{
    check(*state, "image", "a,b", "instrument=Cam", "detector", "1 2");
    check(*state, "image", "both", "instrument=Cam,detector=1", "visit", "10 12");
    check(*state, "image", "both", "", "visit", "10 11 12");
    check(*state, "coadd", "both", "", "patch", "0 2");
    check(*state, "coadd", "b", "", "patch", "");
}

static void values_go_on_after_the_last(void **state)
{
    static const char *const collections[] = {"raws", "raws,a"};

    for (size_t i = 0; i < VB_COUNT(collections); i++) {
        question by_index = ask(*state, "raw", collections[i]), by_join;

        assert_string_equal(values(&by_index, "instrument=Cam,detector=1", "exposure", "10", MANY), "11 12");
        by_join = ask(*state, "raw", collections[i]);
        assert_string_equal(values(&by_join, "band=g", "exposure", "10", MANY), "12");
        by_join = ask(*state, "raw", collections[i]);
        assert_string_equal(values(&by_join, "", "band", "g", MANY), "r");
    }
}

static void no_more_than_the_limit_is_told(void **state)
{
    question q = ask(*state, "image", "a,b");

    assert_string_equal(values(&q, "", "visit", "", 2), "10 11");
    q = ask(*state, "image", "a,b");
    assert_string_equal(values(&q, "instrument=Cam,detector=1", "visit", "", 1), "10");
    q = ask(*state, "image", "a,b");
    assert_string_equal(values(&q, "", "visit", "11", 1), "12");
    q = ask(*state, "image", "a");
    assert_string_equal(values(&q, "", "visit", "", 0), "");
}

static void negative_values_are_the_lowest(void **state)
{
    fixture *f = *state;

    fixture_record(f, "patch", "skymap=map,tract=0,patch=-5,cell_x=9,cell_y=9", NULL);
    fixture_put(f, "coadd", "a", "band=g,skymap=map,tract=0,patch=-5");
    check(f, "coadd", "a", "band=g,skymap=map,tract=0", "patch", "-5 2");
    check(f, "coadd", "a", "band=g", "patch", "-5 2");
}

/* What is there for a time only is found with a time. */
static void calibrations_are_not_looked_into(void **state)
{
    fixture *f = *state;

    fixture_collection(f, "calib", VB_CALIBRATION);
    check(f, "image", "calib,a", "", "visit", "10 12");
    check(f, "image", "calib", "", "visit", "");
    check_exists(f, "image", "calib", "", 0);
}

static void existence_is_that_of_what_agrees_with_all(void **state)
{
    check_exists(*state, "image", "a", "", 1);
    check_exists(*state, "image", "a", "visit=10,detector=1", 1);
    check_exists(*state, "image", "a", "visit=10,detector=2", 0);
    check_exists(*state, "image", "b", "visit=11,band=r", 1);
    check_exists(*state, "image", "b", "visit=11,band=g", 0);
    check_exists(*state, "image", "both", "visit=11", 1);
    check_exists(*state, "coadd", "b", "", 0);
}

/* ---- records --------------------------------------------------------------------------------------------------- */

static void records_are_faceted_by_their_dimensions(void **state)
{
    check(*state, "visit", NULL, "", "instrument", "Cam");
    check(*state, "visit", NULL, "instrument=Cam", "visit", "10 11 12");
    check(*state, "visit", NULL, "band=g", "visit", "10 12");
    check(*state, "visit", NULL, "visit=11", "band", "r");
    check(*state, "visit", NULL, "day_obs=20200102", "physical_filter", "Cam-g");
    check(*state, "patch", NULL, "skymap=map,tract=0", "patch", "0 1 2 3");
    check(*state, "visit_detector_region", NULL, "visit=10", "detector", "1 2");
    check(*state, "visit_definition", NULL, "visit=12", "exposure", "12");
    check(*state, "detector", NULL, "", "detector", "1 2");
    check(*state, "visit", NULL, "visit=13", "visit", "");
}

static void records_exist_or_not(void **state)
{
    check_exists(*state, "visit", NULL, "visit=10,instrument=Cam", 1);
    check_exists(*state, "visit", NULL, "visit=10,band=r", 0);
    check_exists(*state, "tract", NULL, "", 1);
    check_exists(*state, "subfilter", NULL, "", 0);
}

static void group_is_that_of_what_is_faceted(void **state)
{
    fixture *f = *state;
    question q = ask(f, "image", "a");

    assert_ptr_equal(vb_faceted_group(f->reg, &q.faceted), fixture_group(f, "detector,visit"));
    q = ask(f, "visit_definition", NULL);
    assert_ptr_equal(vb_faceted_group(f->reg, &q.faceted), fixture_group(f, "visit,exposure"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(required_dimensions_are_listed_in_their_order),
        TEST(dimensions_may_be_chosen_in_any_order),
        TEST(value_that_is_chosen_is_its_dimensions_only_one),
        TEST(implied_dimensions_are_those_of_the_datasets),
        TEST(implied_dimensions_narrow),
        TEST(collections_are_merged),
        TEST(values_go_on_after_the_last),
        TEST(no_more_than_the_limit_is_told),
        TEST(negative_values_are_the_lowest),
        TEST(calibrations_are_not_looked_into),
        TEST(existence_is_that_of_what_agrees_with_all),
        TEST(records_are_faceted_by_their_dimensions),
        TEST(records_exist_or_not),
        TEST(group_is_that_of_what_is_faceted),
    };

    return cmocka_run_group_tests_name("facets", tests, NULL, NULL);
}
