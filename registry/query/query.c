/* query.c - datasets, data IDs and records: the columns of each, their order, and the statement. */
#include "registry/query/query.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/component.h"
#include "registry/query/select.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The SELECT while it is written. */
struct output {
    struct selection *s;
    vb_result *result;
    vb_buf columns, order;           /* SQL */
    int dimensions[VB_MAX_ELEMENTS]; /* the SQL column of each that is told, from 1 */
};

static void output_clear(struct output *o)
{
    vb_buf_free(&o->columns);
    vb_buf_free(&o->order);
}
#define auto_output __attribute__((cleanup(output_clear))) struct output

void vb_query_clear(vb_query *q)
{
    for (size_t i = 0; i < q->ntables; i++) {
        free(q->tables[i].name);
        free(q->tables[i].file);
    }
    free(q->tables);
    q->tables = NULL;
    q->ntables = q->tables_cap = 0;
}

/* ---- columns ------------------------------------------------------------------------------------------------- */

/* Adds an SQL column, which is c0, c1, ... */
static void add_sql(struct output *o, const char *sql)
{
    vb_buf_separate(&o->columns, ", ");
    vb_buf_printf(&o->columns, "%s AS c%d", sql, o->result->at++);
}

/* A limit without --order-by leaves the rows that are found first: only they are sorted, as columns of what is left. */
static bool sorts_what_is_left(const struct output *o)
{
    const vb_query *q = o->s->q;

    return (q->limit >= 0 || q->offset > 0) && !(q->order_by && *q->order_by);
}

static void add_column(struct output *o, const char *name, vb_cell_kind kind, const char *sql)
{
    vb_result *r = o->result;

    *VB_PUSH(r->columns, r->ncolumns, r->columns_cap) = (vb_result_column){name, kind, r->at};
    add_sql(o, sql);
}

static void add_dimensions(struct output *o, const vb_group *group)
{
    for (int i = 0; i < group->nrequired + group->nimplied; i++) {
        vb_auto_buf sql = {0};

        vb_join_column(&o->result->join, group->dims[i], &sql);
        o->dimensions[group->dims[i]->index] = o->result->at + 1;
        add_column(o, group->dims[i]->name, VB_CELL_VALUE, vb_buf_text(&sql));
    }
}

static int join_dimensions(struct selection *s, const vb_group *group)
{
    int r = 0;

    for (int i = 0; !r && i < group->nrequired + group->nimplied; i++)
        r = vb_join_dimension(&s->result->join, group->dims[i], s->err);
    return r;
}

/* ---- order --------------------------------------------------------------------------------------------------- */

/* The dimension that a key of --order-by is; NULL: it is something else. */
static const vb_element *sorting_dimension(const struct output *o, const char *key)
{
    const vb_element *e = vb_universe_find(vb_registry_universe(o->s->reg), key + (*key == '-'));

    return e && e->is_dimension ? e : NULL;
}

static void sort_by(struct output *o, const char *key, bool descending)
{
    vb_buf_separate(&o->order, ", ");
    vb_buf_printf(&o->order, "%s%s", key, descending ? " DESC" : "");
}

/* The columns of --order-by, and the plan: they may join records, and a dimension is taken from where it comes first.
 */
static int sort_and_plan(struct output *o)
{
    char *const *keys = o->s->q->order_by;
    bool few = o->s->q->limit >= 0 && o->s->q->limit <= 1000 && o->s->q->offset <= 1000;
    size_t n = keys ? vb_strv_count(keys) : 0;
    vb_autofree vb_buf *sql = vb_alloc((n + 1) * sizeof *sql);
    vb_sorting first = {.descending = n && *keys[0] == '-'};
    int r = 0;

    for (size_t i = 0; !r && i < n; i++) {
        vb_autofree char *key = vb_select_sort_key(o->s, keys[i]);

        r = vb_join_sort_key(&o->result->join, key, &sql[i], o->s->err);
        if (r < 0)
            vb_error_context(o->s->err, "order-by");
    }
    few = few && n && !r && vb_join_sorting(&o->result->join, keys[0] + (*keys[0] == '-'), &first);
    if (!r)
        r = vb_join_plan(&o->result->join, few ? &first : NULL, o->s->err);
    for (size_t i = 0; i < n; i++) {
        const vb_element *dimension = sorting_dimension(o, keys[i]);

        if (!r && dimension) {
            vb_buf_clear(&sql[i]);
            vb_join_column(&o->result->join, dimension, &sql[i]);
        }
        if (!r)
            sort_by(o, vb_buf_text(&sql[i]), *keys[i] == '-');
        vb_buf_free(&sql[i]);
    }
    return r;
}

