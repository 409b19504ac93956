#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/graph/graph.h"
#include "registry/internal.h"

#include <inttypes.h>
#include <string.h>

void vb_graph_close(vb_graph *g)
{
    for (size_t t = 0; t < g->ntasks; t++) {
        for (size_t c = 0; c < g->tasks[t].count; c++)
            free(g->tasks[t].connections[c].name), free(g->tasks[t].connections[c].component);
        free(g->tasks[t].connections);
        free(g->tasks[t].label);
        free(g->tasks[t].definition);
    }
    free(g->tasks);
    free(g->id);
    free(g->run);
    free(g->chain);
    free(g->command);
    free(g->snapshot);
    free(g->replaced);
    free(g->prune_replaced);
    vb_strv_free(g->chain_children);
    vb_strv_free(g->inputs);
    if (g->reg)
        vb_registry_close(g->reg);
    free(g);
}

static int read_meta(vb_graph *g, vb_error *err)
{
    vb_autofree char *children = NULL, *inputs = NULL, *extends = NULL, *clobber = NULL;
    struct {
        const char *key;
        char **value;
    } values[] = {{"graph_id", &g->id},       {"run", &g->run},
                  {"chain", &g->chain},       {"chain_children", &children},
                  {"inputs", &inputs},        {"command", &g->command},
                  {"extends_run", &extends},  {"clobber_outputs", &clobber},
                  {"replaced", &g->replaced}, {"prune_replaced", &g->prune_replaced},
                  {"snapshot", &g->snapshot}};
    const vb_collection *run;
    int r = 0;

    for (size_t i = 0; !r && i < VB_COUNT(values); i++)
        r = vb_registry_meta(g->reg, values[i].key, values[i].value, err);
    if (!r && (!g->id || !g->run))
        r = vb_fail(err, -EINVAL, "%s: is incomplete: it names no run", vb_registry_path(g->reg));
    if (!r)
        r = vb_collection_find(g->reg, g->run, &run, err);
    if (r < 0)
        return r;
    g->run_id = run->id;
    g->extends_run = extends != NULL;
    g->clobber_outputs = clobber != NULL;
    g->chain_children = vb_split(children ? children : "", ',', NULL);
    g->inputs = vb_split(inputs ? inputs : "", ',', NULL);
    return 0;
}

