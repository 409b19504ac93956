/* build.c - a quantum graph, by SQL.
 *
 * The registry is attached to the new file as `src`.  One join over all dimensions of the tasks in the pipeline's
 * overall inputs and outputs, constrained by the data query and by the overall inputs that exist, fills temp.common;
 * everything else is a projection of it: the quanta of a task are its distinct data IDs (temp.q_N), the
 * datasets of a type are its distinct data IDs (temp.d_N), an edge is a pair of both on one row.  Memory stays flat:
 * the tables spill to disk.  Rows copied from the registry keep their ids; predicted datasets get ids above them. */
#include "registry/graph/build.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/schema.h"
#include "registry/snapshot.h"
#include "registry/subset.h"
#include "registry/time.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

void vb_graph_spec_clear(vb_graph_spec *spec)
{
    for (size_t t = 0; t < spec->ntasks; t++) {
        vb_task_spec *task = &spec->tasks[t];

        for (size_t c = 0; c < task->count; c++) {
            free(task->connections[c].name);
            free(task->connections[c].component);
            vb_dataset_type_clear(&task->connections[c].type);
        }
        free(task->connections);
        free(task->label);
        free(task->definition);
    }
    free(spec->tasks);
    vb_strv_free(spec->inputs);
    vb_strv_free(spec->chain_children);
    vb_strv_free(spec->binds);
    vb_strv_free(spec->skip_existing_in);
    free(spec->run);
    free(spec->chain);
    free(spec->where);
    free(spec->command);
    free(spec->replaced);
    free(spec->prune_replaced);
    *spec = (vb_graph_spec){0};
}

/* ---- types and columns ------------------------------------------------------------------------------------ */

/* Registers every type in the graph file and notes who makes it. */
static int collect_types(struct build *b)
{
    for (size_t t = 0; t < b->spec->ntasks; t++)
        for (size_t c = 0; c < b->spec->tasks[t].count; c++) {
            const vb_connection_spec *connection = &b->spec->tasks[t].connections[c];
            vb_dataset_type wanted = connection->type;
            struct graph_type *type;
            const vb_dataset_type *registered;
            int r;

            /* The same dimensions, of the graph's own universe. */
            wanted.group = vb_universe_conform(vb_registry_universe(b->graph), wanted.group->all);
            r = vb_dataset_type_register(b->graph, &wanted, &registered, b->err);
            if (r < 0)
                return r;
            type = vb_build_type(b, registered->name);
            if (!type) {
                type = VB_PUSH(b->types, b->ntypes, b->types_cap);
                type->type = registered;
                type->producer = -1;
            }
            if (connection->role == VB_ROLE_PREREQUISITE)
                type->prerequisite = true;
            else if (connection->role != VB_ROLE_INPUT)
                type->producer = (int)t;
            type->init = type->init || connection->role == VB_ROLE_INIT_OUTPUT;
        }
    return 0;
}

const struct graph_type *vb_build_overall_input(const struct build *b, size_t *next)
{
    while (*next < b->ntypes) {
        const struct graph_type *type = &b->types[(*next)++];

        if (type->producer < 0 && !type->prerequisite)
            return type;
    }
    return NULL;
}

/* The dimensions of the join, and the columns of temp.common: what some task or type requires. */
static void collect_dimensions(struct build *b)
{
    vb_dimset all = {{0}};

    for (size_t t = 0; t < b->spec->ntasks; t++) {
        all = vb_dimset_union(all, b->spec->tasks[t].group->all);
        b->columns = vb_dimset_union(b->columns, b->spec->tasks[t].group->required);
    }
    for (size_t i = 0; i < b->ntypes; i++)
        if (!b->types[i].prerequisite) {
            all = vb_dimset_union(all, b->types[i].type->group->all);
            b->columns = vb_dimset_union(b->columns, b->types[i].type->group->required);
        }
    b->dims = vb_universe_conform(vb_registry_universe(b->graph), all);
}

