/* merge.c - receipts become registry rows. */
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/known_task.h"
#include "registry/provenance.h"
#include "registry/prune.h"
#include "registry/time.h"

#include <string.h>

/* ---- one receipt ------------------------------------------------------------------------------------------ */

struct merge {
    vb_registry *reg;
    const vb_graph *g;
    const vb_receipt *receipt;
    int64_t run_id, quantum_id;
    const struct vb_known_task *task;
    bool first, counts; /* this attempt: of the quantum; and more than those that were merged before */
    vb_error *err;
};

static int find_task(struct merge *m)
{
    const vb_collection *run;
    int r = vb_collection_find(m->reg, m->receipt->run, &run, m->err);

    if (r < 0)
        return r;
    m->run_id = run->id;
    return vb_known_task_find(m->reg, run, m->receipt->task, &m->task, m->err);
}

/* A success counts for ever; a later failure counts more than an earlier one. */
static int update_quantum(struct merge *m)
{
    const vb_receipt *q = m->receipt;
    int r = vb_sql_int(m->reg->db, &m->quantum_id, m->err, "SELECT id FROM quantum WHERE uuid = ?",
                       VB_ARGS(&q->quantum));

    if (r < 0)
        return r;
    r = vb_sql_exec(m->reg->db, m->err,
                    "UPDATE quantum SET status = ?2, attempt = ?3 WHERE id = ?1 AND (?2 = 1 OR"
                    " (status != 1 AND attempt < ?3))",
                    VB_ARGS(m->quantum_id, (int)q->status, q->attempt));
    m->counts = !r && vb_db_changes(m->reg->db);
    return r;
}

static int put_quantum(struct merge *m)
{
    const vb_receipt *q = m->receipt;
    int r = vb_sql_exec(m->reg->db, m->err,
                        "INSERT OR IGNORE INTO quantum (uuid, task_id, dataid, status, attempt)"
                        " VALUES (?, ?, ?, ?, ?)",
                        VB_ARGS(&q->quantum, m->task->id, q->dataid, (int)q->status, q->attempt));

    m->first = m->counts = !r && vb_db_changes(m->reg->db);
    m->quantum_id = vb_db_last_id(m->reg->db);
    return r < 0 || m->first ? r : update_quantum(m);
}

static int put_attempt(struct merge *m)
{
    const vb_receipt *q = m->receipt;
    vb_autofree char *text = vb_receipt_write(q);

    return vb_sql_exec(m->reg->db, m->err,
                       "INSERT INTO attempt (quantum_id, number, status, capture, host, started, wall, cpu,"
                       " memory, bytes_read, bytes_written, message, receipt)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       VB_ARGS(m->quantum_id, q->attempt, (int)q->status, q->capture, q->host, q->started,
                               q->usage.wall, q->usage.cpu_user + q->usage.cpu_system, q->usage.memory,
                               q->usage.bytes_read, q->usage.bytes_written, q->message, text));
}

/* The row of a dataset.  One that is not there, because it was removed since it was read, or because its own receipt
 * comes later (after a kill they come in any order), gets a row of no run. */
static int dataset_id(struct merge *m, const vb_receipt_input *in, int64_t *out)
{
    int r = vb_sql_int(m->reg->db, out, m->err, "SELECT id FROM dataset WHERE uuid = ?", VB_ARGS(&in->dataset));

    if (r || !in->type || !in->dataid)
        return r;
    r = vb_sql_exec(m->reg->db, m->err,
                    "INSERT INTO dataset (uuid, type_id, run_id, dataid, ingest_date, state)"
                    " SELECT ?, id, 0, ?, ?, ? FROM dataset_type WHERE name = ?",
                    VB_ARGS(&in->dataset, in->dataid, vb_time_now(), (int)VB_DATASET_REMOVED, in->type));
    *out = vb_db_last_id(m->reg->db);
    return r < 0 ? r : vb_db_changes(m->reg->db) > 0;
}

/* ---- edges ------------------------------------------------------------------------------------------------ */

/* Rows of quantum_input or quantum_output that one statement inserts; of more than 31 parameters it is prepared each time. */
enum { EDGES = 7, EDGE_COLUMNS = 4 };

