/* facet.c - two ways to the distinct values of a dimension.  Where the choices are just the dimensions before it in the
 * key of the table, each next value is one probe of the index ("the least above the last"); otherwise SQL's DISTINCT,
 * with the tables joined that relate the choices. */
#include "registry/query/facet.h"

#include "registry/base/mem.h"
#include "registry/query/join.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>

const vb_group *vb_faceted_group(vb_registry *reg, const vb_faceted *f)
{
    return f->type ? f->type->group : vb_universe_conform(vb_registry_universe(reg), f->element->required);
}

static const vb_choice *find_choice(const vb_faceted *f, const vb_element *dimension)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->choices[i].dimension == dimension)
            return &f->choices[i];
    return NULL;
}

/* ---- by the index ----------------------------------------------------------------------------------------- */

/* True where the choices are exactly the required dimensions before `dimension`. */
static bool is_prefix(const vb_group *group, const vb_faceted *f, const vb_element *dimension)
{
    int position = vb_group_position(group, dimension);

    if (position < 0 || f->count != (size_t)position)
        return false;
    for (int i = 0; i < position; i++)
        if (!find_choice(f, group->dims[i]))
            return false;
    return true;
}

/* The table of the rows, and the condition that the choices make on it; ?1 is kept for the value to be passed. */
static void table_and_choices(const vb_group *group, const vb_faceted *f, const vb_collection *collection, vb_buf *sql,
                              vb_arg *args, size_t *nargs)
{
    const char *between = " WHERE ";

    *nargs = 1;
    if (f->type) {
        vb_buf_printf(sql, "%s_%" PRId64 " WHERE type_id = ?2 AND collection_id = ?3",
                      collection->type == VB_CALIBRATION ? "calib" : "member", f->type->group_id);
        if (collection->type == VB_CALIBRATION)
            vb_sql_validity(sql, &f->validity);
        args[1] = vb_arg_int(f->type->id);
        args[2] = vb_arg_int(collection->id);
        *nargs = 3;
        between = " AND ";
    } else {
        vb_schema_table(sql, f->element);
    }
    for (int i = 0; i < group->nrequired; i++) {
        const vb_choice *choice = find_choice(f, group->dims[i]);

        if (!choice)
            continue;
        vb_buf_puts(sql, between);
        vb_sql_name(sql, group->dims[i]->name);
        vb_buf_printf(sql, " = ?%zu", *nargs + 1);
        args[(*nargs)++] = vb_arg_value(&choice->value);
        between = " AND ";
    }
    vb_buf_puts(sql, between);
}

/* What values are to be above.  No value is an empty text, and none lies below the least number. */
static vb_arg above(const vb_element *dimension, const vb_value *after)
{
    return after                                     ? vb_arg_value(after)
           : dimension->keys[0].type == VB_FIELD_INT ? vb_arg_real(-1e308)
                                                     : vb_arg_text("");
}

static int next_by_index(vb_registry *reg, const vb_group *group, const vb_faceted *f, const vb_collection *collection,
                         const vb_element *dimension, const vb_value *after, vb_value *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf name = {0}, sql = {0};
    vb_arg args[VB_MAX_REQUIRED + 3];
    size_t nargs;
    int r;

    vb_sql_name(&name, dimension->name);
    vb_buf_printf(&sql, "SELECT min(%s) FROM ", name.data);
    table_and_choices(group, f, collection, &sql, args, &nargs);
    vb_buf_printf(&sql, "%s > ?1", name.data);
    args[0] = above(dimension, after);
    r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), args, nargs);
    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0 && vb_col_null(s, 0))
        r = 0;
    if (r > 0)
        *out = vb_col_value(s, 0);
    return r;
}

/* The values of the last required dimension: each row has another, and one statement reads a page of them. */
static int values_of_last(vb_registry *reg, const vb_group *group, const vb_faceted *f, const vb_collection *collection,
                          const vb_element *dimension, const vb_value *after, size_t limit, vb_value *out,
                          size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf name = {0}, sql = {0};
    vb_arg args[VB_MAX_REQUIRED + 4];
    size_t nargs;
    int r;

    vb_sql_name(&name, dimension->name);
    vb_buf_printf(&sql, "SELECT %s FROM ", name.data);
    table_and_choices(group, f, collection, &sql, args, &nargs);
    vb_buf_printf(&sql, "%s > ?1 ORDER BY 1 LIMIT ?%zu", name.data, nargs + 1);
    args[0] = above(dimension, after);
    args[nargs++] = vb_arg_int((int64_t)limit);
    r = vb_sql(reg->db, &s, err, vb_buf_text(&sql), args, nargs);
    for (*count = 0; !r && (r = vb_stmt_step(s, err)) > 0; r = 0)
        out[(*count)++] = vb_col_value(s, 0);
    return r;
}

static int values_by_index(vb_registry *reg, const vb_group *group, const vb_faceted *f,
                           const vb_collection *collection, const vb_element *dimension, const vb_value *after,
                           size_t limit, vb_value *out, size_t *count, vb_error *err)
{
    int r = 1;

    for (*count = 0; *count < limit && r > 0; after = &out[*count - 1]) {
        r = next_by_index(reg, group, f, collection, dimension, after, &out[*count], err);
        if (r <= 0)
            break;
        ++*count;
    }
    return r < 0 ? r : 0;
}

/* ---- by a join -------------------------------------------------------------------------------------------- */