/* ---- temp.common ------------------------------------------------------------------------------------------ */

int vb_build_join_input(struct build *b, vb_join *j, const vb_dataset_type *type, const vb_expr *where)
{
    if (where && vb_expr_speaks_of(where, type->name))
        return vb_join_members(j, type, &b->inputs, true, b->err);
    return vb_join_datasets(j, type, &b->inputs, b->err);
}

int vb_build_join(struct build *b, const char *text, const vb_expr *where, vb_join *out)
{
    vb_universe *u = vb_registry_universe(b->graph);
    vb_dimset dims = b->dims->all;
    const struct graph_type *type;
    size_t next = 0;
    int r = where ? vb_expr_dimensions(u, b->dims, text, where, &dims, b->err) : 0;

    if (r < 0)
        return r;
    vb_join_init(out, b->graph, "src", vb_universe_conform(u, dims));
    while (!r && (type = vb_build_overall_input(b, &next)))
        r = vb_build_join_input(b, out, type->type, where);
    if (!r)
        r = vb_join_relate(out, b->err);
    if (!r && where)
        r = vb_join_where(out, text, where, &b->binds, b->err);
    return r;
}

static int create_common(struct build *b)
{
    vb_auto_buf sql = {0};

    if (vb_dimset_empty(b->columns)) /* no task has dimensions: one row stands for the one quantum of each */
        return vb_db_run(b->db, "CREATE TEMP TABLE common (one INTEGER); INSERT INTO temp.common VALUES (1)", b->err);
    vb_buf_puts(&sql, "CREATE TEMP TABLE common (");
    vb_build_definitions(b, b->columns, &sql);
    vb_buf_puts(&sql, ")");
    return vb_build_run(b, &sql);
}

/* Without a table of its dimensions the registry has no dataset of a type, and there is nothing to be joined. */
static int check_inputs(struct build *b)
{
    const struct graph_type *type;
    bool known = true;
    size_t next = 0;
    int r = 0;

    while (!r && known && (type = vb_build_overall_input(b, &next)))
        r = vb_build_src_has_group(b, type->type, &known);
    return r < 0 || known ? r : vb_build_explain_empty(b);
}

static int fill_common(struct build *b)
{
    vb_auto_join join = {0};
    vb_auto(vb_expr_free) vb_expr *where = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf columns = {0}, sql = {0};
    const char *text = b->spec->where ? b->spec->where : "";
    int r = create_common(b);

    if (r < 0 || vb_dimset_empty(b->columns))
        return r;
    r = check_inputs(b);
    if (r < 0)
        return r;
    r = vb_expr_parse(text, &where, b->err);
    if (!r)
        r = vb_build_join(b, text, where, &join);
    if (r < 0)
        return vb_error_context(b->err, "data query");
    vb_buf_puts(&columns, "DISTINCT ");
    VB_EACH_DIMENSION(i, b->columns) {
        if (columns.len > 9)
            vb_buf_puts(&columns, ", ");
        vb_buf_puts(&columns, join.columns[i]);
    }
    vb_buf_puts(&sql, "INSERT INTO temp.common ");
    vb_join_select(&join, vb_buf_text(&columns), &sql);
    r = vb_join_sql(&join, &s, vb_buf_text(&sql), b->err);
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (!r && !vb_db_changes(b->db))
        r = vb_build_explain_empty(b);
    return r;
}

/* A dimension that names the others (instrument, skymap) must be one, or be spoken of in the data query: the same visit
 * number means different things in two instruments. */
