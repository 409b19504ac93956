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
    for (int i = 0; i < VB_MAX_ELEMENTS; i++)
        free(j->columns[i]);
    free(j->values);
    vb_buf_free(&j->from);
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

/* A table that was just added under `alias` has a column for `dimension`: equal to what is there, or the first. */
static void meet(vb_join *j, const char *alias, const vb_element *dimension)
{
    vb_buf column = {0};

    vb_buf_printf(&column, "%s.", alias);
    vb_sql_name(&column, dimension->name);
    if (!j->columns[dimension->index]) {
        j->columns[dimension->index] = vb_buf_steal(&column);
        return;
    }
    vb_buf_printf(vb_join_condition(j), "%s = %s", vb_buf_text(&column), j->columns[dimension->index]);
    vb_buf_free(&column);
}

static void add_table(vb_join *j, const char *table, const char *alias)
{
    vb_buf_separate(&j->from, " JOIN ");
    vb_buf_printf(&j->from, "%s.%s AS %s", j->schema, table, alias);
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
    add_table(j, vb_buf_text(&table), alias);
    VB_EACH_DIMENSION(i, e->required)
        meet(j, alias, element_at(j, i));
    VB_EACH_DIMENSION(i, e->implied)
        if (vb_dimset_has(j->group->all, i))
            meet(j, alias, element_at(j, i));
    return 0;
}

int vb_join_dimension(vb_join *j, const vb_element *dimension, vb_error *err)
{
    const vb_element *from;
    vb_auto_buf table = {0};

    if (j->columns[dimension->index])
        return 0;
    from = implier(j, dimension);
    if (from)
        return vb_join_element(j, from, err);
    if (dimension->is_skypix)
        return vb_fail(err, -EINVAL, "nothing tells which values of '%s' there are", dimension->name);
    if (dimension->has_table)
        return vb_join_element(j, dimension, err);
    /* A view (band): the values that some record of the other element has. */
    from = element_at(j, dimension->view_of);
    vb_buf_separate(&j->from, " JOIN ");
    vb_schema_table(&table, from);
    vb_buf_puts(&j->from, "(SELECT DISTINCT ");
    vb_sql_name(&j->from, dimension->name);
    vb_buf_printf(&j->from, " FROM %s.%s) AS v_%s", j->schema, vb_buf_text(&table), dimension->name);
    vb_autofree char *alias = vb_format("v_%s", dimension->name);
    meet(j, alias, dimension);
    return 0;
}

int vb_join_datasets(vb_join *j, const vb_dataset_type *type, const vb_search *search, vb_error *err)
{
    vb_autofree char *alias = vb_format("d%d", j->ndatasets++);

    if (!search->count)
        return vb_fail(err, -EINVAL, "no collection to look for '%s' in", type->name);
    vb_buf_separate(&j->from, " JOIN ");
    vb_buf_puts(&j->from, search->count > 1 ? "(SELECT DISTINCT 1 AS found" : "(SELECT dataset_id");
    vb_sql_dimensions(&j->from, type->group, ", ", ", ");
    vb_buf_printf(&j->from, " FROM %s.member_%" PRId64 " WHERE type_id = %" PRId64 " AND collection_id IN (", j->schema,
                  type->group_id, type->id);
    for (size_t i = 0; i < search->count; i++)
        vb_buf_printf(&j->from, "%s%" PRId64, i ? ", " : "", search->items[i]->id);
    vb_buf_printf(&j->from, ")) AS %s", alias);
    for (int i = 0; i < type->group->nrequired; i++)
        meet(j, alias, type->group->dims[i]);
    return 0;
}

/* Two elements with regions: by common pixels first, then exactly. */
static int relate_regions(vb_join *j, const vb_element *a, const vb_element *b, vb_error *err)
{
    int r = vb_join_element(j, a, err);

    if (!r)
        r = vb_join_element(j, b, err);
    if (r < 0)
        return r;
    vb_buf_printf(&j->from, " JOIN %s.\"overlap_%s\" AS o_%s JOIN %s.\"overlap_%s\" AS o_%s", j->schema, a->name,
                  a->name, j->schema, b->name, b->name);
    vb_buf_printf(vb_join_condition(j),
                  "o_%s.record_id = e_%s._id AND o_%s.record_id = e_%s._id AND o_%s.pixel = o_%s.pixel"
                  " AND vb_overlaps(e_%s.region, e_%s.region)",
                  a->name, a->name, b->name, b->name, a->name, b->name, a->name, b->name);
    return 0;
}

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
    int families = vb_universe_spatial_families(vb_registry_universe(j->reg)), r = vb_join_relations(j, err);

    for (int i = 0; !r && i < j->group->nrequired; i++)
        r = vb_join_dimension(j, j->group->dims[i], err);
    for (int a = 0; !r && a < families; a++)
        for (int b = a + 1; !r && b < families; b++) {
            const vb_element *ea = vb_group_spatial(j->group, a), *eb = vb_group_spatial(j->group, b);

            if (ea && eb)
                r = relate_regions(j, ea, eb, err);
        }
    return r;
}

void vb_join_select(const vb_join *j, const char *columns, vb_buf *sql)
{
    vb_buf_printf(sql, "SELECT %s", columns);
    if (j->from.len)
        vb_buf_printf(sql, " FROM %s", j->from.data);
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
