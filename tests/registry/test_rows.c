/* Rows of a result, and JSON helpers. */
#include "registry/base/json.h"
#include "registry/base/rows.h"
#include "tests/registry/fixture.h"

#include <math.h>

static const vb_column columns[] = {{"task", NULL}, {"n", "count"}, {"wall", NULL}, {"size", NULL}};

static vb_rows *begin(vb_format_kind format, vb_buf *out)
{
    return vb_rows_new(format, columns, VB_COUNT(columns), vb_rows_to_buf, out);
}

static void add(vb_rows *rows, const char *text, int64_t n, double wall, int64_t size)
{
    vb_rows_text(rows, text);
    vb_rows_int(rows, n);
    vb_rows_real(rows, wall, 2);
    vb_rows_bytes(rows, size);
}

static void print(vb_format_kind format, vb_buf *out)
{
    vb_rows *rows = begin(format, out);

    add(rows, "a", 7, 1.23456, 9100000);
    add(rows, "m\xc3\xa4rz, \"x\"", 12345, (double)NAN, 3);
    add(rows, NULL, -1, 1e20, 0);
    vb_rows_end(rows);
}

static void table_is_aligned(void **state)
{
    vb_auto_buf out = {0};

    print(VB_FORMAT_TABLE, &out);
    assert_string_equal(vb_buf_text(&out), "task       count                      wall    size\n"
                                           "a              7                      1.23  9.1 MB\n"
                                           "m\xc3\xa4rz, \"x\"  12345                               3 B\n"
                                           "              -1  100000000000000000000.00     0 B\n");
}

static void last_column_has_no_spaces_after_it(void **state)
{
    static const vb_column two[] = {{"a", NULL}, {"b", NULL}};
    vb_auto_buf out = {0};
    vb_rows *rows = vb_rows_new(VB_FORMAT_TABLE, two, 2, vb_rows_to_buf, &out);

    vb_rows_text(rows, "x");
    vb_rows_text(rows, "long text");
    vb_rows_text(rows, "x");
    vb_rows_text(rows, "y");
    vb_rows_end(rows);
    assert_string_equal(vb_buf_text(&out), "a  b\nx  long text\nx  y\n");
}

static void csv_is_quoted_and_exact(void **state)
{
    vb_auto_buf out = {0};

    print(VB_FORMAT_CSV, &out);
    assert_string_equal(vb_buf_text(&out), "task,n,wall,size\n"
                                           "a,7,1.23456,9100000\n"
                                           "\"m\xc3\xa4rz, \"\"x\"\"\",12345,,3\n"
                                           ",-1,1e+20,0\n");
}

static void json_is_an_array_of_objects(void **state)
{
    vb_auto_buf out = {0};
    json_t *json;

    print(VB_FORMAT_JSON, &out);
    json = json_loadb(out.data, out.len, 0, NULL);
    assert_int_equal(json_array_size(json), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 1), "task")), "m\xc3\xa4rz, \"x\"");
    assert_true(json_is_null(json_object_get(json_array_get(json, 1), "wall")));
    assert_true(json_is_null(json_object_get(json_array_get(json, 2), "task")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 0), "size")), 9100000);
    json_decref(json);
}

static void check_empty(vb_format_kind format, const char *expected)
{
    vb_auto_buf out = {0};

    vb_rows_end(begin(format, &out));
    assert_string_equal(vb_buf_text(&out), expected);
}

static void empty_results_are_what_their_reader_expects(void **state)
{
    check_empty(VB_FORMAT_TABLE, "");
    check_empty(VB_FORMAT_CSV, "task,n,wall,size\n");
    check_empty(VB_FORMAT_JSON, "[]\n");
}

static void csv_and_json_stream(void **state)
{
    vb_auto_buf out = {0};
    vb_rows *rows = begin(VB_FORMAT_CSV, &out);

    add(rows, "a", 1, 1, 1);
    assert_string_equal(vb_buf_text(&out), "task,n,wall,size\na,1,1,1\n");
    vb_rows_end(rows);
}

static void rows_go_to_a_file(void **state)
{
    char *text = NULL;
    size_t n;
    FILE *file = open_memstream(&text, &n);

    vb_rows_end(vb_rows_new(VB_FORMAT_JSON, columns, 4, vb_rows_to_file, file));
    fclose(file);
    assert_string_equal(text, "[]\n");
    free(text);
}

static void formats_have_names(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_format_kind format;

    assert_int_equal(vb_format_parse("json", &format, &err), 0);
    assert_int_equal(format, VB_FORMAT_JSON);
    assert_int_equal(vb_format_parse("xml", &format, &err), -EINVAL);
    assert_says(&err, "--format xml");
}

/* ---- JSON helper --------------------------------------------------------------------------------------------- */

static void check_text(const char *text, const char *expected)
{
    json_t *json = vb_json_text(text);

    assert_non_null(json);
    assert_string_equal(json_string_value(json), expected);
    json_decref(json);
}

static void json_text_of_any_bytes_is_a_string(void **state)
{
    check_text("", "");
    check_text("plain \"text\"", "plain \"text\"");
    check_text("a\xff"
               "b",
               "a\xef\xbf\xbd"
               "b");
    assert_true(json_is_null(vb_json_text(NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_aligned),
        cmocka_unit_test(last_column_has_no_spaces_after_it),
        cmocka_unit_test(csv_is_quoted_and_exact),
        cmocka_unit_test(json_is_an_array_of_objects),
        cmocka_unit_test(empty_results_are_what_their_reader_expects),
        cmocka_unit_test(csv_and_json_stream),
        cmocka_unit_test(rows_go_to_a_file),
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(json_text_of_any_bytes_is_a_string),
    };

    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
