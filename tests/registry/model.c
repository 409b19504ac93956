#include "tests/registry/model.h"

#include <string.h>

int m_keys(int type)
{
    return type == M_PACKAGES ? 1 : M_KEYS;
}

int m_named(const model *m, const char *name)
{
    for (int i = 0; i < M_COLLECTIONS; i++)
        if (m->collections[i].there && !strcmp(m->collections[i].name, name))
            return i;
    return -1;
}

bool m_reaches(const model *m, int from, int to)
{
    if (from == to)
        return true;
    for (int i = 0; i < m->collections[from].count; i++)
        if (m_reaches(m, m->collections[from].children[i], to))
            return true;
    return false;
}

static int flatten_into(const model *m, int c, int out[M_COLLECTIONS], int n)
{
    const m_collection *it = &m->collections[c];

    if (it->type == VB_CHAINED) {
        for (int i = 0; i < it->count; i++)
            n = flatten_into(m, it->children[i], out, n);
        return n;
    }
    for (int i = 0; i < n; i++)
        if (out[i] == c)
            return n;
    out[n] = c;
    return n + 1;
}

int m_flatten(const model *m, const int *from, int count, int out[M_COLLECTIONS])
{
    int n = 0;

    for (int i = 0; i < count; i++)
        n = flatten_into(m, from[i], out, n);
    return n;
}

/* ---- datasets and tags ------------------------------------------------------------------------------------------ */

static bool same_key(const m_dataset *a, const m_dataset *b)
{
    return a->type == b->type && a->key == b->key;
}

bool m_put(model *m, int type, int key, int run, int64_t id)
{
    m_dataset wanted = {true, true, type, key, run, id};

    if (m->collections[run].type != VB_RUN)
        return false;
    for (int i = 0; i < m->ndatasets; i++)
        if (m->datasets[i].there && m->datasets[i].run == run && same_key(&m->datasets[i], &wanted))
            return false;
    m->datasets[m->ndatasets++] = wanted;
    return true;
}

bool m_associate(model *m, int collection, const m_set *set)
{
    m_collection next = m->collections[collection];

    if (next.type != VB_TAGGED)
        return false;
    for (int i = 0; i < m->ndatasets; i++) {
        if (!set->has[i] || !m->datasets[i].there)
            continue;
        for (int k = 0; k < m->ndatasets; k++)
            if (next.has[k] && k != i && same_key(&m->datasets[i], &m->datasets[k]))
                return false;
        next.has[i] = true;
    }
    m->collections[collection] = next;
    return true;
}

bool m_disassociate(model *m, int collection, const m_set *set)
{
    if (m->collections[collection].type != VB_TAGGED)
        return false;
    for (int i = 0; i < m->ndatasets; i++)
        if (set->has[i])
            m->collections[collection].has[i] = false;
    return true;
}

/* ---- validity ranges -------------------------------------------------------------------------------------------- */

static bool overlap(vb_timespan a, vb_timespan b)
{
    return a.begin < b.end && b.begin < a.end;
}

bool m_certify(model *m, int collection, const m_set *set, vb_timespan span)
{
    int before = m->nranges;

    if (m->collections[collection].type != VB_CALIBRATION || span.begin >= span.end)
        return false;
    for (int i = 0; i < m->ndatasets; i++) {
        bool fits = m->datasets[i].type != M_IMAGE;

        if (!set->has[i])
            continue;
        for (int k = 0; fits && m->datasets[i].there && k < m->nranges; k++)
            fits = m->ranges[k].collection != collection ||
                   !same_key(&m->datasets[m->ranges[k].dataset], &m->datasets[i]) || !overlap(m->ranges[k].span, span);
        if (!fits) {
            m->nranges = before;
            return false;
        }
        if (m->datasets[i].there)
            m->ranges[m->nranges++] = (m_range){collection, i, span};
    }
    return true;
}

