/* Rubin's expression language, as a tree. */
#include "registry/query/expr.h"
#include "tests/registry/fixture.h"

/* ---- trees as text: (and (= visit 10) (in band 'g' 'r')) -------------------------------------------------------- */

static const char *const words[] = {[VB_EXPR_TUPLE] = "tuple",     [VB_EXPR_NOT] = "not",
                                    [VB_EXPR_NEGATE] = "neg",      [VB_EXPR_AND] = "and",
                                    [VB_EXPR_OR] = "or",           [VB_EXPR_OVERLAPS] = "overlaps",
                                    [VB_EXPR_IN] = "in",           [VB_EXPR_NOT_IN] = "not-in",
                                    [VB_EXPR_IS_NULL] = "is-null", [VB_EXPR_IS_NOT_NULL] = "is-not-null"};

static void print(const vb_expr *e, vb_buf *out)
{
    switch (e->kind) {
    case VB_EXPR_INT: vb_buf_printf(out, "%ld", (long)e->integer); return;
    case VB_EXPR_REAL: vb_buf_printf(out, "%.6gr", e->real); return;
    case VB_EXPR_STRING: vb_buf_printf(out, "'%s'", e->text); return;
    case VB_EXPR_TIME: vb_buf_printf(out, "T'%s'", e->text); return;
    case VB_EXPR_BIND: vb_buf_printf(out, ":%s", e->text); return;
    case VB_EXPR_NAME: vb_buf_puts(out, e->text); return;
    case VB_EXPR_NULL: vb_buf_puts(out, "null"); return;
    case VB_EXPR_RANGE: vb_buf_printf(out, "%ld..%ld:%ld", (long)e->integer, (long)e->last, (long)e->step); return;
    default: break;
    }
    vb_buf_printf(out, "(%s", e->text ? e->text : words[e->kind]);
    for (size_t i = 0; i < e->count; i++) {
        vb_buf_putc(out, ' ');
        print(e->operands[i], out);
    }
    vb_buf_putc(out, ')');
}

static vb_expr *parse(const char *text)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_expr *e = NULL;

    assert_ok(vb_expr_parse(text, &e, &err), &err);
    assert_non_null(e);
    return e;
}

static void check_tree(const char *text, const char *expected)
{
    vb_auto(vb_expr_free) vb_expr *e = parse(text);
    vb_auto_buf tree = {0};

    print(e, &tree);
    assert_string_equal(vb_buf_text(&tree), expected);
}

static void refused(const char *text, const char *message, int column)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *shown = vb_format("%s at column %d:\n%s\n%*s^", message, column, text, column - 1, "");
    vb_expr *e = (vb_expr *)"";

    assert_int_equal(vb_expr_parse(text, &e, &err), -EINVAL);
    assert_null(e);
    assert_string_equal(err.message, shown);
}

/* `head`, n times `part`, `tail`; the caller frees it. */
static char *repeated(const char *head, const char *part, int n, const char *tail)
{
    vb_buf text = {0};

    vb_buf_puts(&text, head);
    while (n--)
        vb_buf_puts(&text, part);
    vb_buf_puts(&text, tail);
    return vb_buf_steal(&text);
}

/* ---- what is understood --------------------------------------------------------------------------------------- */

static void blank_text_is_no_constraint(void **state)
{
    static const char *const blank[] = {"", "  ", "\t\n"};

    for (size_t i = 0; i < VB_COUNT(blank); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_expr *e = (vb_expr *)"";

        assert_ok(vb_expr_parse(blank[i], &e, &err), &err);
        assert_null(e);
    }
}

static void values_are_of_their_kind(void **state)
{
    check_tree("x = 10", "(= x 10)");
    check_tree("x = 1.5", "(= x 1.5r)");
    check_tree("x = .5", "(= x 0.5r)");
    check_tree("x = 2.", "(= x 2r)");
    check_tree("x = 1e3", "(= x 1000r)");
    check_tree("x = 2.5E-1", "(= x 0.25r)");
    check_tree("x = 'a b'", "(= x 'a b')");
    check_tree("x = \"it's\"", "(= x 'it's')");
    check_tree("x = T'2020-01-01/tai'", "(= x T'2020-01-01/tai')");
    check_tree("x = t\"58938.5\"", "(= x T'58938.5')");
    check_tree("x = :value_1", "(= x :value_1)");
    check_tree("x = NULL", "(= x null)");
}

static void names_have_fields(void **state)
{
    check_tree("visit.exposure_time > 30", "(> visit.exposure_time 30)");
    check_tree("visit.timespan.begin = x", "(= visit.timespan.begin x)");
    check_tree("has_simulated", "has_simulated");
    check_tree("nullable = in_flight", "(= nullable in_flight)");
}

