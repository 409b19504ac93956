/* A registry, a snapshot or a graph of which cells, rows and bytes were changed is opened, asked and shown, or refused in
 * a sentence.
 *
 * An input is a byte that tells which (below), and a list of changes (damage.h) to a small file that is made when the
 * target starts. */
#include "fs/view/view.h"
#include "registry/check.h"
#include "registry/provenance.h"
#include "registry/query/query.h"
#include "registry/report.h"
#include "registry/snapshot.h"
#include "runner/graph/plan.h"
#include "runner/run/schedule.h"
#include "tests/fuzz/damage.h"
#include "tests/fuzz/fuzz.h"

#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { REGISTRY, SNAPSHOT, GRAPH, KINDS };
enum { SHOWN = 400, DEEP = 12, SEEN = 64 };

static char *work, *copy;
static struct base {
    char *path, **tables;
} bases[KINDS];

/* ---- the small files -------------------------------------------------------------------------------------------- */

static const char pipeline[] = "description: Doubles numbers, and adds them up.\n"
                               "tasks:\n"
                               "  double:\n"
                               "    dimensions: [healpix5]\n"
                               "    inputs: {number: {type: number}}\n"
                               "    outputs: {doubled: {type: doubled, dimensions: [healpix5], storageClass: Text}}\n"
                               "    command: [cp, '{in.number}', '{out.doubled}']\n"
                               "  sum:\n"
                               "    dimensions: []\n"
                               "    inputs: {doubled: {type: doubled, multiple: true}}\n"
                               "    outputs: {sum: {type: sum, dimensions: [], storageClass: Text}}\n"
                               "    command: [cat, '{in.doubled}']\n";

static void put_dataset(vb_registry *reg, const vb_dataset_type *type, const vb_collection *run, const char *dataid)
{
    vb_location location = {.store_id = 1, .path = vb_format("%s/%s%s", run->name, type->name, dataid), .size = 3, .mtime = 4};
    vb_auto_dataset d = {.type = type, .run_id = run->id};

    check(!vb_dataid_unpack(type->group, dataid, &d.dataid, NULL));
    check(!vb_dataset_insert(reg, &d, &location, NULL));
    vb_location_clear(&location);
}

static const vb_dataset_type *put_type(vb_registry *reg, const char *name, const char *dimension, bool calibration)
{
    char *dims[] = {(char *)(uintptr_t)dimension, NULL};
    vb_dataset_type type = {.name = (char *)(uintptr_t)name, .storage_class = (char *)"Text", .is_calibration = calibration};
    const vb_dataset_type *out = NULL;

    check(!vb_universe_conform_names(vb_registry_universe(reg), dims, &type.group, NULL));
    check(!vb_dataset_type_register(reg, &type, &out, NULL));
    return out;
}

static void put_instrument(vb_registry *reg)
{
    vb_auto_record r = vb_record_new(reg, vb_universe_find(vb_registry_universe(reg), "instrument"));

    vb_record_set(&r, "instrument", vb_value_text("Cam"));
    vb_record_set(&r, "class_name", vb_value_text("a.Cam"));
    check(vb_record_put(reg, &r, VB_RECORD_SAME, NULL) == 1);
}

static void fill(vb_registry *reg)
{
    const vb_collection *run, *tag, *calib, *chain;
    const vb_dataset_type *number, *flat;
    char *children[] = {(char *)"tag", (char *)"numbers", NULL};

    put_instrument(reg);
    check(!vb_collection_register(reg, "numbers", VB_RUN, "what it is for", &run, NULL));
    check(!vb_collection_register(reg, "tag", VB_TAGGED, NULL, &tag, NULL));
    check(!vb_collection_register(reg, "calib", VB_CALIBRATION, NULL, &calib, NULL));
    check(!vb_collection_register(reg, "all", VB_CHAINED, NULL, &chain, NULL));
    check(!vb_collection_set_children(reg, chain, children, NULL));
    number = put_type(reg, "number", "healpix5", false);
    flat = put_type(reg, "flat", "instrument", true);
    put_dataset(reg, number, run, "[1]");
    put_dataset(reg, number, run, "[2]");
    put_dataset(reg, flat, run, "[\"Cam\"]");
    check(!vb_sql_exec(reg->db, NULL, "INSERT INTO member_1 VALUES (?, ?, 1, 1)", VB_ARGS(number->id, tag->id)));
    check(!vb_sql_exec(reg->db, NULL, "INSERT INTO calib_2 VALUES (?, ?, 'Cam', 5, 9, 3)", VB_ARGS(flat->id, calib->id)));
    check(!vb_sql_exec(reg->db, NULL, "INSERT INTO association VALUES (1, ?), (3, ?)", VB_ARGS(tag->id, calib->id)));
}

