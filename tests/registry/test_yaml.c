/* YAML documents as trees that know where they came from. */
#include "registry/base/yaml.h"
#include "tests/registry/fixture.h"

#include <math.h>

/* A document that is read; the caller frees it. */
static vb_yaml *load(const char *text)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_yaml *doc = NULL;

    assert_ok(vb_yaml_load("t.yaml", text, strlen(text), &doc, &err), &err);
    return doc;
}

static void refused(const char *text, const char *message)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_yaml *doc = NULL;

    assert_int_equal(vb_yaml_load("t.yaml", text, strlen(text), &doc, &err), -EINVAL);
    assert_null(doc);
    assert_says(&err, message);
}

/* ---- trees --------------------------------------------------------------------------------------------------- */

static void nodes_know_their_kind_and_place(void **state)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load("a: 1\nb:\n  - x\n  - {c: d}\n");
    const vb_yaml_node *root = vb_yaml_root(doc), *b = vb_yaml_get(root, "b");

    assert_int_equal(root->kind, VB_YAML_MAP);
    assert_string_equal(vb_yaml_get_text(root, "a"), "1");
    assert_int_equal(b->kind, VB_YAML_LIST);
    assert_int_equal(b->count, 2);
    assert_null(b->items[0].key);
    assert_string_equal(b->items[0].value->text, "x");
    assert_int_equal(b->items[1].value->line, 4);
    assert_int_equal(b->items[1].value->column, 5);
    assert_string_equal(b->items[1].value->file, "t.yaml");
    assert_null(vb_yaml_get(root, "nothing"));
    assert_null(vb_yaml_get(b, "c"));
    assert_null(vb_yaml_get(NULL, "c"));
}

static void empty_document_has_no_root(void **state)
{
    static const char *const empty[] = {"", "# only a comment\n", "---\n...\n"};

    for (size_t i = 0; i < VB_COUNT(empty); i++) {
        vb_auto(vb_yaml_free) vb_yaml *doc = load(empty[i]);

        assert_true(vb_yaml_is_null(vb_yaml_root(doc)));
        assert_null(vb_yaml_text(vb_yaml_root(doc)));
    }
}

static void tags_are_kept_as_written(void **state)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load("- !uuid abc\n- !<lsst.sphgeom.Box> {encoded: '62'}\n- plain\n- !!str x\n");
    const vb_yaml_node *root = vb_yaml_root(doc);

    assert_string_equal(root->items[0].value->tag, "!uuid");
    assert_string_equal(root->items[1].value->tag, "lsst.sphgeom.Box");
    assert_null(root->items[2].value->tag);
    assert_null(root->items[3].value->tag);
}

static void alias_is_the_node_that_it_names(void **state)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load("a: &x [1, 2]\nb: *x\n");
    const vb_yaml_node *root = vb_yaml_root(doc);

    assert_ptr_equal(vb_yaml_get(root, "a"), vb_yaml_get(root, "b"));
}

static void long_map_is_read_whole(void **state)
{
    vb_auto_buf text = {0};
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;

    for (int i = 0; i < 3000; i++)
        vb_buf_printf(&text, "key%d: %d\n", i, i);
    doc = load(vb_buf_text(&text));
    assert_int_equal(vb_yaml_root(doc)->count, 3000);
    assert_string_equal(vb_yaml_get_text(vb_yaml_root(doc), "key2999"), "2999");
}

/* ---- refusals ------------------------------------------------------------------------------------------------ */

static void what_is_no_yaml_is_shown_with_its_place(void **state)
{
    refused("a: [1, 2\n", "t.yaml:2:1: not YAML: ");
    refused("a: b: c\n", "t.yaml:1:5: not YAML: ");
    refused("\tx: 1\n", "t.yaml:1:1: not YAML: ");
    refused("a: *nowhere\n", "t.yaml:1:4: not YAML: ");
    refused("a: \x01\n", "not YAML: ");
    refused("a: \xff\n", "not YAML: ");
}

static void key_that_is_given_twice_is_refused(void **state)
{
    refused("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: the key 'a' is given twice");
    refused("x: {a: 1, 'a': 2}\n", "t.yaml:1:11: the key 'a' is given twice");
}

static void document_that_contains_itself_is_refused(void **state)
{
    refused("a: &x [1, *x]\n", "an alias refers to what contains it");
    refused("&x {a: {b: *x}}\n", "an alias refers to what contains it");
}

static void deep_document_is_refused(void **state)
{
    vb_auto_buf text = {0};

    for (int i = 0; i < 300; i++)
        vb_buf_putc(&text, '[');
    for (int i = 0; i < 300; i++)
        vb_buf_putc(&text, ']');
    refused(vb_buf_text(&text), "nested more than 256 levels deep");
}