static int check_governor(struct build *b, const vb_element *governor, const vb_dimset *spoken_of)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0}, values = {0};
    int n = 0, r;

    vb_buf_puts(&sql, "SELECT DISTINCT ");
    vb_sql_name(&sql, governor->name);
    vb_buf_puts(&sql, " FROM temp.common ORDER BY 1");
    r = vb_sql(b->db, &s, b->err, vb_buf_text(&sql), VB_NO_ARGS);
    for (; !r && (r = vb_stmt_step(s, b->err)) > 0; r = 0, n++)
        vb_buf_printf(&values, "%s'%s'", n ? ", " : "", vb_col_text(s, 0));
    if (r < 0 || n < 2 || vb_dimset_has(*spoken_of, governor->index))
        return r;
    vb_fail(b->err, -EINVAL, "the inputs hold several values of %s (%s), and the data query does not choose",
            governor->name, values.data);
    vb_hint(b->err, "add %s=... or %s in (...) to --data-query", governor->name, governor->name);
    return -EINVAL;
}

static int check_governors(struct build *b)
{
    vb_auto(vb_expr_free) vb_expr *where = NULL;
    vb_dimset spoken_of = {{0}};
    int r = b->spec->where ? vb_expr_parse(b->spec->where, &where, b->err) : 0;

    if (!r && where)
        r = vb_expr_dimensions(vb_registry_universe(b->graph), b->dims, b->spec->where, where, &spoken_of, b->err);
    VB_EACH_DIMENSION(i, b->columns) {
        if (!r && vb_universe_at(vb_registry_universe(b->graph), i)->is_governor)
            r = check_governor(b, vb_universe_at(vb_registry_universe(b->graph), i), &spoken_of);
    }
    return r;
}

/* ---- tasks ------------------------------------------------------------------------------------------------ */

static int insert_tasks(struct build *b)
{
    int r = 0;

    b->task_ids = vb_alloc((b->spec->ntasks + 1) * sizeof *b->task_ids);
    for (size_t t = 0; !r && t < b->spec->ntasks; t++) {
        const vb_task_spec *task = &b->spec->tasks[t];
        int64_t group_id;

        r = vb_schema_group(b->db, task->group, &group_id, b->err);
        if (!r)
            r = vb_sql_exec(b->db, b->err,
                            "INSERT INTO task (run_id, label, position, group_id, definition)"
                            " VALUES (?, ?, ?, ?, ?)",
                            VB_ARGS(b->run_id, task->label, t, group_id, task->definition));
        b->task_ids[t] = vb_db_last_id(b->db);
        for (size_t c = 0; !r && c < task->count; c++) {
            const vb_connection_spec *k = &task->connections[c];

            r = vb_sql_exec(b->db, b->err,
                            "INSERT INTO connection (task_id, name, kind, type_id, multiple, minimum,"
                            " position, component) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                            VB_ARGS(b->task_ids[t], k->name, (int)k->role, vb_build_type(b, k->type.name)->type->id,
                                    k->multiple, k->minimum, c, k->component));
        }
    }
    return r;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static int write_meta(struct build *b)
{
    vb_autofree char *repository = NULL, *snapshot = NULL;
    vb_auto_buf inputs = {0}, children = {0};
    char text[VB_UUID_TEXT];
    const char *pairs[][2] = {
        {"graph_id", vb_uuid_format(vb_uuid_v7(), text)},
        {"run", b->spec->run},
        {"chain", b->spec->chain},
        {"chain_children", NULL},
        {"inputs", NULL},
        {"data_query", b->spec->where},
        {"command", b->spec->command},
        {"extends_run", b->spec->extends_run ? "1" : NULL},
        {"clobber_outputs", b->spec->clobber_outputs ? "1" : NULL},
        {"repository", NULL},
        {"snapshot", NULL},
        {"replaced", b->spec->replaced},
        {"prune_replaced", b->spec->prune_replaced},
    };
    int r = vb_snapshot_source(b->src, &repository, &snapshot, b->err);

    for (char **name = b->spec->chain_children; name && *name; name++) {
        vb_buf_separate(&children, ",");
        vb_buf_puts(&children, *name);
    }
    for (char **name = b->spec->inputs; name && *name; name++) {
        vb_buf_separate(&inputs, ",");
        vb_buf_puts(&inputs, *name);
    }
    pairs[3][1] = vb_buf_text(&children);
    pairs[4][1] = vb_buf_text(&inputs);
    pairs[9][1] = repository;
    pairs[10][1] = snapshot;
    for (size_t i = 0; !r && i < VB_COUNT(pairs); i++)
        if (pairs[i][1])
            r = vb_schema_set_meta(b->db, pairs[i][0], pairs[i][1], b->err);
    return r;
}

