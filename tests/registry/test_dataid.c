/* Data IDs: values in their three forms, comparisons, parts. */
#include "registry/dataid.h"
#include "tests/registry/fixture.h"

static const vb_group *g; /* {instrument, detector, visit} */

static int setup(void **state)
{
    int r = fixture_setup_registry(state);

    if (!r)
        g = fixture_group(*state, "detector,visit");
    return r;
}

static vb_dataid sample(fixture *f)
{
    return fixture_dataid(f, g, "instrument=HSC,detector=40,visit=903334");
}

/* ---- values ----------------------------------------------------------------------------------------------- */

static void the_three_forms_hold_the_same(void **state)
{
    vb_auto_dataid id = sample(*state), unpacked = {0}, read = {0};
    vb_auto_buf people = {0}, packed = {0};
    vb_auto_error err = VB_ERROR_INIT;
    json_t *json = vb_dataid_json(&id);
    vb_autofree char *text = json_dumps(json, 0);

    vb_dataid_print(&id, &people);
    vb_dataid_pack(&id, &packed);
    assert_string_equal(vb_buf_text(&people), "{instrument: HSC, detector: 40, visit: 903334}");
    assert_string_equal(vb_buf_text(&packed), "[\"HSC\",40,903334]");
    assert_string_equal(text, "{\"instrument\": \"HSC\", \"detector\": 40, \"visit\": 903334}");
    assert_ok(vb_dataid_unpack(g, vb_buf_text(&packed), &unpacked, &err), &err);
    assert_ok(vb_dataid_from_json(g, json, &read, &err), &err);
    json_decref(json);
    assert_true(vb_dataid_equal(&id, &unpacked));
    assert_true(vb_dataid_equal(&id, &read));
}

static void no_dimensions_are_a_data_id_too(void **state)
{
    vb_auto_dataid id = {.group = fixture_group(*state, "")}, back = {0};
    vb_auto_buf people = {0}, packed = {0};

    vb_dataid_print(&id, &people);
    vb_dataid_pack(&id, &packed);
    assert_string_equal(vb_buf_text(&people), "{}");
    assert_string_equal(vb_buf_text(&packed), "[]");
    assert_int_equal(vb_dataid_unpack(id.group, "[]", &back, NULL), 0);
    assert_true(vb_dataid_equal(&id, &back));
}

static void odd_values_survive_packing(void **state)
{
    static const char *const names[] = {"a\"b", "a\\b", "a,b]", "\xc3\xa9\n", " ", "null", "7"};
    const vb_group *instrument = fixture_group(*state, "instrument");

    for (size_t i = 0; i < VB_COUNT(names); i++) {
        vb_auto_dataid id = {.group = instrument, .values[0] = vb_value_text(names[i])}, back = {0};
        vb_auto_buf packed = {0};

        vb_dataid_pack(&id, &packed);
        assert_int_equal(vb_dataid_unpack(instrument, vb_buf_text(&packed), &back, NULL), 0);
        assert_string_equal(back.values[0].text, names[i]);
    }
}

static void the_largest_integers_survive_packing(void **state)
{
    static const int64_t numbers[] = {INT64_MIN, -1, 0, INT64_MAX};
    const vb_group *pixel = fixture_group(*state, "htm7");

    for (size_t i = 0; i < VB_COUNT(numbers); i++) {
        vb_auto_dataid id = {.group = pixel, .values[0] = vb_value_int(numbers[i])}, back = {0};
        vb_auto_buf packed = {0};

        vb_dataid_pack(&id, &packed);
        assert_int_equal(vb_dataid_unpack(pixel, vb_buf_text(&packed), &back, NULL), 0);
        assert_true(back.values[0].i == numbers[i]);
    }
}

