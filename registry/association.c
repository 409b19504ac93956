#include "registry/association.h"

#include "registry/base/mem.h"
#include "registry/selected.h"

#include <inttypes.h>

struct associating {
    vb_registry *reg;
    const vb_collection *collection;
    int64_t changed;
};

static int check_tagged(const vb_collection *c, const char *what, vb_error *err)
{
    if (c->type == VB_TAGGED)
        return 0;
    vb_fail(err, -EINVAL, "collection '%s' is a %s: datasets can be %s TAGGED collections only", c->name,
            vb_collection_type_name(c->type), what);
    if (c->type == VB_CALIBRATION)
        vb_hint(err, "of a CALIBRATION collection: certify-calibrations, decertify");
    return -EINVAL;
}

/* The pair that cannot both be in the collection. */
static int say_conflict(struct associating *a, const vb_dataset_type *type, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0}, wanted = {0}, there = {0};
    int r;

    vb_buf_printf(&sql,
                  "SELECT d.id, m.dataset_id" VB_SELECTED_FROM " CROSS JOIN member_%" PRId64
                  " m ON m.type_id = ?1 AND m.collection_id = ?2",
                  type->group_id);
    vb_sql_selected_equal(&sql, type->group, "m");
    vb_buf_puts(&sql, VB_SELECTED_WHERE " AND m.dataset_id != d.id LIMIT 1");
    r = vb_sql(a->reg->db, &s, err, vb_buf_text(&sql), VB_ARGS(type->id, a->collection->id));
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    r = vb_selected_print(a->reg, vb_col_int(s, 0), &wanted, err);
    if (!r)
        r = vb_selected_print(a->reg, vb_col_int(s, 1), &there, err);
    if (r < 0)
        return r;
    vb_fail(err, -EEXIST, "%s cannot be associated with '%s': it would have two of one data ID, the other being %s",
            vb_buf_text(&wanted), a->collection->name, vb_buf_text(&there));
    vb_hint(err, "disassociate the other first, or select one of them (--find-first, --where)");
    return -EEXIST;
}

static int associate_type(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err)
{
    struct associating *a = arg;
    vb_auto_buf sql = {0};
    int r;

    vb_buf_printf(&sql, "INSERT OR IGNORE INTO member_%" PRId64 " (", type->group_id);
    vb_sql_dimensions(&sql, type->group, "", ", ");
    vb_buf_printf(&sql, "%stype_id, collection_id, dataset_id) SELECT ", type->group->nrequired ? ", " : "");
    vb_sql_selected_values(&sql, type->group);
    vb_buf_puts(&sql, "?1, ?2, d.id" VB_SELECTED);
    r = vb_sql_exec(a->reg->db, err, vb_buf_text(&sql), VB_ARGS(type->id, a->collection->id));
    if (r < 0)
        return r;
    a->changed += vb_db_changes(a->reg->db);
    if (vb_db_changes(a->reg->db) < count)
        r = say_conflict(a, type, err);
    if (!r)
        r = vb_sql_exec(a->reg->db, err,
                        "INSERT OR IGNORE INTO association (dataset_id, collection_id) SELECT d.id, ?2" VB_SELECTED,
                        VB_ARGS(type->id, a->collection->id));
    return r < 0 ? r : vb_collection_note_type(a->reg, a->collection->id, type->id, err);
}

int vb_associate(vb_registry *reg, const vb_collection *tagged, int64_t *changed, vb_error *err)
{
    struct associating a = {.reg = reg, .collection = tagged};
    int r = check_tagged(tagged, "associated with", err);

    if (!r)
        r = vb_selected_each_type(reg, associate_type, &a, err);
    *changed = a.changed;
    return r;
}

static int disassociate_type(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err)
{
    struct associating *a = arg;
    static const char from[] = VB_SELECTED_FROM " CROSS JOIN association a ON a.dataset_id = d.id"
                                                " AND a.collection_id = ?2" VB_SELECTED_WHERE;
    int r = vb_selected_delete(a->reg, type, "member", "a.collection_id", from, a->collection->id, true, &a->changed,
                               err);

    if (r < 0)
        return r;
    return vb_sql_exec(a->reg->db, err,
                       "DELETE FROM association WHERE (dataset_id, collection_id) IN"
                       " (SELECT dataset_id, ?2 FROM temp.selected WHERE type_id = ?1)",
                       VB_ARGS(type->id, a->collection->id));
}

int vb_disassociate(vb_registry *reg, const vb_collection *tagged, int64_t *changed, vb_error *err)
{
    struct associating a = {.reg = reg, .collection = tagged};
    int r = check_tagged(tagged, "disassociated from", err);

    if (!r)
        r = vb_selected_each_type(reg, disassociate_type, &a, err);
    *changed = a.changed;
    return r;
}
