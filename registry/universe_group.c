/* universe_group.c - dimensions with all that they require and imply. */
#include "registry/universe_internal.h"

#include "registry/base/buf.h"
#include "registry/base/mem.h"

static vb_dimset close_over(const vb_universe *u, vb_dimset dims)
{
    vb_dimset before;

    do {
        before = dims;
        VB_EACH_DIMENSION(i, before) {
            dims = vb_dimset_union(dims, u->elements[i].required);
            dims = vb_dimset_union(dims, u->elements[i].implied);
        }
    } while (!vb_dimset_equal(dims, before));
    return dims;
}

static vb_group *new_group(const vb_universe *u, vb_dimset all)
{
    vb_group *g = VB_NEW(vb_group);
    const vb_element **dims = vb_alloc(VB_MAX_ELEMENTS * sizeof *dims);
    vb_buf key = {0};

    g->universe = u;
    g->all = all;
    VB_EACH_DIMENSION(i, all)
        g->implied = vb_dimset_union(g->implied, u->elements[i].implied);
    g->required = vb_dimset_minus(all, g->implied);
    VB_EACH_DIMENSION(i, g->required) {
        dims[g->nrequired++] = &u->elements[i];
        vb_buf_separate(&key, ",");
        vb_buf_puts(&key, u->elements[i].name);
    }
    VB_EACH_DIMENSION(i, g->implied)
        dims[g->nrequired + g->nimplied++] = &u->elements[i];
    g->dims = dims;
    g->key = vb_buf_steal(&key);
    return g;
}

const vb_group *vb_universe_conform(vb_universe *u, vb_dimset dims)
{
    vb_dimset all = close_over(u, dims);
    vb_group *g;

    for (size_t i = 0; i < u->ngroups; i++)
        if (vb_dimset_equal(u->groups[i]->all, all))
            return u->groups[i];
    g = new_group(u, all);
    *VB_PUSH(u->groups, u->ngroups, u->groups_cap) = g;
    return g;
}

int vb_universe_conform_names(vb_universe *u, char *const *names, const vb_group **out, vb_error *err)
{
    const vb_group *g;
    vb_dimset dims = {{0}};

    for (; names && *names; names++) {
        const vb_element *e;
        int r = vb_universe_dimension(u, *names, &e, err);

        if (r < 0)
            return r;
        vb_dimset_add(&dims, e->index);
    }
    g = vb_universe_conform(u, dims);
    if (g->nrequired > VB_MAX_REQUIRED)
        return vb_fail(err, -E2BIG, "%d dimensions in one data ID; the most is %d", g->nrequired, VB_MAX_REQUIRED);
    *out = g;
    return 0;
}

int vb_group_position(const vb_group *group, const vb_element *dimension)
{
    for (int i = 0; i < group->nrequired; i++)
        if (group->dims[i] == dimension)
            return i;
    return -1;
}

vb_dimset vb_group_relations(const vb_group *group)
{
    vb_dimset set = {{0}};

    for (int i = 0; i < group->universe->count; i++) {
        const vb_element *e = &group->universe->elements[i];
        bool relates = e->always_join || !vb_dimset_empty(e->implied);

        if (relates && vb_dimset_within(e->required, group->all))
            vb_dimset_add(&set, i);
    }
    return set;
}

static const vb_element *finest(const vb_group *group, int family, bool spatial)
{
    const vb_element *best = NULL;

    for (int i = 0; i < group->universe->count; i++) {
        const vb_element *e = &group->universe->elements[i];

        if ((spatial ? e->spatial_family : e->temporal_family) != family || family < 0 ||
            !vb_dimset_within(e->required, group->all))
            continue;
        if (!best || (spatial ? e->spatial < best->spatial : e->temporal < best->temporal))
            best = e;
    }
    return best;
}

const vb_element *vb_group_spatial(const vb_group *group, int family)
{
    return finest(group, family, true);
}

const vb_element *vb_group_temporal(const vb_group *group, int family)
{
    return finest(group, family, false);
}