static void sort_by_dimension(struct output *o, const vb_element *dimension, vb_dimset *done)
{
    vb_auto_buf sql = {0};

    if (vb_dimset_has(*done, dimension->index))
        return;
    vb_dimset_add(done, dimension->index);
    if (sorts_what_is_left(o))
        vb_buf_printf(&sql, "c%d", o->dimensions[dimension->index] - 1);
    else
        vb_join_column(&o->result->join, dimension, &sql);
    sort_by(o, vb_buf_text(&sql), false);
}

/* Rubin's order: first what is on the sky or in time, with what it requires, then the rest. */
static void sort_by_data_id(struct output *o, const vb_group *group)
{
    vb_dimset done = {{0}};

    VB_EACH_DIMENSION(i, group->all) {
        const vb_element *e = vb_universe_at(group->universe, i);

        if (e->spatial < 0 && e->temporal < 0)
            continue;
        VB_EACH_DIMENSION(d, e->required)
            sort_by_dimension(o, vb_universe_at(group->universe, d), &done);
    }
    VB_EACH_DIMENSION(i, group->all)
        sort_by_dimension(o, vb_universe_at(group->universe, i), &done);
}

static bool is_sorted_as_asked(const struct output *o)
{
    return o->s->q->order_by && *o->s->q->order_by;
}

/* ---- the statement ------------------------------------------------------------------------------------------- */

/* True where one row of what is told may come of several rows of the join: it relates dimensions that are neither told
 * nor have one value. */
static bool may_repeat(const struct selection *s, const vb_group *told)
{
    vb_universe *u = vb_registry_universe(s->reg);
    const vb_join *j = &s->result->join;
    vb_dimset known = told->all, single = j->single;

    for (bool more = true; more;) {
        more = false;
        VB_EACH_DIMENSION(i, vb_dimset_minus(single, known)) {
            const vb_element *e = vb_universe_at(u, i);

            if (vb_dimset_within(e->required, vb_dimset_union(known, single))) {
                known = vb_dimset_union(known, vb_universe_conform(u, e->required)->all);
                more = true;
            }
        }
    }
    return j->repeats || !vb_dimset_within(j->group->required, known);
}

static void add_limit(const vb_query *q, vb_buf *sql)
{
    if (q->limit >= 0 || q->offset > 0)
        vb_buf_printf(sql, " LIMIT %" PRId64 " OFFSET %" PRId64, q->limit, q->offset > 0 ? q->offset : 0);
}

static void sort_limited(struct output *o, vb_buf *sql)
{
    vb_auto_buf inner = {0};
    const vb_query *q = o->s->q;

    vb_buf_printf(&inner, "SELECT * FROM (%s", vb_buf_text(sql));
    add_limit(q, &inner);
    vb_buf_puts(&inner, ")");
    vb_buf_clear(sql);
    vb_buf_puts(sql, vb_buf_text(&inner));
}

