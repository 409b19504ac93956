/* From an expression to rows: what a data query selects from the world of the fixture. */
#include "registry/query/compile.h"
#include "registry/sky/pixels.h"
#include "tests/registry/fixture.h"

static const vb_binds no_binds;

/* A query of dimensions "visit,detector" as the graph builder makes it; *out is the distinct data IDs, "10 1|10 2".
 * Dimensions that are only required (an instrument) are not told. */
static int query(fixture *f, const char *dimensions, const char *where, const vb_binds *binds, vb_buf *out,
                 vb_error *err)
{
    char **names = vb_split(dimensions, ',', NULL);
    vb_universe *u = vb_registry_universe(f->reg);
    const vb_group *group = fixture_group(f, dimensions);
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf columns = {0}, sql = {0};
    vb_auto_join j = {0};
    vb_dimset dims = group->all;
    int r = vb_expr_parse(where, &e, err), n = (int)vb_strv_count(names);

    if (!r && e)
        r = vb_expr_dimensions(u, group, where, e, &dims, err);
    vb_join_init(&j, f->reg, "main", vb_universe_conform(u, dims));
    if (!r)
        r = vb_join_relate(&j, err);
    if (!r && e)
        r = vb_join_where(&j, where, e, binds, err);
    for (int i = 0; !r && i < n; i++) {
        const vb_element *dimension = fixture_element(f, names[i]);

        r = vb_join_dimension(&j, dimension, err);
        if (!r)
            vb_buf_printf(&columns, "%s%s", i ? ", " : "DISTINCT ", j.columns[dimension->index]);
    }
    vb_strv_free(names);
    vb_join_select(&j, vb_buf_text(&columns), &sql);
    for (int i = 0; i < n; i++)
        vb_buf_printf(&sql, "%s%d", i ? ", " : " ORDER BY ", i + 1);
    if (!r)
        r = vb_join_sql(&j, &s, vb_buf_text(&sql), err);
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_buf_separate(out, "|");
        for (int i = 0; i < n; i++)
            vb_buf_printf(out, "%s%s", i ? " " : "", vb_col_text(s, i));
        r = 0;
    }
    return r;
}

static void check_binds(fixture *f, const char *dimensions, const char *where, const vb_binds *binds,
                        const char *expected)
{
    vb_auto_buf rows = {0};

    assert_ok(query(f, dimensions, where, binds, &rows, &f->err), &f->err);
    if (strcmp(vb_buf_text(&rows), expected) != 0)
        fail_msg("{%s} where %.200s: '%s', not '%s'", dimensions, where, vb_buf_text(&rows), expected);
}

static void check(fixture *f, const char *dimensions, const char *where, const char *expected)
{
    check_binds(f, dimensions, where, &no_binds, expected);
}

static void refused_binds(fixture *f, const char *where, const vb_binds *binds, const char *message)
{
    vb_auto_buf rows = {0};
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(query(f, "visit,detector", where, binds, &rows, &err), -EINVAL);
    assert_says(&err, message);
    assert_says(&err, "^");
}

static void refused(fixture *f, const char *where, const char *message)
{
    refused_binds(f, where, &no_binds, message);
}

/* ---- dimensions and fields ------------------------------------------------------------------------------------ */

static void no_condition_selects_all(void **state)
{
    check(*state, "visit", "", "10|11|12");
    check(*state, "visit,detector", "", "10 1|10 2|11 1|11 2|12 1|12 2");
}

static void dimensions_are_compared(void **state)
{
    check(*state, "visit", "visit = 10", "10");
    check(*state, "visit", "visit != 10", "11|12");
    check(*state, "visit", "visit > 10 and visit < 12", "11");
    check(*state, "visit", "visit <= 10 or visit >= 12", "10|12");
    check(*state, "visit", "not (visit = 10 or visit = 11)", "12");
    check(*state, "visit,detector", "instrument = 'Cam' and detector = 2 and visit = 11", "11 2");
    check(*state, "visit", "instrument = 'Other'", "");
    check(*state, "visit", "-visit = -11", "11");
    check(*state, "visit", "visit % 2 = 0 and visit * 2 - 4 > 16", "12");
}

static void implied_dimensions_are_those_of_the_record(void **state)
{
    check(*state, "visit", "band = 'g'", "10|12");
    check(*state, "visit", "physical_filter = 'Cam-r'", "11");
    check(*state, "visit,band", "visit < 12", "10 g|11 r");
    check(*state, "visit", "day_obs = 20200102", "12");
    check(*state, "band", "visit = 11", "r");
}

