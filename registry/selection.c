#include "registry/selection.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/query/compile.h"
#include "registry/selected.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

struct selecting {
    vb_registry *reg;
    const vb_selecting *what;
    vb_search search;
    vb_expr *where;
    int64_t count;
    vb_error *err;
};

static int start(vb_registry *reg, vb_error *err)
{
    return vb_db_run(reg->db,
                     "CREATE TEMP TABLE IF NOT EXISTS selected (type_id INTEGER NOT NULL, dataset_id INTEGER NOT NULL,"
                     " PRIMARY KEY (type_id, dataset_id)) STRICT, WITHOUT ROWID;"
                     "DELETE FROM temp.selected;",
                     err);
}

/* ---- by type, collection and where -------------------------------------------------------------------------- */

static bool is_glob(const char *name)
{
    return strpbrk(name, "*?[");
}

static bool wanted(char *const *types, const char *name)
{
    bool found = !types || !*types;

    for (; types && *types; types++)
        found = found || !fnmatch(*types, name, 0);
    return found;
}

/* The datasets that a CALIBRATION collection has of a type, as d0, each once. */
static void join_calibrations(vb_join *j, const vb_dataset_type *type, const vb_collection *collection)
{
    enum { USUAL = 500 };
    vb_buf sql = {0};
    vb_from *from;

    vb_buf_puts(&sql, "(SELECT DISTINCT dataset_id, collection_id");
    vb_sql_dimensions(&sql, type->group, ", ", ", ");
    vb_buf_printf(&sql,
                  " FROM main.calib_%" PRId64 " WHERE type_id = %" PRId64 " AND collection_id = %" PRId64 ") AS d0",
                  type->group_id, type->id, collection->id);
    from = vb_join_add(j, VB_FROM_MEMBERS, NULL, vb_buf_steal(&sql));
    from->rows = USUAL;
    from->scanned = true;
    for (int i = 0; i < type->group->nrequired; i++)
        vb_join_meet(j, "d0", type->group->dims[i]);
    *VB_PUSH(j->types, j->ntypes, j->types_cap) = (vb_joined_type){.type = type, .rows = -1};
}

/* The datasets that one collection has of a type, as d0: the first table of the join. */
static int join_members(vb_join *j, const vb_dataset_type *type, const vb_collection *collection, vb_error *err)
{
    vb_search one = {.items = &collection, .count = 1};

    if (collection->type != VB_CALIBRATION)
        return vb_join_members(j, type, &one, false, err);
    join_calibrations(j, type, collection);
    return 0;
}

/* Find-first: no collection before this one has the data ID. */
static void add_nobody_before(struct selecting *s, vb_join *j, const vb_dataset_type *type, size_t position)
{
    vb_buf *sql = vb_join_condition(j);

    vb_buf_printf(sql, "NOT EXISTS (SELECT 1 FROM main.member_%" PRId64 " b WHERE b.type_id = %" PRId64, type->group_id,
                  type->id);
    vb_buf_puts(sql, " AND b.collection_id IN (");
    for (size_t i = 0; i < position; i++)
        vb_buf_printf(sql, "%s%" PRId64, i ? ", " : "", s->search.items[i]->id);
    vb_buf_puts(sql, ")");
    for (int i = 0; i < type->group->nrequired; i++) {
        vb_buf_puts(sql, " AND b.");
        vb_sql_name(sql, type->group->dims[i]->name);
        vb_buf_printf(sql, " = %s", j->columns[type->group->dims[i]->index]);
    }
    vb_buf_puts(sql, ")");
}

/* Dimensions that `where` speaks of and the data IDs do not have are related to these. */
static int join_where(struct selecting *s, vb_join *j, const vb_dataset_type *type, vb_dimset spoken_of)
{
    int r = 0;

    if (!s->where)
        return 0;
    if (!vb_dimset_within(spoken_of, type->group->required))
        r = vb_join_relate(j, s->err);
    return r < 0 ? r : vb_join_where(j, s->what->where, s->where, NULL, s->err);
}