static void build_graph(vb_registry *reg, const char *path)
{
    vb_autofree char *file = vb_path_join(fuzz_directory(), "pipeline.yaml");
    char *inputs[] = {(char *)"numbers", NULL};
    const vb_plan plan = {.pipeline = file, .inputs = inputs, .output = "u/x", .command_line = "vbutler run"};
    vb_auto_error err = VB_ERROR_INIT;
    vb_graph_counts counts;

    check(!vb_write_file(AT_FDCWD, file, pipeline, strlen(pipeline), 0600, false, NULL));
    check(!vb_plan_graph(reg, &plan, path, &counts, &err));
}

struct executing {
    vb_registry *reg;
    vb_graph *graph;
};

/* One attempt: the first task's succeed, the second's fails. */
static int execute(void *arg, int64_t id, int64_t task_id, vb_uuid uuid)
{
    struct executing *e = arg;
    vb_auto(vb_receipt_free) vb_receipt *r = vb_receipt_new();
    vb_auto_buf dataid = {0};
    vb_quantum q;

    check(!vb_graph_quantum(e->graph, id, &q, NULL));
    vb_dataid_pack(&q.dataid, &dataid);
    r->graph = vb_strdup(e->graph->id);
    r->run = vb_strdup(e->graph->run);
    r->task = vb_strdup(q.task->label);
    r->dataid = vb_strdup(vb_buf_text(&dataid));
    r->capture = vb_strdup("complete");
    r->host = vb_strdup("node7");
    r->quantum = uuid;
    r->attempt = 1;
    r->status = q.task == e->graph->tasks ? VB_STATUS_SUCCEEDED : VB_STATUS_FAILED;
    if (r->status == VB_STATUS_FAILED)
        r->message = vb_strdup("cat exited with 1");
    for (size_t i = 0; i < q.ninputs; i++) {
        vb_receipt_input *in = VB_PUSH(r->inputs, r->ninputs, r->inputs_cap);

        *in = (vb_receipt_input){.dataset = q.inputs[i].dataset.uuid, .touch = VB_TOUCH_DECLARED | VB_TOUCH_READ};
        in->connection = vb_strdup(q.inputs[i].connection->name);
    }
    for (size_t i = 0; r->status == VB_STATUS_SUCCEEDED && i < q.noutputs; i++) {
        vb_receipt_output *out = VB_PUSH(r->outputs, r->noutputs, r->outputs_cap);
        vb_auto_buf packed = {0};

        vb_dataid_pack(&q.outputs[i].dataset.dataid, &packed);
        *out = (vb_receipt_output){.dataset = q.outputs[i].dataset.uuid, .size = 3, .mtime = 4};
        out->connection = vb_strdup(q.outputs[i].connection->name);
        out->type = vb_strdup(q.outputs[i].dataset.type->name);
        out->dataid = vb_strdup(vb_buf_text(&packed));
        out->path = vb_format("u/%s%s", out->type, out->dataid);
    }
    check(!vb_provenance_merge(e->reg, e->graph, r, NULL));
    vb_quantum_clear(&q);
    return 0;
}

static void execute_all(vb_registry *reg, const char *graph)
{
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_txn txn = {0};

    check(!vb_graph_open(graph, &g, NULL));
    check(!vb_provenance_register_run(reg, g, NULL));
    check(!vb_registry_begin(reg, &txn, NULL));
    check(!vb_graph_each_quantum(g, execute, &(struct executing){reg, g}, NULL));
    check(!vb_txn_commit(&txn, NULL));
}

static void end(void)
{
    for (int i = 0; i < KINDS; i++) {
        free(bases[i].path);
        vb_strv_free(bases[i].tables);
    }
    free(work);
    free(copy);
}

