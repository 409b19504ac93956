/* relate.c - what the sky and time relate in a join: regions by the pixels that they share and then exactly, timespans
 * by their overlap, sky pixels by the envelopes of regions. */
#include "registry/base/mem.h"
#include "registry/query/join.h"

#include <inttypes.h>

static const vb_universe *universe(const vb_join *j)
{
    return vb_registry_universe(j->reg);
}

/* The pixels of an element's region. */
static void join_overlap(vb_join *j, const vb_element *e, const char *alias)
{
    vb_join_add(j, VB_FROM_OVERLAP, e, vb_format("%s.\"overlap_%s\" AS %s", j->schema, e->name, alias));
    vb_buf_printf(vb_join_condition(j), "%s.record_id = e_%s._id", alias, e->name);
}

/* Two elements with regions: by common pixels first, then exactly.  Where they share several, the first counts: each
 * pair is compared once, and is one row. */
static int relate_regions(vb_join *j, const vb_element *a, const vb_element *b, vb_error *err)
{
    vb_autofree char *oa = vb_format("o_%s_%s", a->name, b->name), *ob = vb_format("o_%s_%s", b->name, a->name);
    int r = vb_join_element(j, a, err);

    if (!r)
        r = vb_join_element(j, b, err);
    if (r < 0)
        return r;
    join_overlap(j, a, oa);
    join_overlap(j, b, ob);
    vb_buf_printf(
        vb_join_condition(j),
        "%s.pixel = %s.pixel AND CASE WHEN vb_overlaps(e_%s.region, e_%s.region) THEN NOT EXISTS (SELECT 1 FROM %s.\"overlap_%s\" AS x CROSS JOIN"
        " %s.\"overlap_%s\" AS y WHERE x.record_id = e_%s._id AND x.pixel < %s.pixel"
        " AND y.record_id = e_%s._id AND y.pixel = x.pixel) END",
        oa, ob, a->name, b->name, j->schema, a->name, j->schema, b->name, a->name, oa, b->name);
    return 0;
}

static int relate_timespans(vb_join *j, const vb_element *a, const vb_element *b, vb_error *err)
{
    int r = vb_join_element(j, a, err);

    if (!r)
        r = vb_join_element(j, b, err);
    if (!r)
        vb_buf_printf(vb_join_condition(j),
                      "e_%s.timespan_begin < e_%s.timespan_end AND e_%s.timespan_begin < e_%s.timespan_end", a->name,
                      b->name, b->name, a->name);
    return r;
}

int vb_join_topology(vb_join *j, vb_error *err)
{
    int spatial = vb_universe_spatial_families(universe(j)), temporal = vb_universe_temporal_families(universe(j));
    int r = 0;

    for (int a = 0; !r && a < spatial; a++)
        for (int b = a + 1; !r && b < spatial; b++) {
            const vb_element *ea = vb_group_spatial(j->group, a), *eb = vb_group_spatial(j->group, b);

            if (ea && eb)
                r = relate_regions(j, ea, eb, err);
        }
    for (int a = 0; !r && a < temporal; a++)
        for (int b = a + 1; !r && b < temporal; b++) {
            const vb_element *ea = vb_group_temporal(j->group, a), *eb = vb_group_temporal(j->group, b);

            if (ea && eb)
                r = relate_timespans(j, ea, eb, err);
        }
    return r;
}

/* The pixels of `dimension` that the region of `e` touches. */
static int relate_pixels(vb_join *j, const vb_element *dimension, const vb_element *e, vb_error *err)
{
    vb_autofree char *alias = vb_format("p_%s_%s", dimension->name, e->name);
    vb_autofree char *column = vb_format("%s.pixel", alias);
    vb_from *from;
    int r = vb_join_element(j, e, err);

    if (r < 0)
        return r;
    from = vb_join_add(j, VB_FROM_PIXELS, dimension,
                       vb_format("vb_pixels(e_%s.region, '%s', %d) AS %s", e->name, dimension->system, dimension->level,
                                 alias));
    from->after = vb_join_find(j, VB_FROM_ELEMENT, e);
    vb_dimset_add(&from->dims, dimension->index);
    if (j->columns[dimension->index])
        vb_buf_printf(vb_join_condition(j), "%s = %s", column, j->columns[dimension->index]);
    else
        j->columns[dimension->index] = VB_STEAL(column);
    return 0;
}

int vb_join_pixels(vb_join *j, vb_error *err)
{
    int families = vb_universe_spatial_families(universe(j)), r = 0;

    for (int i = 0; i < j->group->nrequired; i++)
        for (int f = 0; !r && f < families && j->group->dims[i]->is_skypix; f++) {
            const vb_element *e = vb_group_spatial(j->group, f);

            if (e && !e->is_skypix)
                r = relate_pixels(j, j->group->dims[i], e, err);
        }
    return r;
}
