/* Tests of by-id/ and provenance/ and reports/: lineage, to be walked with cd. */
#include "tests/fs/quanta.h"
#include "tests/fs/viewer.h"

#define CALIBRATE "provenance/u/run/calibrate/instrument=TestCam,detector=2,exposure=101"
#define MOSAIC    "provenance/u/run/mosaic/instrument=TestCam,exposure=101"

typedef struct scene {
    vb_graph *graph;
    viewer *v;
} scene;

/* The calibrations of exposure 101 succeeded (that of detector 1 at its second attempt), and so did its mosaic; one of
 * exposure 102 failed. */
static scene *make_scene(fixture *f)
{
    scene *s = VB_NEW(scene);

    world_raws(f);
    s->graph = quanta_graph(f, "g.vbg", (quanta_plan){.run = "u/run", .chain = "u/chain"});
    quanta_execute(f, s->graph, "calibrate", "exposure=101 detector=2", 1, VB_STATUS_SUCCEEDED);
    quanta_execute(f, s->graph, "calibrate", "exposure=101 detector=1", 1, VB_STATUS_FAILED);
    quanta_execute(f, s->graph, "calibrate", "exposure=101 detector=1", 2, VB_STATUS_SUCCEEDED);
    quanta_execute(f, s->graph, "calibrate", "exposure=101 detector=3", 1, VB_STATUS_SUCCEEDED);
    quanta_execute(f, s->graph, "calibrate", "exposure=102 detector=3", 1, VB_STATUS_FAILED);
    quanta_execute(f, s->graph, "mosaic", "exposure=101", 1, VB_STATUS_SUCCEEDED);
    s->v = viewer_new(f, f->reg);
    return s;
}

static void free_scene(scene *s)
{
    viewer_free(s->v);
    vb_graph_close(s->graph);
    free(s);
}
VB_CLEANUP(scene, free_scene)

/* by-id/UUID of an output of a quantum. */
static char *by_id(fixture *f, scene *s, const char *label, const char *values, const char *type)
{
    vb_auto_quantum q = quanta_find(s->graph, f, label, values);
    char uuid[VB_UUID_TEXT];

    for (size_t i = 0; i < q.noutputs; i++)
        if (!strcmp(q.outputs[i].dataset.type->name, type))
            return vb_format("by-id/%s", vb_uuid_format(q.outputs[i].dataset.uuid, uuid));
    fail_msg("no output %s", type);
    return NULL;
}

/* ---- provenance/ ------------------------------------------------------------------------------------------ */

static void test_runs_and_tasks(void **state)
{
    vb_auto(free_scene) scene *s = make_scene(*state);

    assert_listing(s->v, "provenance", "u");
    assert_listing(s->v, "provenance/u", "run");
    assert_listing(s->v, "provenance/u/run", "calibrate mosaic");
    assert_listing(s->v, "provenance/u/run/mosaic", "instrument=TestCam,exposure=101");
    assert_listing(s->v, "provenance/u/run/calibrate",
                   "instrument=TestCam,detector=1,exposure=101 instrument=TestCam,detector=2,exposure=101 "
                   "instrument=TestCam,detector=3,exposure=101 instrument=TestCam,detector=3,exposure=102");
}

static void test_a_quantum_is_a_directory(void **state)
{
    vb_auto(free_scene) scene *s = make_scene(*state);

    assert_listing(s->v, CALIBRATE,
                   "attempts command environment inputs io.jsonl log outputs status.json undeclared unused "
                   "usage.json");
    assert_reads(s->v, CALIBRATE "/command", "prog 'a b' 'it'\\''s'\n");
    assert_reads(s->v, CALIBRATE "/environment", "PATH=/bin\n");
    assert_reads(s->v, CALIBRATE "/io.jsonl", "{\"path\": \"work/x\"}\n");
    assert_reads(s->v, CALIBRATE "/log", "T INFO n: hello\n");
}

