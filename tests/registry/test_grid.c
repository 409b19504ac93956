/* Tables in astropy's layout, CSV and JSON. */
#include "registry/base/grid.h"
#include "tests/registry/fixture.h"

static void headings_are_centred_as_python_does(void **state)
{
    static const char *const names[] = {"id", "Name", "x"};
    vb_auto_buf out = {0};
    vb_grid *g = vb_grid_new(VB_FORMAT_TABLE, false, vb_rows_to_buf, &out);
    vb_auto_error err = VB_ERROR_INIT;

    vb_grid_begin(g, names, 3);
    vb_grid_text(g, "12345");
    vb_grid_text(g, "seven77");
    vb_grid_int(g, 1);
    vb_grid_text(g, NULL);
    vb_grid_text(g, "∞");
    vb_grid_int(g, -10);
    assert_ok(vb_grid_end(g, &err), &err);
    vb_grid_free(g);
    assert_string_equal(out.data, "  id    Name   x \n"
                                  "----- ------- ---\n"
                                  "12345 seven77   1\n"
                                  " None       ∞ -10\n");
}

static void cells_may_stand_to_the_left(void **state)
{
    static const char *const names[] = {"a", "b"};
    vb_auto_buf out = {0};
    vb_grid *g = vb_grid_new(VB_FORMAT_TABLE, true, vb_rows_to_buf, &out);

    vb_grid_begin(g, names, 2);
    vb_grid_text(g, "xyz");
    vb_grid_text(g, "1");
    vb_grid_text(g, "x");
    vb_grid_text(g, "22");
    vb_grid_end(g, NULL);
    vb_grid_free(g);
    assert_string_equal(out.data, " a  b \n--- --\nxyz 1 \nx   22\n");
}

static void numbers_have_the_digits_that_read_back(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{150, "150.0"},
                 {0.1, "0.1"},
                 {151.47665935537907, "151.47665935537907"},
                 {-2.5e-5, "-2.5e-05"},
                 {1e16, "1e+16"},
                 {1234567890123456, "1234567890123456.0"},
                 {0, "0.0"},
                 {1e-4, "0.0001"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"}};
    static const char *const names[] = {"x"};

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_buf out = {0};
        vb_grid *g = vb_grid_new(VB_FORMAT_CSV, false, vb_rows_to_buf, &out);
        vb_autofree char *expected = vb_format("x\n%s\n", cases[i].text);

        vb_grid_begin(g, names, 1);
        vb_grid_real(g, cases[i].value);
        vb_grid_end(g, NULL);
        vb_grid_free(g);
        assert_string_equal(out.data, expected);
    }
}

static void several_tables_are_one_array(void **state)
{
    static const char *const a[] = {"a"}, *const b[] = {"b", "c"};
    static const char *const expected[] = {"a\n-\n1\nb c\n- -\n2 3\n", "a\n1\n\nb,c\n2,3\n",
                                           "[\n {\"a\": 1},\n {\"b\": 2, \"c\": 3}\n]\n"};

    for (int format = VB_FORMAT_TABLE; format <= VB_FORMAT_JSON; format++) {
        vb_auto_buf out = {0};
        vb_grid *g = vb_grid_new((vb_format_kind)format, false, vb_rows_to_buf, &out);

        vb_grid_begin(g, a, 1);
        vb_grid_int(g, 1);
        vb_grid_end(g, NULL);
        vb_grid_begin(g, b, 2);
        vb_grid_int(g, 2);
        vb_grid_int(g, 3);
        vb_grid_end(g, NULL);
        vb_grid_free(g);
        assert_string_equal(out.data, expected[format]);
    }
}

static void no_row_is_an_empty_answer(void **state)
{
    static const char *const names[] = {"a"};
    static const char *const expected[] = {"", "a\n", "[]\n"};

    for (int format = VB_FORMAT_TABLE; format <= VB_FORMAT_JSON; format++) {
        vb_auto_buf out = {0};
        vb_grid *g = vb_grid_new((vb_format_kind)format, false, vb_rows_to_buf, &out);

        vb_grid_begin(g, names, 1);
        vb_grid_end(g, NULL);
        vb_grid_free(g);
        assert_string_equal(vb_buf_text(&out), expected[format]);
    }
}

/* More than waits in memory: the rest comes from a temporary file, in order. */
static void many_rows_come_back_in_order(void **state)
{
    enum { ROWS = 300000 };
    static const char *const names[] = {"number"};
    vb_auto_buf out = {0};
    vb_grid *g = vb_grid_new(VB_FORMAT_TABLE, false, vb_rows_to_buf, &out);
    vb_auto_error err = VB_ERROR_INIT;
    const char *line;
    int n = 0;

    vb_grid_begin(g, names, 1);
    for (int i = 0; i < ROWS; i++)
        vb_grid_int(g, i);
    assert_ok(vb_grid_end(g, &err), &err);
    vb_grid_free(g);
    assert_int_equal(out.len, 7 * (ROWS + 2));
    for (line = out.data + 14; line < out.data + out.len; line += 7)
        if (atoi(line) != n++)
            fail_msg("line %d is %.6s", n, line);
    assert_int_equal(n, ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headings_are_centred_as_python_does),
        cmocka_unit_test(cells_may_stand_to_the_left),
        cmocka_unit_test(numbers_have_the_digits_that_read_back),
        cmocka_unit_test(several_tables_are_one_array),
        cmocka_unit_test(no_row_is_an_empty_answer),
        cmocka_unit_test(many_rows_come_back_in_order),
    };

    return cmocka_run_group_tests_name("grids", tests, NULL, NULL);
}
