/* Dataset types: names, definitions, what files of them are called. */
#include "registry/dataset_type.h"
#include "tests/registry/fixture.h"

static vb_dataset_type sample(fixture *f, const char *name)
{
    return (vb_dataset_type){.name = (char *)name,
                             .group = fixture_group(f, "visit,detector"),
                             .storage_class = (char *)"ExposureF",
                             .extension = (char *)".fits"};
}

static int register_named(fixture *f, const char *name)
{
    vb_dataset_type wanted = sample(f, name);

    return vb_dataset_type_register(f->reg, &wanted, NULL, NULL);
}

static void check_list(char **names, const char *expected)
{
    vb_auto_buf text = {0};

    for (char **name = names; *name; name++) {
        vb_buf_separate(&text, ",");
        vb_buf_puts(&text, *name);
    }
    vb_strv_free(names);
    assert_string_equal(vb_buf_text(&text), expected);
}

/* ---- definitions ------------------------------------------------------------------------------------------ */

static void a_type_is_found_as_it_was_registered(void **state)
{
    fixture *f = *state;
    vb_dataset_type wanted = sample(f, "calexp");
    const vb_dataset_type *t, *by_name, *by_id;
    vb_auto(vb_registry_close) vb_registry *other = NULL;

    wanted.is_calibration = true;
    assert_ok(vb_dataset_type_register(f->reg, &wanted, &t, &f->err), &f->err);
    assert_ok(vb_dataset_type_find(f->reg, "calexp", &by_name, &f->err), &f->err);
    assert_ok(vb_dataset_type_by_id(f->reg, t->id, &by_id, &f->err), &f->err);
    assert_ptr_equal(by_name, t);
    assert_ptr_equal(by_id, t);
    assert_ok(vb_registry_open(f->path, VB_ACCESS_READ, &other, &f->err), &f->err);
    assert_ok(vb_dataset_type_by_id(other, t->id, &by_id, &f->err), &f->err);
    assert_string_equal(by_id->name, "calexp");
    assert_string_equal(by_id->group->key, "instrument,detector,visit");
    assert_string_equal(by_id->storage_class, "ExposureF");
    assert_string_equal(by_id->extension, ".fits");
    assert_true(by_id->is_calibration);
    assert_int_equal(by_id->group_id, t->group_id);
}

static void the_same_definition_is_found_and_another_is_refused(void **state)
{
    fixture *f = *state;
    vb_dataset_type first = sample(f, "calexp"), same = first, dimensions = first, class = first, calib = first,
                    extension = first;
    const struct {
        const vb_dataset_type *type;
        int expected;
        const char *message;
    } cases[] = {
        {&same, 0, NULL},
        {&dimensions, -EEXIST, "dimensions {instrument,detector,visit}, not {instrument,visit}"},
        {&class, -EEXIST, "storage class ExposureF, not Exposure"},
        {&calib, -EEXIST, "not a calibration"},
        {&extension, -EEXIST, "extension .fits, not .fz"},
    };
    const vb_dataset_type *registered;

    assert_ok(vb_dataset_type_register(f->reg, &first, &registered, &f->err), &f->err);
    same.extension = NULL; /* agrees with any */
    dimensions.group = fixture_group(f, "visit");
    class.storage_class = (char *)"Exposure";
    calib.is_calibration = true;
    extension.extension = (char *)".fz";
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        const vb_dataset_type *found = NULL;

        assert_int_equal(vb_dataset_type_register(f->reg, cases[i].type, &found, &err), cases[i].expected);
        assert_ptr_equal(found, cases[i].expected ? NULL : registered);
        if (cases[i].message)
            assert_says(&err, cases[i].message);
    }
    assert_int_equal(fixture_count(f, "dataset_type"), 1);
}

static void a_name_is_a_letter_and_then_letters_digits_and_signs(void **state)
{
    static const char *const right[] = {"a", "Z9", "_x", "calexp_log", "a-b", "a+b"};
    static const char *const wrong[] = {"",    "9a", "-a",  "+a",  "a b",      "a.b", "a/b",
                                        "a\n", "a*", "a,b", "a:b", "\xc3\xa9", "..",  "a\xc3\xa9"};
    vb_auto_buf long_name = {0};

    for (size_t i = 0; i < VB_COUNT(right); i++)
        assert_int_equal(register_named(*state, right[i]), 0);
    for (size_t i = 0; i < VB_COUNT(wrong); i++)
        assert_int_equal(register_named(*state, wrong[i]), -EINVAL);
    for (int i = 0; i < 128; i++)
        vb_buf_putc(&long_name, 'x');
    assert_int_equal(register_named(*state, long_name.data), 0);
    vb_buf_putc(&long_name, 'x');
    assert_int_equal(register_named(*state, long_name.data), -EINVAL);
    assert_int_equal(fixture_count(*state, "dataset_type"), VB_COUNT(right) + 1);
}