static void fields_are_those_of_their_element(void **state)
{
    check(*state, "visit", "visit.exposure_time > 30.5", "12");
    check(*state, "visit", "visit.name = 'V11'", "11");
    check(*state, "detector", "detector.full_name = 'B'", "2");
    check(*state, "detector", "detector.purpose != 'SCIENCE'", "");
    check(*state, "detector", "detector.raft is null", "1|2");
    check(*state, "detector", "detector.raft is not null", "");
    check(*state, "visit", "visit.id = 11", "11");
}

/* A dimension that only the condition speaks of relates to those of the query. */
static void what_the_condition_speaks_of_is_joined(void **state)
{
    check(*state, "visit", "exposure = 11", "11");
    check(*state, "visit", "exposure.obs_id = 'E12'", "12");
    check(*state, "exposure", "visit.name = 'V10'", "10");
    check(*state, "visit", "exposure.has_simulated", "");
    check(*state, "visit", "not exposure.has_simulated and exposure.can_see_sky", "10|11|12");
}

/* Bug: a dimension that a record tells was no field of it. */
static void dimensions_of_a_record_are_fields_of_it(void **state)
{
    check(*state, "visit", "exposure.day_obs = 20200102", "12");
    check(*state, "visit", "visit.physical_filter = 'Cam-r' and visit.instrument = 'Cam'", "11");
    check(*state, "visit", "physical_filter.band = 'r'", "11");
    check(*state, "detector", "visit_detector_region.visit = 10", "1|2");
    refused(*state, "exposure.day_obs = 'x'", "a number and text cannot be compared");
    refused(*state, "visit.tract = 1", "'visit' has no field 'tract'");
}

static void field_without_its_element_is_that_of_the_only_one(void **state)
{
    check(*state, "visit", "azimuth > 0 and zenith_angle < 1", "10|11|12");
    check(*state, "detector", "full_name = 'A'", "1");
    refused(*state, "exposure = 10 and bogus = 3", "'bogus' is no dimension and no field of one at column 19");
}

static void ambiguous_field_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_buf rows = {0};
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(query(f, "visit,exposure", "exposure_time > 1", NULL, &rows, &err), -EINVAL);
    assert_says(&err, "'exposure_time' is a field of several elements: write ELEMENT.exposure_time at column 1");
}

static void names_that_mean_nothing_are_refused(void **state)
{
    refused(*state, "vist = 1", "'vist' is no dimension and no field of one at column 1");
    refused(*state, "visit.seeing = 1", "'visit' has no field 'seeing' at column 1");
    refused(*state, "visit.name.x = 1", "'visit' has no field 'name.x'");
    refused(*state, "vist.name = 'x'", "'vist.name' is no dimension");
    refused(*state, "detector.region = 1", "'detector' has no field 'region'");
}

/* Instruments are the names that people forget to quote. */
static void unquoted_text_gets_a_hint(void **state)
{
    fixture *f = *state;
    vb_auto_buf rows = {0};
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(query(f, "visit", "instrument = Cam", NULL, &rows, &err), -EINVAL);
    assert_hints(&err, "single quotes");
}

/* ---- lists ---------------------------------------------------------------------------------------------------- */

static void lists_hold_values_and_ranges(void **state)
{
    check(*state, "visit", "visit in (10, 12)", "10|12");
    check(*state, "visit", "visit in (10..12:2)", "10|12");
    check(*state, "visit", "visit in (9..13:2)", "11");
    check(*state, "visit", "visit in (-1..10, 12)", "10|12");
    check(*state, "visit", "visit in (-100..100:111)", "11");
    check(*state, "visit", "visit not in (10, 12..20)", "11");
    check(*state, "visit", "band in ('r', 'z')", "11");
    check(*state, "visit", "visit in (5 + 6, 5 * 2)", "10|11");
    check(*state, "visit", "visit in (1..2)", "");
}

/* Bug: SQLite takes a chain for a tree as deep as it is long, and refused one of more than 1000. */
static void thousands_of_conditions_are_taken(void **state)
{
    vb_auto_buf any = {0}, ranges = {0};

    vb_buf_puts(&any, "visit = 11");
    vb_buf_puts(&ranges, "visit in (12..12");
    for (int i = 0; i < 5000; i++) {
        vb_buf_printf(&any, " or visit = %d", 1000 + i);
        vb_buf_printf(&ranges, ", %d..%d", 1000 + 2 * i, 1000 + 2 * i);
    }
    vb_buf_puts(&ranges, ")");
    check(*state, "visit", vb_buf_text(&any), "11");
    check(*state, "visit", vb_buf_text(&ranges), "12");
}

