/* members.c - the datasets of a type in a join: once each, or the first of each data ID, and valid where validity is
 * limited. */
#include "registry/base/mem.h"
#include "registry/query/join.h"

#include <inttypes.h>

static int check_search(const vb_dataset_type *type, const vb_search *search, vb_error *err)
{
    return search->count ? 0 : vb_fail(err, -EINVAL, "no collection to look for '%s' in", type->name);
}

/* "= 3" or "IN (3, 5)" */
static void print_collections(const vb_search *search, vb_buf *sql)
{
    vb_buf_puts(sql, search->count == 1 ? "= " : "IN (");
    for (size_t i = 0; i < search->count; i++)
        vb_buf_printf(sql, "%s%" PRId64, i ? ", " : "", search->items[i]->id);
    vb_buf_puts(sql, search->count == 1 ? "" : ")");
}

int vb_join_datasets(vb_join *j, const vb_dataset_type *type, const vb_search *search, vb_error *err)
{
    vb_autofree char *alias = vb_format("d%d", j->ndatasets++);
    vb_buf sql = {0};
    int r = check_search(type, search, err);

    if (r < 0)
        return r;
    vb_buf_puts(&sql, search->count > 1 ? "(SELECT DISTINCT 1 AS found" : "(SELECT dataset_id");
    vb_sql_dimensions(&sql, type->group, ", ", ", ");
    vb_buf_printf(&sql, " FROM %s.member_%" PRId64 " WHERE type_id = %" PRId64 " AND collection_id ", j->schema,
                  type->group_id, type->id);
    print_collections(search, &sql);
    vb_buf_printf(&sql, ") AS %s", alias);
    vb_join_add(j, VB_FROM_MEMBERS, NULL, vb_buf_steal(&sql));
    for (int i = 0; i < type->group->nrequired; i++)
        vb_join_meet(j, alias, type->group->dims[i]);
    return 0;
}

/* Where several collections have the data ID: not the row if an earlier one has it too (with find_first), or has the
 * very dataset. */
static void add_first_only(vb_join *j, const vb_dataset_type *type, const vb_search *search, bool find_first,
                           const char *alias)
{
    vb_auto_buf rank = {0};
    vb_buf *where = vb_join_condition(j);

    for (size_t i = 0; i < search->count; i++)
        vb_buf_printf(&rank, " WHEN %" PRId64 " THEN %zu", search->items[i]->id, i);
    vb_buf_printf(where,
                  "NOT EXISTS (SELECT 1 FROM %s.member_%" PRId64 " AS f WHERE f.type_id = %" PRId64
                  " AND f.collection_id ",
                  j->schema, type->group_id, type->id);
    print_collections(search, where);
    for (int i = 0; i < type->group->nrequired; i++) {
        vb_auto_buf name = {0};

        vb_sql_name(&name, type->group->dims[i]->name);
        vb_buf_printf(where, " AND f.%s = %s.%s", name.data, alias, name.data);
    }
    if (!find_first)
        vb_buf_printf(where, " AND f.dataset_id = %s.dataset_id", alias);
    vb_buf_printf(where, " AND CASE f.collection_id%s END < CASE %s.collection_id%s END)", vb_buf_text(&rank), alias,
                  vb_buf_text(&rank));
}

/* A dataset stands in one RUN, so that only other collections can have it again. */
static bool may_repeat(const vb_search *search)
{
    bool all_runs = true;

    for (size_t i = 0; i < search->count; i++)
        all_runs = all_runs && search->items[i]->type == VB_RUN;
    return search->count > 1 && !all_runs;
}

/* How many datasets of a type the search holds, counted up to a limit; above it, how many there are of a type on
 * average. */