static void comparisons_are_six(void **state)
{
    check_tree("a = 1", "(= a 1)");
    check_tree("a == 1", "(= a 1)");
    check_tree("a != 1", "(!= a 1)");
    check_tree("a <> 1", "(!= a 1)");
    check_tree("a < 1", "(< a 1)");
    check_tree("a <= 1", "(<= a 1)");
    check_tree("a > 1", "(> a 1)");
    check_tree("a>=1", "(>= a 1)");
}

static void or_is_looser_than_and_than_not_than_comparison(void **state)
{
    check_tree("a = 1 or b = 2 and not c = 3", "(or (= a 1) (and (= b 2) (not (= c 3))))");
    check_tree("(a = 1 or b = 2) and c = 3", "(and (or (= a 1) (= b 2)) (= c 3))");
    check_tree("not a = 1 and b = 2", "(and (not (= a 1)) (= b 2))");
    check_tree("not not a", "(not (not a))");
}

static void what_one_word_joins_is_one_node(void **state)
{
    check_tree("a and b and c and d", "(and a b c d)");
    check_tree("a or b or c", "(or a b c)");
    check_tree("a and (b and c)", "(and a (and b c))");
}

static void arithmetic_binds_as_in_school(void **state)
{
    check_tree("a + b * c = d", "(= (+ a (* b c)) d)");
    check_tree("a - b - c = d", "(= (- (- a b) c) d)");
    check_tree("a * (b + c) % 2 = 0", "(= (% (* a (+ b c)) 2) 0)");
    check_tree("-a * b = - -c", "(= (* (neg a) b) (neg (neg c)))");
    check_tree("a = +3", "(= a 3)");
    check_tree("a -1 = b", "(= (- a 1) b)");
}

static void words_are_of_any_case(void **state)
{
    check_tree("a = 1 AND NOT b Is Null", "(and (= a 1) (not (is-null b)))");
    check_tree("a OVERLAPS b Or c iN (1)", "(or (overlaps a b) (in c 1))");
}

static void null_is_asked_for(void **state)
{
    check_tree("a is null", "(is-null a)");
    check_tree("a IS NOT NULL", "(is-not-null a)");
}

static void lists_hold_values_and_ranges(void **state)
{
    check_tree("band in ('g', 'r')", "(in band 'g' 'r')");
    check_tree("detector in (41, 43..49:2)", "(in detector 41 43..49:2)");
    check_tree("visit not in (1..3)", "(not-in visit 1..3:1)");
    check_tree("visit in (-5..-1)", "(in visit -5..-1:1)");
    check_tree("visit in (3..3, x, -2)", "(in visit 3..3:1 x (neg 2))");
    check_tree("visit in (1, 2,)", "(in visit 1 2)");
}

static void binds_stand_for_lists(void **state)
{
    check_tree("band in :bands", "(in band :bands)");
    check_tree("band not in (:one, 'r')", "(not-in band :one 'r')");
}

static void timespans_are_tuples(void **state)
{
    check_tree("visit.timespan overlaps (T'2020-01-01', null)", "(overlaps visit.timespan (tuple T'2020-01-01' null))");
    check_tree("(a, b) overlaps c", "(overlaps (tuple a b) c)");
}

static void calls_are_upper_case(void **state)
{
    check_tree("visit.region overlaps point(150.1, -2.2)", "(overlaps visit.region (POINT 150.1r (neg 2.2r)))");
    check_tree("Glob(name, 'a*')", "(GLOB name 'a*')");
    check_tree("f()", "(F)");
}

static void parts_know_where_they_stand(void **state)
{
    vb_auto(vb_expr_free) vb_expr *e = parse("  visit = 10 and band in ('g')");
    const vb_expr *equal = e->operands[0], *in = e->operands[1];

    assert_int_equal(e->begin, 2);
    assert_int_equal(e->end, 30);
    assert_int_equal(equal->begin, 2);
    assert_int_equal(equal->end, 12);
    assert_int_equal(equal->operands[1]->begin, 10);
    assert_int_equal(in->begin, 17);
    assert_int_equal(in->operands[1]->begin, 26);
    assert_int_equal(in->operands[1]->end, 29);
}

static void largest_integer_is_read(void **state)
{
    check_tree("x = 9223372036854775807", "(= x 9223372036854775807)");
    check_tree("x = -9223372036854775807", "(= x (neg 9223372036854775807))");
}

/* ---- what is refused ------------------------------------------------------------------------------------------ */

