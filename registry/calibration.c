#include "registry/calibration.h"

#include "registry/base/mem.h"
#include "registry/selected.h"

#include <inttypes.h>

struct certifying {
    vb_registry *reg;
    const vb_collection *collection;
    vb_timespan span;
    int64_t changed;
};

static int check(const vb_collection *c, vb_timespan span, vb_error *err)
{
    vb_auto_buf begin = {0}, end = {0};

    if (c->type != VB_CALIBRATION)
        return vb_fail(err, -EINVAL, "collection '%s' is a %s, not CALIBRATION: it has no validity ranges", c->name,
                       vb_collection_type_name(c->type));
    if (span.begin < span.end)
        return 0;
    vb_time_print(span.begin, &begin);
    vb_time_print(span.end, &end);
    return vb_fail(err, -EINVAL, "an empty timespan: it would begin at %s and end at %s", vb_buf_text(&begin),
                   vb_buf_text(&end));
}

static void print_span(vb_timespan t, vb_buf *out)
{
    vb_buf_puts(out, "[");
    if (t.begin <= VB_TIME_MIN)
        vb_buf_puts(out, "-");
    else
        vb_time_print(t.begin, out);
    vb_buf_puts(out, ", ");
    if (t.end >= VB_TIME_MAX)
        vb_buf_puts(out, "-");
    else
        vb_time_print(t.end, out);
    vb_buf_puts(out, ")");
}

/* ---- certifying ----------------------------------------------------------------------------------------------- */

/* " CROSS JOIN calib_N c ON ...": the last range of the data ID that begins before the timespan (?3, ?4) ends.  No
 * other can overlap it unless this one does. */
static void join_last_range(vb_buf *sql, const vb_dataset_type *type)
{
    vb_buf_printf(sql, " CROSS JOIN calib_%" PRId64 " c ON c.type_id = ?1 AND c.collection_id = ?2", type->group_id);
    vb_sql_selected_equal(sql, type->group, "c");
    vb_buf_printf(sql,
                  " AND c.timespan_begin = (SELECT max(l.timespan_begin) FROM calib_%" PRId64
                  " l WHERE l.type_id = ?1 AND l.collection_id = ?2",
                  type->group_id);
    vb_sql_selected_equal(sql, type->group, "l");
    vb_buf_puts(sql, " AND l.timespan_begin < ?4)");
}

static int refuse(struct certifying *c, int64_t wanted_id, int64_t there_id, vb_timespan there_span, vb_error *err)
{
    vb_auto_buf wanted = {0}, there = {0}, span = {0}, other = {0};
    int r = vb_selected_print(c->reg, wanted_id, &wanted, err);

    if (!r)
        r = vb_selected_print(c->reg, there_id, &there, err);
    if (r < 0)
        return r;
    print_span(c->span, &span);
    print_span(there_span, &other);
    vb_fail(err, -EEXIST, "%s cannot be certified in '%s' for %s: %s is, for %s", vb_buf_text(&wanted),
            c->collection->name, vb_buf_text(&span), vb_buf_text(&there), vb_buf_text(&other));
    vb_hint(err, "decertify that timespan first, or select one of them");
    return -EEXIST;
}

/* A selected dataset whose data ID has a range there already; `condition` tells which count. */
static int look_for_conflict(struct certifying *c, const vb_dataset_type *type, const char *condition, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r;

    vb_buf_puts(&sql, "SELECT d.id, c.dataset_id, c.timespan_begin, c.timespan_end" VB_SELECTED_FROM);
    join_last_range(&sql, type);
    vb_buf_printf(&sql, "%s AND %s LIMIT 1", VB_SELECTED_WHERE, condition);
    r = vb_sql(c->reg->db, &s, err, vb_buf_text(&sql),
               VB_ARGS(type->id, c->collection->id, c->span.begin, c->span.end));
    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    return refuse(c, vb_col_int(s, 0), vb_col_int(s, 1), (vb_timespan){vb_col_int(s, 2), vb_col_int(s, 3)}, err);
}