static int prepare(struct output *o, const vb_group *told)
{
    vb_result *result = o->result;
    const vb_query *q = o->s->q;
    vb_auto_buf columns = {0};

    vb_buf_printf(&columns, "%s%s", may_repeat(o->s, told) ? "DISTINCT " : "", vb_buf_text(&o->columns));
    vb_join_select(&result->join, vb_buf_text(&columns), &result->sql);
    if (sorts_what_is_left(o))
        sort_limited(o, &result->sql);
    if (o->order.len)
        vb_buf_printf(&result->sql, " ORDER BY %s", o->order.data);
    if (!sorts_what_is_left(o))
        add_limit(q, &result->sql);
    return vb_join_sql(&result->join, &result->stmt, vb_buf_text(&result->sql), o->s->err);
}

/* ---- datasets ------------------------------------------------------------------------------------------------ */

/* The one run that all datasets have, where that is known; NULL otherwise. */
static const char *only_run(struct selection *s)
{
    vb_auto_search search = {0};

    if (vb_query_search(s->reg, s->q->collections, s->type, &search, NULL) < 0 || search.count != 1 ||
        search.items[0]->type != VB_RUN)
        return NULL;
    return search.items[0]->name;
}

/* "'calexp'" or "'calexp.image'": a type's name has no quote, nor has a component's. */
static char *shown_type(const struct selection *s)
{
    const char *component = s->q->show_uri ? s->q->component : NULL;

    return vb_format("'%s%s%s'", s->type->name, component ? "." : "", component ? component : "");
}

/* Of a type that has datasets in parts: those that have the component, or those that are not in parts. */
static int choose_files(struct selection *s, int number)
{
    vb_join *j = &s->result->join;
    char **names;
    vb_buf *where;
    int r = vb_component_names(s->reg, s->type->id, &names, s->err);
    bool some = !r && names[0];

    if (!r)
        vb_strv_free(names);
    if (r < 0 || (!some && !s->q->component))
        return r;
    where = vb_join_condition(j);
    if (!s->q->component) {
        vb_buf_printf(
            where,
            "(NOT EXISTS (SELECT 1 FROM component WHERE dataset_id = s%d.id) OR EXISTS (SELECT 1 FROM location"
            " WHERE dataset_id = s%d.id))",
            number, number);
        return 0;
    }
    vb_buf_printf(where, "EXISTS (SELECT 1 FROM component WHERE dataset_id = s%d.id AND component = ", number);
    vb_join_bind(j, vb_value_text(s->q->component), where);
    vb_buf_puts(where, ")");
    return 0;
}

/* The place of the file: its store, the root of that, its path. */
static void add_uri(struct output *o, int number)
{
    const char *component = o->s->q->component, *table = component ? "component" : "location";
    vb_auto_buf of = {0};

    vb_buf_printf(&of, "WHERE dataset_id = s%d.id", number);
    if (component)
        vb_buf_printf(&of, " AND component = '%s'", component); /* it has no quote */
    vb_autofree char *store = vb_format("(SELECT store_id FROM %s %s)", table, vb_buf_text(&of));
    vb_autofree char *root = vb_format("(SELECT root FROM %s JOIN store ON store.id = store_id %s)", table,
                                       vb_buf_text(&of));
    vb_autofree char *path = vb_format("(SELECT path FROM %s %s)", table, vb_buf_text(&of));

    add_column(o, "URI", VB_CELL_URI, store);
    add_sql(o, root);
    add_sql(o, path);
}

static int datasets(struct selection *s)
{
    auto_output o = {.s = s, .result = s->result};
    vb_join *j = &s->result->join;
    vb_auto_buf run = {0};
    const char *only;
    int r = vb_join_rows(j, &j->types[0], s->err);

    if (!r && s->q->show_uri)
        r = choose_files(s, j->types[0].number);
    if (!r)
        r = join_dimensions(s, s->type->group);
    if (!r)
        r = sort_and_plan(&o);
    if (r < 0)
        return r;
    only = only_run(s);
    if (only)
        vb_join_bind(j, vb_value_text(only), &run);
    else
        vb_buf_printf(&run, "(SELECT name FROM collection WHERE id = s%d.run_id)", j->types[0].number);
    vb_autofree char *type = shown_type(s), *uuid = vb_format("s%d.uuid", j->types[0].number);
    add_column(&o, "type", VB_CELL_VALUE, type);
    add_column(&o, "run", VB_CELL_VALUE, vb_buf_text(&run));
    add_column(&o, "id", VB_CELL_UUID, uuid);
    add_dimensions(&o, s->type->group);
    if (s->q->show_uri)
        add_uri(&o, j->types[0].number);
    if (!is_sorted_as_asked(&o)) {
        if (!only)
            sort_by(&o, "c1", false);
        sort_by_data_id(&o, s->type->group);
    }
    return prepare(&o, s->type->group);
}

