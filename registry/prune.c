/* prune.c - datasets are taken away; provenance goes on speaking of them. */
#include "registry/prune.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/selected.h"

#include <inttypes.h>

/* ---- what is selected goes -------------------------------------------------------------------------------------- */

/* 1 where a selected dataset has a row in the table; 0 where none has. */
static int has_rows(vb_registry *reg, const vb_dataset_type *type, const char *table, vb_error *err)
{
    vb_autofree char *sql = vb_format("SELECT 1 FROM temp.selected s CROSS JOIN %s r ON r.dataset_id = s.dataset_id"
                                      " WHERE s.type_id = ? LIMIT 1",
                                      table);
    int64_t one;

    return vb_sql_int(reg->db, &one, err, sql, VB_ARGS(type->id));
}

static int delete_rows(vb_registry *reg, const vb_dataset_type *type, const char *table, vb_error *err)
{
    vb_autofree char *sql = vb_format("DELETE FROM %s WHERE dataset_id IN"
                                      " (SELECT dataset_id FROM temp.selected WHERE type_id = ?)",
                                      table);

    return vb_sql_exec(reg->db, err, sql, VB_ARGS(type->id));
}

/* The files of components. */
static int trash_components(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    int r = has_rows(reg, type, "component", err);

    if (r <= 0)
        return r;
    r = vb_sql_exec(reg->db, err,
                    "INSERT INTO trash (store_id, path, size, mtime) SELECT store_id, path, size, mtime"
                    " FROM temp.selected s CROSS JOIN component c ON c.dataset_id = s.dataset_id"
                    " WHERE s.type_id = ? AND NOT (path >= '/' AND path < '0')",
                    VB_ARGS(type->id));
    return r < 0 ? r : delete_rows(reg, type, "component", err);
}

/* What else is kept of files from a Gen3 repository. */
static int drop_records(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    int r = has_rows(reg, type, "datastore_record", err);

    return r <= 0 ? r : delete_rows(reg, type, "datastore_record", err);
}

/* Artifacts become trash; those that were ingested `direct` belong to others. */
static int trash_artifacts(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    int r = vb_sql_exec(reg->db, err,
                        "INSERT INTO trash (store_id, path, size, mtime) SELECT store_id, path, size, mtime"
                        " FROM temp.selected s CROSS JOIN location l ON l.dataset_id = s.dataset_id"
                        " WHERE s.type_id = ? AND NOT (path >= '/' AND path < '0')",
                        VB_ARGS(type->id));

    if (!r)
        r = delete_rows(reg, type, "location", err);
    if (!r)
        r = trash_components(reg, type, err);
    return r < 0 ? r : drop_records(reg, type, err);
}

/* Selected datasets leave the TAGGED and CALIBRATION collections that have them. */
static int leave_associations(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    static const char from[] = " FROM temp.selected s CROSS JOIN association a ON a.dataset_id = s.dataset_id"
                               " CROSS JOIN dataset d ON d.id = s.dataset_id" VB_SELECTED_WHERE;
    int64_t one;
    int r = vb_sql_int(reg->db, &one, err,
                       "SELECT 1 FROM temp.selected s CROSS JOIN association a"
                       " ON a.dataset_id = s.dataset_id WHERE s.type_id = ? LIMIT 1",
                       VB_ARGS(type->id));

    if (r <= 0)
        return r;
    r = vb_selected_delete(reg, type, "member", "a.collection_id", from, 0, true, NULL, err);
    if (!r)
        r = vb_selected_delete(reg, type, "calib", "a.collection_id", from, 0, true, NULL, err);
    return r < 0 ? r
                 : vb_sql_exec(reg->db, err,
                               "DELETE FROM association WHERE dataset_id IN"
                               " (SELECT dataset_id FROM temp.selected WHERE type_id = ?)",
                               VB_ARGS(type->id));
}