static int insert_ranges(struct certifying *c, const vb_dataset_type *type, vb_error *err)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql, "INSERT OR IGNORE INTO calib_%" PRId64 " (", type->group_id);
    vb_sql_dimensions(&sql, type->group, "", ", ");
    vb_buf_printf(&sql, "%stype_id, collection_id, timespan_begin, timespan_end, dataset_id) SELECT ",
                  type->group->nrequired ? ", " : "");
    vb_sql_selected_values(&sql, type->group);
    vb_buf_puts(&sql, "?1, ?2, ?3, ?4, d.id" VB_SELECTED);
    return vb_sql_exec(c->reg->db, err, vb_buf_text(&sql),
                       VB_ARGS(type->id, c->collection->id, c->span.begin, c->span.end));
}

static int certify_type(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err)
{
    struct certifying *c = arg;
    int64_t inserted;
    int r;

    if (!type->is_calibration) {
        vb_fail(err, -EINVAL, "dataset type '%s' is no calibration type: its datasets cannot be certified", type->name);
        vb_hint(err, "calibration types are registered with --is-calibration");
        return -EINVAL;
    }
    r = look_for_conflict(c, type, "c.timespan_end > ?3", err);
    if (!r)
        r = insert_ranges(c, type, err);
    if (r < 0)
        return r;
    inserted = vb_db_changes(c->reg->db);
    c->changed += inserted;
    if (inserted < count) /* two of one data ID are selected, or some are gone */
        r = look_for_conflict(c, type, "c.timespan_begin = ?3 AND c.dataset_id != d.id", err);
    if (!r)
        r = vb_sql_exec(c->reg->db, err,
                        "INSERT OR IGNORE INTO association (dataset_id, collection_id) SELECT d.id, ?2" VB_SELECTED,
                        VB_ARGS(type->id, c->collection->id));
    return r < 0 ? r : vb_collection_note_type(c->reg, c->collection->id, type->id, err);
}

int vb_calibration_certify(vb_registry *reg, const vb_collection *calibration, vb_timespan span, int64_t *changed,
                           vb_error *err)
{
    struct certifying c = {.reg = reg, .collection = calibration, .span = span};
    int r = check(calibration, span, err);

    if (!r)
        r = vb_selected_each_type(reg, certify_type, &c, err);
    *changed = c.changed;
    return r;
}

/* ---- decertifying ----------------------------------------------------------------------------------------------- */

/* "VERB calib_N REST WHERE ...": a statement about the ranges of the type and collection (?1, ?2), of the selected
 * datasets only where that is asked for. */
static int run_on_ranges(struct certifying *c, const vb_dataset_type *type, bool selected, const char *verb,
                         const char *rest, const char *condition, vb_error *err)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql, "%s calib_%" PRId64 "%s WHERE type_id = ?1 AND collection_id = ?2 AND %s", verb, type->group_id,
                  rest, condition);
    if (selected)
        vb_buf_puts(&sql, " AND dataset_id IN (SELECT dataset_id FROM temp.selected WHERE type_id = ?1)");
    return vb_sql_exec(c->reg->db, err, vb_buf_text(&sql),
                       VB_ARGS(type->id, c->collection->id, c->span.begin, c->span.end));
}

/* What a range has beyond the timespan's end becomes a range of its own: the same columns, with another begin. */
static int keep_what_comes_after(struct certifying *c, const vb_dataset_type *type, bool selected, vb_error *err)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql, "INSERT INTO calib_%" PRId64 " (type_id, collection_id", type->group_id);
    vb_sql_dimensions(&sql, type->group, ", ", ", ");
    vb_buf_puts(&sql, ", timespan_begin, timespan_end, dataset_id) SELECT type_id, collection_id");
    vb_sql_dimensions(&sql, type->group, ", ", ", ");
    vb_buf_puts(&sql, ", ?4, timespan_end, dataset_id FROM");
    return run_on_ranges(c, type, selected, vb_buf_text(&sql), "",
                         "timespan_begin < ?4 AND timespan_end > ?4 AND timespan_end > ?3", err);
}

