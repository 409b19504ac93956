/* remove_run.c - a run goes, with its datasets and with what its own quanta have left in provenance.
 *
 * What quanta of other runs have read of it they go on saying: such a dataset stays as a row of no run, as removed. */
#include "registry/collection_edit.h"
#include "registry/prune.h"
#include "registry/selected.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>

/* ---- the run's datasets ------------------------------------------------------------------------------------------ */

static int select_all(vb_registry *reg, const vb_collection *run, int64_t *count, vb_error *err)
{
    char *names[] = {run->name, NULL};
    const vb_selecting what = {.collections = names};

    if (run->type != VB_RUN)
        return vb_fail(err, -EINVAL, "collection '%s' is a %s, not a RUN", run->name,
                       vb_collection_type_name(run->type));
    return vb_select(reg, &what, count, err);
}

int vb_run_select(vb_registry *reg, const vb_collection *run, vb_run_contents *out, vb_error *err)
{
    int r;

    *out = (vb_run_contents){0};
    r = select_all(reg, run, &out->datasets, err);
    if (!r)
        r = vb_sql_int(reg->db, &out->quanta, err,
                       "SELECT count(*) FROM task t JOIN quantum q ON q.task_id = t.id WHERE t.run_id = ?",
                       VB_ARGS(run->id));
    if (r >= 0)
        r = vb_sql_int(reg->db, &out->read_by_others, err,
                       "SELECT count(*) FROM temp.selected s WHERE EXISTS (SELECT 1 FROM quantum_input i"
                       " JOIN quantum q ON q.id = i.quantum_id JOIN task t ON t.id = q.task_id"
                       " WHERE i.dataset_id = s.dataset_id AND t.run_id != ?)",
                       VB_ARGS(run->id));
    return r < 0 ? r : 0;
}

/* ---- the run's quanta -------------------------------------------------------------------------------------------- */

/* The quanta of the run, and the removed datasets that only they may still speak of. */
static int note_quanta(vb_registry *reg, int64_t run_id, vb_error *err)
{
    int r = vb_db_run(reg->db,
                      "CREATE TEMP TABLE IF NOT EXISTS gone_quantum (id INTEGER PRIMARY KEY) STRICT;"
                      "CREATE TEMP TABLE IF NOT EXISTS gone_input (id INTEGER PRIMARY KEY) STRICT;"
                      "DELETE FROM temp.gone_quantum; DELETE FROM temp.gone_input;",
                      err);

    if (!r)
        r = vb_sql_exec(reg->db, err,
                        "INSERT INTO temp.gone_quantum SELECT q.id FROM task t CROSS JOIN quantum q ON q.task_id = t.id"
                        " WHERE t.run_id = ?",
                        VB_ARGS(run_id));
    return r < 0 ? r
                 : vb_db_run(reg->db,
                             "INSERT OR IGNORE INTO temp.gone_input SELECT d.id FROM temp.gone_quantum g"
                             " CROSS JOIN quantum_input i ON i.quantum_id = g.id"
                             " CROSS JOIN dataset d ON d.id = i.dataset_id WHERE d.state = 2",
                             err);
}

static int remove_quanta(vb_registry *reg, int64_t run_id, vb_error *err)
{
    static const char of_quanta[] = "DELETE FROM quantum_input WHERE quantum_id IN (SELECT id FROM temp.gone_quantum);"
                                    "DELETE FROM quantum_output WHERE quantum_id IN (SELECT id FROM temp.gone_quantum);"
                                    "DELETE FROM attempt WHERE quantum_id IN (SELECT id FROM temp.gone_quantum);"
                                    "DELETE FROM quantum WHERE id IN (SELECT id FROM temp.gone_quantum);";
    static const char *const of_run[] = {
        "DELETE FROM connection WHERE task_id IN (SELECT id FROM task WHERE run_id = ?)",
        "DELETE FROM task WHERE run_id = ?",
        "DELETE FROM execution WHERE run_id = ?",
    };
    int r = note_quanta(reg, run_id, err);

    if (!r)
        r = vb_db_run(reg->db, of_quanta, err);
    for (size_t i = 0; !r && i < VB_COUNT(of_run); i++)
        r = vb_sql_exec(reg->db, err, of_run[i], VB_ARGS(run_id));
    return r;
}

/* Rows of removed datasets, of the run and of what its quanta read: they stay while other quanta speak of them. */
static int sweep_removed(vb_registry *reg, int64_t run_id, vb_error *err)
{
    static const char unspoken[] = " AND state = 2 AND NOT EXISTS (SELECT 1 FROM quantum_input WHERE dataset_id = id)"
                                   " AND NOT EXISTS (SELECT 1 FROM quantum_output WHERE dataset_id = id)";
    vb_autofree char *inputs = vb_format("DELETE FROM dataset WHERE id IN (SELECT id FROM temp.gone_input)%s",
                                         unspoken);
    vb_autofree char *own = vb_format("DELETE FROM dataset WHERE run_id = ?%s", unspoken);
    int r = vb_db_run(reg->db, inputs, err);

    if (!r)
        r = vb_sql_exec(reg->db, err, own, VB_ARGS(run_id));
    return r < 0 ? r
                 : vb_sql_exec(reg->db, err, "UPDATE dataset SET run_id = 0 WHERE run_id = ? AND state = 2",
                               VB_ARGS(run_id));
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

int vb_run_remove(vb_registry *reg, const vb_collection *run, bool force, vb_error *err)
{
    int64_t id = run->id, count = 0;
    int r = select_all(reg, run, &count, err);

    if (!r && !force)
        r = vb_prune_check_unreferenced(reg, err);
    if (!r)
        r = remove_quanta(reg, id, err);
    if (!r)
        r = vb_prune_selected(reg, true, err);
    if (!r)
        r = sweep_removed(reg, id, err);
    return r < 0 ? r : vb_collection_drop(reg, run, force, err);
}
