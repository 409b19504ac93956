/* edges.c - which datasets a quantum reads and writes; quanta that lack what they need are left out. */
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/graph/build.h"

#include <inttypes.h>

/* The pairs of a task's quanta and a type's datasets that stand on one row of common. */
static int make_edges(struct build *b, size_t t, const vb_connection_spec *connection)
{
    bool input = connection->role == VB_ROLE_INPUT;
    const struct graph_type *type = vb_build_type(b, connection->type.name);
    vb_dimset task = b->spec->tasks[t].group->required, dims = type->type->group->required;
    size_t d = (size_t)(type - b->types);
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql,
                  "INSERT INTO %s SELECT DISTINCT q.quantum_id, (SELECT id FROM connection WHERE task_id = %" PRId64
                  " AND kind = %d AND name = ?), d.dataset_id, 1 FROM temp.q_%zu q",
                  input ? "quantum_input" : "quantum_output", b->task_ids[t], connection->role, t);
    if (vb_dimset_within(dims, task) || vb_dimset_within(task, dims)) {
        vb_dimset shared = vb_dimset_within(dims, task) ? dims : task;

        vb_buf_printf(&sql, " JOIN temp.d_%zu d ON ", d);
        vb_build_equal(b, shared, "d", "q", &sql);
    } else {
        vb_buf_puts(&sql, " JOIN temp.common k ON ");
        vb_build_equal(b, task, "k", "q", &sql);
        vb_buf_printf(&sql, " JOIN temp.d_%zu d ON ", d);
        vb_build_equal(b, dims, "d", "k", &sql);
    }
    return vb_sql_exec(b->db, b->err, vb_buf_text(&sql), VB_ARGS(connection->name));
}

/* A connection that is not `multiple` has one dataset a quantum. */
static int check_single(struct build *b, size_t t, const vb_connection_spec *connection)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf id = {0};
    bool output = connection->role == VB_ROLE_OUTPUT;
    vb_autofree char *sql = vb_format("SELECT q.dataid, count(*) FROM %s e JOIN quantum q ON q.id = e.quantum_id"
                                      " JOIN connection c ON c.id = e.connection_id WHERE c.task_id = ? AND c.name = ?"
                                      " AND c.kind = ? GROUP BY e.quantum_id HAVING count(*) > 1 LIMIT 1",
                                      output ? "quantum_output" : "quantum_input");
    int r;

    if (connection->multiple || connection->role > VB_ROLE_OUTPUT)
        return 0;
    r = vb_sql(b->db, &s, b->err, sql, VB_ARGS(b->task_ids[t], connection->name, (int)connection->role));
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (r <= 0)
        return r;
    vb_build_print(b->spec->tasks[t].group, vb_col_text(s, 0), &id);
    vb_fail(b->err, -EINVAL, "%s %s: connection '%s' has %" PRId64 " datasets of type '%s'", b->spec->tasks[t].label,
            vb_buf_text(&id), connection->name, vb_col_int(s, 1), connection->type.name);
    vb_hint(b->err, "say 'multiple: true' on the connection if that is meant");
    return -EINVAL;
}

/* ---- quanta that lack inputs -------------------------------------------------------------------------------- */

/* Takes out of q_T the quanta that have too few datasets of an input: they were filtered out, or no quantum that is
 * left makes them. */
static int leave_out(struct build *b, size_t t, const vb_connection_spec *connection, int64_t *left_out)
{
    vb_autofree char *sql = vb_format(
        "DELETE FROM temp.q_%zu AS q WHERE (SELECT count(*) FROM quantum_input e JOIN connection c ON c.id = e.connection_id"
        " WHERE e.quantum_id = q.quantum_id AND c.task_id = ? AND c.name = ? AND c.kind = ?) < ?",
        t);
    int r = vb_sql_exec(b->db, b->err, sql,
                        VB_ARGS(b->task_ids[t], connection->name, (int)connection->role, connection->minimum));
    int64_t n = r ? 0 : vb_db_changes(b->db);
    char quanta[48];

    if (n)
        vb_log(VB_WARNING, "%s: left out %s with fewer than %d of '%s' (input '%s')", b->spec->tasks[t].label,
               vb_plural(quanta, sizeof quanta, n, "quantum"), connection->minimum, connection->type.name,
               connection->name);
    *left_out += n;
    return r;
}