static int read_connections(vb_graph *g, vb_task *task, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(g->reg->db, &s, err,
                   "SELECT id, name, kind, type_id, multiple, minimum, component FROM connection WHERE task_id = ?"
                   " ORDER BY position",
                   VB_ARGS(task->id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_connection *c = VB_PUSH(task->connections, task->count, task->cap);

        *c = (vb_connection){.id = vb_col_int(s, 0),
                             .name = vb_strdup(vb_col_text(s, 1)),
                             .role = (vb_role)vb_col_int(s, 2),
                             .multiple = vb_col_int(s, 4),
                             .minimum = (int)vb_col_int(s, 5),
                             .component = vb_col_null(s, 6) ? NULL : vb_strdup(vb_col_text(s, 6))};
        r = vb_dataset_type_by_id(g->reg, vb_col_int(s, 3), &c->type, err);
    }
    return r;
}

static int read_tasks(vb_graph *g, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(g->reg->db, &s, err,
                   "SELECT t.id, label, definition, dimensions FROM task t JOIN dataid_group d"
                   " ON d.id = group_id ORDER BY position",
                   VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_task *task = VB_PUSH(g->tasks, g->ntasks, g->tasks_cap);
        char **names = vb_split(vb_col_text(s, 3), ',', NULL);

        task->id = vb_col_int(s, 0);
        task->label = vb_strdup(vb_col_text(s, 1));
        task->definition = vb_strdup(vb_col_text(s, 2));
        r = vb_universe_conform_names(vb_registry_universe(g->reg), names, &task->group, err);
        vb_strv_free(names);
        if (!r)
            r = read_connections(g, task, err);
    }
    return r;
}

int vb_graph_open(const char *path, vb_graph **out, vb_error *err)
{
    vb_auto(vb_graph_close) vb_graph *g = VB_NEW(vb_graph);
    int r = vb_registry_open(path, VB_ACCESS_IMMUTABLE, &g->reg, err);

    if (r < 0)
        return r;
    if (strcmp(vb_registry_format(g->reg), "graph")) {
        vb_fail(err, -EINVAL, "%s: is a %s, not a quantum graph", path, vb_registry_format(g->reg));
        vb_hint(err, "make one with: vbutler qgraph ... --save-qgraph FILE");
        return -EINVAL;
    }
    r = read_meta(g, err);
    if (!r)
        r = read_tasks(g, err);
    if (!r)
        r = vb_sql_int(g->reg->db, &g->nquanta, err, "SELECT count(*) FROM quantum", VB_NO_ARGS);
    if (r < 0)
        return r;
    *out = VB_STEAL(g);
    return 0;
}

const vb_task *vb_graph_task(const vb_graph *g, int64_t task_id)
{
    for (size_t t = 0; t < g->ntasks; t++)
        if (g->tasks[t].id == task_id)
            return &g->tasks[t];
    return NULL;
}

void vb_quantum_clear(vb_quantum *q)
{
    for (size_t i = 0; i < q->ninputs; i++)
        vb_dataset_clear(&q->inputs[i].dataset);
    for (size_t i = 0; i < q->noutputs; i++)
        vb_dataset_clear(&q->outputs[i].dataset);
    free(q->inputs);
    free(q->outputs);
    vb_dataid_clear(&q->dataid);
    *q = (vb_quantum){0};
}

void vb_quantum_print(const vb_quantum *q, vb_buf *out)
{
    vb_buf_printf(out, "%s ", q->task->label);
    vb_dataid_print(&q->dataid, out);
}

static const vb_connection *connection_by_id(const vb_task *task, int64_t id)
{
    for (size_t i = 0; i < task->count; i++)
        if (task->connections[i].id == id)
            return &task->connections[i];
    return NULL;
}

static int compare_edges(const void *a, const void *b)
{
    const vb_edge *x = a, *y = b;

    if (x->connection != y->connection)
        return x->connection < y->connection ? -1 : 1; /* one array: the pipeline's order */
    return vb_dataid_compare(&x->dataset.dataid, &y->dataset.dataid);
}

/* The datasets of one side of a quantum. */
static int read_edges(vb_graph *g, const vb_quantum *q, const char *sql, vb_edge **edges, size_t *count, size_t *cap,
                      vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(g->reg->db, &s, err, sql, VB_ARGS(q->id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const vb_connection *connection = connection_by_id(q->task, vb_col_int(s, 0));
        vb_edge *edge;

        if (!connection)
            return vb_fail(err, -EINVAL, "%s: a quantum of '%s' has an edge of no connection", vb_registry_path(g->reg),
                           q->task->label);
        edge = VB_PUSH(*edges, *count, *cap);
        edge->connection = connection;
        edge->dataset = (vb_dataset){.id = vb_col_int(s, 1),
                                     .uuid = vb_col_uuid(s, 2),
                                     .type = connection->type,
                                     .run_id = vb_col_int(s, 3),
                                     .ingest_date = vb_col_int(s, 5),
                                     .state = (vb_dataset_state)vb_col_int(s, 6)};
        r = vb_dataid_unpack(connection->type->group, vb_col_text(s, 4), &edge->dataset.dataid, err);
    }
    if (!r && *count)
        qsort(*edges, *count, sizeof **edges, compare_edges);
    return r;
}

#define EDGE_SQL(table)                                                                            \
    "SELECT e.connection_id, d.id, d.uuid, d.run_id, d.dataid, d.ingest_date, d.state FROM " table \
    " e JOIN dataset d ON d.id = e.dataset_id WHERE e.quantum_id = ?"

int vb_graph_quantum(vb_graph *g, int64_t id, vb_quantum *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_quantum q = {.id = id};
    int r = vb_sql(g->reg->db, &s, err, "SELECT uuid, task_id, dataid FROM quantum WHERE id = ?", VB_ARGS(id));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r < 0 ? r : vb_fail(err, -ENOENT, "%s: no quantum number %" PRId64, vb_registry_path(g->reg), id);
    q.uuid = vb_col_uuid(s, 0);
    q.task = vb_graph_task(g, vb_col_int(s, 1));
    if (!q.task)
        return vb_fail(err, -EINVAL, "%s: quantum %" PRId64 " has no task", vb_registry_path(g->reg), id);
    r = vb_dataid_unpack(q.task->group, vb_col_text(s, 2), &q.dataid, err);
    if (!r)
        r = read_edges(g, &q, EDGE_SQL("quantum_input"), &q.inputs, &q.ninputs, &q.inputs_cap, err);
    if (!r)
        r = read_edges(g, &q, EDGE_SQL("quantum_output"), &q.outputs, &q.noutputs, &q.outputs_cap, err);
    if (r < 0)
        return r;
    *out = q;
    q = (vb_quantum){0};
    return 0;
}

int vb_graph_each_quantum(vb_graph *g, vb_quantum_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(g->reg->db, &s, err, "SELECT id, task_id, uuid FROM quantum ORDER BY id", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = each(arg, vb_col_int(s, 0), vb_col_int(s, 1), vb_col_uuid(s, 2));
    return r;
}

int vb_graph_each_dependency(vb_graph *g, vb_dependency_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(g->reg->db, &s, err,
                   "SELECT i.quantum_id, o.quantum_id FROM quantum_input i CROSS JOIN quantum_output o"
                   " ON o.dataset_id = i.dataset_id ORDER BY i.quantum_id",
                   VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = each(arg, vb_col_int(s, 0), vb_col_int(s, 1));
    return r;
}

int vb_graph_producer(vb_graph *g, int64_t dataset_id, int64_t *quantum_id, vb_uuid *quantum, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(g->reg->db, &s, err,
                   "SELECT q.id, q.uuid FROM quantum_output o JOIN quantum q ON q.id = o.quantum_id"
                   " WHERE o.dataset_id = ?",
                   VB_ARGS(dataset_id));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0) {
        *quantum_id = vb_col_int(s, 0);
        *quantum = vb_col_uuid(s, 1);
    }
    return r;
}

int vb_graph_init_outputs(vb_graph *g, vb_dataset **out, size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_dataset *datasets = NULL;
    size_t n = 0, cap = 0;
    int r = vb_sql(g->reg->db, &s, err,
                   "SELECT d.id FROM dataset d WHERE state = ? AND d.type_id IN"
                   " (SELECT type_id FROM connection WHERE kind = ?) ORDER BY d.id",
                   VB_ARGS((int)VB_DATASET_PREDICTED, (int)VB_ROLE_INIT_OUTPUT));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_dataset *d = VB_PUSH(datasets, n, cap);

        r = vb_dataset_by_id(g->reg, vb_col_int(s, 0), d, err);
        r = r < 0 ? r : 0;
    }
    *out = datasets;
    *count = n;
    return r;
}