/* Bug: each value was a parameter, of which SQLite has 32766. */
static void long_lists_are_taken(void **state)
{
    vb_auto_buf where = {0};

    vb_buf_puts(&where, "visit in (10");
    for (int i = 0; i < 40000; i++)
        vb_buf_printf(&where, ",%d", 1000 + i);
    vb_buf_puts(&where, ")");
    check(*state, "visit", vb_buf_text(&where), "10");
}

/* Bug: SQLite's parser gave up, in its own words. */
static void nesting_that_sqlite_cannot_follow_is_refused(void **state)
{
    vb_auto_buf where = {0};

    vb_buf_puts(&where, "visit = ");
    for (int i = 0; i < 60; i++)
        vb_buf_puts(&where, "(1 + ");
    vb_buf_puts(&where, "1");
    for (int i = 0; i < 60; i++)
        vb_buf_puts(&where, ")");
    refused(*state, vb_buf_text(&where), "nested too deep");
}

/* ---- binds ---------------------------------------------------------------------------------------------------- */

static void binds_are_values_and_lists(void **state)
{
    vb_value visit = vb_value_int(11), filters[] = {{.kind = VB_TEXT, .len = 5, .text = (char *)"Cam-g"},
                                                    {.kind = VB_TEXT, .len = 1, .text = (char *)"x"}};
    vb_bind items[] = {{(char *)"v", &visit, 1}, {(char *)"filters", filters, 2}, {(char *)"none", NULL, 0}};
    vb_binds binds = {items, VB_COUNT(items), 0};

    check_binds(*state, "visit", "visit = :v", &binds, "11");
    check_binds(*state, "visit", "visit in (10, :v)", &binds, "10|11");
    check_binds(*state, "visit", "visit not in :v", &binds, "10|12");
    check_binds(*state, "visit", "physical_filter in :filters", &binds, "10|12");
    check_binds(*state, "visit", "physical_filter in (:filters, 'Cam-r')", &binds, "10|11|12");
    check_binds(*state, "visit", "visit in :none", &binds, "");
    refused_binds(*state, "visit = :w", &binds, "no value is given for ':w' at column 9");
    refused_binds(*state, "visit in :w", &binds, "no value is given for ':w' at column 10");
    refused_binds(*state, "physical_filter = :filters", &binds, "':filters' is a list: it can only follow IN");
}

/* Bug: what a bind in a list holds was not compared with what is looked for. */
static void binds_have_types(void **state)
{
    vb_value number = vb_value_int(11), text = {.kind = VB_TEXT, .len = 1, .text = (char *)"g"};
    vb_bind items[] = {{(char *)"n", &number, 1}, {(char *)"t", &text, 1}};
    vb_binds binds = {items, VB_COUNT(items), 0};

    refused_binds(*state, "visit in :t", &binds, "a number and text cannot be compared at column 10");
    refused_binds(*state, "visit in (1, :t)", &binds, "a number and text cannot be compared at column 14");
    refused_binds(*state, "band in :n", &binds, "text and a number cannot be compared");
    refused_binds(*state, "visit = :t", &binds, "a number and text cannot be compared");
}

/* ---- times ---------------------------------------------------------------------------------------------------- */

/* Visit 10 begins at 10000 s of TAI, 1970-01-01T02:46:40, and takes 30 s. */
static void times_are_compared(void **state)
{
    check(*state, "visit", "visit.timespan.begin = T'1970-01-01T02:46:40/tai'", "10");
    check(*state, "visit", "visit.timespan.end > T'1970-01-01T02:47:10/tai'", "11|12");
    check(*state, "visit", "T'1970-01-01T03:00:00/tai' < visit.timespan.begin", "11|12");
}

static void timespans_are_half_open(void **state)
{
    check(*state, "visit", "visit.timespan overlaps T'1970-01-01T02:46:40/tai'", "10");
    check(*state, "visit", "visit.timespan overlaps T'1970-01-01T02:47:09.999/tai'", "10");
    check(*state, "visit", "T'1970-01-01T02:47:10/tai' overlaps visit.timespan", "");
    check(*state, "visit", "visit.timespan overlaps (T'1970-01-01T02:47:10/tai', T'1970-01-01T03:03:20/tai')", "");
    check(*state, "visit", "visit.timespan overlaps (T'1970-01-01T02:47:09/tai', T'1970-01-01T03:03:21/tai')", "10|11");
    check(*state, "visit", "visit.timespan overlaps (null, T'1970-01-01T03:00:00/tai')", "10");
    check(*state, "visit", "(T'1970-01-01T03:00:00/tai', null) overlaps visit.timespan", "11|12");
    check(*state, "visit", "visit.timespan overlaps exposure.timespan", "10|11|12");
}

