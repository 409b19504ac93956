#include "tests/fs/quanta.h"

#include "fs/view/names.h"

#include <fcntl.h>

/* ---- the graph ------------------------------------------------------------------------------------------- */

static const vb_group *group_of(fixture *f, const char *dimensions)
{
    char **names = vb_split(dimensions, ',', NULL);
    const vb_group *group = NULL;

    assert_int_equal(vb_universe_conform_names(vb_registry_universe(f->reg), names, &group, NULL), 0);
    vb_strv_free(names);
    return group;
}

static void connect(vb_task_spec *task, const char *name, vb_role role, const char *type, const vb_group *group,
                    const char *storage_class)
{
    vb_connection_spec *c = VB_PUSH(task->connections, task->count, task->cap);

    c->name = vb_strdup(name);
    c->role = role;
    c->minimum = 1;
    c->type = (vb_dataset_type){.name = vb_strdup(type), .group = group, .storage_class = vb_strdup(storage_class)};
}

static vb_task_spec *add_task(fixture *f, vb_graph_spec *spec, const char *label, const char *dimensions,
                              const char *command)
{
    vb_task_spec *task = VB_PUSH(spec->tasks, spec->ntasks, spec->tasks_cap);
    vb_autofree char *log = vb_format("%s_log", label), *metadata = vb_format("%s_metadata", label);
    vb_autofree char *files = vb_format("%s_files", label);

    task->label = vb_strdup(label);
    task->group = group_of(f, dimensions);
    task->definition = vb_format("{\"command\":%s,\"files\":{}}", command);
    connect(task, "_log", VB_ROLE_LOG, log, task->group, "ButlerLogRecords");
    connect(task, "_metadata", VB_ROLE_METADATA, metadata, task->group, "TaskMetadata");
    connect(task, "_files", VB_ROLE_INIT_OUTPUT, files, group_of(f, ""), "StructuredDataDict");
    return task;
}

static void fill_spec(fixture *f, vb_graph_spec *spec, const quanta_plan *plan)
{
    const vb_group *detector = group_of(f, "exposure,detector"), *exposure = group_of(f, "exposure");
    vb_task_spec *task = add_task(f, spec, "calibrate", "exposure,detector",
                                  plan->command ? plan->command : "[\"true\"]");

    connect(task, "raw", VB_ROLE_INPUT, "raw", detector, "Exposure");
    connect(task, "cal", VB_ROLE_OUTPUT, "cal", detector, "Image");
    connect(task, "_packages", VB_ROLE_INIT_OUTPUT, "packages", group_of(f, ""), "Packages");
    task = add_task(f, spec, "mosaic", "exposure", "[\"true\"]");
    connect(task, "cal", VB_ROLE_INPUT, "cal", detector, "Image");
    task->connections[task->count - 1].multiple = true;
    connect(task, "mosaic", VB_ROLE_OUTPUT, "mosaic", exposure, "Image");
}

vb_graph *quanta_graph(fixture *f, const char *name, quanta_plan plan)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_graph_spec spec = {.run = vb_strdup(plan.run),
                               .extends_run = plan.extends,
                               .clobber_outputs = plan.clobber};
    vb_graph_counts counts;
    vb_graph *g = NULL;

    fill_spec(f, &spec, &plan);
    vb_strv_add(&spec.inputs, "TestCam/raw/all");
    spec.where = plan.where ? vb_strdup(plan.where) : NULL;
    spec.chain = plan.chain ? vb_strdup(plan.chain) : NULL;
    if (plan.chain) {
        vb_strv_add(&spec.chain_children, plan.run);
        vb_strv_add(&spec.chain_children, "TestCam/raw/all");
    }
    assert_ok(vb_graph_build(f->reg, &spec, fixture_path(f, name), &counts, &err), &err);
    assert_ok(vb_graph_open(fixture_path(f, name), &g, &err), &err);
    return g;
}

/* ---- quanta ---------------------------------------------------------------------------------------------- */

struct wanted {
    vb_graph *graph;
    const char *label;
    const char *packed;
    vb_quantum found;
};

static int look_at(void *arg, int64_t id, int64_t task_id, vb_uuid uuid)
{
    struct wanted *w = arg;
    vb_auto_buf packed = {0};
    vb_quantum q;

    assert_int_equal(vb_graph_quantum(w->graph, id, &q, NULL), 0);
    vb_dataid_pack(&q.dataid, &packed);
    if (w->found.task || strcmp(q.task->label, w->label) || strcmp(vb_buf_text(&packed), w->packed))
        vb_quantum_clear(&q);
    else
        w->found = q;
    return 0;
}

vb_quantum quanta_find(vb_graph *g, fixture *f, const char *label, const char *values)
{
    const vb_task *task = !strcmp(g->tasks[0].label, label) ? &g->tasks[0] : &g->tasks[1];
    vb_auto_dataid id = world_dataid(f, task->group, values);
    vb_auto_buf packed = {0};
    struct wanted w = {.graph = g, .label = label};

    vb_dataid_pack(&id, &packed);
    w.packed = vb_buf_text(&packed);
    assert_int_equal(vb_graph_each_quantum(g, look_at, &w, NULL), 0);
    assert_non_null(w.found.task);
    return w.found;
}

