/* Tests of runner/pipeline: from a pipeline and a registry to what a quantum graph is built from. */
#include "tests/runner/bench.h"

#define HEAD "description: d\ntasks:\n"
#define RAW  "inputs: {raw: {type: raw}}"

/* calibrate: raw -> cal, mosaic: cal -> mosaic; written in the other order. */
static const char two[] = HEAD
    "  mosaic:\n"
    "    dimensions: [exposure]\n"
    "    inputs: {cal: {type: cal, multiple: true, minimum: 2}}\n"
    "    outputs: {mosaic: {type: mosaic, dimensions: [exposure], storageClass: ImageF}}\n"
    "    command: [join, '{in.cal}', '{out.mosaic}']\n"
    "  calibrate:\n"
    "    dimensions: [exposure, detector]\n"
    "    " RAW "\n"
    "    outputs: {cal: {type: cal, dimensions: [exposure, detector], storageClass: ImageF, extension: .fits}}\n"
    "    config: {k: 0.5, p: parameters.x}\n"
    "    files: {a.conf: {content: hello}}\n"
    "    environment: {A: 1}\n"
    "    resources: {cpus: 2}\n"
    "    policy: {missingOutputs: warn}\n"
    "    command: [cut, -n, 010, ['-x', '{in.raw}'], '{out.cal}', '{band}', '{config.k}', '{{}}']\n"
    "parameters: {x: 3}\n";

/* Resolves; the spec is the caller's. */
static void resolve(fixture *f, const char *yaml, const char *labels, vb_graph_spec *spec)
{
    vb_auto(vb_pipeline_free) vb_pipeline *p = bench_pipeline(f, yaml);
    vb_auto_error err = VB_ERROR_INIT;

    if (labels)
        assert_ok(vb_pipeline_select(p, labels, &err), &err);
    assert_ok(vb_pipeline_resolve(p, f->reg, spec, &err), &err);
}

static const vb_connection_spec *connection(const vb_task_spec *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (!strcmp(t->connections[i].name, name))
            return &t->connections[i];
    fail_msg("task '%s' has no connection '%s'", t->label, name);
    return NULL;
}

static void test_tasks_come_in_topological_order(void **state)
{
    vb_auto_graph_spec spec = {0};

    resolve(*state, two, NULL, &spec);
    assert_int_equal(spec.ntasks, 2);
    assert_string_equal(spec.tasks[0].label, "calibrate");
    assert_string_equal(spec.tasks[1].label, "mosaic");
}

/* A component is one of the type's storage class, said either way. */
static void test_components_are_of_the_storage_class(void **state)
{
    static const char yaml[] = HEAD
        "  a:\n    dimensions: [exposure]\n    inputs:\n"
        "      i: {type: flux, dimensions: [exposure], storageClass: ExposureF, component: wcs}\n"
        "      j: {type: flux.bbox}\n"
        "      k: {type: flux}\n"
        "    outputs: {o: {type: o, dimensions: [exposure], storageClass: X}}\n"
        "    command: [a]\n";
    static const char wrong[] = HEAD "  a:\n    dimensions: [exposure]\n    inputs:\n"
                                     "      i: {type: flux.vcs, dimensions: [exposure], storageClass: ExposureF}\n"
                                     "    outputs: {o: {type: o, dimensions: [exposure], storageClass: X}}\n"
                                     "    command: [a]\n";
    fixture *f = *state;
    vb_auto_graph_spec spec = {0}, nothing = {0};
    vb_auto(vb_pipeline_free) vb_pipeline *p = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    resolve(f, yaml, NULL, &spec);
    assert_string_equal(connection(&spec.tasks[0], "i")->component, "wcs");
    assert_string_equal(connection(&spec.tasks[0], "j")->component, "bbox");
    assert_string_equal(connection(&spec.tasks[0], "j")->type.name, "flux");
    assert_null(connection(&spec.tasks[0], "k")->component);
    p = bench_pipeline(f, wrong);
    assert_int_equal(vb_pipeline_resolve(p, f->reg, &nothing, &err), -EINVAL);
    assert_says(&err, "p.yaml:6:10: dataset type 'flux': storage class ExposureF has no component 'vcs'");
    assert_hints(&err, "wcs");
}