static void nonsense_about_times_is_refused(void **state)
{
    refused(*state, "visit.timespan.begin > 5", "a time and a number cannot be compared at column 24");
    refused(*state, "visit.timespan = T'2020-01-01'", "a timespan and a time cannot be compared");
    refused(*state, "visit.timespan overlaps 5", "a timespan and a number cannot be overlapped");
    refused(*state, "T'2020-01-01' overlaps T'2020-01-01'", "a time and a time cannot be overlapped");
    refused(*state, "visit.timespan overlaps (1, 2)", "a timespan is (T'begin', T'end'), not a number");
    refused(*state, "visit.timespan overlaps visit.region", "a timespan and a region cannot be overlapped");
    refused(*state, "visit = 1 and visit.timespan", "expected a condition, not a timespan at column 15");
}

/* Bug: only their begins were compared. */
static void timespans_and_regions_are_in_no_list(void **state)
{
    refused(*state, "visit.timespan in (visit.timespan)", "a timespan cannot be in a list");
    refused(*state, "visit.region in (visit.region)", "a region cannot be in a list");
}

/* ---- the sky -------------------------------------------------------------------------------------------------- */

static void regions_overlap_what_is_named(void **state)
{
    check(*state, "visit", "visit.region overlaps POINT(10, 0)", "10|11");
    check(*state, "visit", "POINT(50, 0.05) overlaps visit.region", "12");
    check(*state, "visit", "visit.region overlaps POINT(10, 1)", "");
    check(*state, "visit", "visit.region overlaps CIRCLE(50, 1, 0.95)", "12");
    check(*state, "visit", "visit.region overlaps CIRCLE(50, 1, 0.85)", "");
    check(*state, "patch", "patch.region overlaps BOX(10.9, 0, 0.1, 0.1)", "3");
    check(*state, "patch", "patch.region overlaps POLYGON(10, -1, 10.2, -1, 10.1, 1)", "0|1");
    check(*state, "visit,detector", "visit_detector_region.region overlaps POINT(10.3, 0)", "10 2|11 2");
    check(*state, "visit", "visit.region overlaps CIRCLE(0, 0, 180)", "10|11|12");
}

/* The finest regions of each side relate them: detector 1 lies in patch 0, detector 2 in patch 1. */
static void data_ids_of_two_kinds_of_region_overlap(void **state)
{
    check(*state, "visit,detector,patch", "skymap = 'map' and visit = 10", "10 1 0|10 2 1");
    check(*state, "visit,patch", "visit = 10", "10 0|10 1");
    check(*state, "visit,tract", "tract = 0", "10 0|11 0");
    check(*state, "patch", "visit = 12", "");
    check(*state, "visit,detector", "patch in (1..3)", "10 2|11 2");
}

