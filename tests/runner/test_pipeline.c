/* Tests of runner/pipeline: loading, choosing, changing. */
#include "tests/runner/bench.h"

#include <fcntl.h>

static const char whole[] =
    "description: two tasks\n"
    "instrument: TestCam\n"
    "parameters: {threshold: 5}\n"
    "tasks:\n"
    "  calibrate:\n"
    "    dimensions: [exposure, detector]\n"
    "    inputs: {raw: {type: raw}}\n"
    "    prerequisites: {flat: {type: flat, isCalibration: true, minimum: 0, dimensions: detector}}\n"
    "    outputs: {cal: {type: cal, storageClass: ImageF, extension: fits, multiple: false}}\n"
    "    files: {conf.txt: {content: \"A 1\\n\"}, kept.txt: kept.txt}\n"
    "    config: {t: parameters.threshold, words: [a, b]}\n"
    "    environment: {A: b}\n"
    "    resources: {cpus: 2, memory: 2GB, runtime: 60}\n"
    "    policy: {unusedInputs: warn}\n"
    "    command: [sh, -c, 'x', '{in.raw}', '{out.cal}', '{config.t}']\n"
    "  mosaic: {command: ['true'], dimensions: [exposure]}\n"
    "  python: lsst.pipe.tasks.Task\n"
    "subsets:\n"
    "  one: calibrate\n"
    "  both: {subset: [calibrate, mosaic], description: d}\n"
    "  bad: [nobody]\n";

static void test_a_pipeline_is_read_whole(void **state)
{
    fixture *f = *state;
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    const struct pipeline_task *t;

    fixture_write(f, "kept.txt", "kept\n");
    p = bench_pipeline(f, whole);
    assert_string_equal(vb_pipeline_instrument(p), "TestCam");
    assert_null(vb_pipeline_unevaluated(p));
    assert_int_equal(p->count, 3);
    t = vb_pipeline_task(p, "calibrate");
    assert_int_equal(vb_strv_count(t->dimensions), 2);
    assert_int_equal(t->count, 3);
    assert_int_equal(t->connections[0].role, VB_ROLE_INPUT);
    assert_int_equal(t->connections[0].minimum, 1);
    assert_int_equal(t->connections[0].is_calibration, -1);
    assert_int_equal(t->connections[1].role, VB_ROLE_PREREQUISITE);
    assert_int_equal(t->connections[1].minimum, 0);
    assert_int_equal(t->connections[1].is_calibration, 1);
    assert_string_equal(t->connections[1].dimensions[0], "detector");
    assert_string_equal(t->connections[2].extension, ".fits");
    assert_string_equal(t->files[0].content, "A 1\n");
    assert_string_equal(t->files[1].content, "kept\n");
    assert_int_equal(json_integer_value(vb_pipeline_config(p, t, "t")), 5);
    assert_null(vb_pipeline_config(p, t, "nothing"));
    assert_string_equal(vb_pipeline_task(p, "python")->class, "lsst.pipe.tasks.Task");
    assert_null(vb_pipeline_task(p, "nobody"));
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

#define TASKS "description: d\ntasks:\n  a:\n"

static void test_what_is_no_pipeline_is_refused(void **state)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"", "a pipeline must be a mapping"},
        {"[]", "p.yaml:1:1: a pipeline must be a mapping"},
        {"a: [", "pipeline: "},
        {"description: d\ntask: {}\n", "p.yaml:2:1: a pipeline has no key 'task'"},
        {"tasks: {a: m.A}\n", "a pipeline needs a 'description'"},
        {"description: d\n", "a pipeline needs 'tasks'"},
        {"description: d\ntasks: {}\n", "a pipeline needs 'tasks'"},
        {"description: d\ntasks: [a]\n", "a pipeline needs 'tasks'"},
        {"description: d\nimports: x.yaml\ntasks: {a: m.A}\n", "no key 'imports'"},
        {"description: d\ntasks: {a: m.A}\nparameters: 7\n", "p.yaml:3:13: parameters must be a mapping"},
        {"description: d\ntasks: {a: m.A, a: m.B}\n", "p.yaml:2:17: the key 'a' is given twice"},
        {"description: d\ntasks: {a b: m.A}\n", "p.yaml:2:9: a task's label must be letters, digits and '_'"},
        {"description: d\ntasks: {'': m.A}\n", "a task's label must be letters"},
        {"description: d\ntasks: {[a]: m.A}\n", "a task's label must be letters"},
        {"description: d\ntasks: {a/b: m.A}\n", "a task's label must be letters"},
        {"description: d\ntasks: {a: [m.A]}\n", "a task must be a mapping"},
        {TASKS "    comand: []\n", "p.yaml:4:5: a task has no key 'comand'"},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++)
        bench_refused(*state, cases[i].yaml, false, cases[i].message);
}

