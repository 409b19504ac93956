/* quanta.c - the quanta of a task: the distinct data IDs of the one join, less those that are done. */
#include "registry/base/mem.h"
#include "registry/graph/build.h"

#include <inttypes.h>

static const struct graph_type *metadata_type(struct build *b, size_t t)
{
    for (size_t c = 0; c < b->spec->tasks[t].count; c++)
        if (b->spec->tasks[t].connections[c].role == VB_ROLE_METADATA)
            return vb_build_type(b, b->spec->tasks[t].connections[c].type.name);
    return NULL;
}

static void collection_ids(const vb_search *search, vb_buf *sql)
{
    for (size_t i = 0; i < search->count; i++)
        vb_buf_printf(sql, "%s%" PRId64, i ? ", " : "", search->items[i]->id);
}

/* Takes out of q_T the quanta whose metadata exist where skip_existing_in says; *skipped counts them. */
static int skip_existing(struct build *b, size_t t, int64_t *skipped)
{
    const struct graph_type *metadata = metadata_type(b, t);
    vb_dimset dims = b->spec->tasks[t].group->required;
    vb_auto_buf sql = {0};
    int r;

    if (!b->skip.count || !metadata)
        return 0;
    vb_buf_printf(&sql,
                  "DELETE FROM temp.q_%zu WHERE EXISTS (SELECT 1 FROM src.member_%" PRId64 " m JOIN src.dataset_type t"
                  " ON t.id = m.type_id WHERE t.name = '%s' AND m.collection_id IN (",
                  t, metadata->type->group_id, metadata->type->name);
    collection_ids(&b->skip, &sql);
    vb_buf_puts(&sql, ") AND ");
    vb_autofree char *table = vb_format("q_%zu", t);
    vb_build_equal(b, dims, "m", table, &sql);
    vb_buf_puts(&sql, ")");
    r = vb_build_run(b, &sql);
    if (!r)
        *skipped += vb_db_changes(b->db);
    return r;
}

int vb_build_quanta(struct build *b, size_t t, vb_graph_counts *counts)
{
    const vb_task_spec *task = &b->spec->tasks[t];
    vb_dimset dims = task->group->required;
    const struct graph_type *metadata = metadata_type(b, t);
    vb_autofree char *table = vb_format("q_%zu", t);
    vb_auto_buf sql = {0};
    bool known = false;
    int64_t offset = 0;
    int r = vb_build_keyed_table(b, table, "quantum_id", dims);

    if (!r)
        r = vb_sql_int(b->db, &offset, b->err, "SELECT coalesce(max(id), 0) FROM quantum", VB_NO_ARGS);
    if (r >= 0 && metadata)
        r = vb_build_src_has_group(b, metadata->type, &known);
    if (r < 0)
        return r;
    if (vb_dimset_empty(dims)) {
        vb_buf_printf(&sql, "INSERT INTO temp.%s SELECT %" PRId64, table, offset + 1);
    } else {
        vb_buf_printf(&sql, "INSERT INTO temp.%s SELECT row_number() OVER () + %" PRId64 ", * FROM (SELECT DISTINCT ",
                      table, offset);
        vb_build_columns(b, dims, "", &sql);
        vb_buf_puts(&sql, " FROM temp.common ORDER BY ");
        vb_build_columns(b, dims, "", &sql);
        vb_buf_puts(&sql, ")");
    }
    r = vb_build_run(b, &sql);
    if (!r && known)
        r = skip_existing(b, t, &counts->skipped);
    if (r < 0)
        return r;
    vb_buf_clear(&sql);
    vb_buf_printf(&sql, "INSERT INTO quantum SELECT quantum_id, vb_uuid(), %" PRId64 ", ", b->task_ids[t]);
    vb_build_packed(b, dims, "", &sql);
    vb_buf_printf(&sql, ", 0, 0 FROM temp.%s ORDER BY quantum_id", table);
    r = vb_build_run(b, &sql);
    counts->quanta += r ? 0 : vb_db_changes(b->db);
    return r;
}
