#include "registry/query/join.h"

#include "registry/base/mem.h"
#include "registry/schema.h"

#include <inttypes.h>
#include <string.h>

void vb_join_init(vb_join *j, vb_registry *reg, const char *schema, const vb_group *group)
{
    *j = (vb_join){.reg = reg, .schema = schema, .group = group};
}

void vb_join_clear(vb_join *j)
{
    for (size_t i = 0; i < j->nvalues; i++)
        vb_value_clear(&j->values[i]);
    for (int i = 0; i < VB_MAX_ELEMENTS; i++) {
        free(j->columns[i]);
        free(j->equal[i]);
        vb_buf_free(&j->ranges[i]);
        vb_buf_free(&j->tests[i]);
    }
    for (size_t i = 0; i < j->nfrom; i++)
        free(j->from[i].sql);
    free(j->from);
    for (size_t i = 0; i < j->ntypes; i++) {
        free(j->types[i].held);
        vb_buf_free(&j->types[i].known);
    }
    free(j->types);
    free(j->values);
    vb_buf_free(&j->where);
    *j = (vb_join){0};
}

void vb_join_bind(vb_join *j, vb_value value, vb_buf *sql)
{
    *VB_PUSH(j->values, j->nvalues, j->values_cap) = value;
    vb_buf_printf(sql, "?%zu", j->nvalues);
}

vb_buf *vb_join_condition(vb_join *j)
{
    vb_buf_separate(&j->where, " AND ");
    return &j->where;
}

static const vb_element *element_at(const vb_join *j, int index)
{
    return vb_universe_at(vb_registry_universe(j->reg), index);
}

vb_from *vb_join_add(vb_join *j, vb_from_kind kind, const vb_element *element, char *sql)
{
    vb_from *from = VB_PUSH(j->from, j->nfrom, j->from_cap);

    *from = (vb_from){.kind = kind, .sql = sql, .element = element, .after = -1};
    return from;
}

int vb_join_find(const vb_join *j, vb_from_kind kind, const vb_element *element)
{
    for (size_t i = 0; i < j->nfrom; i++)
        if (j->from[i].kind == kind && j->from[i].element == element)
            return (int)i;
    return -1;
}

void vb_join_meet(vb_join *j, const char *alias, const vb_element *dimension)
{
    vb_buf column = {0};

    vb_dimset_add(&j->from[j->nfrom - 1].dims, dimension->index);
    vb_buf_printf(&column, "%s.", alias);
    vb_sql_name(&column, dimension->name);
    if (!j->columns[dimension->index]) {
        j->columns[dimension->index] = vb_buf_steal(&column);
        return;
    }
    vb_buf_printf(vb_join_condition(j), "%s = %s", vb_buf_text(&column), j->columns[dimension->index]);
    vb_buf_free(&column);
}

/* An element of the group that implies a dimension; NULL: none does. */
static const vb_element *implier(const vb_join *j, const vb_element *dimension)
{
    VB_EACH_DIMENSION(i, j->group->all)
        if (vb_dimset_has(element_at(j, i)->implied, dimension->index))
            return element_at(j, i);
    return NULL;
}

/* What implies an element's keys comes before it: a filter, or a day, that nothing relates to the exposures would stand
 * beside each of them. */
static int join_impliers(vb_join *j, const vb_element *e, vb_error *err)
{
    int r = 0;

    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *from = j->columns[i] ? NULL : implier(j, element_at(j, i));

        if (!r && from)
            r = vb_join_element(j, from, err);
    }
    return r;
}