static void test_a_label_that_is_too_long_is_refused(void **state)
{
    vb_auto_buf yaml = {0};

    vb_buf_puts(&yaml, "description: d\ntasks: {");
    for (int i = 0; i < 101; i++)
        vb_buf_putc(&yaml, 'a');
    vb_buf_puts(&yaml, ": m.A}\n");
    bench_refused(*state, vb_buf_text(&yaml), false, "at most 100");
}

static void test_connections_that_mean_nothing_are_refused(void **state)
{
    static const struct {
        const char *task, *message;
    } cases[] = {
        {"    inputs: [raw]\n", "p.yaml:4:13: 'inputs' of task 'a' must be a mapping"},
        {"    inputs: {raw: raw}\n", "a connection must be a mapping"},
        {"    inputs: {raw: {}}\n", "connection 'raw' of task 'a' needs a dataset 'type'"},
        {"    inputs: {ra.w: {type: raw}}\n", "a connection's name must be letters"},
        {"    inputs: {raw: {typ: raw}}\n", "a connection has no key 'typ'"},
        {"    inputs: {raw: {type: raw, multiple: 2}}\n", "multiple must be true or false"},
        {"    inputs: {raw: {type: raw, isCalibration: 2}}\n", "isCalibration must be true or false"},
        {"    inputs: {raw: {type: raw, minimum: -1}}\n", "minimum must be a number, 0 or more"},
        {"    inputs: {raw: {type: raw, minimum: x}}\n", "minimum must be a number, 0 or more"},
        {"    inputs: {raw: {type: raw, dimensions: {a: b}}}\n", "p.yaml:4:43: "},
        {"    inputs: {raw: {type: raw, component: [a]}}\n",
         "p.yaml:4:42: component must be the name of one component"},
        {"    inputs: {raw: {type: raw, component: a.b}}\n", "'a.b' cannot name a component"},
        {"    inputs: {raw: {type: raw, component: ''}}\n", "cannot name a component"},
        {"    inputs: {raw: {type: raw.image, component: mask}}\n", "wants component 'mask' of 'raw.image'"},
        {"    outputs: {raw: {type: raw, component: image}}\n", "output 'raw' of task 'a' is a component"},
        {"    outputs: {raw: {type: raw.image}}\n", "output 'raw' of task 'a' is a component"},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *yaml = vb_format("%s%s", TASKS, cases[i].task);

        bench_refused(*state, yaml, false, cases[i].message);
    }
}

/* Bug: it became 0, and an input that must be there was optional. */
static void test_a_minimum_beyond_reach_is_refused(void **state)
{
    bench_refused(*state, TASKS "    inputs: {raw: {type: raw, minimum: 4294967296}}\n", false,
                  "minimum must be a number");
}

/* Bug: {in.x} stood for the datasets of both. */
static void test_a_connection_that_is_taken_twice_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;

    bench_refused(f, TASKS "    inputs: {x: {type: raw}}\n    prerequisites: {x: {type: flat}}\n", false,
                  "p.yaml:5:21: task 'a' has two inputs named 'x'");
    bench_refused(f, TASKS "    outputs: {x: {type: raw}}\n    initOutputs: {x: {type: flat}}\n", false,
                  "task 'a' has two outputs named 'x'");
    p = bench_pipeline(f, TASKS "    inputs: {x: {type: raw}}\n    outputs: {x: {type: cal}}\n");
    assert_int_equal(p->tasks[0].count, 2);
}

/* Bug: an output `_log` met the task's own. */
static void test_connections_of_our_own_are_refused(void **state)
{
    bench_refused(*state, TASKS "    outputs: {_log: {type: x}}\n", false,
                  "connection '_log' of task 'a': names that begin with '_' are vbutler's own");
}