/* What the quanta that were left out would have made. */
static int forget_outputs(struct build *b, size_t t, size_t i)
{
    const vb_dataset_type *type = b->types[i].type;
    vb_dimset task = b->spec->tasks[t].group->required, dims = type->group->required;
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql,
                  "CREATE TEMP TABLE gone AS SELECT dataset_id FROM temp.d_%zu d WHERE NOT EXISTS (SELECT 1 FROM"
                  " temp.q_%zu q ",
                  i, t);
    if (vb_dimset_within(dims, task) || vb_dimset_within(task, dims)) {
        vb_buf_puts(&sql, "WHERE ");
        vb_build_equal(b, vb_dimset_within(dims, task) ? dims : task, "d", "q", &sql);
    } else {
        vb_buf_puts(&sql, "JOIN temp.common k ON ");
        vb_build_equal(b, task, "k", "q", &sql);
        vb_buf_puts(&sql, " WHERE ");
        vb_build_equal(b, dims, "d", "k", &sql);
    }
    vb_buf_printf(&sql, ") AND dataset_id IN (SELECT id FROM dataset WHERE state = %d);", VB_DATASET_PREDICTED);
    vb_buf_printf(&sql, "DELETE FROM temp.d_%zu WHERE dataset_id IN temp.gone;", i);
    vb_buf_printf(&sql, "DELETE FROM member_%" PRId64 " WHERE type_id = %" PRId64 " AND dataset_id IN temp.gone;",
                  type->group_id, type->id);
    vb_buf_puts(&sql, "DELETE FROM dataset WHERE id IN temp.gone; DROP TABLE temp.gone");
    return vb_build_run(b, &sql);
}

static int forget_quanta(struct build *b, size_t t)
{
    vb_auto_buf sql = {0};
    int r;

    vb_buf_printf(&sql,
                  "CREATE TEMP TABLE gone AS SELECT id FROM quantum WHERE task_id = %" PRId64
                  " AND id NOT IN (SELECT quantum_id FROM temp.q_%zu);",
                  b->task_ids[t], t);
    vb_buf_puts(&sql, "DELETE FROM quantum_input WHERE quantum_id IN temp.gone;"
                      "DELETE FROM quantum WHERE id IN temp.gone; DROP TABLE temp.gone");
    r = vb_build_run(b, &sql);
    for (size_t i = 0; !r && i < b->ntypes; i++)
        if (b->types[i].producer == (int)t && !b->types[i].init)
            r = forget_outputs(b, t, i);
    return r;
}

static int prune(struct build *b, size_t t, vb_graph_counts *counts)
{
    const vb_task_spec *task = &b->spec->tasks[t];
    int64_t left_out = 0;
    int r = 0;

    for (size_t c = 0; !r && c < task->count; c++)
        if (task->connections[c].role == VB_ROLE_INPUT && task->connections[c].minimum > 0)
            r = leave_out(b, t, &task->connections[c], &left_out);
    counts->quanta -= left_out;
    counts->pruned += left_out;
    return r < 0 || !left_out ? r : forget_quanta(b, t);
}

/* ---- all ------------------------------------------------------------------------------------------------------ */

static int make_task_edges(struct build *b, size_t t, vb_role role)
{
    int r = 0;

    for (size_t c = 0; !r && c < b->spec->tasks[t].count; c++)
        if (b->spec->tasks[t].connections[c].role == role)
            r = make_edges(b, t, &b->spec->tasks[t].connections[c]);
    return r;
}

/* Tasks are in topological order: what a task lacks, because the one before it lost quanta, is known when it is looked
 * at. */
int vb_build_edges(struct build *b, vb_graph_counts *counts)
{
    static const vb_role made[] = {VB_ROLE_OUTPUT, VB_ROLE_LOG, VB_ROLE_METADATA};
    int r = 0;

    for (size_t t = 0; !r && t < b->spec->ntasks; t++) {
        r = make_task_edges(b, t, VB_ROLE_INPUT);
        if (!r)
            r = prune(b, t, counts);
        if (!r)
            r = vb_build_prerequisites(b, t);
        for (size_t i = 0; !r && i < VB_COUNT(made); i++)
            r = make_task_edges(b, t, made[i]);
        for (size_t c = 0; !r && c < b->spec->tasks[t].count; c++)
            r = check_single(b, t, &b->spec->tasks[t].connections[c]);
    }
    if (!r && counts->pruned && !counts->quanta) {
        r = vb_fail(b->err, -ENODATA,
                    "no quantum is left: each lacks an input, or what another one that was left out makes");
        vb_hint(b->err, "the warnings say which; 'minimum' of a connection says how many datasets it needs");
    }
    return r;
}