static void begin(void)
{
    static const char *const names[] = {"registry.sqlite3", "snapshot.sqlite3", "graph.vbg"};
    vb_auto(vb_universe_free) vb_universe *universe = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    char *all[] = {(char *)"numbers", (char *)"u/*", NULL};
    const vb_snapshot_spec spec = {.collections = all};
    vb_snapshot_counts counts;
    vb_auto_error err = VB_ERROR_INIT;

    atexit(end);
    work = vb_path_join(fuzz_directory(), "work.sqlite3");
    copy = vb_path_join(fuzz_directory(), "copy.sqlite3");
    for (int i = 0; i < KINDS; i++)
        bases[i].path = vb_path_join(fuzz_directory(), names[i]);
    check(!vb_universe_builtin(8, &universe, &err));
    check(!vb_registry_create(bases[REGISTRY].path, universe, "registry", &reg, &err));
    fill(reg);
    build_graph(reg, bases[GRAPH].path);
    execute_all(reg, bases[GRAPH].path);
    check(!vb_snapshot_make(reg, &spec, bases[SNAPSHOT].path, &counts, &err));
    check(!vb_db_run(reg->db, "PRAGMA journal_mode = DELETE", NULL));
    for (int i = 0; i < KINDS; i++)
        bases[i].tables = damage_tables(bases[i].path);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static int drain(vb_result *result, vb_error *err)
{
    int r = 1;

    for (int i = 0; i < SEEN && r > 0; i++)
        r = vb_result_step(result, err);
    return r < 0 ? r : 0;
}

static int ask_type(vb_registry *reg, const char *name, vb_error *err)
{
    vb_auto(vb_result_close) vb_result *datasets = NULL, *ids = NULL;
    const vb_query all = {.limit = -1, .any_governor = true, .show_uri = true, .root = "/"};
    const vb_dataset_type *type;
    int r = vb_dataset_type_find(reg, name, &type, err);

    if (!r)
        r = vb_query_datasets(reg, &all, type, &datasets, err);
    if (!r)
        r = drain(datasets, err);
    if (!r)
        r = vb_query_data_ids(reg, &all, type->group, &ids, err);
    return r < 0 ? r : drain(ids, err);
}

static int ask_records(vb_registry *reg, vb_error *err)
{
    static const char *const elements[] = {"instrument", "detector", "visit", "healpix5"};
    const vb_query all = {.limit = 10, .any_governor = true};
    int r = 0;

    for (size_t i = 0; !r && i < VB_COUNT(elements); i++) {
        vb_auto(vb_result_close) vb_result *result = NULL;
        const vb_element *e = vb_universe_find(vb_registry_universe(reg), elements[i]);

        r = e && e->has_table ? vb_query_records(reg, &all, e, &result, err) : 0;
        if (!r && result)
            r = drain(result, err);
    }
    return r;
}

static int ask_collections(vb_registry *reg, vb_error *err)
{
    char **names = NULL;
    int r = vb_collection_list(reg, "", NULL, SEEN, &names, err);

    for (char **name = names; !r && *name; name++) {
        char *one[] = {*name, NULL};
        vb_auto_search search = {0};
        const vb_collection *c;

        r = vb_collection_find(reg, *name, &c, err);
        if (!r)
            r = vb_search_resolve(reg, one, &search, err);
    }
    vb_strv_free(names);
    return r;
}

/* Each by itself: that one cannot be had is no reason not to ask for the next. */
static void ask_all(vb_registry *reg)
{
    static int (*const questions[])(vb_registry *, vb_error *) = {ask_records, ask_collections};
    char **types = NULL;
    int r;

    for (size_t i = 0; i < VB_COUNT(questions); i++) {
        vb_auto_error err = VB_ERROR_INIT;

        if ((r = questions[i](reg, &err)) < 0)
            check_refused(r, &err);
    }
    if (vb_dataset_type_names(reg, &types, NULL) < 0)
        return;
    for (char **name = types; *name; name++) {
        vb_auto_error err = VB_ERROR_INIT;

        if ((r = ask_type(reg, *name, &err)) < 0)
            check_refused(r, &err);
    }
    vb_strv_free(types);
}

/* ---- what fsck and reports ask ----------------------------------------------------------------------------------- */

static int told(void *arg, const char *what, const char *detail, bool mendable, vb_error *err)
{
    check(*what && *detail);
    return 0;
}

static void sink(void *arg, const char *text, size_t n)
{
}

static void look_after(vb_registry *reg)
{
    vb_auto(vb_held_close) vb_held_list *list = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_held *held;
    int r = vb_check_database(reg, told, NULL, &err);

    if (r >= 0)
        r = vb_check_references(reg, told, NULL, &err);
    if (r >= 0)
        r = vb_held_open(reg, &list, &err);
    for (int i = 0; r >= 0 && i < SEEN && (i == 0 || r > 0); i++)
        r = vb_held_next(list, &held, &err);
    if (r < 0)
        check_refused(r, &err);
}

static int report(vb_registry *reg, const char *run, vb_error *err)
{
    vb_auto_buf text = {0};
    int r = vb_report_tasks(reg, run, VB_FORMAT_CSV, sink, NULL, err);

    if (!r)
        r = vb_report_quanta(reg, run, VB_FORMAT_JSON, sink, NULL, err);
    if (!r)
        r = vb_report_summary(reg, run, VB_FORMAT_TABLE, sink, NULL, err);
    return r < 0 ? r : vb_report_failures(reg, run, &text, err);
}

static void report_all(vb_registry *reg)
{
    char **runs = NULL;

    if (vb_provenance_runs(reg, &runs, NULL) < 0)
        return;
    for (char **run = runs; *run; run++) {
        vb_auto_error err = VB_ERROR_INIT;
        int r = report(reg, *run, &err);

        if (r < 0)
            check_refused(r, &err);
    }
    vb_strv_free(runs);
}

/* ---- what a mount shows ------------------------------------------------------------------------------------------ */

static void show(vb_call *c, vb_node *node, int depth, int *left);

static void show_entries(vb_call *c, vb_node *dir, vb_listing *l, int depth, int *left)
{
    for (size_t i = 0; i < l->count && *left > 0; i++) {
        vb_node *child;

        --*left;
        check(*l->page[i].name && !strchr(l->page[i].name, '/'));
        if (vb_view_lookup(c, dir, l->page[i].name, &child) < 0)
            continue;
        show(c, child, depth + 1, left);
        vb_nodes_unref(c->view->nodes, child, 1);
    }
}

static void turn_page(vb_listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->page[i].name);
    l->count = 0;
}