static void test_files_that_cannot_be_placed_are_refused(void **state)
{
    static const struct {
        const char *file, *message;
    } cases[] = {
        {"[a]", "'files' of task 'a' must be a mapping"},
        {"{../a: {content: x}}", "a file's name must be one plain name"},
        {"{a/b: {content: x}}", "a file's name must be one plain name"},
        {"{'..': {content: x}}", "a file's name must be one plain name"},
        {"{in: {content: x}}", "not 'in' or 'out'"},
        {"{out: {content: x}}", "not 'in' or 'out'"},
        {"{a: {}}", "file 'a' needs a path, or a 'content' of text"},
        {"{a: {content: [x]}}", "file 'a' needs a path, or a 'content' of text"},
        {"{a: binary}", "p.yaml:4:16: file 'a' is not text (UTF-8)"},
        {"{a: zeros}", "p.yaml:4:16: file 'a' is not text (UTF-8)"}, /* Bug: no graph that held it could be run */
    };
    fixture *f = *state;

    fixture_write(f, "binary", "\xff\xfe");
    assert_int_equal(vb_write_file(AT_FDCWD, fixture_path(f, "zeros"), "a\0b", 3, 0644, false, NULL), 0);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *yaml = vb_format("%s    files: %s\n", TASKS, cases[i].file);

        bench_refused(f, yaml, false, cases[i].message);
    }
}

static void test_a_file_that_is_not_there_is_named(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_pipeline *p = NULL;

    fixture_write(f, "p.yaml", TASKS "    files: {a: none.txt}\n");
    assert_int_equal(vb_pipeline_load(fixture_path(f, "p.yaml"), &p, &err), -ENOENT);
    assert_says(&err, fixture_path(f, "none.txt"));
    assert_int_equal(vb_pipeline_load(fixture_path(f, "none.yaml"), &p, &err), -ENOENT);
    assert_says(&err, "pipeline: ");
    assert_says(&err, fixture_path(f, "none.yaml"));
    assert_null(p);
}

/* Bug: it was cut off there, or the graph could not be read again. */
static void test_a_zero_byte_is_refused_anywhere(void **state)
{
    static const char *const parts[] = {"command: [\"a\\0b\"]", "config: {k: [\"a\\0b\"]}",
                                        "files: {a: {content: \"a\\0b\"}}", "environment: {A: \"a\\0b\"}",
                                        "config: {\"a\\0b\": 1}"};

    for (size_t i = 0; i < VB_COUNT(parts); i++) {
        vb_autofree char *yaml = vb_format("%s    %s\n", TASKS, parts[i]);

        bench_refused(*state, yaml, false, "p.yaml:4:");
        bench_refused(*state, yaml, false, "a text must not hold a zero byte");
    }
}

static void test_python_in_a_config_is_refused_where_a_program_runs(void **state)
{
    fixture *f = *state;
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;

    bench_refused(f, TASKS "    command: ['true']\n    config: {python: x}\n", false,
                  "p.yaml:5:14: config of task 'a': 'python' is Python code, which a task with a command cannot use");
    bench_refused(f, TASKS "    command: ['true']\n    config: [{file: x}]\n", false, "'file' is Python code");
    p = bench_pipeline(f, TASKS "    class: m.A\n    config: {python: x}\n");
    assert_non_null(p);
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

/* "calibrate mosaic": the tasks that FILE#labels keeps. */
static void check_kept(fixture *f, const char *labels, const char *expected)
{
    vb_autofree char *source = vb_format("%s#%s", fixture_path(f, "p.yaml"), labels);
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_buf kept = {0};

    assert_ok(vb_pipeline_load(source, &p, &err), &err);
    for (size_t i = 0; i < p->count; i++)
        if (p->tasks[i].kept)
            vb_buf_printf(&kept, "%s%s", kept.len ? " " : "", p->tasks[i].label);
    assert_string_equal(vb_buf_text(&kept), expected);
}

static void write_whole(fixture *f)
{
    fixture_write(f, "kept.txt", "kept\n");
    fixture_write(f, "p.yaml", whole);
}

static void test_labels_and_subsets_choose(void **state)
{
    static const char *const cases[][2] = {
        {"calibrate", "calibrate"},
        {"one", "calibrate"},
        {"both", "calibrate mosaic"},
        {"mosaic,calibrate", "calibrate mosaic"},
        {"one, one ,python", "calibrate python"},
        {"both,python", "calibrate mosaic python"},
    };

    write_whole(*state);
    for (size_t i = 0; i < VB_COUNT(cases); i++)
        check_kept(*state, cases[i][0], cases[i][1]);
}

static void test_a_choice_of_nothing_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"nobody", "p.yaml: has no task and no subset 'nobody'"},
        {"bad", "p.yaml:21:8: subset 'bad' has 'nobody', which is no task"},
        {"", "p.yaml: '#' must be followed by tasks or subsets"}, /* Bug: a pipeline of no tasks */
        {" , ", "'#' must be followed by tasks or subsets"},
    };
    fixture *f = *state;

    write_whole(f);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *source = vb_format("%s#%s", fixture_path(f, "p.yaml"), cases[i][0]);
        vb_auto_error err = VB_ERROR_INIT;
        vb_pipeline *p = NULL;

        assert_int_equal(vb_pipeline_load(source, &p, &err), -EINVAL);
        assert_null(p);
        assert_says(&err, cases[i][1]);
    }
}

