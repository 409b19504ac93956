/* Tests of runner/pipeline/contract: what holds, what does not, and what cannot be told here. */
#include "tests/runner/bench.h"

static const char pipeline[] = "description: d\n"
                               "parameters: {n: 2, name: x}\n"
                               "tasks:\n"
                               "  a:\n"
                               "    class: m.A\n"
                               "    config: {i: 3, f: 1.5, s: text, yes_: true, l: [1, 2], p: parameters.n, no: null}\n"
                               "  b: {class: m.B, config: {i: 3, dotted.key: 4}}\n"
                               "  bb: {class: m.B, config: {i: 5}}\n"
                               "contracts:\n"
                               "  - contract: ";

typedef enum verdict { HOLDS, BROKEN, NOT_EVALUATED } verdict;

/* The pipeline with one contract, cut to `labels`. */
static verdict judge(fixture *f, const char *contract, const char *labels, vb_error *err)
{
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_buf yaml = {0};

    vb_buf_puts(&yaml, pipeline);
    vb_buf_json(&yaml, contract, strlen(contract)); /* JSON is YAML */
    vb_buf_puts(&yaml, "\n    msg: so they must agree\n");
    p = bench_pipeline(f, vb_buf_text(&yaml));
    if (labels)
        assert_ok(vb_pipeline_select(p, labels, err), err);
    if (vb_pipeline_check_contracts(p, err) < 0)
        return BROKEN;
    return vb_pipeline_unevaluated(p) ? NOT_EVALUATED : HOLDS;
}

static void expect(fixture *f, verdict expected, const char *const *contracts)
{
    for (; *contracts; contracts++) {
        vb_auto_error err = VB_ERROR_INIT;
        verdict v = judge(f, *contracts, NULL, &err);

        if (v != expected)
            fail_msg("%s: %d instead of %d", *contracts, v, expected);
    }
}

static void test_contracts_that_hold(void **state)
{
    static const char *const contracts[] = {
        "1 == 1",
        "a.i == b.i",
        "a.i != 4",
        "a.i < 4 and a.i <= 3 and a.i > 2 and a.i >= 3",
        "a.s == 'text'",
        "a.s == \"text\"",
        "a.s + 's' == 'texts'",
        "a.i + 1 == 4.0",
        "'ex' in a.s",
        "1 in a.l",
        "3 not in a.l",
        "a.i in [1, 3,]",
        "a.no == None",
        "a.yes_",
        "a.yes_ == True",
        "not a.no",
        "not not a.yes_",
        "0 or a.i == 3",
        "(a.i == 4) or (a.i == 3)",
        "a.i == 3 if a.yes_ else a.i == 4",
        "a.i == 4 if False else True",
        "parameters.n == 2",
        "a.p == parameters.n",
        "b.dotted.key == 4",
        "-1 < 0 and 1e3 == 1000.0 and .5 < 1 and 'a' < 'b'",
        "a.l == [1, 2] and [] == []",
        "  a.i==3  ",
        "'' == ''",
        NULL,
    };

    expect(*state, HOLDS, contracts);
}

/* Python's: True is 1, and lists are equal where their items are. */
static void test_values_are_equal_as_python_has_it(void **state)
{
    static const char *const contracts[] = {"a.yes_ == 1", "0 == False",    "a.l == [1.0, 2.0]",
                                            "True in [1]", "[True] == [1]", NULL};

    expect(*state, HOLDS, contracts);
}

static void test_contracts_that_do_not_hold(void **state)
{
    static const char *const contracts[] = {
        "1 == 2",
        "a.i == 4",
        "a.s in ['x']",
        "a.no",
        "''",
        "[]",
        "0",
        "0.0",
        "a.i == 3 and False",
        "not a.yes_",
        "a.l == [1, 3]",
        "a.f == 1",
        "a.s == 3",
        "a.no == 0",
        "[1] == [1, 1]",
        "1 == '1'",
        "False",
        "a.i == 3 if 0 else None",
        NULL,
    };

    expect(*state, BROKEN, contracts);
}

/* What calls Python, or is no expression, is never taken as passed, nor as failed. */
static void test_what_cannot_be_evaluated_is_said(void **state)
{
    static const char *const contracts[] = {
        "",
        "a",
        "a.missing == 1",
        "nobody.x == 1",
        "a.s.startswith('t')",
        "contains(a.l, 1)",
        "a.l[0] == 1",
        "1 ==",
        "== 1",
        "(1",
        "[1",
        "[1 2]",
        "'x",
        "1 < 2 < 3",
        "a.i == 3 garbage",
        "1 < 'x'",
        "1 in 2",
        "a.s + 1 == 2",
        "1 - 1",
        "1 if 1",
        "a.no is None",
        "-",
        ".",
        "a.i = 3",
        "@",
        NULL,
    };

    expect(*state, NOT_EVALUATED, contracts);
}