/* Rows of datasets go, but for those that provenance speaks of. */
static int remove_rows(vb_registry *reg, const vb_dataset_type *type, vb_error *err)
{
    int r = vb_sql_exec(reg->db, err,
                        "UPDATE dataset SET state = 2 WHERE id IN"
                        " (SELECT dataset_id FROM temp.selected WHERE type_id = ?) AND"
                        " (EXISTS (SELECT 1 FROM quantum_input WHERE dataset_id = id)"
                        " OR EXISTS (SELECT 1 FROM quantum_output WHERE dataset_id = id))",
                        VB_ARGS(type->id));

    return r < 0 ? r
                 : vb_sql_exec(reg->db, err,
                               "DELETE FROM dataset WHERE id IN"
                               " (SELECT dataset_id FROM temp.selected WHERE type_id = ?) AND state != 2",
                               VB_ARGS(type->id));
}

struct pruning {
    vb_registry *reg;
    bool purge;
};

static int prune_type(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err)
{
    struct pruning *p = arg;
    int r = trash_artifacts(p->reg, type, err);

    if (r < 0 || !p->purge)
        return r;
    r = vb_selected_delete(p->reg, type, "member", "d.run_id", VB_SELECTED, 0, true, NULL, err);
    if (!r)
        r = leave_associations(p->reg, type, err);
    return r < 0 ? r : remove_rows(p->reg, type, err);
}

int vb_prune_selected(vb_registry *reg, bool purge, vb_error *err)
{
    struct pruning p = {reg, purge};

    return vb_selected_each_type(reg, prune_type, &p, err);
}

int vb_dataset_remove(vb_registry *reg, const vb_dataset *d, vb_error *err)
{
    int r = vb_select_datasets(reg, d, 1, err);

    return r < 0 ? r : vb_prune_selected(reg, true, err);
}

int vb_prune_run(vb_registry *reg, const vb_collection *run, bool purge, vb_error *err)
{
    vb_run_contents ignored;
    int r = vb_run_select(reg, run, &ignored, err);

    return r < 0 ? r : vb_prune_selected(reg, purge, err);
}

int vb_prune_only_run(vb_registry *reg, const vb_collection *run, int64_t *others, vb_error *err)
{
    int r = vb_sql_exec(reg->db, err,
                        "DELETE FROM temp.selected WHERE NOT EXISTS"
                        " (SELECT 1 FROM dataset WHERE id = dataset_id AND run_id = ?)",
                        VB_ARGS(run->id));

    *others = r < 0 ? 0 : vb_db_changes(reg->db);
    return r;
}

/* ---- who refers to what is selected ----------------------------------------------------------------------------- */

void vb_references_clear(vb_references *r)
{
    free(r->items);
    *r = (vb_references){0};
}

int vb_prune_references(vb_registry *reg, vb_references *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT c.id, n FROM (SELECT a.collection_id AS id, count(*) AS n FROM temp.selected s"
                   " CROSS JOIN association a ON a.dataset_id = s.dataset_id GROUP BY a.collection_id) selected_in"
                   " CROSS JOIN collection c ON c.id = selected_in.id ORDER BY c.name",
                   VB_NO_ARGS);

    *out = (vb_references){0};
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_reference *ref = VB_PUSH(out->items, out->count, out->cap);

        ref->count = vb_col_int(s, 1);
        r = vb_collection_by_id(reg, vb_col_int(s, 0), &ref->collection, err);
    }
    if (!r)
        r = vb_sql_int(reg->db, &out->in_provenance, err,
                       "SELECT count(*) FROM temp.selected s WHERE"
                       " EXISTS (SELECT 1 FROM quantum_input i WHERE i.dataset_id = s.dataset_id)"
                       " OR EXISTS (SELECT 1 FROM quantum_output o WHERE o.dataset_id = s.dataset_id)",
                       VB_NO_ARGS);
    if (r < 0)
        vb_references_clear(out);
    return r < 0 ? r : 0;
}

int vb_prune_check_unreferenced(vb_registry *reg, vb_error *err)
{
    vb_auto_references refs = {0};
    vb_auto_buf where = {0};
    int r = vb_prune_references(reg, &refs, err);

    if (r < 0 || !refs.count)
        return r;
    for (size_t i = 0; i < refs.count; i++) {
        char n[32];

        vb_buf_separate(&where, ", ");
        vb_buf_printf(&where, "%s '%s' has %s of them", vb_collection_type_name(refs.items[i].collection->type),
                      refs.items[i].collection->name, vb_thousands(n, sizeof n, refs.items[i].count));
    }
    return vb_fail(err, -EBUSY, "other collections refer to the datasets that would be removed: %s",
                   vb_buf_text(&where));
}