static int select_from(struct selecting *s, const vb_dataset_type *type, size_t position)
{
    vb_dimset spoken_of = {{0}};
    vb_auto(vb_stmt_done) vb_stmt *stmt = NULL;
    vb_auto_join j = {0};
    vb_auto_buf sql = {0};
    int r = 0;

    if (s->where)
        r = vb_expr_dimensions(s->reg->universe, type->group, s->what->where, s->where, &spoken_of, s->err);

    if (r < 0)
        return r;
    vb_join_init(&j, s->reg, "main",
                 vb_universe_conform(s->reg->universe, vb_dimset_union(type->group->all, spoken_of)));
    r = join_members(&j, type, s->search.items[position], s->err);
    if (r < 0)
        return r;
    if (s->what->find_first && position)
        add_nobody_before(s, &j, type, position);
    if (s->what->limit)
        vb_buf_printf(vb_join_condition(&j),
                      "d0.dataset_id NOT IN (SELECT dataset_id FROM temp.selected WHERE type_id = %" PRId64 ")",
                      type->id);
    r = join_where(s, &j, type, spoken_of);
    if (!r)
        r = vb_join_plan(&j, NULL, s->err);
    if (r < 0)
        return r;
    vb_autofree char *columns = vb_format("%s%" PRId64 ", d0.dataset_id", s->where ? "DISTINCT " : "", type->id);
    vb_buf_puts(&sql, "INSERT OR IGNORE INTO temp.selected ");
    vb_join_select(&j, columns, &sql);
    if (s->what->limit)
        vb_buf_printf(&sql, " LIMIT %" PRId64, s->what->limit - s->count);
    r = vb_join_sql(&j, &stmt, vb_buf_text(&sql), s->err);
    while (!r && (r = vb_stmt_step(stmt, s->err)) > 0)
        r = 0;
    s->count += r ? 0 : vb_db_changes(s->reg->db);
    return r;
}

/* 1 where the collection has a dataset of the type. */
static int holds(struct selecting *s, const vb_collection *c, const vb_dataset_type *type)
{
    vb_autofree char *sql = vb_format("SELECT 1 FROM %s_%" PRId64 " WHERE type_id = ? AND collection_id = ? LIMIT 1",
                                      c->type == VB_CALIBRATION ? "calib" : "member", type->group_id);
    int64_t one;

    return vb_sql_int(s->reg->db, &one, s->err, sql, VB_ARGS(type->id, c->id));
}

static int select_type(struct selecting *s, const char *name)
{
    const vb_dataset_type *type;
    int r = vb_dataset_type_find(s->reg, name, &type, s->err);

    for (size_t i = 0; r >= 0 && i < s->search.count; i++) {
        const vb_collection *c = s->search.items[i];

        if (s->what->limit && s->count >= s->what->limit)
            break;
        r = holds(s, c, type);
        if (r > 0 && c->type == VB_CALIBRATION && s->what->find_first) {
            r = vb_fail(s->err, -EINVAL,
                        "'%s' cannot be searched for the first of each data ID in CALIBRATION collection '%s': which "
                        "one holds depends on the time",
                        name, c->name);
            vb_hint(s->err, "ask for all of them (--no-find-first, --find-all), or leave the collection out");
        }
        if (r > 0)
            r = select_from(s, type, i);
    }
    return r < 0 ? r : 0;
}

static int select_types(struct selecting *s)
{
    char **names = NULL;
    int r = 0;

    /* What is named must be there; what a glob finds, may. */
    for (char *const *t = s->what->types; !r && t && *t; t++) {
        const vb_dataset_type *type;

        if (!is_glob(*t))
            r = vb_dataset_type_find(s->reg, *t, &type, s->err);
    }
    if (!r)
        r = vb_dataset_type_names(s->reg, &names, s->err);
    for (char **name = names; !r && name && *name; name++)
        if (wanted(s->what->types, *name))
            r = select_type(s, *name);
    vb_strv_free(names);
    return r;
}

int vb_select(vb_registry *reg, const vb_selecting *what, int64_t *count, vb_error *err)
{
    struct selecting s = {.reg = reg, .what = what, .err = err};
    int r = start(reg, err);

    if (!r)
        r = what->where ? vb_expr_parse(what->where, &s.where, err) : 0;
    if (!r)
        r = vb_search_resolve(reg, what->collections, &s.search, err);
    if (!r)
        r = select_types(&s);
    if (!r)
        *count = s.count;
    vb_search_clear(&s.search);
    if (s.where)
        vb_expr_free(s.where);
    return r;
}

/* ---- one by one ----------------------------------------------------------------------------------------------- */

int vb_select_datasets(vb_registry *reg, const vb_dataset *datasets, size_t count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = start(reg, err);

    for (size_t i = 0; !r && i < count; i++) {
        const vb_arg args[] = {vb_arg_int(datasets[i].type->id), vb_arg_int(datasets[i].id)};

        r = s ? vb_stmt_rebind(s, args, 2, err)
              : vb_sql(reg->db, &s, err, "INSERT OR IGNORE INTO temp.selected VALUES (?, ?)", args, 2);
        if (!r)
            r = vb_stmt_step(s, err);
    }
    return r;
}

/* ---- what is selected ------------------------------------------------------------------------------------------- */

int vb_selected_each(vb_registry *reg, vb_dataset_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT d.id FROM temp.selected s CROSS JOIN dataset d ON d.id = s.dataset_id"
                   " CROSS JOIN dataset_type t ON t.id = d.type_id ORDER BY t.name, d.dataid, d.id",
                   VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_auto_dataset d = {0};

        r = vb_dataset_by_id(reg, vb_col_int(s, 0), &d, err);
        if (r > 0)
            r = each(arg, &d, err);
    }
    return r;
}