/* Bug: each alias began to count levels anew, and a tree thousands of levels deep overran the stack of who walked
 * it. */
static void aliases_do_not_hide_depth(void **state)
{
    vb_auto_buf text = {0};

    for (int i = 0; i < 3; i++) {
        vb_buf_printf(&text, "a%d: &a%d ", i, i);
        for (int k = 0; k < 100; k++)
            vb_buf_putc(&text, '[');
        if (i)
            vb_buf_printf(&text, "*a%d", i - 1);
        for (int k = 0; k < 100; k++)
            vb_buf_putc(&text, ']');
        vb_buf_putc(&text, '\n');
    }
    refused(vb_buf_text(&text), "nested more than 256 levels deep");
}

/* Ten aliases of ten aliases of ...: a page of text, ten thousand million nodes. */
static void document_that_explodes_is_refused(void **state)
{
    vb_auto_buf text = {0};

    vb_buf_puts(&text, "a0: &a0 x\n");
    for (int i = 1; i <= 10; i++) {
        vb_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            vb_buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
        vb_buf_puts(&text, "]\n");
    }
    refused(vb_buf_text(&text), "expands to more than 10000000 nodes");
}

static void files_are_named_in_messages(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;

    fixture_write(f, "good.yaml", "a: 1\n");
    fixture_write(f, "bad.yaml", "a: [\n");
    assert_ok(vb_yaml_load_file(fixture_path(f, "good.yaml"), &doc, &err), &err);
    assert_int_equal(vb_yaml_load_file(fixture_path(f, "bad.yaml"), &doc, &err), -EINVAL);
    assert_says(&err, "bad.yaml:2:1: ");
    assert_int_equal(vb_yaml_load_file(fixture_path(f, "none.yaml"), &doc, &err), -ENOENT);
    assert_says(&err, "none.yaml");
}

/* ---- scalars ------------------------------------------------------------------------------------------------- */

static void check_int(const char *text, bool is, int64_t value)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load(text);
    int64_t got = 0;

    assert_int_equal(vb_yaml_int(vb_yaml_root(doc), &got), is);
    if (is)
        assert_int_equal(got, value);
}

static void integers_are_plain_scalars(void **state)
{
    check_int("12", true, 12);
    check_int("-1_000", true, -1000);
    check_int("0x1F", true, 31);
    check_int("'12'", false, 0);
    check_int("1.0", false, 0);
    check_int("_1", false, 0);
    check_int("0x", false, 0);
    check_int("[1]", false, 0);
    check_int("0xffffffffffffffff", false, 0);
    check_int("1111111111111111111111111111111111111111111111111111111111111111111111", false, 0);
    assert_false(vb_yaml_int(NULL, NULL));
}

/* Bug: what C's strtoll() allows after "0x" was allowed: a sign, spaces, another "0x". */
static void hexadecimal_is_digits_alone(void **state)
{
    check_int("0x-5", false, 0);
    check_int("0x 5", false, 0);
    check_int("0x0x5", false, 0);
}

static void check_double(const char *text, bool is, double value)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load(text);
    double got = 0;

    assert_int_equal(vb_yaml_double(vb_yaml_root(doc), &got), is);
    if (is)
        assert_true(got == value || (isnan(got) && isnan(value)));
}

static void numbers_are_plain_scalars(void **state)
{
    check_double("1.5", true, 1.5);
    check_double("12", true, 12);
    check_double("1_0.5", true, 10.5);
    check_double(".inf", true, (double)INFINITY);
    check_double("-.INF", true, -(double)INFINITY);
    check_double(".nan", true, (double)NAN);
    check_double("inf", false, 0);
    check_double("nan", false, 0);
    check_double("0x1p3", false, 0);
    check_double("'1.5'", false, 0);
    check_double("1.5.2", false, 0);
}

static void check_bool(const char *text, bool is, bool value)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load(text);
    bool got = !value;

    assert_int_equal(vb_yaml_bool(vb_yaml_root(doc), &got), is);
    if (is)
        assert_int_equal(got, value);
}

static void truth_is_spelled_in_several_ways(void **state)
{
    check_bool("true", true, true);
    check_bool("No", true, false);
    check_bool("ON", true, true);
    check_bool("off", true, false);
    check_bool("'yes'", false, false);
    check_bool("y", false, false);
    check_bool("1", false, false);
}

static void nothing_is_spelled_in_several_ways(void **state)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load("- ~\n- null\n- Null\n-\n- ''\n- 'null'\n- 0\n");
    const vb_yaml_node *root = vb_yaml_root(doc);

    for (size_t i = 0; i < root->count; i++)
        assert_int_equal(vb_yaml_is_null(root->items[i].value), i < 4);
    assert_null(vb_yaml_text(root->items[0].value));
    assert_string_equal(vb_yaml_text(root->items[4].value), "");
    assert_true(vb_yaml_is_null(NULL));
}