/* ---- -c --------------------------------------------------------------------------------------------------------- */

static void test_values_are_overridden(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"calibrate:t=7", "7"},
        {"calibrate:t=a b", "\"a b\""},
        {"calibrate:t=[1, x]", "[1,\"x\"]"},
        {"calibrate:t='7'", "\"7\""},
        {"calibrate:t=a=b:c", "\"a=b:c\""},
        {"calibrate:t=", "\"\""},
        {"calibrate:t={{", "\"{{\""},
        {"calibrate:t=parameters.threshold", "5"},
        {"calibrate:t=\xff", "\"\xef\xbf\xbd\""},
        {"calibrate:t=\"a\\0b\"", "\"\\\"a\\\\0b\\\"\""},
    };
    fixture *f = *state;

    write_whole(f);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto(vb_pipeline_free) vb_pipeline *p = bench_pipeline(f, whole);
        vb_auto_error err = VB_ERROR_INIT;
        vb_autofree char *json = NULL;

        assert_ok(vb_pipeline_override(p, cases[i].text, &err), &err);
        json = json_dumps(vb_pipeline_config(p, vb_pipeline_task(p, "calibrate"), "t"), JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(json, cases[i].json);
    }
}

static void test_a_parameter_is_overridden_wherever_it_is_used(void **state)
{
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    write_whole(*state);
    p = bench_pipeline(*state, whole);
    assert_ok(vb_pipeline_override(p, "parameters:threshold=9", &err), &err);
    assert_int_equal(json_integer_value(vb_pipeline_config(p, vb_pipeline_task(p, "calibrate"), "t")), 9);
}

static void test_an_override_of_nothing_is_refused(void **state)
{
    static const struct {
        const char *text, *message, *hint;
    } cases[] = {
        {"calibrate", "'calibrate' is not LABEL:KEY=VALUE", NULL},
        {"calibrate=t:7", "is not LABEL:KEY=VALUE", NULL},
        {"nobody:t=7", "the pipeline has no task 'nobody'", NULL},
        {"calibrate:wrds=7", "'calibrate' has no value 'wrds'", "did you mean 'words'?"},
        {"parameters:treshold=7", "'parameters' has no value 'treshold'", "did you mean 'threshold'?"},
        {"calibrate:=7", "'calibrate' has no value ''", NULL},
    };
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;

    write_whole(*state);
    p = bench_pipeline(*state, whole);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        assert_int_equal(vb_pipeline_override(p, cases[i].text, &err), -EINVAL);
        assert_says(&err, "--config: ");
        assert_says(&err, cases[i].message);
        if (cases[i].hint)
            assert_hints(&err, cases[i].hint);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_pipeline_is_read_whole),
        TEST(test_what_is_no_pipeline_is_refused),
        TEST(test_a_label_that_is_too_long_is_refused),
        TEST(test_connections_that_mean_nothing_are_refused),
        TEST(test_a_minimum_beyond_reach_is_refused),
        TEST(test_a_connection_that_is_taken_twice_is_refused),
        TEST(test_connections_of_our_own_are_refused),
        TEST(test_files_that_cannot_be_placed_are_refused),
        TEST(test_a_file_that_is_not_there_is_named),
        TEST(test_a_zero_byte_is_refused_anywhere),
        TEST(test_python_in_a_config_is_refused_where_a_program_runs),
        TEST(test_labels_and_subsets_choose),
        TEST(test_a_choice_of_nothing_is_refused),
        TEST(test_values_are_overridden),
        TEST(test_a_parameter_is_overridden_wherever_it_is_used),
        TEST(test_an_override_of_nothing_is_refused),
    };

    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