static double held_at_least(vb_join *j, const vb_dataset_type *type, const vb_search *search)
{
    enum { SAMPLE = 1000 };
    vb_auto_buf sql = {0}, all = {0};
    int64_t n = 0;

    vb_buf_printf(&sql,
                  "SELECT count(*) FROM (SELECT 1 FROM %s.member_%" PRId64 " WHERE type_id = %" PRId64
                  " AND collection_id ",
                  j->schema, type->group_id, type->id);
    print_collections(search, &sql);
    vb_buf_printf(&sql, " LIMIT %d)", SAMPLE);
    vb_buf_printf(&all, "SELECT max(%d, (SELECT max(id) FROM %s.dataset) / (SELECT count(*) FROM %s.dataset_type))",
                  SAMPLE, j->schema, j->schema);
    if (vb_sql_int(j->reg->db, &n, NULL, vb_buf_text(&sql), VB_NO_ARGS) < 0)
        return SAMPLE;
    if (n >= SAMPLE)
        vb_sql_int(j->reg->db, &n, NULL, vb_buf_text(&all), VB_NO_ARGS);
    return n < 1 ? 1 : (double)n;
}

static bool has_calibrations(const vb_search *search)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type == VB_CALIBRATION)
            return true;
    return false;
}

/* ---- validity ranges ------------------------------------------------------------------------------------------ */

static int needs_time(const vb_dataset_type *type, const vb_search *search, vb_error *err)
{
    const char *name = "";

    for (size_t i = 0; i < search->count; i++)
        if (search->items[i]->type == VB_CALIBRATION)
            name = search->items[i]->name;
    vb_fail(err, -EINVAL, "a find-first search for '%s' in '%s' needs a time: its datasets there have validity ranges",
            type->name, name);
    vb_hint(err, "say for which exposure or visit (exposure=...), or leave out --find-first");
    return -EINVAL;
}

/* Not if an earlier collection has the data ID: a member, or what is valid at the time. */
static void add_first_valid(vb_join *j, const vb_dataset_type *type, const vb_search *search, const char *alias,
                            const vb_element *time)
{
    static const char *const tables[] = {"member", "calib"};
    vb_auto_buf rank = {0};

    for (size_t i = 0; i < search->count; i++)
        vb_buf_printf(&rank, " WHEN %" PRId64 " THEN %zu", search->items[i]->id, i);
    for (int t = 0; t < 2; t++) {
        vb_buf *where = vb_join_condition(j);

        vb_buf_printf(where,
                      "NOT EXISTS (SELECT 1 FROM %s.%s_%" PRId64 " AS f WHERE f.type_id = %" PRId64
                      " AND f.collection_id ",
                      j->schema, tables[t], type->group_id, type->id);
        print_collections(search, where);
        for (int i = 0; i < type->group->nrequired; i++) {
            vb_auto_buf name = {0};

            vb_sql_name(&name, type->group->dims[i]->name);
            vb_buf_printf(where, " AND f.%s = %s.%s", name.data, alias, name.data);
        }
        if (t)
            vb_buf_printf(where, " AND f.timespan_begin < e_%s.timespan_end AND e_%s.timespan_begin < f.timespan_end",
                          time->name, time->name);
        vb_buf_printf(where, " AND CASE f.collection_id%s END < CASE %s.collection_id%s END)", vb_buf_text(&rank),
                      alias, vb_buf_text(&rank));
    }
}

/* Members and what has validity ranges, together: few, since they are calibrations. */
static void join_both(vb_join *j, const vb_dataset_type *type, const vb_search *search, const char *alias)
{
    enum { USUAL = 500 };
    static const char *const tables[] = {"member", "calib"}, *const spans[] =
                                                                 {"NULL AS timespan_begin, NULL AS timespan_end",
                                                                  "timespan_begin, timespan_end"};
    vb_buf sql = {0};
    vb_from *from;

    for (int t = 0; t < 2; t++) {
        vb_buf_puts(&sql, t ? " UNION ALL SELECT type_id, collection_id" : "(SELECT type_id, collection_id");
        vb_sql_dimensions(&sql, type->group, ", ", ", ");
        vb_buf_printf(&sql, ", dataset_id, %s FROM %s.%s_%" PRId64 " WHERE type_id = %" PRId64 " AND collection_id ",
                      spans[t], j->schema, tables[t], type->group_id, type->id);
        print_collections(search, &sql);
    }
    vb_buf_printf(&sql, ") AS %s", alias);
    from = vb_join_add(j, VB_FROM_MEMBERS, NULL, vb_buf_steal(&sql));
    from->rows = USUAL;
    from->scanned = true;
}