bool m_decertify(model *m, int collection, int type, vb_timespan span, const m_set *set)
{
    int n = m->nranges;

    if (m->collections[collection].type != VB_CALIBRATION || span.begin >= span.end)
        return false;
    for (int i = 0; i < n; i++) {
        m_range *r = &m->ranges[i], left = *r, right = *r;

        if (r->collection != collection || m->datasets[r->dataset].type != type || !overlap(r->span, span) ||
            (set && !set->has[r->dataset]))
            continue;
        left.span.end = span.begin;
        right.span.begin = span.end;
        r->collection = -1;
        if (left.span.begin < left.span.end)
            m->ranges[m->nranges++] = left;
        if (right.span.begin < right.span.end)
            m->ranges[m->nranges++] = right;
    }
    n = m->nranges;
    m->nranges = 0;
    for (int i = 0; i < n; i++)
        if (m->ranges[i].collection >= 0)
            m->ranges[m->nranges++] = m->ranges[i];
    return true;
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

static bool in(const int *list, int n, int c)
{
    for (int i = 0; i < n; i++)
        if (list[i] == c)
            return true;
    return false;
}

static void add_new(m_collection *to, const int *from, int count, const int *without, int nwithout)
{
    for (int i = 0; i < count; i++)
        if (!in(to->children, to->count, from[i]) && !in(without, nwithout, from[i]))
            to->children[to->count++] = from[i];
}

bool m_chain(model *m, int chain, const int *children, int count, vb_chain_mode mode)
{
    const m_collection *now = &m->collections[chain];
    m_collection next = *now;

    if (now->type != VB_CHAINED)
        return false;
    next.count = 0;
    if (mode == VB_CHAIN_POP) {
        if (!now->count)
            return false;
        add_new(&next, now->children, now->count, now->children, 1);
    } else if (mode == VB_CHAIN_REMOVE) {
        for (int i = 0; i < count; i++)
            if (!in(now->children, now->count, children[i]))
                return false;
        add_new(&next, now->children, now->count, children, count);
    } else {
        if (mode == VB_CHAIN_EXTEND)
            add_new(&next, now->children, now->count, children, count);
        add_new(&next, children, count, NULL, 0);
        if (mode == VB_CHAIN_PREPEND)
            add_new(&next, now->children, now->count, NULL, 0);
    }
    for (int i = 0; i < next.count; i++)
        if (m_reaches(m, next.children[i], chain))
            return false;
    m->collections[chain] = next;
    return true;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

static bool referenced(const model *m, int dataset)
{
    for (int i = 0; i < M_COLLECTIONS; i++)
        if (m->collections[i].there && m->collections[i].has[dataset])
            return true;
    for (int i = 0; i < m->nranges; i++)
        if (m->ranges[i].dataset == dataset)
            return true;
    return false;
}

static void drop_ranges(model *m, int collection, int dataset)
{
    int n = m->nranges;

    m->nranges = 0;
    for (int i = 0; i < n; i++)
        if (m->ranges[i].collection != collection && m->ranges[i].dataset != dataset)
            m->ranges[m->nranges++] = m->ranges[i];
}

bool m_purge(model *m, const m_set *set, bool force)
{
    for (int i = 0; !force && i < m->ndatasets; i++)
        if (set->has[i] && m->datasets[i].there && referenced(m, i))
            return false;
    for (int i = 0; i < m->ndatasets; i++) {
        if (!set->has[i] || !m->datasets[i].there)
            continue;
        m->datasets[i].there = false;
        drop_ranges(m, -1, i);
        for (int c = 0; c < M_COLLECTIONS; c++)
            m->collections[c].has[i] = false;
    }
    return true;
}

bool m_unstore(model *m, const m_set *set)
{
    for (int i = 0; i < m->ndatasets; i++)
        m->datasets[i].stored = m->datasets[i].stored && !set->has[i];
    return true;
}

static bool drop(model *m, int collection, bool from_parents)
{
    for (int i = 0; i < M_COLLECTIONS; i++) {
        m_collection *c = &m->collections[i], next = *c;

        if (!c->there || !in(c->children, c->count, collection))
            continue;
        if (!from_parents)
            return false;
        next.count = 0;
        add_new(&next, c->children, c->count, &collection, 1);
        *c = next;
    }
    m->collections[collection] = (m_collection){0};
    return true;
}

bool m_remove_run(model *m, int run, bool force)
{
    model before = *m;
    m_set own = {{0}};

    if (m->collections[run].type != VB_RUN)
        return false;
    for (int i = 0; i < m->ndatasets; i++)
        own.has[i] = m->datasets[i].run == run;
    if (m_purge(m, &own, force) && drop(m, run, force))
        return true;
    *m = before;
    return false;
}

bool m_remove(model *m, int collection, bool from_parents)
{
    if (m->collections[collection].type == VB_RUN || !drop(m, collection, from_parents))
        return false;
    drop_ranges(m, collection, -1);
    return true;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool holds(const model *m, int collection, int dataset, const vb_timespan *when)
{
    const m_collection *c = &m->collections[collection];

    if (c->type != VB_CALIBRATION)
        return m->datasets[dataset].there &&
               (c->type == VB_RUN ? m->datasets[dataset].run == collection : c->has[dataset]);
    for (int i = 0; when && i < m->nranges; i++)
        if (m->ranges[i].collection == collection && m->ranges[i].dataset == dataset &&
            overlap(m->ranges[i].span, *when))
            return true;
    return false;
}

int m_find(const model *m, const int *search, int count, int type, int key, const vb_timespan *when)
{
    int flat[M_COLLECTIONS], n = m_flatten(m, search, count, flat), found = -1;

    for (int i = 0; found == -1 && i < n; i++)
        for (int d = 0; d < m->ndatasets; d++)
            if (m->datasets[d].type == type && m->datasets[d].key == key && holds(m, flat[i], d, when))
                found = found == -1 ? d : -2;
    return found;
}

bool m_select(const model *m, const int *search, int count, bool find_first, m_set *out)
{
    static const vb_timespan always = {VB_TIME_MIN, VB_TIME_MAX};
    int flat[M_COLLECTIONS], n = m_flatten(m, search, count, flat);

    *out = (m_set){{0}};
    for (int i = 0; i < n; i++)
        for (int d = 0; d < m->ndatasets; d++) {
            if (!holds(m, flat[i], d, &always))
                continue;
            if (find_first && m->collections[flat[i]].type == VB_CALIBRATION)
                return false;
            out->has[d] = out->has[d] || !find_first ||
                          m_find(m, search, count, m->datasets[d].type, m->datasets[d].key, NULL) == d;
        }
    return true;
}
