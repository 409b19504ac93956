/* execution.c - a graph's execution in the registry: what is registered before its first quantum, and what cannot run.
 *
 * Between the building of a graph and its execution the registry goes on.  What the graph says of its run and its chain
 * is therefore compared with what is there now. */
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/provenance.h"
#include "registry/prune.h"
#include "registry/schema.h"

#include <string.h>

/* ---- types and tasks ------------------------------------------------------------------------------------------ */

static int register_types(vb_registry *reg, const vb_graph *g, vb_error *err)
{
    int r = 0;

    for (size_t t = 0; !r && t < g->ntasks; t++)
        for (size_t c = 0; !r && c < g->tasks[t].count; c++) {
            const vb_dataset_type *type = g->tasks[t].connections[c].type;
            vb_dataset_type wanted = *type;

            /* The same dimensions, of this handle's universe. */
            wanted.group = vb_universe_conform(vb_registry_universe(reg), type->group->all);
            r = vb_dataset_type_register(reg, &wanted, NULL, err);
        }
    return r;
}

/* A label has one definition in a run; *task_id is 0 where the run does not have it. */
static int find_task(vb_registry *reg, const vb_collection *run, const vb_task *task, int64_t *task_id, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT id, definition FROM task WHERE run_id = ? AND label = ?",
                   VB_ARGS(run->id, task->label));

    *task_id = 0;
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    *task_id = vb_col_int(s, 0);
    if (!strcmp(vb_col_text(s, 1), task->definition))
        return 0;
    vb_fail(err, -EEXIST, "run '%s' has task '%s' already, with another command, config or files", run->name,
            task->label);
    vb_hint(err, "one run has one definition of a task: write to a new run, or give the task another label");
    return -EEXIST;
}

static int register_task(vb_registry *reg, const vb_collection *run, const vb_task *task, vb_error *err)
{
    const vb_group *group = vb_universe_conform(vb_registry_universe(reg), task->group->all);
    int64_t group_id, task_id;
    int r = find_task(reg, run, task, &task_id, err);

    if (r < 0 || task_id)
        return r;
    r = vb_schema_group(reg->db, group, &group_id, err);
    if (!r)
        r = vb_sql_exec(reg->db, err,
                        "INSERT INTO task (run_id, label, position, group_id, definition)"
                        " SELECT ?1, ?2, count(*), ?3, ?4 FROM task WHERE run_id = ?1",
                        VB_ARGS(run->id, task->label, group_id, task->definition));
    task_id = vb_db_last_id(reg->db);
    for (size_t c = 0; !r && c < task->count; c++) {
        const vb_connection *k = &task->connections[c];

        r = vb_sql_exec(reg->db, err,
                        "INSERT INTO connection (task_id, name, kind, type_id, multiple, minimum, position, component)"
                        " SELECT ?, ?, ?, id, ?, ?, ?, ? FROM dataset_type WHERE name = ?",
                        VB_ARGS(task_id, k->name, (int)k->role, k->multiple, k->minimum, c, k->component,
                                k->type->name));
    }
    return r;
}

/* ---- run and chain ---------------------------------------------------------------------------------------------- */

/* True where this graph was executed before, if only in part. */
static int was_registered(vb_registry *reg, const vb_graph *g, bool *out, vb_error *err)
{
    int64_t one = 0;
    int r = vb_sql_int(reg->db, &one, err, "SELECT 1 FROM execution WHERE graph = ?", VB_ARGS(g->id));

    *out = one;
    return r < 0 ? r : 0;
}

static int register_run(vb_registry *reg, const vb_graph *g, const vb_collection **run, vb_error *err)
{
    char now[28];
    int r;

    if (!g->extends_run && !vb_collection_find(reg, g->run, run, NULL)) {
        vb_fail(err, -EEXIST, "run '%s' has been made since this graph was built", g->run);
        vb_hint(err, "build the graph again; --extend-run adds to a run that is there");
        return -EEXIST;
    }
    r = vb_collection_register(reg, g->run, VB_RUN, NULL, run, err);
    if (!r)
        r = vb_sql_exec(reg->db, err,
                        "INSERT INTO execution (graph, run_id, command, begun, snapshot) VALUES (?, ?, ?, ?, ?)",
                        VB_ARGS(g->id, (*run)->id, g->command, vb_clock_iso(vb_clock_unix_ns(), now), g->snapshot));
    return r;
}