static void what_is_not_there_is_said_with_the_nearest_name(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_dataset_type *t = NULL;

    fixture_type(f, "calexp", "visit,detector");
    assert_int_equal(vb_dataset_type_find(f->reg, "calxep", &t, &err), -ENOENT);
    assert_says(&err, "'calxep'");
    assert_hints(&err, "'calexp'");
    assert_int_equal(vb_dataset_type_by_id(f->reg, 99, &t, NULL), -ENOENT);
    assert_null(t);
}

static void types_of_equal_dimensions_share_a_member_table(void **state)
{
    fixture *f = *state;

    assert_int_equal(fixture_type(f, "a", "visit,detector")->group_id,
                     fixture_type(f, "b", "detector,visit,band")->group_id);
    assert_int_not_equal(fixture_type(f, "a", "visit,detector")->group_id, fixture_type(f, "c", "visit")->group_id);
    assert_int_equal(fixture_type(f, "none", "")->group->nrequired, 0);
}

static void a_type_that_was_undone_is_forgotten(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *t;
    vb_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    fixture_type(f, "a", "visit");
    vb_txn_rollback(&txn);
    assert_int_equal(vb_dataset_type_find(f->reg, "a", &t, NULL), -ENOENT);
    assert_string_equal(fixture_type(f, "a", "detector")->group->key, "instrument,detector");
}

/* ---- listings --------------------------------------------------------------------------------------------- */

static void types_are_listed_sorted(void **state)
{
    static const struct {
        const char *after;
        size_t limit;
        const char *expected;
    } cases[] = {{NULL, 10, "a,b,c"}, {NULL, 2, "a,b"}, {"a", 10, "b,c"}, {"aa", 1, "b"}, {"c", 10, ""}, {NULL, 0, ""}};
    static const char *const names[] = {"c", "a", "z", "b"};
    fixture *f = *state;
    char **list;

    fixture_run(f, "r");
    assert_ok(vb_dataset_type_names(f->reg, &list, &f->err), &f->err);
    check_list(list, "");
    for (size_t i = 0; i < VB_COUNT(names); i++) {
        fixture_type(f, names[i], "");
        if (*names[i] != 'z') /* the run has none of it */
            fixture_put(f, names[i], "r", "");
    }
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        assert_ok(vb_dataset_type_list(f->reg, fixture_run(f, "r")->id, cases[i].after, cases[i].limit, &list, &f->err),
                  &f->err);
        check_list(list, cases[i].expected);
    }
    assert_ok(vb_dataset_type_names(f->reg, &list, &f->err), &f->err);
    check_list(list, "a,b,c,z");
    assert_ok(vb_dataset_type_list(f->reg, 99, NULL, 10, &list, &f->err), &f->err);
    check_list(list, "");
}

/* ---- extensions ------------------------------------------------------------------------------------------- */

static void an_extension_is_the_types_then_its_classes_then_the_artifacts(void **state)
{
    static const struct {
        const char *extension, *storage_class, *path, *expected;
    } cases[] = {
        {".fz", "ExposureF", "a.fits", ".fz"},
        {"", "ExposureF", "a.fits", ""},
        {NULL, "ExposureF", "a.dat", ".fits"},
        {NULL, "DataFrame", NULL, ".parq"},
        {NULL, "ButlerLogRecords", NULL, ".json"},
        {NULL, "Packages", NULL, ".yaml"},
        {NULL, "Config", NULL, ".py"},
        {NULL, "Unheard", "r/a.fits.gz", ".fits.gz"},
        {NULL, "Unheard", "r.d/a", ""},
        {NULL, "Unheard", NULL, ""},
        {NULL, "exposuref", NULL, ""},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_dataset_type t = {.extension = (char *)cases[i].extension, .storage_class = (char *)cases[i].storage_class};

        assert_string_equal(vb_dataset_type_extension(&t, cases[i].path), cases[i].expected);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_type_is_found_as_it_was_registered),
        TEST(the_same_definition_is_found_and_another_is_refused),
        TEST(a_name_is_a_letter_and_then_letters_digits_and_signs),
        TEST(what_is_not_there_is_said_with_the_nearest_name),
        TEST(types_of_equal_dimensions_share_a_member_table),
        TEST(a_type_that_was_undone_is_forgotten),
        TEST(types_are_listed_sorted),
        cmocka_unit_test(an_extension_is_the_types_then_its_classes_then_the_artifacts),
    };

    return cmocka_run_group_tests_name("dataset type", tests, NULL, NULL);
}