/* What the pipeline says once, or else the registry. */
static void test_types_are_what_somebody_says(void **state)
{
    vb_auto_graph_spec spec = {0};
    const vb_connection_spec *raw, *cal;

    resolve(*state, two, NULL, &spec);
    raw = connection(&spec.tasks[0], "raw");
    assert_string_equal(raw->type.group->key, "instrument,detector,exposure");
    assert_string_equal(raw->type.storage_class, "Exposure");
    cal = connection(&spec.tasks[1], "cal"); /* said by the other task */
    assert_string_equal(cal->type.storage_class, "ImageF");
    assert_string_equal(cal->type.extension, ".fits");
    assert_true(cal->multiple);
    assert_int_equal(cal->minimum, 2);
}

static void test_a_task_has_outputs_of_our_own(void **state)
{
    vb_auto_graph_spec spec = {0};

    resolve(*state, two, NULL, &spec);
    assert_string_equal(connection(&spec.tasks[0], "_log")->type.name, "calibrate_log");
    assert_string_equal(connection(&spec.tasks[0], "_metadata")->type.storage_class, "TaskMetadata");
    assert_string_equal(connection(&spec.tasks[0], "_files")->type.group->key, "");
    assert_string_equal(connection(&spec.tasks[0], "_packages")->type.name, "packages");
    for (size_t i = 0; i < spec.tasks[1].count; i++) /* once a run */
        assert_string_not_equal(spec.tasks[1].connections[i].name, "_packages");
}

/* All that the runner needs, and words as they were written: 010 is no number. */
static void test_a_definition_holds_all_that_runs(void **state)
{
    vb_auto_graph_spec spec = {0};
    json_t *d, *words, *expected, *files;

    resolve(*state, two, NULL, &spec);
    d = json_loads(spec.tasks[0].definition, 0, NULL);
    words = json_object_get(d, "command");
    expected = json_pack("[s,s,s,[s,s],s,s,s,s]", "cut", "-n", "010", "-x", "{in.raw}", "{out.cal}", "{band}",
                         "{config.k}", "{{}}");
    assert_true(json_equal(words, expected));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(d, "config"), "p")), 3);
    assert_string_equal(json_string_value(json_object_get(json_object_get(d, "environment"), "A")), "1");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(d, "resources"), "cpus")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(d, "policy"), "missingOutputs")), "warn");
    files = json_object_get(d, "files");
    assert_string_equal(json_string_value(json_object_get(json_object_get(files, "a.conf"), "content")), "hello");
    json_decref(expected);
    json_decref(d);
}

static void test_of_tasks_that_are_not_chosen_nothing_is_asked(void **state)
{
    static const char yaml[] = HEAD "  a: {command: ['true'], dimensions: [exposure], " RAW "}\n"
                                    "  b: {inputs: {x: {type: unheard_of}}, outputs: {y: {type: z}}}\n";
    vb_auto_graph_spec spec = {0};

    resolve(*state, yaml, "a", &spec);
    assert_int_equal(spec.ntasks, 1);
    bench_refused(*state, yaml, true, "dataset type 'unheard_of' has no dimensions");
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

struct refusal {
    const char *yaml, *message;
};

static void check(void **state, const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        vb_autofree char *yaml = vb_format("%s%s", HEAD, cases[i].yaml);

        bench_refused(*state, yaml, true, cases[i].message);
    }
}

#define OUT(type, dims) "outputs: {o: {type: " type ", dimensions: " dims ", storageClass: ImageF}}"