static void a_value_is_read_as_its_dimension_wants_it(void **state)
{
    static const struct {
        const char *dimension, *text;
        vb_kind kind; /* VB_NULL: refused */
    } cases[] = {
        {"visit", "42", VB_INT},          {"visit", "-42", VB_INT},       {"visit", "", VB_NULL},
        {"visit", "42x", VB_NULL},        {"visit", "4.2", VB_NULL},      {"visit", "9223372036854775808", VB_NULL},
        {"instrument", "42", VB_TEXT},    {"instrument", "HSC", VB_TEXT}, {"instrument", "", VB_NULL},
        {"instrument", "a\xff", VB_NULL}, {"htm7", "131072", VB_INT},     {"group", "2020-01-01T00:00:00", VB_TEXT},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        const vb_element *dimension = fixture_element(*state, cases[i].dimension);
        vb_auto_value value = {0};
        vb_auto_error err = VB_ERROR_INIT;
        int r = vb_dimension_parse(dimension, cases[i].text, &value, &err);

        assert_int_equal(r, cases[i].kind == VB_NULL ? -EINVAL : 0);
        assert_int_equal(value.kind, cases[i].kind);
        if (r)
            assert_says(&err, cases[i].dimension);
    }
}

static void what_is_not_packed_so_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "null",
        "[\"HSC\",40]",
        "[\"HSC\",40,1,2]",
        "[40,\"HSC\",1]",
        "[\"HSC\",\"40\",1]",
        "[\"HSC\",40.0,1]",
        "[\"HSC\",null,1]",
        "[\"HSC\",40,99999999999999999999]",
        "[\"HSC\",40,1] x",
        "[\"HSC\",40,",
        "[\"\xff\",40,1]",
        "[\"a\\u0000b\",40,1]",
        "[\"HSC\",true,1]",
        "[[\"HSC\"],40,1]",
    };

    for (size_t i = 0; i < VB_COUNT(wrong); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_dataid id;

        assert_int_equal(vb_dataid_unpack(g, wrong[i], &id, &err), -EINVAL);
        assert_null(id.group); /* nothing to clear */
        assert_says(&err, "data ID");
    }
}

static void an_object_may_have_more_but_not_less(void **state)
{
    static const struct {
        const char *json;
        int expected;
    } cases[] = {
        {"{\"instrument\": \"HSC\", \"detector\": 1, \"visit\": 2, \"band\": \"g\"}", 0},
        {"{\"instrument\": \"HSC\", \"detector\": 1}", -EINVAL},
        {"{\"instrument\": \"HSC\", \"detector\": 1, \"visit\": \"2\"}", -EINVAL},
        {"{\"instrument\": 7, \"detector\": 1, \"visit\": 2}", -EINVAL},
        {"[\"HSC\", 1, 2]", -EINVAL},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        json_t *json = json_loads(cases[i].json, 0, NULL);
        vb_auto_dataid id = {0};

        assert_int_equal(vb_dataid_from_json(g, json, &id, NULL), cases[i].expected);
        json_decref(json);
    }
    assert_int_equal(vb_dataid_from_json(g, NULL, &(vb_dataid){0}, NULL), -EINVAL);
}

/* ---- comparing, copying, parts ---------------------------------------------------------------------------- */

static void values_are_compared_in_the_universes_order(void **state)
{
    static const char *const ascending[] = {"instrument=A,detector=9,visit=9", "instrument=B,detector=2,visit=10",
                                            "instrument=B,detector=10,visit=2", "instrument=B,detector=10,visit=10"};

    for (size_t i = 0; i < VB_COUNT(ascending); i++)
        for (size_t k = 0; k < VB_COUNT(ascending); k++) {
            vb_auto_dataid a = fixture_dataid(*state, g, ascending[i]), b = fixture_dataid(*state, g, ascending[k]);

            assert_int_equal(vb_dataid_compare(&a, &b), (i > k) - (i < k));
            assert_int_equal(vb_dataid_equal(&a, &b), i == k);
        }
}

static void data_ids_of_two_groups_are_not_equal(void **state)
{
    vb_auto_dataid a = {.group = fixture_group(*state, "visit"), .values = {vb_value_text("X"), vb_value_int(1)}};
    vb_auto_dataid b = {.group = fixture_group(*state, "detector"), .values = {vb_value_text("X"), vb_value_int(1)}};

    assert_false(vb_dataid_equal(&a, &b));
}