static int join_choices(vb_registry *reg, const vb_group *group, const vb_faceted *f, const vb_collection *collection,
                        vb_join *j, vb_error *err)
{
    vb_search one = {.items = &collection, .count = 1};
    int r;

    vb_join_init(j, reg, "main", group);
    if (!f->type)
        r = vb_join_element(j, f->element, err);
    else if (collection->type == VB_CALIBRATION)
        r = vb_join_ranges(j, f->type, collection, &f->validity);
    else
        r = vb_join_datasets(j, f->type, &one, err);
    for (size_t i = 0; !r && i < f->count; i++) {
        r = vb_join_dimension(j, f->choices[i].dimension, err);
        if (!r) {
            vb_buf_printf(vb_join_condition(j), "%s = ", j->columns[f->choices[i].dimension->index]);
            vb_join_bind(j, vb_value_copy(&f->choices[i].value), &j->where);
        }
    }
    return r;
}

static int values_by_join(vb_registry *reg, const vb_group *group, const vb_faceted *f, const vb_collection *collection,
                          const vb_element *dimension, const vb_value *after, size_t limit, vb_value *out,
                          size_t *count, vb_error *err)
{
    vb_auto_join j = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf columns = {0}, sql = {0};
    int r = join_choices(reg, group, f, collection, &j, err);

    if (!r)
        r = vb_join_dimension(&j, dimension, err);
    if (r < 0)
        return r;
    if (after) {
        vb_buf_printf(vb_join_condition(&j), "%s > ", j.columns[dimension->index]);
        vb_join_bind(&j, vb_value_copy(after), &j.where);
    }
    vb_buf_printf(&columns, "DISTINCT %s", j.columns[dimension->index]);
    vb_join_select(&j, vb_buf_text(&columns), &sql);
    vb_buf_printf(&sql, " ORDER BY 1 LIMIT %zu", limit);
    r = vb_join_sql(&j, &s, vb_buf_text(&sql), err);
    for (*count = 0; !r && (r = vb_stmt_step(s, err)) > 0; r = 0)
        if (!vb_col_null(s, 0))
            out[(*count)++] = vb_col_value(s, 0);
    return r;
}

/* ---- both ------------------------------------------------------------------------------------------------- */

static int values_of(vb_registry *reg, const vb_faceted *f, const vb_collection *collection,
                     const vb_element *dimension, const vb_value *after, size_t limit, vb_value *out, size_t *count,
                     vb_error *err)
{
    const vb_group *group = vb_faceted_group(reg, f);

    *count = 0;
    if (is_prefix(group, f, dimension) && f->type && collection->type != VB_CALIBRATION &&
        dimension == group->dims[group->nrequired - 1])
        return values_of_last(reg, group, f, collection, dimension, after, limit, out, count, err);
    if (is_prefix(group, f, dimension))
        return values_by_index(reg, group, f, collection, dimension, after, limit, out, count, err);
    return values_by_join(reg, group, f, collection, dimension, after, limit, out, count, err);
}

/* Merges sorted values into sorted values, keeping the `limit` least. */
static void merge(vb_value *into, size_t *n, vb_value *from, size_t m, size_t limit)
{
    vb_autofree vb_value *all = vb_alloc((*n + m + 1) * sizeof *all);
    size_t i = 0, k = 0, used = 0;

    while (i < *n || k < m) {
        int order = i == *n ? 1 : k == m ? -1 : vb_value_compare(&into[i], &from[k]);

        all[used++] = order <= 0 ? into[i++] : from[k++];
        if (!order)
            vb_value_clear(&from[k++]);
    }
    *n = used < limit ? used : limit;
    for (size_t x = limit; x < used; x++)
        vb_value_clear(&all[x]);
    memcpy(into, all, *n * sizeof *all);
}

/* Datasets that are valid exactly then are those of CALIBRATION collections. */
static bool is_asked(const vb_faceted *f, const vb_collection *collection)
{
    return collection->type == VB_CALIBRATION ? f->validity.kind != VB_VALID_UNASKED
                                              : f->validity.kind != VB_VALID_EXACTLY;
}

int vb_faceted_values(vb_registry *reg, const vb_faceted *f, const vb_element *dimension, const vb_value *after,
                      size_t limit, vb_value *out, size_t *count, vb_error *err)
{
    vb_autofree vb_value *more = vb_alloc((limit + 1) * sizeof *more);
    int r = 0;

    if (!f->type)
        return values_of(reg, f, NULL, dimension, after, limit, out, count, err);
    *count = 0;
    for (size_t c = 0; !r && c < f->search->count; c++) {
        size_t n = 0;

        if (!is_asked(f, f->search->items[c]))
            continue;
        r = values_of(reg, f, f->search->items[c], dimension, after, limit, more, &n, err);
        merge(out, count, more, n, limit);
    }
    return r;
}

static int exists_in(vb_registry *reg, const vb_faceted *f, const vb_collection *collection, vb_error *err)
{
    vb_auto_join j = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r = join_choices(reg, vb_faceted_group(reg, f), f, collection, &j, err);

    if (r < 0)
        return r;
    vb_join_select(&j, "1", &sql);
    vb_buf_puts(&sql, " LIMIT 1");
    r = vb_join_sql(&j, &s, vb_buf_text(&sql), err);
    return r < 0 ? r : vb_stmt_step(s, err);
}

int vb_faceted_exists(vb_registry *reg, const vb_faceted *f, vb_error *err)
{
    int r = 0;

    if (!f->type)
        return exists_in(reg, f, NULL, err);
    for (size_t c = 0; !r && c < f->search->count; c++)
        if (is_asked(f, f->search->items[c]))
            r = exists_in(reg, f, f->search->items[c], err);
    return r;
}