static void strings_are_one_or_a_list(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_yaml_free) vb_yaml *doc = load("{one: a, many: [a, 7], none: ~, deep: [[a]], map: {a: b}}");
    const vb_yaml_node *root = vb_yaml_root(doc);
    char **strings;

    assert_ok(vb_yaml_strings(vb_yaml_get(root, "one"), &strings, &err), &err);
    assert_int_equal(vb_strv_count(strings), 1);
    vb_strv_free(strings);
    assert_ok(vb_yaml_strings(vb_yaml_get(root, "many"), &strings, &err), &err);
    assert_string_equal(strings[1], "7");
    vb_strv_free(strings);
    assert_ok(vb_yaml_strings(vb_yaml_get(root, "none"), &strings, &err), &err);
    assert_null(strings[0]);
    vb_strv_free(strings);
    assert_int_equal(vb_yaml_strings(vb_yaml_get(root, "deep"), &strings, &err), -EINVAL);
    assert_says(&err, "t.yaml:1:40: ");
    assert_int_equal(vb_yaml_strings(vb_yaml_get(root, "map"), &strings, &err), -EINVAL);
}

static void unknown_key_is_shown_with_the_nearest(void **state)
{
    static const char *const known[] = {"inputs", "outputs", NULL};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_yaml_free) vb_yaml *good = load("{inputs: 1, outputs: 2}"), *bad = load("inputs: 1\noutput: 2\n"),
                                   *list = load("[inputs]");

    assert_ok(vb_yaml_check_keys(vb_yaml_root(good), "a task", known, &err), &err);
    assert_int_equal(vb_yaml_check_keys(vb_yaml_root(bad), "a task", known, &err), -EINVAL);
    assert_string_equal(err.message, "t.yaml:2:1: a task has no key 'output'");
    assert_string_equal(err.hint, "did you mean 'outputs'?");
    assert_int_equal(vb_yaml_check_keys(vb_yaml_root(list), "a task", known, &err), -EINVAL);
    assert_int_equal(vb_yaml_check_keys(NULL, "a task", known, &err), -EINVAL);
    assert_string_equal(err.message, "a task must be a mapping");
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

static void check_json(const char *text, const char *expected)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = load(text);
    json_t *json = vb_yaml_json(vb_yaml_root(doc));
    vb_autofree char *dumped = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

    json_decref(json);
    assert_string_equal(dumped, expected);
}

static void json_has_the_types_of_yaml(void **state)
{
    check_json("", "null");
    check_json("{a: 1, b: 1.5, c: yes, d: ~, e: 'yes', f: \"1\", g: x y}",
               "{\"a\":1,\"b\":1.5,\"c\":true,\"d\":null,\"e\":\"yes\",\"f\":\"1\",\"g\":\"x y\"}");
    check_json("[[], {}, !tag 3, 0x10]", "[[],{},3,16]");
    check_json("{a: &x [1], b: *x}", "{\"a\":[1],\"b\":[1]}");
    check_json(".inf", "\".inf\""); /* JSON has no such number */
    check_json("\"a\\0b\"", "\"a\\u0000b\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_kind_and_place),
        cmocka_unit_test(empty_document_has_no_root),
        cmocka_unit_test(tags_are_kept_as_written),
        cmocka_unit_test(alias_is_the_node_that_it_names),
        cmocka_unit_test(long_map_is_read_whole),
        cmocka_unit_test(what_is_no_yaml_is_shown_with_its_place),
        cmocka_unit_test(key_that_is_given_twice_is_refused),
        cmocka_unit_test(document_that_contains_itself_is_refused),
        cmocka_unit_test(deep_document_is_refused),
        cmocka_unit_test(aliases_do_not_hide_depth),
        cmocka_unit_test(document_that_explodes_is_refused),
        cmocka_unit_test_setup_teardown(files_are_named_in_messages, fixture_setup, fixture_teardown),
        cmocka_unit_test(integers_are_plain_scalars),
        cmocka_unit_test(hexadecimal_is_digits_alone),
        cmocka_unit_test(numbers_are_plain_scalars),
        cmocka_unit_test(truth_is_spelled_in_several_ways),
        cmocka_unit_test(nothing_is_spelled_in_several_ways),
        cmocka_unit_test(strings_are_one_or_a_list),
        cmocka_unit_test(unknown_key_is_shown_with_the_nearest),
        cmocka_unit_test(json_has_the_types_of_yaml),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