static void regions_that_are_none_are_refused(void **state)
{
    refused(*state, "visit.region overlaps POINT(1)", "regions are POINT(ra, dec), CIRCLE");
    refused(*state, "visit.region overlaps CIRCLE(1, 2, -3)", "at column 23");
    refused(*state, "visit.region overlaps POINT(visit, 2)", "POINT takes numbers in degrees at column 29");
    refused(*state, "visit.region overlaps BLOB(1, 2)", "regions are POINT(ra, dec)");
    refused(*state, "visit.region overlaps POLYGON(1, 2, 3, 4)", "regions are POINT(ra, dec)");
    refused(*state, "visit.region overlaps visit", "a region and a number cannot be overlapped");
    refused(*state, "visit.region = visit.region", "a region and a region cannot be compared");
    refused(*state, "POINT(1, 2)", "expected a condition, not a region");
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

static void globs_know_star_and_question_mark_alone(void **state)
{
    check(*state, "visit", "glob(visit.name, 'V1*')", "10|11|12");
    check(*state, "visit", "GLOB(visit.name, 'V?1')", "11");
    check(*state, "visit", "GLOB(physical_filter, 'cam-*')", "");
    check(*state, "visit", "GLOB(visit.name, 'V1[01]')", "");
    check(*state, "visit", "not GLOB(visit.name, '*0')", "11|12");
    refused(*state, "GLOB(visit, 'V')", "GLOB wants text, not a number at column 6");
    refused(*state, "GLOB(visit.name)", "GLOB takes a name and a pattern in quotes at column 1");
    refused(*state, "GLOB('V*', visit.name)", "GLOB takes a name and a pattern in quotes");
}

/* SQLite would compare them, in silence. */
static void types_that_do_not_go_together_are_refused(void **state)
{
    refused(*state, "visit = 'x'", "a number and text cannot be compared at column 9");
    refused(*state, "band = 3", "text and a number cannot be compared at column 8");
    refused(*state, "visit in ('x')", "a number and text cannot be compared at column 11");
    refused(*state, "band in (1..3)", "a range of integers beside text at column 10");
    refused(*state, "band + 1 = 2", "text and a number cannot be reckoned with at column 8");
    refused(*state, "-band = 2", "only a number can be negated, not text at column 1");
    refused(*state, "visit = 1 and band", "expected a condition, not text at column 15");
    refused(*state, "'x'", "expected a condition, not text at column 1");
    refused(*state, "not band", "expected a condition, not text at column 5");
    refused(*state, "visit = 1..3", "expected AND, OR or the end at column 10");
}

/* ---- dimensions ----------------------------------------------------------------------------------------------- */

static void expression_names_its_dimensions(void **state)
{
    static const char text[] = "band = 'g' and (visit_detector_region.region overlaps POINT(1, 2) or tract in (1..2))";
    fixture *f = *state;
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_dimset dims = {{0}}, expected;

    assert_ok(vb_expr_parse(text, &e, &f->err), &f->err);
    assert_ok(vb_expr_dimensions(vb_registry_universe(f->reg), NULL, text, e, &dims, &f->err), &f->err);
    expected = vb_dimset_union(fixture_element(f, "band")->required,
                               fixture_element(f, "visit_detector_region")->required);
    expected = vb_dimset_union(expected, fixture_element(f, "tract")->required);
    assert_true(vb_dimset_equal(dims, expected));
}

/* Those of the visits' regions; a group without regions has none. */
static void sky_pixels_are_those_of_the_regions(void **state)
{
    fixture *f = *state;
    vb_auto_buf rows = {0};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_dataid id = fixture_dataid(f, fixture_group(f, "visit"), "instrument=Cam,visit=12");
    vb_auto_region region = {0};
    vb_auto_ranges pixels = {0};

    assert_int_equal(vb_dataid_region(f->reg, &id, &region, &f->err), 1);
    assert_ok(vb_skypix_envelope("healpix", 5, &region, &pixels, &f->err), &f->err);
    vb_autofree char *where = vb_format("healpix5 = %d", (int)pixels.items[0].begin);
    check(f, "visit", where, "12");
    assert_int_equal(query(f, "detector", "healpix5 = 3", NULL, &rows, &err), -EINVAL);
    assert_says(&err, "nothing tells which values of 'healpix5' there are");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(no_condition_selects_all),
        TEST(dimensions_are_compared),
        TEST(implied_dimensions_are_those_of_the_record),
        TEST(fields_are_those_of_their_element),
        TEST(what_the_condition_speaks_of_is_joined),
        TEST(dimensions_of_a_record_are_fields_of_it),
        TEST(field_without_its_element_is_that_of_the_only_one),
        TEST(ambiguous_field_is_refused),
        TEST(names_that_mean_nothing_are_refused),
        TEST(unquoted_text_gets_a_hint),
        TEST(lists_hold_values_and_ranges),
        TEST(thousands_of_conditions_are_taken),
        TEST(long_lists_are_taken),
        TEST(nesting_that_sqlite_cannot_follow_is_refused),
        TEST(binds_are_values_and_lists),
        TEST(binds_have_types),
        TEST(times_are_compared),
        TEST(timespans_are_half_open),
        TEST(nonsense_about_times_is_refused),
        TEST(timespans_and_regions_are_in_no_list),
        TEST(regions_overlap_what_is_named),
        TEST(data_ids_of_two_kinds_of_region_overlap),
        TEST(regions_that_are_none_are_refused),
        TEST(globs_know_star_and_question_mark_alone),
        TEST(types_that_do_not_go_together_are_refused),
        TEST(expression_names_its_dimensions),
        TEST(sky_pixels_are_those_of_the_regions),
    };

    return cmocka_run_group_tests_name("data queries", tests, NULL, NULL);
}