#define EDGE "(?, ?, ?, ?)"
#define BY_EDGES(insert)                                                                                            \
    {                                                                                                               \
        [1] = insert EDGE, [2] = insert EDGE ", " EDGE, [3] = insert EDGE ", " EDGE ", " EDGE,                      \
        [4] = insert EDGE ", " EDGE ", " EDGE ", " EDGE, [5] = insert EDGE ", " EDGE ", " EDGE ", " EDGE ", " EDGE, \
        [6] = insert EDGE ", " EDGE ", " EDGE ", " EDGE ", " EDGE ", " EDGE,                                        \
        [7] = insert EDGE ", " EDGE ", " EDGE ", " EDGE ", " EDGE ", " EDGE ", " EDGE                               \
    }

static const char *const inputs_sql[EDGES + 1] = BY_EDGES("INSERT OR REPLACE INTO quantum_input VALUES ");
static const char *const outputs_sql[EDGES + 1] = BY_EDGES("INSERT OR REPLACE INTO quantum_output VALUES ");

struct edges {
    struct merge *m;
    const char *const *sql;
    vb_arg args[EDGES * EDGE_COLUMNS];
    size_t count;
};

static int flush_edges(struct edges *e)
{
    size_t n = e->count;

    e->count = 0;
    return n ? vb_sql_exec(e->m->reg->db, e->m->err, e->sql[n], e->args, n * EDGE_COLUMNS) : 0;
}

static int put_edge(struct edges *e, int64_t connection, int64_t dataset, unsigned touch)
{
    vb_arg *a = &e->args[EDGE_COLUMNS * e->count];

    a[0] = vb_arg_int(e->m->quantum_id);
    a[1] = vb_arg_int(connection);
    a[2] = vb_arg_int(dataset);
    a[3] = vb_arg_int(touch);
    return ++e->count == EDGES ? flush_edges(e) : 0;
}

/* Inputs are those of the attempt that counts, in whatever order attempts are merged. */
static int put_inputs(struct merge *m)
{
    struct edges edges = {.m = m, .sql = inputs_sql};
    int r = 0;

    if (!m->counts)
        return 0;
    if (!m->first)
        r = vb_sql_exec(m->reg->db, m->err, "DELETE FROM quantum_input WHERE quantum_id = ?", VB_ARGS(m->quantum_id));
    for (size_t i = 0; r >= 0 && i < m->receipt->ninputs; i++) {
        const vb_receipt_input *in = &m->receipt->inputs[i];
        int64_t dataset = 0;

        r = dataset_id(m, in, &dataset);
        if (r > 0)
            r = put_edge(&edges, vb_known_task_connection(m->task, in->connection, false), dataset, in->touch);
    }
    return r < 0 ? r : flush_edges(&edges);
}

/* ---- outputs ---------------------------------------------------------------------------------------------- */

/* Somebody has picked it since the graph was built: the receipt is refused, like one whose data ID the run has got. */
static int check_unpicked(struct merge *m, const vb_dataset *there)
{
    int r = vb_select_datasets(m->reg, there, 1, m->err);

    if (!r)
        r = vb_prune_check_unreferenced(m->reg, m->err);
    if (r != -EBUSY)
        return r;
    vb_error_context(m->err, "run '%s' has one already, and --clobber-outputs cannot replace it", m->receipt->run);
    vb_hint(m->err, "disassociate or decertify it, and run the graph again");
    if (m->err)
        m->err->code = -EEXIST;
    return -EEXIST;
}

/* With --clobber-outputs: what the run has of that type and data ID gives way. */
static int give_way(struct merge *m, const vb_dataset *d)
{
    vb_auto_search search = {0};
    vb_auto_dataset there = {0};
    char *names[] = {m->receipt->run, NULL};
    int r;

    if (!m->g->clobber_outputs)
        return 0;
    r = vb_search_resolve(m->reg, names, &search, m->err);
    if (!r)
        r = vb_dataset_find(m->reg, d->type, &d->dataid, &search, &there, m->err);
    if (r <= 0)
        return r;
    r = check_unpicked(m, &there);
    return r < 0 ? r : vb_dataset_remove(m->reg, &there, m->err);
}