/* Datasets that have no range left are no longer associated with the collection. */
static int forget_associations(struct certifying *c, const vb_dataset_type *type, vb_error *err)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(
        &sql,
        "DELETE FROM association WHERE collection_id = ?2 AND dataset_id IN (SELECT d.id FROM temp.decertified"
        " t CROSS JOIN dataset d ON d.id = t.dataset_id WHERE NOT EXISTS (SELECT 1 FROM calib_%" PRId64
        " c WHERE c.type_id = ?1 AND c.collection_id = ?2",
        type->group_id);
    vb_sql_selected_equal(&sql, type->group, "c");
    vb_buf_puts(&sql, " AND c.dataset_id = d.id))");
    return vb_sql_exec(c->reg->db, err, vb_buf_text(&sql), VB_ARGS(type->id, c->collection->id));
}

int vb_calibration_decertify(vb_registry *reg, const vb_collection *calibration, const vb_dataset_type *type,
                             vb_timespan span, bool selected, int64_t *changed, vb_error *err)
{
    struct certifying c = {.reg = reg, .collection = calibration, .span = span};
    int r = check(calibration, span, err);

    *changed = 0;
    if (!r)
        r = vb_db_run(reg->db,
                      "CREATE TEMP TABLE IF NOT EXISTS decertified (dataset_id INTEGER PRIMARY KEY) STRICT;"
                      "DELETE FROM temp.decertified;",
                      err);
    if (!r)
        r = run_on_ranges(&c, type, selected, "INSERT OR IGNORE INTO temp.decertified SELECT dataset_id FROM", "",
                          "timespan_begin < ?4 AND timespan_end > ?3", err);
    if (!r)
        r = keep_what_comes_after(&c, type, selected, err);
    if (!r)
        r = run_on_ranges(&c, type, selected, "UPDATE", " SET timespan_end = ?3",
                          "timespan_begin < ?3 AND timespan_end > ?3 AND ?3 < ?4", err);
    if (!r)
        *changed += vb_db_changes(reg->db);
    if (!r)
        r = run_on_ranges(&c, type, selected, "DELETE FROM", "", "timespan_begin >= ?3 AND timespan_begin < ?4", err);
    if (!r)
        *changed += vb_db_changes(reg->db);
    return r < 0 ? r : forget_associations(&c, type, err);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static int two_hold(vb_registry *reg, const vb_collection *collection, vb_timespan when, const int64_t id[2],
                    const vb_timespan span[2], vb_error *err)
{
    vb_auto_buf one = {0}, other = {0}, asked = {0}, first = {0}, second = {0};
    int r = vb_selected_print(reg, id[0], &one, err);

    if (!r)
        r = vb_selected_print(reg, id[1], &other, err);
    if (r < 0)
        return r;
    print_span(when, &asked);
    print_span(span[0], &first);
    print_span(span[1], &second);
    return vb_fail(err, -EINVAL, "CALIBRATION collection '%s' has two for %s: %s for %s, and %s for %s",
                   collection->name, vb_buf_text(&asked), vb_buf_text(&one), vb_buf_text(&first), vb_buf_text(&other),
                   vb_buf_text(&second));
}

/* The dataset of one CALIBRATION collection: 1, 0 where it has none then. */
static int find_certified(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid,
                          const vb_collection *collection, vb_timespan when, int64_t *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    vb_arg args[VB_MAX_REQUIRED + 3];
    vb_timespan span[2];
    int64_t id[2];
    int found = 0, n = type->group->nrequired, r;

    vb_buf_printf(&sql, "SELECT dataset_id, timespan_begin, timespan_end FROM calib_%" PRId64 " WHERE ",
                  type->group_id);
    vb_sql_dimensions(&sql, type->group, "", " = ? AND ");
    vb_buf_printf(&sql, "%stype_id = ? AND collection_id = ? AND timespan_begin < ? ORDER BY timespan_begin DESC",
                  n ? " = ? AND " : "");
    vb_dataid_args(dataid, args);
    args[n] = vb_arg_int(type->id);
    args[n + 1] = vb_arg_int(collection->id);
    args[n + 2] = vb_arg_int(when.end > when.begin ? when.end : when.begin + 1);
    r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), args, (size_t)n + 3);
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        r = 0;
        id[found] = vb_col_int(s, 0);
        span[found] = (vb_timespan){vb_col_int(s, 1), vb_col_int(s, 2)};
        if (span[found].end <= when.begin)
            break; /* they end the earlier the earlier they begin */
        if (found && id[1] != id[0])
            return two_hold(reg, collection, when, id, span, err);
        found = 1;
    }
    *out = found ? id[0] : 0;
    return r < 0 ? r : found;
}

