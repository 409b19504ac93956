/* Tests of runner/graph/plan: the collections of a run, and the graphs of pipelines and commands. */
#include "runner/graph/plan.h"
#include "tests/runner/bench.h"

#define RAWS "TestCam/raw/all"

static char *const raws[] = {(char *)RAWS, NULL}, *const argv[] = {(char *)"true", NULL};

/* Makes the graph of a command. */
static int plan_command(fixture *f, const vb_plan *plan, vb_graph **out, vb_error *err)
{
    int r = vb_plan_command(f->reg, plan, argv, fixture_path(f, "g.vbg"), err);

    return r < 0 ? r : vb_graph_open(fixture_path(f, "g.vbg"), out, err);
}

/* Fails the test unless the graph's run, chain and inputs are those: "RUN > CHILD CHILD < INPUT INPUT".  A run that
 * bears the time is "X/NOW". */
static void check(fixture *f, const vb_plan *plan, const char *expected)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_buf text = {0};
    const char *names[40];
    size_t n = 0, before[2];

    assert_ok(plan_command(f, plan, &g, &err), &err);
    names[n++] = g->run;
    before[0] = n;
    for (char **child = g->chain_children; child && *child; child++)
        names[n++] = *child;
    before[1] = n;
    for (char **input = g->inputs; input && *input; input++)
        names[n++] = *input;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        bool now = length > 17 && names[i][length - 1] == 'Z' && names[i][length - 17] == '/';

        vb_buf_printf(&text, "%s%.*s%s",
                      i == 0                            ? ""
                      : i == before[0] && i < before[1] ? " > "
                      : i == before[1]                  ? " < "
                                                        : " ",
                      (int)(now ? length - 16 : length), names[i], now ? "NOW" : "");
    }
    assert_string_equal(vb_buf_text(&text), expected);
}

static void check_refused(fixture *f, const vb_plan *plan, int code, const char *message, const char *hint)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    assert_int_equal(plan_command(f, plan, &g, &err), code);
    assert_says(&err, message);
    if (hint)
        assert_hints(&err, hint);
    assert_int_equal(access(fixture_path(f, "g.vbg"), F_OK), -1);
}

/* u/x = u/x/2 u/x/1 TestCam/raw/all */
static int setup_chain(void **state)
{
    int r = bench_setup(state);

    world_collection(*state, "u/x/1", VB_RUN, NULL);
    world_collection(*state, "u/x/2", VB_RUN, NULL);
    world_collection(*state, "u/x", VB_CHAINED, "u/x/2,u/x/1," RAWS);
    world_collection(*state, "other", VB_RUN, NULL);
    return r;
}

/* ---- a new chain ------------------------------------------------------------------------------------------------ */

static void test_a_new_chain_has_its_run_and_the_inputs(void **state)
{
    check(*state, &(vb_plan){.output = "u/x", .inputs = raws}, "u/x/NOW > u/x/NOW " RAWS " < " RAWS);
}

static void test_inputs_are_flattened_into_the_chain(void **state)
{
    fixture *f = *state;
    char *const inputs[] = {(char *)"all", (char *)"a", NULL};

    world_collection(f, "a", VB_RUN, NULL);
    world_collection(f, "b", VB_RUN, NULL);
    world_collection(f, "all", VB_CHAINED, "b," RAWS);
    check(f, &(vb_plan){.output = "u/x", .inputs = inputs}, "u/x/NOW > u/x/NOW b " RAWS " a < all a");
}

static void test_an_output_run_has_exactly_its_name(void **state)
{
    check(*state, &(vb_plan){.output_run = "u/y", .inputs = raws}, "u/y < " RAWS);
    check(*state, &(vb_plan){.output = "u/x", .output_run = "u/y", .inputs = raws}, "u/y > u/y " RAWS " < " RAWS);
}

/* Two runs of one second have two names; nothing is registered before execution starts. */
static void test_a_run_of_this_second_is_not_taken_again(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_graph_close) vb_graph *one = NULL, *two = NULL;
    const vb_collection *none;

    assert_ok(plan_command(f, &(vb_plan){.output = "u/x", .inputs = raws}, &one, &err), &err);
    assert_int_equal(vb_collection_find(f->reg, one->run, &none, NULL), -ENOENT);
    assert_int_equal(vb_collection_find(f->reg, "u/x", &none, NULL), -ENOENT);
    world_collection(f, one->run, VB_RUN, NULL);
    assert_int_equal(unlink(fixture_path(f, "g.vbg")), 0);
    assert_ok(plan_command(f, &(vb_plan){.output = "u/x", .inputs = raws}, &two, &err), &err);
    assert_string_not_equal(one->run, two->run);
}