static void test_status_and_usage_are_json(void **state)
{
    vb_auto(free_scene) scene *s = make_scene(*state);
    vb_autofree char *status = viewer_read(s->v, CALIBRATE "/status.json");
    vb_autofree char *usage = viewer_read(s->v, CALIBRATE "/usage.json");
    json_t *object = json_loads(status, 0, NULL);

    assert_string_equal(json_string_value(json_object_get(object, "status")), "succeeded");
    assert_int_equal(json_integer_value(json_object_get(object, "attempt")), 1);
    assert_string_equal(json_string_value(json_object_get(object, "capture")), "complete");
    assert_string_equal(json_string_value(json_object_get(object, "started")), "2020-09-13T12:26:40.000000Z");
    assert_string_equal(json_string_value(json_object_get(object, "ended")), "2020-09-13T12:26:42.500000Z");
    json_decref(object);
    object = json_loads(usage, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(object, "memory")), 1 << 20);
    json_decref(object);
}

/* The quantum shows the attempt that counts; each attempt shows its own. */
static void test_attempts(void **state)
{
    vb_auto(free_scene) scene *s = make_scene(*state);
    const char *other = "provenance/u/run/calibrate/instrument=TestCam,detector=1,exposure=101";
    vb_autofree char *attempts = vb_format("%s/attempts", other), *first = vb_format("%s/attempts/1", other);
    vb_autofree char *log = vb_format("%s/log", first), *counts = vb_format("%s/log", other);
    vb_autofree char *padded = vb_format("%s/attempts/01", other), *none = vb_format("%s/attempts/3", other);

    assert_listing(s->v, attempts, "1 2");
    assert_listing(s->v, first, "command environment io.jsonl log status.json usage.json");
    assert_reads(s->v, log, "T ERROR n: no good\n");
    assert_reads(s->v, counts, "T INFO n: hello\n");
    assert_int_equal(viewer_try(s->v, padded), -ENOENT);
    assert_int_equal(viewer_try(s->v, none), -ENOENT);
}

/* The log of a success is a dataset: where it was pruned the rest of the provenance stands. */
static void test_a_log_that_is_gone_is_empty(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);

    assert_int_equal(vb_remove_tree(-100, fixture_path(f, "repo/u/run/calibrate_log"), NULL), 0);
    assert_reads(s->v, CALIBRATE "/log", "");
    assert_reads(s->v, CALIBRATE "/environment", "PATH=/bin\n");
}

static void test_inputs_and_outputs_lead_to_datasets(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_autofree char *link = vb_format("../../../../../../../%s", cal);

    assert_listing(s->v, CALIBRATE "/inputs", "raw");
    assert_listing(s->v, CALIBRATE "/inputs/raw", "instrument=TestCam,detector=2,exposure=101");
    assert_listing(s->v, CALIBRATE "/outputs", "_log _metadata cal");
    assert_listing(s->v, CALIBRATE "/unused", "");
    assert_listing(s->v, CALIBRATE "/undeclared", "");
    assert_listing(s->v, MOSAIC "/inputs/cal",
                   "instrument=TestCam,detector=1,exposure=101 instrument=TestCam,detector=2,exposure=101 "
                   "instrument=TestCam,detector=3,exposure=101");
    vb_autofree char *target = viewer_link(s->v, CALIBRATE "/outputs/cal/instrument=TestCam,detector=2,exposure=101");
    assert_string_equal(target, link);
}

/* `cd by-id/UUID/producer/inputs/cal/...`: from a mosaic down to its raws. */
static void test_lineage_is_walked(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *mosaic = by_id(f, s, "mosaic", "exposure=101", "mosaic");
    vb_autofree char *raw = vb_format("%s/inputs/cal/instrument=TestCam,detector=2,exposure=101/inputs/raw/"
                                      "instrument=TestCam,detector=2,exposure=101/raw_TestCam_2_101.fits",
                                      mosaic);

    assert_reads(s->v, raw, "raw 101 2\n");
}