static void faults_are_shown_with_a_caret(void **state)
{
    refused("band = 'g", "a quote that is not closed", 8);
    refused("visit = 1 ; drop", "an unexpected character", 11);
    refused("visit = 1 or", "something is missing", 13);
    refused("visit = )", "expected a value or a name", 9);
    refused("(visit = 1", "expected ')'", 11);
    refused("visit = 1 2", "expected AND, OR or the end", 11);
    refused("a = 1 = 2", "expected AND, OR or the end", 7);
    refused("visit in 3", "expected '(' and a list", 10);
    refused("visit in (1 2)", "expected ',' or ')'", 13);
    refused("visit in ()", "expected a value or a name", 11);
    refused("visit not 3", "expected IN", 11);
    refused("visit is 3", "expected NULL", 10);
    refused("f(1 2)", "expected ',' or ')'", 5);
}

static void numbers_beyond_the_range_are_refused(void **state)
{
    refused("x = 9223372036854775808", "an integer that is too large", 5);
    refused("x = 1e999", "a number that is too large", 5);
}

static void ranges_that_hold_nothing_are_refused(void **state)
{
    refused("visit in (5..1)", "a range that holds nothing", 11);
    refused("visit in (1..5:0)", "a range that holds nothing", 11);
    refused("visit in (1..5:-1)", "a range that holds nothing", 11);
    refused("visit in (a..5)", "a range is integer..integer", 11);
    refused("visit in (1..b)", "expected an integer", 14);
    refused("visit in (1..2.5)", "expected an integer", 14);
}

static void text_that_is_no_utf8_is_refused(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_expr *e;

    assert_int_equal(vb_expr_parse("a = '\xff'", &e, &err), -EINVAL);
    assert_says(&err, "not UTF-8");
}

static void text_of_more_than_a_megabyte_is_refused(void **state)
{
    vb_autofree char *text = repeated("a = '", "xxxxxxxxxx", 110000, "'");
    vb_auto_error err = VB_ERROR_INIT;
    vb_expr *e;

    assert_int_equal(vb_expr_parse(text, &e, &err), -E2BIG);
}

static void deep_nesting_is_refused(void **state)
{
    static const char *const parts[] = {"(", "not ", "- ", "f(", "a + (", "a = ("};

    for (size_t i = 0; i < VB_COUNT(parts); i++) {
        vb_autofree char *text = repeated("", parts[i], 100000, "a");
        vb_auto_error err = VB_ERROR_INIT;
        vb_expr *e;

        assert_int_equal(vb_expr_parse(text, &e, &err), -EINVAL);
        assert_says(&err, "nested too deep");
    }
}

/* Bug: brackets and chains were counted apart, and 200 chains of 200 terms within each other overran the stack of the
 * compiler. */
static void chains_within_brackets_are_as_deep_as_both(void **state)
{
    vb_autofree char *opened = repeated("", "(", 100, "a"), *chain = repeated("", " + 1", 100, ")");
    vb_autofree char *text = repeated(opened, chain, 100, " = 1");
    vb_auto_error err = VB_ERROR_INIT;
    vb_expr *e;

    assert_int_equal(vb_expr_parse(text, &e, &err), -EINVAL);
    assert_says(&err, "nested too deep");
}

static void many_conditions_are_not_deep(void **state)
{
    vb_autofree char *text = repeated("visit = 0", " or visit = 1", 50000, "");
    vb_auto(vb_expr_free) vb_expr *e = parse(text);

    assert_int_equal(e->count, 50001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blank_text_is_no_constraint),
        cmocka_unit_test(values_are_of_their_kind),
        cmocka_unit_test(names_have_fields),
        cmocka_unit_test(comparisons_are_six),
        cmocka_unit_test(or_is_looser_than_and_than_not_than_comparison),
        cmocka_unit_test(what_one_word_joins_is_one_node),
        cmocka_unit_test(arithmetic_binds_as_in_school),
        cmocka_unit_test(words_are_of_any_case),
        cmocka_unit_test(null_is_asked_for),
        cmocka_unit_test(lists_hold_values_and_ranges),
        cmocka_unit_test(binds_stand_for_lists),
        cmocka_unit_test(timespans_are_tuples),
        cmocka_unit_test(calls_are_upper_case),
        cmocka_unit_test(parts_know_where_they_stand),
        cmocka_unit_test(largest_integer_is_read),
        cmocka_unit_test(faults_are_shown_with_a_caret),
        cmocka_unit_test(numbers_beyond_the_range_are_refused),
        cmocka_unit_test(ranges_that_hold_nothing_are_refused),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
        cmocka_unit_test(text_of_more_than_a_megabyte_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(chains_within_brackets_are_as_deep_as_both),
        cmocka_unit_test(many_conditions_are_not_deep),
    };

    return cmocka_run_group_tests_name("expressions", tests, NULL, NULL);
}