/* Bug: a number that is none (1e999) was no JSON value at all, and the runner died of it; one beyond an integer's reach
 * became another; an escaped quote ended its text. */
static void test_numbers_and_texts_that_json_cannot_hold_are_not_evaluated(void **state)
{
    static const char *const contracts[] = {"1e999",
                                            "not 1e999",
                                            "1e999 == 1",
                                            "1e308 + 1e308",
                                            "99999999999999999999 == 9223372036854775807",
                                            "-99999999999999999999 < 0",
                                            "'a\\'b' == 'x'",
                                            NULL};

    expect(*state, NOT_EVALUATED, contracts);
}

/* Bug: `1 if 1 else 1 if 1 else ...` had no limit. */
static void test_deep_contracts_are_not_evaluated(void **state)
{
    static const struct {
        const char *before, *after;
    } nests[] = {{"(", ")"}, {"[", "]"}, {"not ", ""}, {"1 if 1 else ", ""}};

    for (size_t i = 0; i < VB_COUNT(nests); i++) {
        vb_auto_buf text = {0};
        const char *contracts[2] = {0};

        for (int k = 0; k < 200000; k++)
            vb_buf_puts(&text, nests[i].before);
        vb_buf_puts(&text, "1");
        for (int k = 0; k < 200000; k++)
            vb_buf_puts(&text, nests[i].after);
        contracts[0] = vb_buf_text(&text);
        expect(*state, NOT_EVALUATED, contracts);
    }
}

static void test_a_broken_contract_is_told_with_its_place_and_message(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(judge(f, "a.i == 4", NULL, &err), BROKEN);
    assert_int_equal(err.code, -EINVAL);
    assert_says(&err, "p.yaml:10:5: the contract a.i == 4 does not hold: so they must agree");
}

static void test_an_unevaluated_contract_is_told_in_a_sentence(void **state)
{
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *yaml = vb_format("%s a.unknown == 1\n  - b.i == 3\n  - f(x)\n", pipeline);

    p = bench_pipeline(*state, yaml);
    assert_ok(vb_pipeline_check_contracts(p, &err), &err);
    assert_int_equal(vb_strv_count(vb_pipeline_unevaluated(p)), 2);
    assert_string_equal(vb_pipeline_unevaluated(p)[0], "contract not evaluated: a.unknown == 1");
    assert_string_equal(vb_pipeline_unevaluated(p)[1], "contract not evaluated: f(x)");
}

/* Rubin's rule: a contract counts where all tasks that it names are chosen. */
static void test_contracts_of_tasks_that_are_not_chosen_do_not_count(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(judge(f, "a.i == 4", "b", &err), HOLDS);
    assert_int_equal(judge(f, "a.i == 4", "a", &err), BROKEN);
    assert_int_equal(judge(f, "a.i == bb.i", "a", &err), HOLDS);
    assert_int_equal(judge(f, "a.i == bb.i", "a,bb", &err), BROKEN);
}

/* Bug: only the first place of "b." was looked at, which was the end of "bb.". */
static void test_a_label_at_the_end_of_another_does_not_hide_it(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    assert_int_equal(judge(f, "bb.i == b.i", "bb", &err), HOLDS);
    assert_int_equal(judge(f, "bb.i == 6", "bb", &err), BROKEN);
}

/* Bug: contracts that are no list were dropped in silence. */
static void test_contracts_that_are_no_list_are_refused(void **state)
{
    static const char head[] = "description: d\ntasks: {a: {class: m.A}}\ncontracts: ";
    static const struct {
        const char *contracts, *message;
    } cases[] = {
        {"a.i == 3", "p.yaml:3:12: 'contracts' must be a list"},
        {"{contract: 'a.i == 3', msg: m}", "'contracts' must be a list"},
        {"[{msg: m}]", "a contract is an expression, or {contract: ..., msg: ...}"},
        {"[[1]]", "a contract is an expression"},
        {"[~]", "a contract is an expression"},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *yaml = vb_format("%s%s\n", head, cases[i].contracts);

        bench_refused(*state, yaml, false, cases[i].message);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_contracts_that_hold),
        TEST(test_values_are_equal_as_python_has_it),
        TEST(test_contracts_that_do_not_hold),
        TEST(test_what_cannot_be_evaluated_is_said),
        TEST(test_numbers_and_texts_that_json_cannot_hold_are_not_evaluated),
        TEST(test_deep_contracts_are_not_evaluated),
        TEST(test_a_broken_contract_is_told_with_its_place_and_message),
        TEST(test_an_unevaluated_contract_is_told_in_a_sentence),
        TEST(test_contracts_of_tasks_that_are_not_chosen_do_not_count),
        TEST(test_a_label_at_the_end_of_another_does_not_hide_it),
        TEST(test_contracts_that_are_no_list_are_refused),
    };

    return cmocka_run_group_tests_name("contract", tests, NULL, NULL);
}