static void test_a_quantum_is_found_by_its_uuid(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_auto_quantum q = quanta_find(s->graph, f, "mosaic", "exposure=101");
    char uuid[VB_UUID_TEXT];
    vb_autofree char *path = vb_format("provenance/u/run/mosaic/%s", vb_uuid_format(q.uuid, uuid));
    vb_autofree char *wrong = vb_format("provenance/u/run/calibrate/%s", uuid), *target = viewer_link(s->v, path);

    assert_string_equal(target, "instrument=TestCam,exposure=101");
    assert_int_equal(viewer_try(s->v, wrong), -ENOENT);
}

static void test_other_spellings_of_quanta_are_not_there(void **state)
{
    static const char *const others[] = {
        "provenance/u/run/mosaic/exposure=101,instrument=TestCam",
        "provenance/u/run/mosaic/instrument=TestCam,exposure=0101",
        "provenance/u/run/mosaic/instrument=TestCam,exposure=101,",
        "provenance/u/run/mosaic/instrument=TestCam,,exposure=101",
        "provenance/u/run/mosaic/instrument=TestCam, exposure=101",
        "provenance/u/run/mosaic/instrument=TestCam%00,exposure=101",
        "provenance/u/run/mosaic/instrument=TestCam",
        "provenance/u/run/mosaic/instrument=TestCam,exposure=103", /* was not run */
        "provenance/u/run/nothing",
        "provenance/u/nothing",
        "provenance/u%00",
        MOSAIC "/nothing",
        MOSAIC "/inputs/nothing",
        MOSAIC "/inputs/cal/nothing",
    };
    vb_auto(free_scene) scene *s = make_scene(*state);

    for (size_t i = 0; i < VB_COUNT(others); i++)
        if (viewer_try(s->v, others[i]) != -ENOENT)
            fail_msg("%s: %d", others[i], viewer_try(s->v, others[i]));
}

/* A blocked quantum has done nothing: it is listed, and has no files. */
static void test_a_blocked_quantum(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_auto_quantum q = quanta_find(s->graph, f, "mosaic", "exposure=102");
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_provenance_mark_blocked(f->reg, s->graph, &q.uuid, 1, &err), &err);
    assert_listing(s->v, "provenance/u/run/mosaic/instrument=TestCam,exposure=102",
                   "attempts inputs outputs undeclared unused");
    assert_listing(s->v, "provenance/u/run/mosaic/instrument=TestCam,exposure=102/attempts", "");
    assert_int_equal(viewer_try(s->v, "provenance/u/run/mosaic/instrument=TestCam,exposure=102/log"), -ENOENT);
}

/* Bug: of a quantum that was made anew in the same run, the links of what the first had made led to the second. */
static void test_a_quantum_that_was_made_anew(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *old = by_id(f, s, "mosaic", "exposure=101", "mosaic"), *producer = vb_format("%s/producer", old);
    vb_autofree char *mosaic = vb_format("%s/producer/status.json", old), *first = viewer_read(s->v, mosaic);
    vb_auto(vb_graph_close)
        vb_graph *again = quanta_graph(f, "again.vbg", (quanta_plan){.run = "u/run", .extends = true, .clobber = true});

    quanta_execute(f, again, "mosaic", "exposure=101", 1, VB_STATUS_SUCCEEDED);
    vb_autofree char *now = viewer_read(s->v, mosaic), *shown = viewer_read(s->v, MOSAIC "/status.json");
    assert_string_equal(now, first);
    assert_string_not_equal(shown, first);
    assert_listing(s->v, "provenance/u/run/mosaic", "instrument=TestCam,exposure=101");
}

/* ---- tasks without dimensions ------------------------------------------------------------------------------- */