int vb_join_element(vb_join *j, const vb_element *e, vb_error *err)
{
    vb_autofree char *alias = vb_format("e_%s", e->name);
    vb_auto_buf table = {0};
    int r;

    if (vb_dimset_has(j->joined, e->index))
        return 0;
    if (e->is_skypix || !e->has_table)
        return vb_fail(err, -EINVAL, "dimension '%s' has no records", e->name);
    vb_dimset_add(&j->joined, e->index);
    r = join_impliers(j, e, err);
    if (r < 0)
        return r;
    vb_schema_table(&table, e);
    vb_join_add(j, VB_FROM_ELEMENT, e, vb_format("%s.%s AS %s", j->schema, vb_buf_text(&table), alias));
    VB_EACH_DIMENSION(i, e->required)
        vb_join_meet(j, alias, element_at(j, i));
    VB_EACH_DIMENSION(i, e->implied)
        if (vb_dimset_has(j->group->all, i))
            vb_join_meet(j, alias, element_at(j, i));
    return 0;
}

/* The values that some record of another element has, for a dimension without records. */
static int join_view(vb_join *j, const vb_element *dimension)
{
    vb_autofree char *alias = vb_format("v_%s", dimension->name);
    vb_auto_buf table = {0};
    vb_buf sql = {0};

    vb_schema_table(&table, element_at(j, dimension->view_of));
    vb_buf_puts(&sql, "(SELECT DISTINCT ");
    vb_sql_name(&sql, dimension->name);
    vb_buf_printf(&sql, " FROM %s.%s) AS %s", j->schema, vb_buf_text(&table), alias);
    vb_join_add(j, VB_FROM_VIEW, dimension, vb_buf_steal(&sql));
    vb_join_meet(j, alias, dimension);
    return 0;
}

int vb_join_dimension(vb_join *j, const vb_element *dimension, vb_error *err)
{
    const vb_element *from;

    if (j->columns[dimension->index])
        return 0;
    from = implier(j, dimension);
    if (from)
        return vb_join_element(j, from, err);
    if (dimension->is_skypix)
        return vb_fail(err, -EINVAL, "nothing tells which values of '%s' there are", dimension->name);
    return dimension->has_table ? vb_join_element(j, dimension, err) : join_view(j, dimension);
}

int vb_join_data_ids(vb_join *j, const char *name, vb_dimset dims, double rows, vb_error *err)
{
    vb_join_add(j, VB_FROM_DATA_IDS, NULL, vb_format("temp.%s", name))->rows = rows;
    VB_EACH_DIMENSION(i, dims)
        vb_join_meet(j, name, element_at(j, i));
    return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

int vb_join_relations(vb_join *j, vb_error *err)
{
    vb_dimset relations = vb_group_relations(j->group);
    int r = 0;

    VB_EACH_DIMENSION(i, relations) {
        if (!r)
            r = vb_join_element(j, element_at(j, i), err);
    }
    return r;
}

int vb_join_relate(vb_join *j, vb_error *err)
{
    int r = vb_join_relations(j, err);

    if (!r)
        r = vb_join_pixels(j, err);
    for (int i = 0; !r && i < j->group->nrequired; i++)
        r = vb_join_dimension(j, j->group->dims[i], err);
    return r < 0 ? r : vb_join_topology(j, err);
}

/* The tables in the order that was settled: CROSS JOIN is one that SQLite keeps. */
static void print_from(const vb_join *j, vb_buf *sql)
{
    const char *between = j->planned ? " CROSS JOIN " : " JOIN ";

    for (size_t p = 0; p < j->nfrom; p++)
        for (size_t i = 0; i < j->nfrom; i++)
            if (j->planned ? j->from[i].position == (int)p : i == p)
                vb_buf_printf(sql, "%s%s", p ? between : " FROM ", j->from[i].sql);
}

void vb_join_select(const vb_join *j, const char *columns, vb_buf *sql)
{
    vb_buf_printf(sql, "SELECT %s", columns);
    print_from(j, sql);
    if (j->where.len)
        vb_buf_printf(sql, " WHERE %s", j->where.data);
}

int vb_join_sql(const vb_join *j, vb_stmt **out, const char *sql, vb_error *err)
{
    vb_autofree vb_arg *args = vb_alloc((j->nvalues + 1) * sizeof *args);

    for (size_t i = 0; i < j->nvalues; i++)
        args[i] = vb_arg_value(&j->values[i]);
    return vb_sql(j->reg->db, out, err, sql, args, j->nvalues);
}
