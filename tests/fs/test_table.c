/* Tables of text. */
#include "fs/ingest/table.h"
#include "tests/fs/fixture.h"

static int parse(const char *text, vb_table *out, vb_error *err)
{
    return vb_table_parse("t.csv", text, strlen(text), out, err);
}

static void rows_have_the_cells_of_their_columns(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    assert_ok(parse("path,visit\na.fits,1\n\nb.fits, 2 \n", &t, &err), &err);
    assert_int_equal(t.ncolumns, 2);
    assert_int_equal(t.nrows, 2);
    assert_string_equal(t.columns[1], "visit");
    assert_string_equal(vb_table_cell(&t, 0, 0), "a.fits");
    assert_string_equal(vb_table_cell(&t, 1, 1), "2");
    assert_int_equal(t.lines[0], 2);
    assert_int_equal(t.lines[1], 4);
    vb_table_clear(&t);
}

static void quotes_hold_commas_quotes_and_lines(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    assert_ok(parse("path,b\r\n\"a,\"\"x\"\"\",\"two\nlines\"\r\n\"\",z", &t, &err), &err);
    assert_int_equal(t.nrows, 2);
    assert_string_equal(vb_table_cell(&t, 0, 0), "a,\"x\"");
    assert_string_equal(vb_table_cell(&t, 0, 1), "two\nlines");
    assert_string_equal(vb_table_cell(&t, 1, 0), "");
    assert_string_equal(vb_table_cell(&t, 1, 1), "z");
    assert_int_equal(t.lines[1], 4);
    vb_table_clear(&t);
}

static void empty_cells_stay(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    assert_ok(parse("a,b,c\n,,\n1,,\n", &t, &err), &err);
    assert_int_equal(t.nrows, 2);
    assert_string_equal(vb_table_cell(&t, 0, 2), "");
    assert_string_equal(vb_table_cell(&t, 1, 0), "1");
    vb_table_clear(&t);
}

static void ecsv_says_its_delimiter(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    assert_ok(parse("# %ECSV 1.0\n# ---\n# datatype:\npath visit\n a.fits  1 \n\"b c.fits\" 2\n", &t, &err), &err);
    assert_int_equal(t.ncolumns, 2);
    assert_string_equal(vb_table_cell(&t, 0, 1), "1");
    assert_string_equal(vb_table_cell(&t, 1, 0), "b c.fits");
    vb_table_clear(&t);
    assert_ok(parse("# %ECSV 1.0\n# ---\n# delimiter: ','\npath,visit\na b.fits,1\n", &t, &err), &err);
    assert_string_equal(vb_table_cell(&t, 0, 0), "a b.fits");
    vb_table_clear(&t);
}

static void tabs_and_a_byte_order_mark_are_understood(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    assert_ok(parse("\xef\xbb\xbfpath\tvisit\na,b.fits\t1", &t, &err), &err);
    assert_string_equal(t.columns[0], "path");
    assert_string_equal(vb_table_cell(&t, 0, 0), "a,b.fits");
    vb_table_clear(&t);
}

static void mistakes_name_the_line(void **state)
{
    static const char *const bad[][2] = {
        {"path,visit\na\n", "t.csv:2: has 1 cells, where the first line names 2 columns"},
        {"path,visit\na,1\nb,2,3\n", "t.csv:3: has 3 cells"},
        {"path,visit\n\"a,1\nb,2\n", "t.csv:2: a quote that does not end"},
        {"path,visit\n\"a\"b,1\n", "t.csv:2: text after a closing quote"},
        {"path,visit,path\n", "t.csv:1: two columns are called 'path'"},
        {"path,,visit\n", "t.csv:1: column 2 has no name"},
        {"", "t.csv: is empty"},
        {"# only\n\n", "t.csv: is empty"},
    };

    for (size_t i = 0; i < VB_COUNT(bad); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_table t;

        assert_int_equal(parse(bad[i][0], &t, &err), -EINVAL);
        assert_says(&err, bad[i][1]);
    }
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_table t;

    assert_int_equal(vb_table_parse("t.csv", "a,b\n1\0,2\n", 9, &t, &err), -EINVAL);
    assert_says(&err, "is no text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_the_cells_of_their_columns),
        cmocka_unit_test(quotes_hold_commas_quotes_and_lines),
        cmocka_unit_test(empty_cells_stay),
        cmocka_unit_test(ecsv_says_its_delimiter),
        cmocka_unit_test(tabs_and_a_byte_order_mark_are_understood),
        cmocka_unit_test(mistakes_name_the_line),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