static void a_copy_is_its_own(void **state)
{
    vb_dataid id = sample(*state);
    vb_auto_dataid copy = vb_dataid_copy(&id);

    vb_dataid_clear(&id);
    vb_dataid_clear(&id); /* once more does no harm */
    assert_null(id.group);
    assert_string_equal(vb_dataid_get(&copy, "instrument")->text, "HSC");
    assert_null(vb_dataid_copy(&id).group);
}

static void only_required_dimensions_have_a_value(void **state)
{
    vb_auto_dataid id = sample(*state);

    assert_int_equal(vb_dataid_get(&id, "visit")->i, 903334);
    assert_null(vb_dataid_get(&id, "band"));
    assert_null(vb_dataid_get(&id, "tract"));
    assert_null(vb_dataid_get(&id, ""));
}

static void a_part_has_the_values_of_the_whole(void **state)
{
    static const struct {
        const char *dimensions, *printed;
    } cases[] = {
        {"detector", "{instrument: HSC, detector: 40}"},
        {"visit", "{instrument: HSC, visit: 903334}"},
        {"instrument", "{instrument: HSC}"},
        {"", "{}"},
        {"visit,detector", "{instrument: HSC, detector: 40, visit: 903334}"},
    };
    vb_auto_dataid id = sample(*state);

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_dataid part = {0};
        vb_auto_buf text = {0};

        vb_dataid_project(&id, fixture_group(*state, cases[i].dimensions), &part);
        vb_dataid_print(&part, &text);
        assert_string_equal(vb_buf_text(&text), cases[i].printed);
    }
}

/* ---- against daf_butler ----------------------------------------------------------------------------------- */

/* Its data IDs list what is required, in the universe's order. */
static void check_golden(fixture *f, const json_t *theirs)
{
    vb_auto_dataid id = {0};
    const vb_group *group;
    const char *name;
    const json_t *value;
    char **names = NULL;
    json_t *ours;
    int i = 0;

    json_object_foreach((json_t *)theirs, name, value)
        vb_strv_add(&names, name);
    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), names, &group, &f->err), &f->err);
    assert_int_equal(group->nrequired, vb_strv_count(names));
    for (i = 0; i < group->nrequired; i++)
        assert_string_equal(group->dims[i]->name, names[i]);
    assert_ok(vb_dataid_from_json(group, theirs, &id, &f->err), &f->err);
    ours = vb_dataid_json(&id);
    assert_true(json_equal(ours, theirs));
    json_decref(ours);
    vb_strv_free(names);
}

static void daf_butlers_data_ids_have_the_same_dimensions_in_the_same_order(void **state)
{
    const char *path = fixture_shared(*state, "golden/small.json");
    json_t *golden = path ? json_load_file(path, 0, NULL) : NULL;
    const json_t *dataset;
    size_t i;

    if (!path)
        skip();
    assert_int_equal(json_array_size(json_object_get(golden, "datasets")), 492);
    json_array_foreach(json_object_get(golden, "datasets"), i, dataset)
        check_golden(*state, json_object_get(dataset, "data_id"));
    json_decref(golden);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_three_forms_hold_the_same),
        TEST(no_dimensions_are_a_data_id_too),
        TEST(odd_values_survive_packing),
        TEST(the_largest_integers_survive_packing),
        TEST(a_value_is_read_as_its_dimension_wants_it),
        TEST(what_is_not_packed_so_is_refused),
        TEST(an_object_may_have_more_but_not_less),
        TEST(values_are_compared_in_the_universes_order),
        TEST(data_ids_of_two_groups_are_not_equal),
        TEST(a_copy_is_its_own),
        TEST(only_required_dimensions_have_a_value),
        TEST(a_part_has_the_values_of_the_whole),
        TEST(daf_butlers_data_ids_have_the_same_dimensions_in_the_same_order),
    };

    return cmocka_run_group_tests_name("data ID", tests, NULL, NULL);
}