/* ---- data IDs ------------------------------------------------------------------------------------------------ */

static int data_ids(struct selection *s)
{
    auto_output o = {.s = s, .result = s->result};
    int r = join_dimensions(s, s->group);

    if (!r)
        r = sort_and_plan(&o);
    if (r < 0)
        return r;
    add_dimensions(&o, s->group);
    if (!is_sorted_as_asked(&o))
        sort_by_data_id(&o, s->group);
    return prepare(&o, s->group);
}

/* ---- records ------------------------------------------------------------------------------------------------- */

static void add_fields(struct output *o, const vb_element *e, const vb_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vb_auto_buf sql = {0};

        vb_buf_printf(&sql, "e_%s.", e->name);
        vb_sql_name(&sql, fields[i].name);
        add_column(o, fields[i].name,
                   fields[i].type == VB_FIELD_BOOL   ? VB_CELL_BOOL
                   : fields[i].type == VB_FIELD_HASH ? VB_CELL_HASH
                                                     : VB_CELL_VALUE,
                   vb_buf_text(&sql));
    }
}

/* The record's own columns, in Rubin's order; the primary key by its own name. */
static void add_record(struct output *o, const vb_element *e)
{
    const vb_universe *u = vb_registry_universe(o->s->reg);
    vb_autofree char *region = vb_format("e_%s.region", e->name), *begin = vb_format("e_%s.timespan_begin", e->name);
    vb_autofree char *end = vb_format("e_%s.timespan_end", e->name);

    VB_EACH_DIMENSION(i, vb_dimset_union(e->required, vb_dimset_minus(e->implied, e->required))) {
        const vb_element *d = vb_universe_at(u, i);

        if (vb_dimset_has(e->required, i)) {
            vb_auto_buf sql = {0};

            o->dimensions[i] = o->result->at + 1;

            vb_buf_printf(&sql, "e_%s.", e->name);
            vb_sql_name(&sql, d->name);
            add_column(o, d == e ? e->keys[0].name : d->name, VB_CELL_VALUE, vb_buf_text(&sql));
        }
    }
    VB_EACH_DIMENSION(i, e->implied) {
        vb_auto_buf sql = {0};

        vb_buf_printf(&sql, "e_%s.", e->name);
        vb_sql_name(&sql, vb_universe_at(u, i)->name);
        add_column(o, vb_universe_at(u, i)->name, VB_CELL_VALUE, vb_buf_text(&sql));
    }
    if (e->nkeys > 1)
        add_fields(o, e, e->keys + 1, e->nkeys - 1);
    add_fields(o, e, e->metadata, e->nmetadata);
    if (e->spatial >= 0)
        add_column(o, "region", VB_CELL_REGION, region);
    if (e->temporal >= 0) {
        add_column(o, "timespan (TAI)", VB_CELL_TIMESPAN, begin);
        add_sql(o, end);
    }
}

/* A dimension without records: its values. */
static void add_view(struct output *o, const vb_element *e)
{
    o->dimensions[e->index] = o->result->at + 1;
    add_column(o, e->keys[0].name, VB_CELL_VALUE, o->result->join.columns[e->index]);
}

