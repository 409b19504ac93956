/* prune.c - datasets are taken away; provenance goes on speaking of them. */
#include "registry/prune.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#include <inttypes.h>

/* Artifacts of the datasets that `which` selects become trash; those that were ingested `direct` belong to others. */
static int trash_artifacts(vb_registry *reg, const char *which, const vb_arg *args, size_t count, vb_error *err)
{
    vb_autofree char *note =
        vb_format("INSERT INTO trash (store_id, path, size, mtime) SELECT store_id, path, size, mtime"
                  " FROM location WHERE dataset_id IN (%s) AND NOT (path >= '/' AND path < '0')",
                  which);
    vb_autofree char *forget = vb_format("DELETE FROM location WHERE dataset_id IN (%s)", which);
    int r = vb_sql_exec(reg->db, err, note, args, count);

    return r < 0 ? r : vb_sql_exec(reg->db, err, forget, args, count);
}

/* Rows of datasets go, but for those that provenance speaks of. */
static int remove_rows(vb_registry *reg, const char *which, const vb_arg *args, size_t count, vb_error *err)
{
    vb_autofree char *keep =
        vb_format("UPDATE dataset SET state = %d WHERE id IN (%s) AND (EXISTS (SELECT 1 FROM quantum_input"
                  " WHERE dataset_id = id) OR EXISTS (SELECT 1 FROM quantum_output WHERE dataset_id = id))",
                  VB_DATASET_REMOVED, which);
    vb_autofree char *drop = vb_format("DELETE FROM dataset WHERE id IN (%s) AND state != %d", which,
                                       VB_DATASET_REMOVED);
    int r = vb_sql_exec(reg->db, err, keep, args, count);

    return r < 0 ? r : vb_sql_exec(reg->db, err, drop, args, count);
}

int vb_dataset_remove(vb_registry *reg, const vb_dataset *d, vb_error *err)
{
    vb_auto_buf members = {0};
    vb_arg args[VB_MAX_REQUIRED + 2];
    int n = d->type->group->nrequired, r;

    vb_buf_printf(&members, "DELETE FROM member_%" PRId64 " WHERE type_id = ? AND collection_id = ?",
                  d->type->group_id);
    vb_sql_dimensions(&members, d->type->group, " AND ", " = ? AND ");
    vb_buf_puts(&members, n ? " = ?" : "");
    args[0] = vb_arg_int(d->type->id);
    args[1] = vb_arg_int(d->run_id);
    vb_dataid_args(&d->dataid, args + 2);
    r = vb_sql_exec(reg->db, err, vb_buf_text(&members), args, (size_t)n + 2);
    if (!r)
        r = trash_artifacts(reg, "?", VB_ARGS(d->id), err);
    return r < 0 ? r : remove_rows(reg, "?", VB_ARGS(d->id), err);
}

static int prune_type(vb_registry *reg, const vb_collection *run, const vb_dataset_type *type, bool purge,
                      vb_error *err)
{
    vb_autofree char *members = vb_format("member_%" PRId64 " WHERE type_id = ? AND collection_id = ?", type->group_id);
    vb_autofree char *which = vb_format("SELECT dataset_id FROM %s", members),
                     *leave = vb_format("DELETE FROM %s", members);
    int r = trash_artifacts(reg, which, VB_ARGS(type->id, run->id), err);

    if (!r && purge)
        r = remove_rows(reg, which, VB_ARGS(type->id, run->id), err);
    if (!r && purge)
        r = vb_sql_exec(reg->db, err, leave, VB_ARGS(type->id, run->id));
    return r;
}

int vb_prune_run(vb_registry *reg, const vb_collection *run, bool purge, vb_error *err)
{
    char **names = NULL;
    int r = vb_dataset_type_list(reg, run->id, NULL, SIZE_MAX >> 1, &names, err);

    for (char **name = names; !r && *name; name++) {
        const vb_dataset_type *type;

        r = vb_dataset_type_find(reg, *name, &type, err);
        if (!r)
            r = prune_type(reg, run, type, purge, err);
    }
    vb_strv_free(names);
    return r;
}