/* ---- receipts -------------------------------------------------------------------------------------------- */

static char *packed(const vb_dataid *id)
{
    vb_buf text = {0};

    vb_dataid_pack(id, &text);
    return vb_buf_steal(&text);
}

static void add_input(vb_receipt *r, const vb_edge *edge)
{
    *VB_PUSH(r->inputs, r->ninputs,
             r->inputs_cap) = (vb_receipt_input){.dataset = edge->dataset.uuid,
                                                 .connection = vb_strdup(edge->connection->name),
                                                 .type = vb_strdup(edge->dataset.type->name),
                                                 .dataid = packed(&edge->dataset.dataid),
                                                 .touch = VB_TOUCH_DECLARED | VB_TOUCH_LOOKUP | VB_TOUCH_READ};
}

static void write_output(fixture *f, vb_receipt_output *o, const char *text)
{
    vb_autofree char *full = vb_path_join(f->repo->root, o->path), *dir = vb_path_dir(full);
    struct stat st;

    assert_int_equal(vb_mkdirs(AT_FDCWD, dir, 0755, NULL), 0);
    assert_int_equal(vb_write_file(AT_FDCWD, full, text, strlen(text), 0644, false, NULL), 0);
    assert_int_equal(stat(full, &st), 0);
    o->mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static void add_output(fixture *f, const vb_graph *g, vb_receipt *r, const vb_edge *edge, bool without_files)
{
    vb_receipt_output *o = VB_PUSH(r->outputs, r->noutputs, r->outputs_cap);
    bool log = edge->connection->role == VB_ROLE_LOG;
    vb_autofree char *text = NULL;
    vb_buf path = {0};

    vb_name_artifact(&path, g->run, edge->dataset.type, &edge->dataset.dataid,
                     vb_dataset_type_extension(edge->dataset.type, NULL), r->attempt);
    text = log ? vb_strdup("[{\"asctime\":\"T\",\"levelname\":\"INFO\",\"name\":\"n\",\"message\":\"hello\"}]\n")
               : vb_format("%s %s\n", r->task, vb_buf_text(&path));
    *o = (vb_receipt_output){.dataset = edge->dataset.uuid,
                             .connection = vb_strdup(edge->connection->name),
                             .type = vb_strdup(edge->dataset.type->name),
                             .dataid = packed(&edge->dataset.dataid),
                             .path = vb_buf_steal(&path),
                             .size = (int64_t)strlen(text),
                             .checksum = vb_hash_bytes(text, strlen(text))};
    if (!without_files)
        write_output(f, o, text);
}

static void fill_details(vb_receipt *r)
{
    json_t *command = json_pack("[s, s, s]", "prog", "a b", "it's"), *environment = json_pack("{s:s}", "PATH", "/bin");

    json_object_set_new(r->details, "command", command);
    json_object_set_new(r->details, "environment", environment);
    json_object_set_new(r->details, "io", json_pack("[{s:s}]", "path", "work/x"));
    json_object_set_new(r->details, "exit", json_pack("{s:i}", "code", r->status == VB_STATUS_SUCCEEDED ? 0 : 3));
    if (r->status != VB_STATUS_SUCCEEDED)
        json_object_set_new(r->details, "log",
                            json_pack("[{s:s, s:s, s:s, s:s}]", "asctime", "T", "levelname", "ERROR", "name", "n",
                                      "message", "no good"));
}

vb_receipt *quanta_receipt(fixture *f, vb_graph *g, const vb_quantum *q, int attempt, vb_status status,
                           bool without_files)
{
    vb_receipt *r = vb_receipt_new();

    r->graph = vb_strdup(g->id);
    r->run = vb_strdup(g->run);
    r->task = vb_strdup(q->task->label);
    r->quantum = q->uuid;
    r->dataid = packed(&q->dataid);
    r->attempt = attempt;
    r->status = status;
    r->message = status == VB_STATUS_SUCCEEDED ? NULL : vb_strdup("prog exited with 3");
    r->capture = vb_strdup("complete");
    r->host = vb_strdup("here");
    r->started = INT64_C(1600000000000000000);
    r->usage = (vb_usage){2.5, 1.25, 0.25, 1 << 20, 100, 200};
    for (size_t i = 0; i < q->ninputs; i++)
        add_input(r, &q->inputs[i]);
    for (size_t i = 0; status == VB_STATUS_SUCCEEDED && i < q->noutputs; i++)
        add_output(f, g, r, &q->outputs[i], without_files);
    fill_details(r);
    return r;
}

void quanta_execute(fixture *f, vb_graph *g, const char *label, const char *values, int attempt, vb_status status)
{
    vb_auto_quantum q = quanta_find(g, f, label, values);
    vb_auto(vb_receipt_free) vb_receipt *r = quanta_receipt(f, g, &q, attempt, status, false);
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};

    assert_ok(vb_provenance_register_run(f->reg, g, &err), &err);
    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_provenance_merge(f->reg, g, r, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
}