static void test_types_that_do_not_agree_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], inputs: {x: {type: raw, dimensions: [visit]}}}\n",
         "p.yaml:3:33: dataset type 'raw' has dimensions {instrument,detector,exposure} in the repository and "
         "{instrument,visit} in the pipeline"},
        {"  a: {command: [x], inputs: {x: {type: raw, storageClass: ImageF}}}\n",
         "dataset type 'raw' has storage class Exposure in the repository and ImageF in the pipeline"},
        {"  a: {command: [x], inputs: {x: {type: new, storageClass: ImageF}}}\n",
         "'new' has no dimensions: the repository does not know it"},
        {"  a: {command: [x], inputs: {x: {type: new, dimensions: []}}}\n",
         "'new' has no storageClass: the repository does not know it"},
        {"  a: {command: [x], inputs: {x: {type: new, dimensions: [visit]}, y: {type: new, dimensions: [tract]}}}\n",
         "dataset type 'new' has dimensions instrument,visit elsewhere and skymap,tract here: say it once"},
        {"  a: {command: [x], inputs: {x: {type: n, storageClass: A}, y: {type: n, storageClass: B}}}\n",
         "dataset type 'n' has storage class A elsewhere and B here"},
        {"  a: {command: [x], inputs: {x: {type: n, extension: a}, y: {type: n, extension: .b}}}\n",
         "dataset type 'n' has extension .a elsewhere and .b here"},
        {"  a: {command: [x], inputs: {x: {type: n, isCalibration: yes}, y: {type: n, isCalibration: no}}}\n",
         "dataset type 'n' has isCalibration true elsewhere and false here"},
        {"  a: {command: [x], inputs: {x: {type: n, dimensions: [nothing]}}}\n", "p.yaml:3:33: no dimension 'nothing'"},
        {"  a: {command: [x], dimensions: [nothing]}\n", "p.yaml:3:6: no dimension 'nothing'"},
    };

    check(state, cases, VB_COUNT(cases));
}

/* Bug: the one of the pipeline stood, or that of the repository, and nobody was told. */
static void test_extensions_and_calibrations_that_do_not_agree_with_the_repository_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], inputs: {x: {type: pic, extension: .png}}}\n",
         "dataset type 'pic' has extension .jpg in the repository and .png in the pipeline"},
        {"  a: {command: [x], inputs: {x: {type: pic, isCalibration: true}}}\n",
         "dataset type 'pic' is not a calibration in the repository"},
    };

    world_type(*state, "pic", "exposure", "Picture", ".jpg");
    check(state, cases, VB_COUNT(cases));
}

static void test_outputs_that_two_make_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], " OUT("n", "[]") "}\n  b: {command: [x], " OUT("n", "[]") "}\n",
         "p.yaml:4:34: dataset type 'n' is made by two tasks: 'a' and 'b'"},
        {"  a: {command: [x], " OUT("n", "[]") "}\n  b: {command: [x], prerequisites: {p: {type: n}}}\n",
         "prerequisite 'p' of task 'b' is made by task 'a': declare it under 'inputs'"},
        {"  a: {command: [x], dimensions: [exposure], " OUT("n", "[]") "}\n",
         "output 'o' of task 'a' has dimensions {}, the task {instrument,exposure}: several quanta would make the same "
         "dataset"},
        {"  a: {command: [x], dimensions: [exposure], " OUT("n", "[exposure, detector]") "}\n",
         "that is several datasets a quantum; say 'multiple: true' if it is meant"},
    };

    check(state, cases, VB_COUNT(cases));
}

/* Bug: a task's own log and the task's output were one dataset type, with two who make it. */
static void test_outputs_that_vbutler_makes_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], " OUT("a_log", "[]") "}\n",
         "p.yaml:3:34: dataset type 'a_log' is what vbutler makes by itself: task 'a' must call its output something "
         "else"},
        {"  a: {command: [x]}\n  b: {command: [x], " OUT("a_metadata", "[]") "}\n", "'a_metadata' is what vbutler"},
        {"  a: {command: [x]}\n  b: {command: [x], " OUT("b_files", "[]") "}\n", "'b_files' is what vbutler"},
        {"  a: {command: [x]}\n  b: {command: [x], " OUT("packages", "[]") "}\n", "'packages' is what vbutler"},
    };

    check(state, cases, VB_COUNT(cases));
}

/* Bug: an empty artifact was made for it. */
static void test_init_outputs_of_a_program_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], initOutputs: {s: {type: schema, dimensions: [], storageClass: Catalog}}}\n",
         "init-output 's' of task 'a': a program runs once a quantum and makes none, so declare it under 'outputs'"}};

    check(state, cases, VB_COUNT(cases));
}

static void test_cycles_are_refused_with_their_way(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], inputs: {i: {type: n}}, " OUT("n", "[]") "}\n",
         "p.yaml:3:6: the tasks need each other in a cycle: a -> a"},
        {"  a: {command: [x], inputs: {i: {type: m}}, " OUT(
             "n", "[]") "}\n"
                        "  b: {command: [x], inputs: {i: {type: n}}, " OUT("m", "[]") "}\n",
         "in a cycle: a -> b -> a"},
    };

    check(state, cases, VB_COUNT(cases));
}

