/* copy_members.c - who is TAGGED, and what is certified for when. */
#include "registry/gen3/copy_internal.h"

#include "registry/base/mem.h"
#include "registry/internal.h"

#include <inttypes.h>
#include <string.h>

/* Notes that the collection has the dataset, and so its type. */
static int note(vb_gen3_copying *c, int64_t collection, int64_t dataset, vb_error *err)
{
    int r = vb_sql_exec(c->reg->db, err, "INSERT OR IGNORE INTO association VALUES (?, ?)",
                        VB_ARGS(dataset, collection));

    return r < 0 ? r
                 : vb_sql_exec(c->reg->db, err, "INSERT OR IGNORE INTO collection_summary VALUES (?, ?)",
                               VB_ARGS(collection, c->ours->id));
}

/* "col, col, ": the data ID's columns. */
static void add_dimensions(vb_buf *sql, const vb_group *group)
{
    vb_sql_dimensions(sql, group, "", ", ");
    vb_buf_puts(sql, group->nrequired ? ", " : "");
}

/* The row that has the member's key already: 0 where it is this very one. */
static int check_there(vb_gen3_copying *c, const vb_dataset *d, const vb_gen3_member *m, int64_t collection,
                       bool certified, vb_error *err)
{
    vb_arg args[VB_MAX_REQUIRED + 3];
    vb_auto_buf sql = {0}, what = {0};
    int64_t there = 0;
    int n = d->dataid.group->nrequired, r;

    vb_buf_printf(&sql, "SELECT dataset_id FROM %s_%" PRId64 " WHERE ", certified ? "calib" : "member",
                  c->ours->group_id);
    vb_sql_dimensions(&sql, d->dataid.group, "", " = ? AND ");
    vb_buf_puts(&sql, n ? " = ? AND type_id = ? AND collection_id = ?" : "type_id = ? AND collection_id = ?");
    if (certified)
        vb_buf_printf(&sql, " AND timespan_begin = %" PRId64 " AND timespan_end = %" PRId64, m->begin, m->end);
    vb_dataid_args(&d->dataid, args);
    args[n] = vb_arg_int(c->ours->id);
    args[n + 1] = vb_arg_int(collection);
    r = vb_sql_int(c->reg->db, &there, err, vb_buf_text(&sql), args, (size_t)n + 2);
    if (r < 0 || there == d->id)
        return r < 0 ? r : 0;
    vb_dataset_print(d, &what);
    return vb_fail(err, -EEXIST, "%s: collection '%s' has another dataset there already", vb_buf_text(&what),
                   m->collection->name);
}

static int insert(vb_gen3_copying *c, const vb_dataset *d, const vb_gen3_member *m, int64_t collection, bool certified,
                  vb_error *err)
{
    vb_auto_error taken = VB_ERROR_INIT;
    vb_arg args[VB_MAX_REQUIRED + 5];
    vb_auto_buf sql = {0};
    int n = d->dataid.group->nrequired, all = n + (certified ? 5 : 3), r;

    vb_buf_printf(&sql, "INSERT INTO %s_%" PRId64 " (", certified ? "calib" : "member", c->ours->group_id);
    add_dimensions(&sql, d->dataid.group);
    vb_buf_printf(&sql, "type_id, collection_id, dataset_id%s) VALUES (",
                  certified ? ", timespan_begin, timespan_end" : "");
    for (int i = 0; i < all; i++)
        vb_buf_puts(&sql, i ? ", ?" : "?");
    vb_buf_puts(&sql, ")");
    vb_dataid_args(&d->dataid, args);
    args[n] = vb_arg_int(c->ours->id);
    args[n + 1] = vb_arg_int(collection);
    args[n + 2] = vb_arg_int(d->id);
    args[n + 3] = vb_arg_int(m->begin);
    args[n + 4] = vb_arg_int(m->end);
    r = vb_sql_exec(c->reg->db, &taken, vb_buf_text(&sql), args, (size_t)all);
    if (r == -EEXIST)
        return check_there(c, d, m, collection, certified, err);
    if (r < 0)
        vb_error_move(err, &taken);
    c->counts->members += !r;
    return r;
}

static int copy_member(vb_gen3_copying *c, const vb_gen3_member *m, bool certified, vb_error *err)
{
    vb_auto_dataset d = {0};
    int64_t collection;
    char uuid[VB_UUID_TEXT];
    int r;

    if (m->collection->type != (certified ? VB_CALIBRATION : VB_TAGGED) ||
        (c->options->wants && !c->options->wants(c->options->arg, &m->uuid)))
        return 0;
    r = vb_dataset_by_uuid(c->reg, &m->uuid, &d, err);
    if (!r)
        return vb_fail(err, -EINVAL, "%s: collection '%s' has dataset %s, which is not there", c->g->source->name,
                       m->collection->name, vb_uuid_format(m->uuid, uuid));
    if (r > 0 && d.type->id != c->ours->id)
        return vb_fail(err, -EINVAL, "%s: collection '%s' has dataset %s as a '%s', and it is a '%s'",
                       c->g->source->name, m->collection->name, vb_uuid_format(m->uuid, uuid), c->ours->name,
                       d.type->name);
    if (r > 0)
        r = vb_gen3_copy_collection(c, m->collection, &collection, err);
    if (!r)
        r = insert(c, &d, m, collection, certified, err);
    return r < 0 ? r : note(c, collection, d.id, err);
}

static int each_tagged(void *arg, const vb_gen3_member *m, vb_error *err)
{
    return copy_member(arg, m, false, err);
}

static int each_certified(void *arg, const vb_gen3_member *m, vb_error *err)
{
    return copy_member(arg, m, true, err);
}

int vb_gen3_copy_members(vb_gen3_copying *c, vb_error *err)
{
    int r = vb_gen3_each_tagged(c->g, c->type, each_tagged, c, err);

    return r < 0 ? r : vb_gen3_each_certified(c->g, c->type, each_certified, c, err);
}