/* Without a data ID a quantum is named by its UUID. */
static void test_a_quantum_without_dimensions(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_auto_graph_spec spec = {.run = vb_strdup("u/one")};
    vb_task_spec *task = VB_PUSH(spec.tasks, spec.ntasks, spec.tasks_cap);
    vb_connection_spec *c = VB_PUSH(task->connections, task->count, task->cap);
    const vb_group *none = vb_universe_conform(vb_registry_universe(f->reg), (vb_dimset){{0}});
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_graph_counts counts;
    vb_auto_error err = VB_ERROR_INIT;
    char uuid[VB_UUID_TEXT];

    task->label = vb_strdup("sum");
    task->group = none;
    task->definition = vb_strdup("{\"command\":[\"true\"]}");
    c->name = vb_strdup("sum");
    c->role = VB_ROLE_OUTPUT;
    c->type = (vb_dataset_type){.name = vb_strdup("sum"), .group = none, .storage_class = vb_strdup("Image")};
    assert_ok(vb_graph_build(f->reg, &spec, fixture_path(f, "one.vbg"), &counts, &err), &err);
    assert_ok(vb_graph_open(fixture_path(f, "one.vbg"), &g, &err), &err);
    quanta_execute(f, g, "sum", "", 1, VB_STATUS_SUCCEEDED);
    vb_auto_quantum q = quanta_find(g, f, "sum", "");
    vb_autofree char *path = vb_format("provenance/u/one/sum/%s", vb_uuid_format(q.uuid, uuid));
    vb_autofree char *command = vb_format("%s/command", path), *outputs = vb_format("%s/outputs/sum", path);
    char dataset[VB_UUID_TEXT];
    assert_listing(s->v, "provenance/u/one/sum", uuid);
    assert_reads(s->v, command, "prog 'a b' 'it'\\''s'\n");
    assert_listing(s->v, outputs, vb_uuid_format(q.outputs[0].dataset.uuid, dataset));
}

/* ---- by-id/ ------------------------------------------------------------------------------------------------- */

static void test_a_dataset_by_its_id(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_autofree char *file = vb_format("%s/cal_TestCam_2_101", cal), *upper = vb_strdup(cal);
    vb_autofree char *producer = vb_format("%s/producer", cal), *target = viewer_link(s->v, producer);
    vb_autofree char *json = vb_format("%s/dataset.json", cal), *text = viewer_read(s->v, json);
    json_t *object = json_loads(text, 0, NULL);

    assert_string_equal(target, "../../" CALIBRATE);
    assert_string_equal(json_string_value(json_object_get(object, "state")), "present");
    assert_string_equal(json_string_value(json_object_get(object, "run")), "u/run");
    assert_string_equal(json_string_value(json_object_get(object, "id")), cal + 6);
    json_decref(object);
    for (char *p = upper + 6; *p; p++)
        *p = *p >= 'a' && *p <= 'f' ? (char)(*p - 32) : *p;
    assert_int_equal(viewer_try(s->v, upper), strcmp(upper, cal) ? -ENOENT : 0);
    assert_int_equal(viewer_try(s->v, "by-id/00000000-0000-0000-0000-000000000000"), -ENOENT);
    assert_int_equal(viewer_try(s->v, "by-id/nothing"), -ENOENT);
}

/* The same inode as under data/. */
static void test_by_id_shows_the_same_file(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_autofree char *names = viewer_list(s->v, cal), *file = NULL;
    const char *name = strstr(names, "cal_TestCam");

    assert_non_null(name);
    file = vb_format("%s/%.*s", cal, (int)strcspn(name, " "), name);
    vb_autofree char *data = vb_format("data/u/run/cal/detector=2/exposure=101/%.*s", (int)strcspn(name, " "), name);
    assert_int_equal(viewer_ino(s->v, file), viewer_ino(s->v, data));
}