static void test_commands_that_mean_nothing_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {class: m.A}\n", "task 'a' has no 'command': it is Python (m.A), and vbutler runs programs"},
        {"  a: {command: x}\n", "p.yaml:3:16: the command of task 'a' must be a list of words"},
        {"  a: {command: []}\n", "must be a list of words"},
        {"  a: {command: [{a: b}]}\n", "p.yaml:3:17: a command is a list of words (and of lists of words)"},
        {"  a: {command: [x, [y, '{']]}\n", "p.yaml:3:24: '{': a single '{'"},
        {"  a: {command: ['{in.x}']}\n", "p.yaml:3:17: task 'a' has no input 'x'"},
        {"  a: {command: ['{out.x}'], inputs: {x: {type: raw}}}\n", "task 'a' has no output 'x'"},
        {"  a: {command: ['{config.k}']}\n", "{config.k}: task 'a' has no such value under 'config'"},
        {"  a: {command: ['{config.k}'], config: {k: parameters.n}}\n", "{config.k}: task 'a' has no such value"},
        {"  a: {command: ['{nothing.x}']}\n", "{nothing.x} is no field: no dimension 'nothing'"},
        {"  a: {command: ['{visit}'], dimensions: [exposure]}\n",
         "{visit} cannot be told: the task has dimensions {instrument,exposure}"},
        {"  a: {command: ['{exposure.x}'], dimensions: [exposure]}\n", "'exposure' has no field 'x'"},
        {"  a: {command: ['{exposure.ra}'], dimensions: [exposure]}\n", "'exposure' has no field 'ra'"},
        {"  a: {command: ['{visit_definition}'], dimensions: [exposure, visit]}\n",
         "{visit_definition} has no value of its own: name a field"},
    };

    check(state, cases, VB_COUNT(cases));
}

static void test_resources_and_policies_that_mean_nothing_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], resources: {cpus: 0}}\n", "p.yaml:3:39: resources.cpus must be a number of processors"},
        {"  a: {command: [x], resources: {cpus: 1025}}\n", "resources.cpus must be"},
        {"  a: {command: [x], resources: {cpus: two}}\n", "resources.cpus must be"},
        {"  a: {command: [x], resources: {runtime: 0}}\n", "resources.runtime must be a number of seconds"},
        {"  a: {command: [x], resources: {cpu: 1}}\n", "resources has no key 'cpu'"},
        {"  a: {command: [x], policy: {unusedInput: warn}}\n", "policy has no key 'unusedInput'"},
        {"  a: {command: [x], policy: {unusedInputs: ignore}}\n", "a policy is record, warn or fail"},
        {"  a: {command: [x], policy: {unusedInputs: [warn]}}\n", "a policy is record, warn or fail"},
        {"  a: {command: [x], environment: [A]}\n", "'environment' must be a mapping from names to values"},
    };

    check(state, cases, VB_COUNT(cases));
}

static void test_a_broken_contract_is_refused(void **state)
{
    static const struct refusal cases[] = {
        {"  a: {command: [x], config: {k: 1}}\ncontracts: [a.k == 2]\n", "the contract a.k == 2 does not hold"}};

    check(state, cases, VB_COUNT(cases));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tasks_come_in_topological_order),
        TEST(test_types_are_what_somebody_says),
        TEST(test_components_are_of_the_storage_class),
        TEST(test_a_task_has_outputs_of_our_own),
        TEST(test_a_definition_holds_all_that_runs),
        TEST(test_of_tasks_that_are_not_chosen_nothing_is_asked),
        TEST(test_types_that_do_not_agree_are_refused),
        TEST(test_extensions_and_calibrations_that_do_not_agree_with_the_repository_are_refused),
        TEST(test_outputs_that_two_make_are_refused),
        TEST(test_outputs_that_vbutler_makes_are_refused),
        TEST(test_init_outputs_of_a_program_are_refused),
        TEST(test_cycles_are_refused_with_their_way),
        TEST(test_commands_that_mean_nothing_are_refused),
        TEST(test_resources_and_policies_that_mean_nothing_are_refused),
        TEST(test_a_broken_contract_is_refused),
    };

    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