int vb_dataset_find_at(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid, const vb_search *search,
                       vb_timespan when, vb_dataset *out, vb_error *err)
{
    for (size_t i = 0; i < search->count; i++) {
        const vb_collection *c = search->items[i];
        vb_search one = {&c, 1, 1};
        int64_t id = 0;
        int r;

        if (c->type == VB_CALIBRATION)
            r = find_certified(reg, type, dataid, c, when, &id, err);
        else
            r = vb_dataset_find(reg, type, dataid, &one, out, err);
        if (r)
            return r < 0 || !id ? r : vb_dataset_by_id(reg, id, out, err);
    }
    return 0;
}

void vb_sql_validity(vb_buf *sql, const vb_validity *validity)
{
    vb_timespan span = validity->span;

    if (validity->kind == VB_VALID_DURING)
        vb_buf_printf(sql, " AND timespan_begin < %" PRId64 " AND timespan_end > %" PRId64,
                      span.end > span.begin ? span.end : span.begin + 1, span.begin);
    else if (validity->kind == VB_VALID_EXACTLY)
        vb_buf_printf(sql, " AND timespan_begin = %" PRId64 " AND timespan_end = %" PRId64, span.begin, span.end);
}

int vb_calibration_ranges(vb_registry *reg, const vb_collection *calibration, const vb_dataset_type *type,
                          const vb_dataid *dataid, int64_t from, size_t limit, vb_valid_range *out, size_t *count,
                          vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    vb_arg args[VB_MAX_REQUIRED + 4];
    int n = type->group->nrequired, r;

    vb_buf_printf(&sql, "SELECT dataset_id, timespan_begin, timespan_end FROM calib_%" PRId64 " WHERE ",
                  type->group_id);
    vb_sql_dimensions(&sql, type->group, "", " = ? AND ");
    vb_buf_printf(&sql, "%stype_id = ? AND collection_id = ? AND timespan_begin >= ? ORDER BY timespan_begin LIMIT ?",
                  n ? " = ? AND " : "");
    vb_dataid_args(dataid, args);
    args[n] = vb_arg_int(type->id);
    args[n + 1] = vb_arg_int(calibration->id);
    args[n + 2] = vb_arg_int(from);
    args[n + 3] = vb_arg_int((int64_t)limit);
    *count = 0;
    r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), args, (size_t)n + 4);
    for (; !r && (r = vb_stmt_step(s, err)) > 0; r = 0)
        out[(*count)++] = (vb_valid_range){vb_col_int(s, 0), {vb_col_int(s, 1), vb_col_int(s, 2)}};
    return r;
}

int vb_calibration_each(vb_registry *reg, const vb_collection *calibration, const vb_dataset_type *type,
                        vb_validity_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r;

    vb_buf_printf(&sql,
                  "SELECT dataset_id, timespan_begin, timespan_end FROM calib_%" PRId64
                  " WHERE type_id = ? AND collection_id = ? ORDER BY type_id, collection_id",
                  type->group_id);
    vb_sql_dimensions(&sql, type->group, ", ", ", ");
    vb_buf_puts(&sql, ", timespan_begin");
    r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), VB_ARGS(type->id, calibration->id));
    while (!r && (r = vb_stmt_step(s, err)) > 0)
        r = each(arg, vb_col_int(s, 0), (vb_timespan){vb_col_int(s, 1), vb_col_int(s, 2)}, err);
    return r;
}