static void test_consumers(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_autofree char *consumers = vb_format("%s/consumers", cal);
    vb_auto_quantum q = quanta_find(s->graph, f, "mosaic", "exposure=101");
    char uuid[VB_UUID_TEXT];
    vb_autofree char *link = vb_format("%s/%s", consumers, vb_uuid_format(q.uuid, uuid));
    vb_autofree char *command = vb_format("%s/command", link), *none = vb_format("%s/nothing", consumers);

    assert_listing(s->v, consumers, uuid);
    assert_reads(s->v, command, "prog 'a b' 'it'\\''s'\n");
    assert_int_equal(viewer_try(s->v, none), -ENOENT);
}

/* Bug: any quantum's UUID was a consumer of any dataset, though no listing showed it. */
static void test_others_are_no_consumers(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_auto_quantum q = quanta_find(s->graph, f, "calibrate", "exposure=101 detector=2");
    char uuid[VB_UUID_TEXT];
    vb_autofree char *link = vb_format("%s/consumers/%s", cal, vb_uuid_format(q.uuid, uuid));

    assert_int_equal(viewer_try(s->v, link), -ENOENT);
}

static void test_other_spellings_of_consumers_are_not_there(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_auto_quantum q = quanta_find(s->graph, f, "mosaic", "exposure=101");
    vb_auto_buf bare = {0};
    vb_autofree char *link = NULL;

    vb_buf_hex(&bare, q.uuid.bytes, sizeof q.uuid.bytes); /* without dashes */
    link = vb_format("%s/consumers/%s", cal, vb_buf_text(&bare));
    assert_int_equal(viewer_try(s->v, link), -ENOENT);
}

/* Raws were made by nobody: no producer, no inputs, and so no link that dangles. */
static void test_without_a_producer_there_is_no_link(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_auto_quantum q = quanta_find(s->graph, f, "calibrate", "exposure=103 detector=3");
    char uuid[VB_UUID_TEXT];
    vb_autofree char *raw = vb_format("by-id/%s", vb_uuid_format(q.inputs[0].dataset.uuid, uuid));
    vb_autofree char *producer = vb_format("%s/producer", raw), *inputs = vb_format("%s/inputs", raw);

    assert_listing(s->v, raw, "consumers dataset.json raw_TestCam_3_103.fits");
    assert_int_equal(viewer_try(s->v, producer), -ENOENT);
    assert_int_equal(viewer_try(s->v, inputs), -ENOENT);
}

static json_t *dataset_json(viewer *v, const char *dir)
{
    vb_autofree char *path = vb_format("%s/dataset.json", dir), *text = viewer_read(v, path);

    return json_loads(text, 0, NULL);
}

static void assert_state(viewer *v, const char *dir, const char *wanted)
{
    json_t *object = dataset_json(v, dir);

    assert_string_equal(json_string_value(json_object_get(object, "state")), wanted);
    json_decref(object);
}

/* A graph speaks of datasets that nobody has made: they are there, and predicted. */
static void test_predicted_datasets(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_auto(viewer_free) viewer *v = viewer_new(f, s->graph->reg);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=103 detector=2", "cal");

    assert_state(v, cal, "predicted");
    assert_listing(v, cal, "consumers dataset.json inputs producer");
}

static void test_a_removed_dataset(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *old = by_id(f, s, "mosaic", "exposure=101", "mosaic");
    vb_auto(vb_graph_close)
        vb_graph *again = quanta_graph(f, "again.vbg", (quanta_plan){.run = "u/run", .extends = true, .clobber = true});

    quanta_execute(f, again, "mosaic", "exposure=101", 1, VB_STATUS_SUCCEEDED);
    assert_state(s->v, old, "removed");
    assert_listing(s->v, old, "consumers dataset.json inputs producer");
}

static void test_all_datasets_are_listed(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *all = viewer_list(s->v, "by-id"),
                     *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    int64_t n = fixture_count(f, "dataset");

    assert_int_equal((int64_t)strlen(all), n * VB_UUID_TEXT - 1);
    assert_non_null(strstr(all, cal + 6));
}