static int records(struct selection *s)
{
    auto_output o = {.s = s, .result = s->result};
    const vb_group *group = vb_select_group(s);
    vb_dimset done = {{0}};
    int r = s->element->has_table ? 0 : vb_join_dimension(&s->result->join, s->element, s->err);

    if (!r)
        r = sort_and_plan(&o);
    if (r < 0)
        return r;
    if (s->element->has_table)
        add_record(&o, s->element);
    else
        add_view(&o, s->element);
    VB_EACH_DIMENSION(i, s->element->required) {
        if (!is_sorted_as_asked(&o))
            sort_by_dimension(&o, vb_universe_at(vb_registry_universe(s->reg), i), &done);
    }
    return prepare(&o, group);
}

/* ---- results ------------------------------------------------------------------------------------------------- */

static int run(struct selection *s, int (*select)(struct selection *), vb_result **out)
{
    int r = vb_select_begin(s);

    if (!r)
        r = vb_select_join(s);
    if (!r)
        r = select(s);
    if (r >= 0)
        *out = VB_STEAL(s->result);
    vb_select_end(s);
    return r < 0 ? r : 0;
}

int vb_query_datasets(vb_registry *reg, const vb_query *q, const vb_dataset_type *type, vb_result **out, vb_error *err)
{
    struct selection s = {.reg = reg, .q = q, .type = type, .governors = true, .err = err};

    return run(&s, datasets, out);
}

int vb_query_data_ids(vb_registry *reg, const vb_query *q, const vb_group *group, vb_result **out, vb_error *err)
{
    struct selection s = {.reg = reg, .q = q, .group = group, .governors = true, .err = err};

    if (vb_dimset_empty(group->all))
        return vb_fail(err, -EINVAL, "which dimensions? give at least one");
    return run(&s, data_ids, out);
}

int vb_query_records(vb_registry *reg, const vb_query *q, const vb_element *element, vb_result **out, vb_error *err)
{
    struct selection s = {.reg = reg, .q = q, .element = element, .governors = true, .err = err};

    if (element->is_skypix)
        return vb_fail(err, -EINVAL, "'%s' has no records: its pixels are reckoned", element->name);
    return run(&s, records, out);
}

void vb_result_close(vb_result *result)
{
    vb_stmt_done(result->stmt);
    vb_join_clear(&result->join);
    vb_buf_free(&result->sql);
    free(result->columns);
    free(result->reason);
    free(result);
}

const vb_result_column *vb_result_columns(const vb_result *result, size_t *count)
{
    *count = result->ncolumns;
    return result->columns;
}

int vb_result_step(vb_result *result, vb_error *err)
{
    return result->stmt ? vb_stmt_step(result->stmt, err) : 0;
}

vb_stmt *vb_result_row(vb_result *result)
{
    return result->stmt;
}

const char *vb_result_reason(const vb_result *result)
{
    return result->reason;
}

int vb_result_explain(vb_result *result, vb_buf *out, vb_error *err)
{
    vb_autofree char *sql = vb_format("EXPLAIN QUERY PLAN %s", vb_buf_text(&result->sql));
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int depth[1024] = {0}, ids[1024] = {0}, n = 0, r;

    if (!result->stmt) {
        vb_buf_printf(out, "no statement: %s\n", result->reason ? result->reason : "nothing is asked");
        return 0;
    }
    vb_buf_printf(out, "%s\n", vb_buf_text(&result->sql));
    for (size_t i = 0; i < result->join.nvalues; i++) {
        vb_buf_printf(out, "?%zu = ", i + 1);
        vb_value_print(&result->join.values[i], out);
        vb_buf_putc(out, '\n');
    }
    r = vb_join_sql(&result->join, &s, sql, err);
    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        int parent = (int)vb_col_int(s, 1), level = 1;

        for (int i = 0; i < n; i++)
            if (ids[i] == parent)
                level = depth[i] + 1;
        if (n < (int)VB_COUNT(ids)) {
            ids[n] = (int)vb_col_int(s, 0);
            depth[n++] = level;
        }
        vb_buf_printf(out, "%*s%s\n", 2 * level, "", vb_col_text(s, 3));
        r = 0;
    }
    return r;
}