static void test_a_plan_without_a_place_is_refused(void **state)
{
    fixture *f = *state;

    check_refused(f, &(vb_plan){.inputs = raws}, -EINVAL, "give --output (a chain) or --output-run (a run)", NULL);
    check_refused(f, &(vb_plan){.output = "u/x"}, -EINVAL,
                  "output chain 'u/x' is not there yet, so --input must say where to read from", NULL);
    check_refused(f, &(vb_plan){.output = "u/x", .inputs = (char *const[]){(char *)"nothing", NULL}}, -ENOENT,
                  "'nothing'", NULL);
    check_refused(f, &(vb_plan){.output = RAWS, .inputs = raws}, -EINVAL,
                  "--output '" RAWS "' is a RUN; it must be a CHAINED collection, or not be there yet", NULL);
    check_refused(f, &(vb_plan){.output = "u/x", .extend_run = true, .inputs = raws}, -ENOENT,
                  "chain 'u/x' is not there: there is no run to extend", NULL);
    check_refused(f, &(vb_plan){.output = "u/x", .replace_run = true, .inputs = raws}, -ENOENT,
                  "chain 'u/x' is not there: there is no run to replace", NULL);
    check_refused(f, &(vb_plan){.output = "u/x", .replace_run = true, .extend_run = true}, -EINVAL,
                  "--extend-run and --replace-run exclude each other", NULL);
}

/* ---- a chain that is there -------------------------------------------------------------------------------------- */

static void test_a_run_is_put_before_the_chain(void **state)
{
    check(*state, &(vb_plan){.output = "u/x"}, "u/x/NOW > u/x/NOW u/x/2 u/x/1 " RAWS " < u/x/2 u/x/1 " RAWS);
    check(*state, &(vb_plan){.output = "u/x", .inputs = raws},
          "u/x/NOW > u/x/NOW u/x/2 u/x/1 " RAWS " < u/x/2 u/x/1 " RAWS);
    check(*state, &(vb_plan){.output = "u/x", .output_run = "u/y"},
          "u/y > u/y u/x/2 u/x/1 " RAWS " < u/x/2 u/x/1 " RAWS);
}

static void test_a_run_is_extended(void **state)
{
    check(*state, &(vb_plan){.output = "u/x", .extend_run = true}, "u/x/2 > u/x/2 u/x/1 " RAWS " < u/x/1 " RAWS);
    check(*state, &(vb_plan){.output = "u/x", .output_run = "u/x/1", .extend_run = true},
          "u/x/1 > u/x/1 u/x/2 " RAWS " < u/x/2 " RAWS);
    check(*state, &(vb_plan){.output_run = "other", .extend_run = true, .inputs = raws}, "other < " RAWS);
}

static void test_a_run_is_replaced(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    check(f, &(vb_plan){.output = "u/x", .replace_run = true}, "u/x/NOW > u/x/NOW u/x/1 " RAWS " < u/x/1 " RAWS);
    assert_ok(vb_graph_open(fixture_path(f, "g.vbg"), &g, &err), &err);
    assert_string_equal(g->replaced, "u/x/2");
    assert_false(g->extends_run);
}

static void test_a_run_that_is_there_is_not_taken(void **state)
{
    check_refused(*state, &(vb_plan){.output_run = "other", .inputs = raws}, -EEXIST, "run 'other' is there already",
                  "--extend-run adds to it");
    check_refused(*state, &(vb_plan){.output = "u/x", .output_run = "u/x/1"}, -EEXIST, "run 'u/x/1' is there already",
                  NULL);
}