/* A file of text that has changed is another inode: the kernel may keep the bytes of the old one. */
static void test_changed_text_is_another_inode(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_autofree char *cal = by_id(f, s, "calibrate", "exposure=101 detector=2", "cal");
    vb_autofree char *path = vb_format("%s/dataset.json", cal);
    vb_auto_quantum q = quanta_find(s->graph, f, "calibrate", "exposure=101 detector=2");
    vb_auto_dataset d = {0};
    vb_node *before, *same, *after;

    assert_int_equal(viewer_walk(s->v, path, &before), 0);
    assert_int_equal(viewer_walk(s->v, path, &same), 0);
    assert_ptr_equal(before, same);
    for (size_t i = 0; i < q.noutputs; i++)
        if (!strcmp(q.outputs[i].dataset.type->name, "cal"))
            assert_int_equal(vb_dataset_by_uuid(f->reg, &q.outputs[i].dataset.uuid, &d, NULL), 1);
    assert_int_equal(vb_location_set(f->reg, d.id,
                                     &(vb_location){.store_id = 1, .path = (char *)"elsewhere", .size = 1, .mtime = -1},
                                     NULL),
                     0);
    assert_int_equal(viewer_walk(s->v, path, &after), 0);
    assert_int_not_equal(before->ino, after->ino);
    viewer_forget(s->v, before);
    viewer_forget(s->v, same);
    viewer_forget(s->v, after);
}

/* ---- reports/ ------------------------------------------------------------------------------------------------- */

static void test_reports_are_files(void **state)
{
    vb_auto(free_scene) scene *s = make_scene(*state);
    vb_autofree char *failures = viewer_read(s->v, "reports/u/run/failures.txt");
    vb_autofree char *tasks = viewer_read(s->v, "reports/u/run/tasks.csv");
    vb_autofree char *json = viewer_read(s->v, "reports/u/run/tasks.json");
    json_t *array = json_loads(json, 0, NULL);

    assert_listing(s->v, "reports", "u");
    assert_listing(s->v, "reports/u/run", "failures.txt quanta.csv summary.csv tasks.csv tasks.json tasks.txt");
    assert_non_null(strstr(failures, "prog exited with 3"));
    assert_non_null(strstr(tasks, "calibrate,"));
    assert_int_equal(json_array_size(array), 2);
    json_decref(array);
    assert_int_equal(viewer_try(s->v, "reports/u/run/nothing"), -ENOENT);
    assert_int_equal(viewer_stat(s->v, "reports/u/run/tasks.csv").st_size, (off_t)strlen(tasks));
}

/* A run whose name begins another's shows its own files and the other. */
static void test_a_run_that_begins_another(void **state)
{
    fixture *f = *state;
    vb_auto(free_scene) scene *s = make_scene(f);
    vb_auto(vb_graph_close) vb_graph *deeper = quanta_graph(f, "deeper.vbg", (quanta_plan){.run = "u/run/deeper"});
    vb_auto(vb_graph_close) vb_graph *beside = quanta_graph(f, "beside.vbg", (quanta_plan){.run = "u/run-b"});

    quanta_execute(f, deeper, "calibrate", "exposure=101 detector=2", 1, VB_STATUS_SUCCEEDED);
    quanta_execute(f, beside, "calibrate", "exposure=101 detector=2", 1, VB_STATUS_SUCCEEDED);
    assert_listing(s->v, "provenance/u", "run run-b");
    assert_listing(s->v, "provenance/u/run", "calibrate deeper mosaic");
    assert_listing(s->v, "provenance/u/run/deeper", "calibrate mosaic");
    assert_listing(s->v, "reports/u/run", "deeper failures.txt quanta.csv summary.csv tasks.csv tasks.json tasks.txt");
}

/* ---- dimensions/ ---------------------------------------------------------------------------------------------- */