static int join_calibrations(vb_join *j, const vb_dataset_type *type, const vb_search *search, bool find_first,
                             const char *alias, vb_error *err)
{
    const vb_element *time = NULL;
    int r = 0;

    for (int f = 0; f < vb_universe_temporal_families(vb_registry_universe(j->reg)) && !time; f++)
        time = vb_group_temporal(j->group, f);
    if (find_first && !time)
        return needs_time(type, search, err);
    join_both(j, type, search, alias);
    for (int i = 0; i < type->group->nrequired; i++)
        vb_join_meet(j, alias, type->group->dims[i]);
    j->repeats = true;
    if (!time)
        return 0;
    r = vb_join_element(j, time, err);
    vb_buf_printf(vb_join_condition(j),
                  "(%s.timespan_begin IS NULL OR (%s.timespan_begin < e_%s.timespan_end"
                  " AND e_%s.timespan_begin < %s.timespan_end))",
                  alias, alias, time->name, time->name, alias);
    if (find_first && search->count > 1)
        add_first_valid(j, type, search, alias, time);
    return r;
}

/* ---- members -------------------------------------------------------------------------------------------------- */

static void join_plain(vb_join *j, const vb_dataset_type *type, const vb_search *search, bool find_first,
                       const char *alias)
{
    vb_from *from = vb_join_add(j, VB_FROM_MEMBERS, NULL,
                                vb_format("%s.member_%" PRId64 " AS %s", j->schema, type->group_id, alias));

    from->rows = held_at_least(j, type, search);
    from->probes = (double)search->count;
    for (int i = 0; i < type->group->nrequired; i++)
        vb_join_meet(j, alias, type->group->dims[i]);
    vb_buf_printf(vb_join_condition(j), "%s.type_id = %" PRId64 " AND %s.collection_id ", alias, type->id, alias);
    print_collections(search, &j->where);
    if (search->count > 1 && (find_first || may_repeat(search)))
        add_first_only(j, type, search, find_first, alias);
}

int vb_join_members(vb_join *j, const vb_dataset_type *type, const vb_search *search, bool find_first, vb_error *err)
{
    int number = j->ndatasets++, place = (int)j->nfrom, r = check_search(type, search, err);
    vb_autofree char *alias = vb_format("d%d", number);
    vb_joined_type *joined;

    if (!r && type->is_calibration && has_calibrations(search))
        r = join_calibrations(j, type, search, find_first, alias, err);
    else if (!r)
        join_plain(j, type, search, find_first, alias);
    if (r < 0)
        return r;
    joined = VB_PUSH(j->types, j->ntypes, j->types_cap);
    *joined = (vb_joined_type){.type = type, .number = number, .members = place, .rows = -1, .nheld = search->count};
    joined->held = vb_alloc((search->count + 1) * sizeof *joined->held);
    for (size_t i = 0; i < search->count; i++)
        joined->held[i] = search->items[i]->id;
    return 0;
}

/* PREFIX"instrument", PREFIX"detector", ...: the first `length` dimensions of a group. */
static void print_columns(const vb_group *group, int length, const char *prefix, vb_buf *sql)
{
    for (int i = 0; i < length; i++) {
        vb_buf_printf(sql, "%s%s", i ? ", " : "", prefix);
        vb_sql_name(sql, group->dims[i]->name);
    }
}

/* The keys of one collection that are walked: of so many dimensions, the first of which have values that conditions
 * tell. */
struct walk {
    const vb_join *j;
    const vb_joined_type *joined;
    int64_t collection;
    int told, length;
};

static const char *told_value(const struct walk *w, int column)
{
    return w->j->equal[w->joined->type->group->dims[column]->index];
}

/* One column of the least key that begins as `n` does before column `level`, and has a greater value there; of the
 * least of all keys, where `level` is -1. */