static void show(vb_call *c, vb_node *node, int depth, int *left)
{
    vb_listing l = {.dir = node};
    vb_auto_buf target = {0};
    struct stat st = {0};
    int r = 0;

    vb_view_attr(c, node, &st);
    if (S_ISLNK(st.st_mode) && node->class->link)
        node->class->link(c, node, &target);
    while (S_ISDIR(st.st_mode) && node->class->list && depth < DEEP && !r && !l.done && *left > 0) {
        r = node->class->list(c, node, &l);
        if (!r)
            show_entries(c, node, &l, depth, left);
        turn_page(&l);
        --*left;
    }
    vb_listing_clear(&l);
}

static void mount_all(vb_registry *reg)
{
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    vb_auto(vb_view_free) vb_view *view = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_node *root;
    int left = SHOWN, r = vb_stores_open(reg, fuzz_directory(), &stores, &err);
    vb_call call;

    if (r < 0) {
        check_refused(r, &err);
        return;
    }
    view = vb_view_new(stores, vb_browse_branches);
    call = (vb_call){.view = view, .reg = reg};
    root = vb_nodes_get(view->nodes, VB_INO_ROOT);
    show(&call, root, 0, &left);
    check(vb_nodes_count(view->nodes) == 1); /* one that is kept is a leak in a mount */
}

/* ---- a graph ------------------------------------------------------------------------------------------------------ */

struct reading {
    vb_graph *graph;
    int left;
    vb_error *err;
};

static int read_quantum(void *arg, int64_t id, int64_t task_id, vb_uuid uuid)
{
    struct reading *r = arg;
    vb_quantum q = {0};
    int status = vb_graph_quantum(r->graph, id, &q, r->err);

    if (status < 0)
        return status;
    vb_quantum_clear(&q);
    return --r->left ? 0 : -ECANCELED;
}

static int read_graph(vb_graph *g, vb_error *err)
{
    vb_auto(vb_schedule_free) vb_schedule *schedule = NULL;
    struct reading reading = {g, SEEN, err};
    vb_dataset *datasets = NULL;
    size_t n = 0;
    int r = vb_graph_each_quantum(g, read_quantum, &reading, err);

    if (r < 0)
        return reading.left ? r : 0;
    r = vb_graph_init_outputs(g, &datasets, &n, err);
    for (size_t i = 0; i < n; i++)
        vb_dataset_clear(&datasets[i]);
    free(datasets);
    return r < 0 ? r : vb_schedule_new(g, &schedule, err);
}

static int open_graph(vb_error *err)
{
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    int r = vb_graph_open(work, &g, err);

    if (!r)
        mount_all(g->reg);
    return r < 0 ? r : read_graph(g, err);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static int open_registry(vb_access access, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    char *all[] = {(char *)"*", NULL};
    const vb_snapshot_spec spec = {.collections = all};
    vb_snapshot_counts counts;
    int r = vb_registry_open(work, access, &reg, err);

    if (r < 0)
        return r;
    look_after(reg);
    ask_all(reg);
    report_all(reg);
    mount_all(reg);
    r = vb_snapshot_make(reg, &spec, copy, &counts, err);
    unlink(copy);
    return r;
}

static void sweep(void)
{
    static const char *const beside[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < VB_COUNT(beside); i++) {
        vb_autofree char *path = vb_format("%s%s", work, beside[i]);

        unlink(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int kind = size ? data[0] % KINDS : REGISTRY, r;
    vb_auto_error err = VB_ERROR_INIT;

    if (!work)
        begin();
    damage_copy(bases[kind].path, bases[kind].tables, work, data + (size > 0), size ? size - 1 : 0);
    r = kind == GRAPH ? open_graph(&err) : open_registry(kind == SNAPSHOT ? VB_ACCESS_IMMUTABLE : VB_ACCESS_READ, &err);
    if (r < 0)
        check_refused(r, &err);
    check(size > 1 || r >= 0); /* nothing was changed */
    sweep();
    return 0;
}