static void test_inputs_must_be_a_part_of_the_chain_or_rebase_it(void **state)
{
    static char *const parts[][4] = {{(char *)"u/x/1", NULL},
                                     {(char *)"u/x/1", (char *)RAWS, NULL},
                                     {(char *)"u/x/2", (char *)"u/x/1", (char *)RAWS, NULL},
                                     {(char *)"u/x", NULL}};
    static char *const others[][3] = {{(char *)"other", NULL},
                                      {(char *)"u/x/2", (char *)RAWS, NULL},
                                      {(char *)RAWS, (char *)"u/x/1", NULL}};
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(parts); i++)
        check(f, &(vb_plan){.output = "u/x", .inputs = parts[i]},
              "u/x/NOW > u/x/NOW u/x/2 u/x/1 " RAWS " < u/x/2 u/x/1 " RAWS);
    assert_int_equal(unlink(fixture_path(f, "g.vbg")), 0);
    for (size_t i = 0; i < VB_COUNT(others); i++)
        check_refused(f, &(vb_plan){.output = "u/x", .inputs = others[i]}, -EINVAL,
                      "output chain 'u/x' is there already, and --input is no contiguous part of it", "--rebase");
    check(f, &(vb_plan){.output = "u/x", .inputs = others[0], .rebase = true},
          "u/x/NOW > u/x/NOW u/x/2 u/x/1 " RAWS " other < u/x/2 u/x/1 " RAWS " other");
    check(f, &(vb_plan){.output = "u/x", .inputs = others[2], .rebase = true},
          "u/x/NOW > u/x/NOW u/x/2 " RAWS " u/x/1 < u/x/2 " RAWS " u/x/1");
}

/* Bug: whatever stood first was taken for a run: a tagged collection to be extended, or to be dropped and purged. */
static void test_what_is_no_run_is_neither_extended_nor_replaced(void **state)
{
    fixture *f = *state;

    world_collection(f, "tagged", VB_TAGGED, NULL);
    world_collection(f, "odd", VB_CHAINED, "tagged," RAWS);
    world_collection(f, "empty", VB_CHAINED, NULL);
    check_refused(f, &(vb_plan){.output = "odd", .extend_run = true}, -EINVAL,
                  "--extend-run: chain 'odd' begins with TAGGED collection 'tagged', which is no run to extend", NULL);
    check_refused(f, &(vb_plan){.output = "odd", .replace_run = true}, -EINVAL,
                  "--replace-run: chain 'odd' begins with TAGGED collection 'tagged', which is no run to replace",
                  NULL);
    check_refused(f, &(vb_plan){.output = "empty", .extend_run = true}, -ENOENT,
                  "--extend-run: chain 'empty' has no run to extend", NULL);
    check_refused(f, &(vb_plan){.output = "empty", .replace_run = true}, -ENOENT,
                  "--replace-run: chain 'empty' has no run to replace", NULL);
    check(f, &(vb_plan){.output = "odd"}, "odd/NOW > odd/NOW tagged " RAWS " < tagged " RAWS);
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

/* The label and the words of the one task of a command's graph: "LABEL: WORD|WORD". */
static void check_command(fixture *f, char *const *words, const char *expected)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_plan plan = {.output_run = "u/run", .inputs = raws};
    vb_auto_buf text = {0};
    json_t *definition, *word;
    size_t i;

    assert_ok(vb_plan_command(f->reg, &plan, words, fixture_path(f, "g.vbg"), &err), &err);
    assert_ok(vb_graph_open(fixture_path(f, "g.vbg"), &g, &err), &err);
    assert_int_equal(g->nquanta, 1);
    definition = json_loads(g->tasks[0].definition, 0, NULL);
    vb_buf_printf(&text, "%s: ", g->tasks[0].label);
    json_array_foreach(json_object_get(definition, "command"), i, word)
        vb_buf_printf(&text, "%s%s", i ? "|" : "", json_string_value(word));
    json_decref(definition);
    assert_string_equal(vb_buf_text(&text), expected);
}

static void test_a_command_is_a_task_named_after_its_program(void **state)
{
    check_command(*state, (char *const[]){(char *)"/usr/bin/source-extractor", (char *)"a b", (char *)"", NULL},
                  "source_extractor: /usr/bin/source-extractor|a b|");
    check_command(*state, (char *const[]){(char *)"7z", NULL}, "x7z: 7z");
}

/* Braces mean nothing there: they come out of the template as they went in. */
static void test_the_braces_of_a_command_are_its_own(void **state)
{
    check_command(*state, (char *const[]){(char *)"awk", (char *)"{print $1}", (char *)"{in.raw}", NULL},
                  "awk: awk|{{print $1}}|{{in.raw}}");
}