int vb_selected_each_type(vb_registry *reg, vb_selected_type_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT t.id, s.n FROM (SELECT type_id, count(*) AS n FROM temp.selected GROUP BY type_id) s"
                   " JOIN dataset_type t ON t.id = s.type_id ORDER BY t.name",
                   VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        const vb_dataset_type *type;

        r = vb_dataset_type_by_id(reg, vb_col_int(s, 0), &type, err);
        if (!r)
            r = each(arg, type, vb_col_int(s, 1), err);
    }
    return r;
}

int vb_selected_runs(vb_registry *reg, char ***out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT name FROM collection WHERE id IN (SELECT DISTINCT d.run_id FROM temp.selected s"
                   " CROSS JOIN dataset d ON d.id = s.dataset_id) ORDER BY name",
                   VB_NO_ARGS);

    *out = vb_strv_dup(NULL);
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_strv_add(out, vb_col_text(s, 0));
        r = 0;
    }
    return r;
}

/* ---- pieces of SQL (selected.h) ---------------------------------------------------------------------------------- */

void vb_sql_selected_values(vb_buf *sql, const vb_group *group)
{
    for (int i = 0; i < group->nrequired; i++)
        vb_buf_printf(sql, "d.dataid ->> %d, ", i);
}

void vb_sql_selected_equal(vb_buf *sql, const vb_group *group, const char *alias)
{
    for (int i = 0; i < group->nrequired; i++) {
        vb_buf_printf(sql, " AND %s.", alias);
        vb_sql_name(sql, group->dims[i]->name);
        vb_buf_printf(sql, " = d.dataid ->> %d", i);
    }
}

/* The columns of the data ID, from `first` on, as arguments: text lives until the next step. */
static void column_args(vb_stmt *s, const vb_group *group, int first, vb_arg *args)
{
    for (int i = 0; i < group->nrequired; i++)
        args[i] = group->dims[i]->keys[0].type == VB_FIELD_STRING ? vb_arg_text(vb_col_text(s, first + i))
                                                                  : vb_arg_int(vb_col_int(s, first + i));
}

int vb_selected_delete(vb_registry *reg, const vb_dataset_type *type, const char *table, const char *collection,
                       const char *from, int64_t argument, bool of_dataset, int64_t *changed, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *rows = NULL, *drop = NULL;
    const vb_arg about[] = {vb_arg_int(type->id), vb_arg_int(argument)};
    vb_arg args[VB_MAX_REQUIRED + 3];
    size_t n = (size_t)type->group->nrequired, count = n + (of_dataset ? 3 : 2);
    vb_auto_buf which = {0}, sql = {0};
    int r;

    vb_buf_puts(&which, "SELECT ");
    vb_sql_selected_values(&which, type->group);
    vb_buf_printf(&which, "%s, d.id%s", collection, from);
    vb_buf_printf(&sql, "DELETE FROM %s_%" PRId64 " WHERE ", table, type->group_id);
    vb_sql_dimensions(&sql, type->group, "", " = ? AND ");
    vb_buf_printf(&sql, "%stype_id = ? AND collection_id = ?%s", n ? " = ? AND " : "",
                  of_dataset ? " AND dataset_id = ?" : "");
    r = vb_sql(reg->db, &rows, err, vb_buf_text(&which), about, argument ? 2 : 1);
    while (!r && (r = vb_stmt_step(rows, err)) > 0) {
        column_args(rows, type->group, 0, args);
        args[n] = vb_arg_int(type->id);
        args[n + 1] = vb_arg_int(vb_col_int(rows, (int)n));
        args[n + 2] = vb_arg_int(vb_col_int(rows, (int)n + 1));
        r = drop ? vb_stmt_rebind(drop, args, count, err) : vb_sql(reg->db, &drop, err, vb_buf_text(&sql), args, count);
        if (!r)
            r = vb_stmt_step(drop, err);
        if (!r && changed)
            *changed += vb_db_changes(reg->db);
    }
    return r;
}

int vb_collection_note_type(vb_registry *reg, int64_t collection_id, int64_t type_id, vb_error *err)
{
    return vb_sql_exec(reg->db, err, "INSERT OR IGNORE INTO collection_summary VALUES (?, ?)",
                       VB_ARGS(collection_id, type_id));
}

int vb_selected_print(vb_registry *reg, int64_t dataset_id, vb_buf *out, vb_error *err)
{
    vb_auto_dataset d = {0};
    char uuid[VB_UUID_TEXT];
    int r = vb_dataset_by_id(reg, dataset_id, &d, err);

    if (r > 0) {
        vb_dataset_print(&d, out);
        vb_buf_printf(out, " (%s)", vb_uuid_format(d.uuid, uuid));
    }
    return r < 0 ? r : 0;
}