static void print_least(const struct walk *w, int column, int level, vb_buf *sql)
{
    const vb_group *group = w->joined->type->group;

    vb_buf_puts(sql, "(SELECT m.");
    vb_sql_name(sql, group->dims[column]->name);
    vb_buf_printf(sql, " FROM %s.member_%" PRId64 " AS m WHERE m.type_id = %" PRId64 " AND m.collection_id = %" PRId64,
                  w->j->schema, w->joined->type->group_id, w->joined->type->id, w->collection);
    for (int i = 0; i < w->length && (i < w->told || i <= level); i++) {
        vb_auto_buf name = {0};

        vb_sql_name(&name, group->dims[i]->name);
        vb_buf_printf(sql, " AND m.%s ", name.data);
        if (i < w->told)
            vb_buf_printf(sql, "= %s", told_value(w, i));
        else
            vb_buf_printf(sql, "%s n.%s", i < level ? "=" : ">", name.data);
    }
    vb_buf_puts(sql, " ORDER BY ");
    print_columns(group, w->length, "m.", sql);
    vb_buf_puts(sql, " LIMIT 1)");
}

/* One column of the next key above that of `n`: one that differs in its last dimension, or else in the one before, ...
 * SQLite does not skip what begins equal when it compares rows, (a, b) > (x, y); so each dimension is compared alone.
 */
static void print_next(const struct walk *w, int column, vb_buf *sql)
{
    bool several = w->length - w->told > 1;

    vb_buf_puts(sql, several ? "coalesce(" : "");
    for (int level = w->length - 1; level >= w->told; level--) {
        print_least(w, column, level, sql);
        vb_buf_puts(sql, level > w->told ? ", " : several ? ")" : "");
    }
}

/* "SELECT the columns FROM (all keys of a collection)": the last column is null where there is no key any more.
 * That they are few is said, since SQLite takes them for a million and prepares for as many look-ups (see
 * vb_schema_statistics). */
static void print_walk(const struct walk *w, const char *names, vb_buf *sql)
{
    vb_auto_buf last = {0};

    vb_sql_name(&last, w->joined->type->group->dims[w->length - 1]->name);
    vb_buf_printf(sql, "SELECT %s FROM (WITH RECURSIVE n(%s) AS (SELECT ", names, names);
    for (int column = 0; column < w->length; column++) {
        vb_buf_puts(sql, column ? ", " : "");
        if (column < w->told)
            vb_buf_puts(sql, told_value(w, column));
        else
            print_least(w, column, -1, sql);
    }
    vb_buf_puts(sql, " UNION ALL SELECT ");
    for (int column = 0; column < w->length; column++) {
        vb_buf_puts(sql, column ? ", " : "");
        if (column < w->told)
            vb_buf_puts(sql, told_value(w, column));
        else
            print_next(w, column, sql);
    }
    vb_buf_printf(sql, " FROM n WHERE n.%s IS NOT NULL) SELECT %s FROM n WHERE likelihood(%s IS NOT NULL, 0.000001))",
                  last.data, names, last.data);
}

void vb_join_keys(vb_join *j, const vb_joined_type *joined, int length)
{
    const vb_group *group = joined->type->group;
    struct walk w = {.j = j, .joined = joined, .length = length};
    vb_autofree char *alias = vb_format("g%d", joined->number);
    vb_auto_buf names = {0};
    vb_buf sql = {0};

    print_columns(group, length, "", &names);
    while (w.told < length - 1 && told_value(&w, w.told))
        w.told++;
    for (size_t i = 0; i < joined->nheld; i++) {
        w.collection = joined->held[i];
        vb_buf_puts(&sql, i ? " UNION " : "(");
        print_walk(&w, names.data, &sql);
    }
    vb_buf_printf(&sql, ") AS %s", alias);
    vb_join_add(j, VB_FROM_KEYS, NULL, vb_buf_steal(&sql));
    for (int i = 0; i < length; i++)
        vb_join_meet(j, alias, group->dims[i]);
}

int vb_join_rows(vb_join *j, vb_joined_type *joined, vb_error *err)
{
    int n = joined->number;

    if (joined->rows >= 0)
        return 0;
    vb_join_add(j, VB_FROM_DATASET, NULL, vb_format("%s.dataset AS s%d", j->schema, n))->after = joined->members;
    vb_buf_printf(vb_join_condition(j), "s%d.id = d%d.dataset_id", n, n);
    joined->rows = (int)j->nfrom - 1;
    return 0;
}