static int fill_dataset(struct merge *m, const vb_receipt_output *out, vb_dataset *d, vb_location *l)
{
    int r;

    *d = (vb_dataset){.uuid = out->dataset, .run_id = m->run_id};
    *l = (vb_location){.store_id = 1,
                       .path = out->path,
                       .size = out->size,
                       .has_checksum = true,
                       .checksum = out->checksum,
                       .mtime = out->mtime};
    r = vb_dataset_type_find(m->reg, out->type, &d->type, m->err);
    if (!r)
        r = vb_dataid_unpack(d->type->group, out->dataid, &d->dataid, m->err);
    return r < 0 ? r : give_way(m, d);
}

/* The outputs of init tasks have no quantum. */
static int put_output_edges(struct merge *m, const vb_receipt_output *const *outputs, const vb_dataset *d, size_t count)
{
    struct edges edges = {.m = m, .sql = outputs_sql};
    int r = 0;

    for (size_t i = 0; !r && m->task && i < count; i++)
        r = put_edge(&edges, vb_known_task_connection(m->task, outputs[i]->connection, true), d[i].id,
                     VB_TOUCH_DECLARED | VB_TOUCH_WRITTEN);
    return r < 0 ? r : flush_edges(&edges);
}

static int put_some(struct merge *m, const vb_receipt_output *const *outputs, size_t count)
{
    vb_autofree vb_dataset *d = vb_alloc((count + 1) * sizeof *d);
    vb_autofree vb_location *l = vb_alloc((count + 1) * sizeof *l);
    int r = 0;

    for (size_t i = 0; !r && i < count; i++)
        r = fill_dataset(m, outputs[i], &d[i], &l[i]);
    if (!r)
        r = vb_dataset_insert_some(m->reg, d, l, count, m->err);
    if (!r)
        r = put_output_edges(m, outputs, d, count);
    for (size_t i = 0; i < count; i++)
        vb_dataset_clear(&d[i]);
    return r;
}

/* Those that were made. */
static int put_outputs(struct merge *m)
{
    vb_autofree const vb_receipt_output **made = vb_alloc((m->receipt->noutputs + 1) * sizeof *made);
    size_t count = 0;

    for (size_t i = 0; m->receipt->status == VB_STATUS_SUCCEEDED && i < m->receipt->noutputs; i++)
        if (m->receipt->outputs[i].path)
            made[count++] = &m->receipt->outputs[i];
    return put_some(m, made, count);
}

int vb_provenance_has(vb_registry *reg, const vb_uuid *quantum, int attempt, bool *out, vb_error *err)
{
    int64_t one = 0;
    int r = vb_sql_int(reg->db, &one, err,
                       "SELECT 1 FROM quantum q JOIN attempt a ON a.quantum_id = q.id WHERE q.uuid = ?"
                       " AND a.number = ?",
                       VB_ARGS(quantum, attempt));

    *out = one;
    return r < 0 ? r : 0;
}

int vb_provenance_merge(vb_registry *reg, const vb_graph *g, const vb_receipt *receipt, vb_error *err)
{
    struct merge m = {.reg = reg, .g = g, .receipt = receipt, .err = err};
    bool merged;
    int r;

    vb_registry_check_memory(reg);
    r = vb_provenance_has(reg, &receipt->quantum, receipt->attempt, &merged, err);

    if (r < 0 || merged)
        return r;
    r = find_task(&m);
    if (!r)
        r = put_quantum(&m);
    if (!r)
        r = put_attempt(&m);
    if (!r)
        r = put_inputs(&m);
    if (!r)
        r = put_outputs(&m);
    if (r < 0)
        vb_error_context(err, "merging %s %s", receipt->task, receipt->dataid);
    return r;
}

int vb_provenance_merge_init(vb_registry *reg, const vb_graph *g, const vb_receipt *receipt, vb_error *err)
{
    struct merge m = {.reg = reg, .g = g, .receipt = receipt, .err = err};
    const vb_collection *run;
    int r = vb_collection_find(reg, receipt->run, &run, err);

    if (r < 0)
        return r;
    m.run_id = run->id;
    for (size_t i = 0; r >= 0 && i < receipt->noutputs; i++) {
        vb_auto_dataset there = {0};

        if (!receipt->outputs[i].path)
            continue;
        r = vb_dataset_by_uuid(reg, &receipt->outputs[i].dataset, &there, err);
        if (!r || (r > 0 && !there.run_id)) /* a quantum that has read it may have been merged before */
            r = put_some(&m, (const vb_receipt_output *[]){&receipt->outputs[i]}, 1);
    }
    return r < 0 ? r : 0;
}