static int count(struct build *b, vb_graph_counts *counts)
{
    int r = vb_sql_int(b->db, &counts->inputs, b->err, "SELECT count(*) FROM dataset WHERE state = ?",
                       VB_ARGS((int)VB_DATASET_PRESENT));

    if (r >= 0)
        r = vb_sql_int(b->db, &counts->outputs, b->err, "SELECT count(*) FROM dataset WHERE state = ?",
                       VB_ARGS((int)VB_DATASET_PREDICTED));
    counts->tasks = (int64_t)b->spec->ntasks;
    return r < 0 ? r : 0;
}

static int fill(struct build *b, vb_graph_counts *counts)
{
    int r = vb_build_copy_definitions(b);

    if (!r)
        r = collect_types(b);
    if (r < 0)
        return r;
    collect_dimensions(b);
    r = insert_tasks(b);
    if (!r)
        r = fill_common(b);
    if (!r)
        r = check_governors(b);
    for (size_t t = 0; !r && t < b->spec->ntasks; t++)
        r = vb_build_quanta(b, t, counts);
    if (!r)
        r = vb_build_datasets(b);
    if (!r)
        r = vb_build_edges(b, counts);
    if (!r)
        r = vb_build_copy_inputs(b);
    if (!r)
        r = vb_build_copy_records(b);
    if (!r)
        r = write_meta(b);
    return r < 0 ? r : count(b, counts);
}

/* The outermost steps: a temporary file beside the final one, filled in one transaction, synced, renamed. */
static int build_file(struct build *b, const char *path, vb_graph_counts *counts)
{
    vb_auto_txn txn = {0};
    int r = vb_subset_create(b->src, path, "graph", &b->graph, b->err);

    if (r < 0)
        return r;
    b->db = b->graph->db;
    r = vb_registry_begin(b->graph, &txn, b->err);
    if (!r)
        r = fill(b, counts);
    return r < 0 ? r : vb_txn_commit(&txn, b->err);
}

/* The output run as a search, empty where the registry does not have it yet. */
static int find_run(struct build *b)
{
    vb_auto_error missing = VB_ERROR_INIT;
    char *names[] = {b->spec->run, NULL};
    int r = vb_search_resolve(b->src, names, &b->run, &missing);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        vb_error_move(b->err, &missing);
    return r;
}

int vb_graph_build(vb_registry *src, const vb_graph_spec *spec, const char *path, vb_graph_counts *counts,
                   vb_error *err)
{
    vb_autofree char *temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    struct build b = {.src = src, .spec = spec, .err = err};
    int r;

    *counts = (vb_graph_counts){0};
    unlink(temporary);
    r = vb_search_resolve(src, spec->inputs, &b.inputs, err);
    if (!r)
        r = vb_search_resolve(src, spec->skip_existing_in, &b.skip, err);
    if (!r)
        r = find_run(&b);
    for (char **bind = spec->binds; !r && bind && *bind; bind++)
        r = vb_binds_add(&b.binds, *bind, err);
    if (!r)
        r = build_file(&b, temporary, counts);
    if (b.graph)
        vb_registry_close(b.graph);
    if (!r)
        r = vb_publish_file(temporary, path, true, err);
    if (r < 0)
        unlink(temporary);
    vb_search_clear(&b.inputs);
    vb_search_clear(&b.skip);
    vb_search_clear(&b.run);
    vb_binds_clear(&b.binds);
    free(b.types);
    free(b.task_ids);
    return r;
}