static void test_dimension_records_are_files(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_autofree char *text = viewer_read(v, "dimensions/visit/instrument=TestCam/visit=102/record.json");
    json_t *object = json_loads(text, 0, NULL);

    assert_listing(v, "dimensions/visit", "instrument=TestCam");
    assert_listing(v, "dimensions/visit/instrument=TestCam", "visit=101 visit=102 visit=103");
    assert_listing(v, "dimensions/visit/instrument=TestCam/visit=102", "record.json");
    assert_listing(v, "dimensions/tract/skymap=demo", "tract=0");
    assert_listing(v, "dimensions/visit_system", "");
    assert_string_equal(json_string_value(json_object_get(object, "physical_filter")), "g-1");
    assert_true(json_real_value(json_object_get(object, "exposure_time")) == 31);
    json_decref(object);
    assert_int_equal(viewer_journal(v, VB_JOURNAL_RECORD, "dimensions/visit/instrument=TestCam/visit=102/record.json")
                         ->touch,
                     VB_TOUCH_READ);
}

static void test_elements_are_listed(void **state)
{
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);
    vb_autofree char *names = viewer_list(v, "dimensions");

    assert_non_null(strstr(names, "visit_detector_region"));
    assert_null(strstr(names, "htm"));
    assert_null(strstr(names, "band")); /* it has no table */
}

static void test_records_that_are_not_there(void **state)
{
    static const char *const missing[] = {
        "dimensions/nothing",
        "dimensions/band",
        "dimensions/htm7",
        "dimensions/visit/visit=102", /* the order is fixed here */
        "dimensions/visit/instrument=TestCam/visit=104",
        "dimensions/visit/instrument=TestCam/visit=0102",
        "dimensions/visit/instrument=Other",
        "dimensions/visit/instrument=TestCam%00",
        "dimensions/visit/instrument=TestCam/record.json",
        "dimensions/visit/instrument=TestCam/visit=102/nothing",
    };
    fixture *f = *state;
    vb_auto(viewer_free) viewer *v = viewer_new(f, f->reg);

    for (size_t i = 0; i < VB_COUNT(missing); i++) {
        if (viewer_try(v, missing[i]) != -ENOENT)
            fail_msg("%s: %d", missing[i], viewer_try(v, missing[i]));
        if (i && !viewer_journal(v, VB_JOURNAL_MISSING, missing[i]))
            fail_msg("%s was not noted", missing[i]);
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_runs_and_tasks),
        IN_WORLD(test_a_quantum_is_a_directory),
        IN_WORLD(test_status_and_usage_are_json),
        IN_WORLD(test_attempts),
        IN_WORLD(test_a_log_that_is_gone_is_empty),
        IN_WORLD(test_inputs_and_outputs_lead_to_datasets),
        IN_WORLD(test_lineage_is_walked),
        IN_WORLD(test_a_quantum_is_found_by_its_uuid),
        IN_WORLD(test_other_spellings_of_quanta_are_not_there),
        IN_WORLD(test_a_blocked_quantum),
        IN_WORLD(test_a_quantum_that_was_made_anew),
        IN_WORLD(test_a_quantum_without_dimensions),
        IN_WORLD(test_a_dataset_by_its_id),
        IN_WORLD(test_by_id_shows_the_same_file),
        IN_WORLD(test_consumers),
        IN_WORLD(test_others_are_no_consumers),
        IN_WORLD(test_other_spellings_of_consumers_are_not_there),
        IN_WORLD(test_without_a_producer_there_is_no_link),
        IN_WORLD(test_predicted_datasets),
        IN_WORLD(test_a_removed_dataset),
        IN_WORLD(test_all_datasets_are_listed),
        IN_WORLD(test_changed_text_is_another_inode),
        IN_WORLD(test_reports_are_files),
        IN_WORLD(test_a_run_that_begins_another),
        IN_WORLD(test_dimension_records_are_files),
        IN_WORLD(test_elements_are_listed),
        IN_WORLD(test_records_that_are_not_there),
    };

    return cmocka_run_group_tests_name("view provenance", tests, NULL, NULL);
}