/* Bug: such a word was left out, and another command was run. */
static void test_a_word_that_is_not_utf8_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_plan plan = {.output_run = "u/run", .inputs = raws};
    char *const words[] = {(char *)"rm", (char *)"\xff.fits", NULL};

    assert_int_equal(vb_plan_command(f->reg, &plan, words, fixture_path(f, "g.vbg"), &err), -EINVAL);
    assert_says(&err, "word 2 of the command ('\xff.fits') is not UTF-8");
}

/* ---- pipelines -------------------------------------------------------------------------------------------------- */

static const char pipeline[] =
    "description: d\n"
    "instrument: TestCam\n"
    "tasks:\n"
    "  calibrate:\n"
    "    dimensions: [exposure, detector]\n"
    "    inputs: {raw: {type: raw}}\n"
    "    outputs: {cal: {type: cal, dimensions: [exposure, detector], storageClass: ImageF}}\n"
    "    config: {k: 1}\n"
    "    command: [cp, '{in.raw}', '{out.cal}', '{config.k}']\n";

static int plan_pipeline(fixture *f, vb_plan plan, vb_graph_counts *counts, vb_error *err)
{
    fixture_write(f, "p.yaml", pipeline);
    plan.pipeline = fixture_path(f, "p.yaml");
    plan.inputs = raws;
    plan.output = "u/x";
    return vb_plan_graph(f->reg, &plan, fixture_path(f, "g.vbg"), counts, err);
}

static void test_a_pipeline_has_a_quantum_a_data_id(void **state)
{
    static const struct {
        const char *where;
        int64_t quanta;
    } cases[] = {{NULL, 9},
                 {"", 9},
                 {"exposure = 101", 3},
                 {"band = 'r' and detector < 3", 2},
                 {"exposure=101 OR exposure=102", 6}};

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_graph_counts counts;

        assert_ok(plan_pipeline(*state, (vb_plan){.where = cases[i].where}, &counts, &err), &err);
        assert_int_equal(counts.quanta, cases[i].quanta);
        assert_int_equal(counts.inputs, cases[i].quanta);
    }
}

static void test_a_pipeline_is_changed_by_config(void **state)
{
    fixture *f = *state;
    char *const config[] = {(char *)"calibrate:k=7", NULL}, *const bad[] = {(char *)"calibrate:x=7", NULL};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_graph_counts counts;

    assert_int_equal(plan_pipeline(f, (vb_plan){.config = bad}, &counts, &err), -EINVAL);
    assert_says(&err, "--config: 'calibrate' has no value 'x'");
    assert_ok(plan_pipeline(f, (vb_plan){.config = config, .command_line = "vbutler qgraph"}, &counts, &err), &err);
    assert_ok(vb_graph_open(fixture_path(f, "g.vbg"), &g, &err), &err);
    assert_string_equal(g->command, "vbutler qgraph");
    assert_non_null(strstr(g->tasks[0].definition, "\"config\":{\"k\":7}"));
}

static void test_a_data_query_that_leaves_nothing_is_an_error(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_graph_counts counts;

    assert_int_equal(plan_pipeline(*state, (vb_plan){.where = "exposure = 999"}, &counts, &err), -ENODATA);
    assert_non_null(err.message);
    assert_int_equal(plan_pipeline(*state, (vb_plan){.where = "exposure ="}, &counts, &err), -EINVAL);
    assert_says(&err, "data query");
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
#define CHAIN(name) cmocka_unit_test_setup_teardown(name, setup_chain, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_chain_has_its_run_and_the_inputs),
        TEST(test_inputs_are_flattened_into_the_chain),
        TEST(test_an_output_run_has_exactly_its_name),
        TEST(test_a_run_of_this_second_is_not_taken_again),
        TEST(test_a_plan_without_a_place_is_refused),
        CHAIN(test_a_run_is_put_before_the_chain),
        CHAIN(test_a_run_is_extended),
        CHAIN(test_a_run_is_replaced),
        CHAIN(test_a_run_that_is_there_is_not_taken),
        CHAIN(test_inputs_must_be_a_part_of_the_chain_or_rebase_it),
        TEST(test_what_is_no_run_is_neither_extended_nor_replaced),
        TEST(test_a_command_is_a_task_named_after_its_program),
        TEST(test_the_braces_of_a_command_are_its_own),
        TEST(test_a_word_that_is_not_utf8_is_refused),
        TEST(test_a_pipeline_has_a_quantum_a_data_id),
        TEST(test_a_pipeline_is_changed_by_config),
        TEST(test_a_data_query_that_leaves_nothing_is_an_error),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