static void add_new(char ***to, char *const *from, char *const *known, const char *without)
{
    for (; *from; from++)
        if (!vb_strv_has(*to, *from) && !vb_strv_has(known, *from) && (!without || strcmp(*from, without)))
            vb_strv_add(to, *from);
}

/* The run goes first; what the chain has got since the graph was built stays in it, before what the graph knew. */
static int register_chain(vb_registry *reg, const vb_graph *g, vb_error *err)
{
    const vb_collection *chain;
    char **now = NULL, **children = NULL;
    int r = vb_collection_register(reg, g->chain, VB_CHAINED, NULL, &chain, err);

    if (!r)
        r = vb_collection_children(reg, chain, &now, err);
    if (!r && !vb_strv_has(now, g->run)) {
        vb_strv_add(&children, g->run);
        add_new(&children, now, g->chain_children, g->replaced);
        add_new(&children, g->chain_children, NULL, NULL);
        r = vb_collection_set_children(reg, chain, children, err);
    }
    vb_strv_free(now);
    vb_strv_free(children);
    return r;
}

/* ---- a run that was replaced ------------------------------------------------------------------------------------ */

/* Another chain that would lose its datasets. */
static int check_unused(vb_registry *reg, const vb_collection *replaced, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT name FROM collection_chain JOIN collection ON id = parent_id WHERE child_id = ?",
                   VB_ARGS(replaced->id));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    vb_fail(err, -EBUSY, "--prune-replaced: run '%s' is in chain '%s' too", replaced->name, vb_col_text(s, 0));
    vb_hint(err, "take it out of that chain first, or leave --prune-replaced out and build the graph again");
    return -EBUSY;
}

/* Provenance of what was pruned stays, and with it the name of the run. */
static int prune_replaced(vb_registry *reg, const vb_graph *g, vb_error *err)
{
    const vb_collection *replaced;
    vb_run_contents contents;
    int r = vb_collection_find(reg, g->replaced, &replaced, err);

    if (!r)
        r = check_unused(reg, replaced, err);
    if (!r)
        r = vb_run_select(reg, replaced, &contents, err);
    if (!r && vb_prune_check_unreferenced(reg, err) < 0) {
        vb_error_context(err, "--prune-replaced: run '%s'", replaced->name);
        vb_hint(err, "disassociate or decertify them first, or leave --prune-replaced out and build the graph again");
        r = -EBUSY;
    }
    return r < 0 ? r : vb_prune_selected(reg, strcmp(g->prune_replaced, "unstore") != 0, err);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

int vb_provenance_register_run(vb_registry *reg, const vb_graph *g, vb_error *err)
{
    vb_auto_txn txn = {0};
    const vb_collection *run;
    bool before = false;
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = was_registered(reg, g, &before, err);
    if (r < 0 || before)
        return r;
    r = register_types(reg, g, err);
    if (!r)
        r = register_run(reg, g, &run, err);
    if (!r && g->chain)
        r = register_chain(reg, g, err);
    if (!r && g->replaced && g->prune_replaced)
        r = prune_replaced(reg, g, err);
    for (size_t t = 0; !r && t < g->ntasks; t++)
        r = register_task(reg, run, &g->tasks[t], err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_provenance_mark_blocked(vb_registry *reg, const vb_graph *g, const vb_uuid *quanta, size_t count, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = count ? vb_registry_begin(reg, &txn, err) : 0;

    for (size_t i = 0; !r && i < count; i++) {
        vb_auto(vb_stmt_done) vb_stmt *s = NULL;

        r = vb_sql(g->reg->db, &s, err,
                   "SELECT t.label, q.dataid FROM quantum q JOIN task t ON t.id = q.task_id WHERE q.uuid = ?",
                   VB_ARGS(&quanta[i]));
        if (!r)
            r = vb_stmt_step(s, err);
        if (r > 0)
            r = vb_sql_exec(reg->db, err,
                            "INSERT OR IGNORE INTO quantum (uuid, task_id, dataid, status, attempt)"
                            " SELECT ?, t.id, ?, ?, 0 FROM task t JOIN collection c ON c.id = t.run_id"
                            " WHERE c.name = ? AND t.label = ?",
                            VB_ARGS(&quanta[i], vb_col_text(s, 1), (int)VB_STATUS_BLOCKED, g->run, vb_col_text(s, 0)));
    }
    return r < 0 || !count ? r : vb_txn_commit(&txn, err);
}
