/* select.c - from a vb_query to a join. */
#include "registry/query/select.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- collections and types ---------------------------------------------------------------------------------- */

static int may_hold(vb_registry *reg, const vb_collection *c, const vb_dataset_type *type, bool *out, vb_error *err)
{
    int64_t found = 0;
    int r = vb_sql_int(reg->db, &found, err, "SELECT 1 FROM collection_summary WHERE collection_id = ? AND type_id = ?",
                       VB_ARGS(c->id, type->id));

    *out = found;
    return r < 0 ? r : 0;
}

int vb_query_search(vb_registry *reg, char *const *collections, const vb_dataset_type *type, vb_search *out,
                    vb_error *err)
{
    static char *const all[] = {(char *)"*", NULL};
    size_t kept = 0;
    int r = vb_search_resolve(reg, collections && *collections ? collections : all, out, err);

    for (size_t i = 0; !r && type && i < out->count; i++) {
        bool holds = false;

        r = may_hold(reg, out->items[i], type, &holds, err);
        if (holds)
            out->items[kept++] = out->items[i];
    }
    if (type)
        out->count = kept;
    return r;
}

static bool matches(char *const *globs, const char *name)
{
    for (char *const *glob = globs; glob && *glob; glob++)
        if (!fnmatch(*glob, name, 0))
            return true;
    return !globs || !*globs;
}

int vb_query_types(vb_registry *reg, char *const *globs, const vb_dataset_type ***out, size_t *count, vb_error *err)
{
    const vb_dataset_type **types = NULL;
    size_t cap = 0;
    char **names = NULL;
    int r = vb_dataset_type_names(reg, &names, err);

    *count = 0;
    for (char **name = names; !r && *name; name++)
        if (matches(globs, *name))
            r = vb_dataset_type_find(reg, *name, VB_PUSH(types, *count, cap), err);
    vb_strv_free(names);
    if (r < 0)
        free(types);
    else
        *out = types;
    return r;
}

/* ---- governors ---------------------------------------------------------------------------------------------- */

static bool is_name_of(const char *name, const vb_element *dimension)
{
    return strlen(dimension->name) == strcspn(name, ".") && vb_starts_with(name, dimension->name);
}

/* Instrument and skymap: those that the expression's names depend on, and those to which it gives a value. */
static int collect_governors(const struct selection *s, const vb_expr *e, vb_dimset *needed, vb_dimset *told)
{
    const vb_universe *u = vb_registry_universe(s->reg);
    int r = 0;

    for (size_t i = 0; !r && i < e->count; i++) {
        const vb_expr *name = e->operands[i];
        vb_dimset dims = {{0}};

        if (name->kind != VB_EXPR_NAME) {
            r = collect_governors(s, name, needed, told);
            continue;
        }
        r = vb_expr_dimensions(u, vb_select_group(s), s->q->where, name, &dims, s->err);
        VB_EACH_DIMENSION(d, dims) {
            const vb_element *dimension = vb_universe_at(u, d);

            if (dimension->is_governor)
                vb_dimset_add(is_name_of(name->text, dimension) ? told : needed, d);
        }
    }
    return r;
}

static int check_governors(const struct selection *s)
{
    vb_dimset needed = {{0}}, told = {{0}};
    int r = s->where ? collect_governors(s, s->where, &needed, &told) : 0;

    for (size_t i = 0; i < s->q->ntables; i++)
        told = vb_dimset_union(told, s->q->tables[i].dims);
    VB_EACH_DIMENSION(d, vb_dimset_minus(needed, told)) {
        const char *name = vb_universe_at(vb_registry_universe(s->reg), d)->name;

        if (r < 0)
            return r;
        r = vb_fail(s->err, -EINVAL, "the expression speaks of what depends on the %s, and does not say which:\n%s",
                    name, s->q->where);
        vb_hint(s->err, "add: %s='...' AND", name);
    }
    return r;
}

/* ---- the join ------------------------------------------------------------------------------------------------ */

const vb_group *vb_select_group(const struct selection *s)
{
    if (s->type)
        return s->type->group;
    return s->group ? s->group : vb_universe_conform(vb_registry_universe(s->reg), s->element->required);
}

int vb_select_begin(struct selection *s)
{
    int r = vb_expr_parse(s->q->where ? s->q->where : "", &s->where, s->err);
    bool joined;

    if (r < 0)
        return r;
    s->result = VB_NEW(vb_result);
    s->result->reg = s->reg;
    joined = s->where && s->where->kind == VB_EXPR_AND;
    s->nconditions = !s->where ? 0 : joined ? s->where->count : 1;
    s->conditions = vb_alloc((s->nconditions + 1) * sizeof *s->conditions);
    for (size_t i = 0; i < s->nconditions; i++)
        s->conditions[i] = joined ? s->where->operands[i] : s->where;
    s->ntables = s->q->ntables;
    return 0;
}

void vb_select_end(struct selection *s)
{
    if (s->where)
        vb_expr_free(s->where);
    free(s->conditions);
    if (s->result)
        vb_result_close(s->result);
}

static void print_collections(char *const *names, vb_buf *out)
{
    if (!names || !*names)
        vb_buf_puts(out, "any collection");
    for (char *const *name = names; name && *name; name++)
        vb_buf_printf(out, "%s%s", name == names ? "" : ", ", *name);
}

/* Joins the datasets of a type; 1: there are none. */
static int join_type(struct selection *s, const vb_dataset_type *type, bool find_first)
{
    vb_auto_search search = {0};
    vb_auto_buf where = {0};
    int r = vb_query_search(s->reg, s->q->collections, type, &search, s->err);

    if (r < 0)
        return r;
    if (search.count)
        return vb_join_members(&s->result->join, type, &search, find_first, s->err);
    print_collections(s->q->collections, &where);
    s->result->reason = vb_format("no '%s' was ever put into %s", type->name, vb_buf_text(&where));
    return 1;
}

static bool sorts_by(const struct selection *s, const vb_dataset_type *type)
{
    bool found = false;

    for (char **key = s->q->order_by; key && *key && !found; key++) {
        vb_auto(vb_expr_free) vb_expr *e = NULL;

        found = vb_expr_parse(*key + (**key == '-'), &e, NULL) < 0 || !e || vb_expr_speaks_of(e, type->name);
    }
    return found;
}

/* Joins the data IDs for which there is a dataset.  Which one matters only where something speaks of it: else each is
 * as good as the first, and rows that are equal are told once. */
static int join_existing(struct selection *s, const vb_dataset_type *type)
{
    bool first = type->is_calibration || sorts_by(s, type) || (s->where && vb_expr_speaks_of(s->where, type->name));
    vb_join *j = &s->result->join;
    int r = join_type(s, type, first);

    if (!r && !first && j->types[j->ntypes - 1].nheld > 1)
        j->repeats = true;
    return r;
}

/* The types of which a dataset must exist. */
static int datasets_types(struct selection *s, const vb_dataset_type ***types, size_t *count)
{
    const vb_dataset_type *one;
    int r;

    *types = NULL;
    *count = 0;
    if (!s->q->datasets || !*s->q->datasets)
        return 0;
    for (char **name = s->q->datasets; *name; name++)
        if (!strpbrk(*name, "*?[") && vb_dataset_type_find(s->reg, *name, &one, s->err) < 0)
            return -ENOENT;
    r = vb_query_types(s->reg, s->q->datasets, types, count, s->err);
    if (!r && !*count) {
        s->result->reason = vb_format("no dataset type matches '%s'", *s->q->datasets);
        r = 1;
    }
    return r;
}

char *vb_select_sort_key(const struct selection *s, const char *key)
{
    const char *name = key + (*key == '-');
    bool own = s->element &&
               (vb_element_field(s->element, name) || (s->element->temporal >= 0 && vb_starts_with(name, "timespan.")));

    return own ? vb_format("%s.%s", s->element->name, name) : vb_strdup(name);
}

/* All that the join must relate; `more` beyond what a row tells. */
static int collect_dimensions(struct selection *s, const vb_dataset_type **types, size_t ntypes, vb_dimset *dims)
{
    vb_universe *u = vb_registry_universe(s->reg);
    const vb_group *among = vb_select_group(s);
    int r = 0;

    *dims = among->all;
    for (size_t i = 0; i < ntypes; i++)
        *dims = vb_dimset_union(*dims, types[i]->group->all);
    for (size_t i = 0; i < s->ntables; i++)
        *dims = vb_dimset_union(*dims, vb_universe_conform(u, s->q->tables[i].dims)->all);
    for (size_t i = 0; !r && i < s->nconditions; i++)
        r = vb_expr_dimensions(u, vb_universe_conform(u, *dims), s->q->where, s->conditions[i], dims, s->err);
    for (char **key = s->q->order_by; !r && key && *key; key++) {
        vb_auto(vb_expr_free) vb_expr *e = NULL;
        vb_autofree char *name = vb_select_sort_key(s, *key);

        r = vb_expr_parse(name, &e, s->err);
        if (!r && e)
            r = vb_expr_dimensions(u, vb_universe_conform(u, *dims), name, e, dims, s->err);
        if (r < 0)
            vb_error_context(s->err, "order-by");
    }
    return r;
}

/* Relations to what the element's own records do not tell; records whose implied dimensions are not known stay. */
static int relate(struct selection *s)
{
    vb_join *j = &s->result->join;
    vb_dimset own;

    if (!s->element || !s->element->has_table)
        return vb_join_relate(j, s->err);
    own = vb_universe_conform(vb_registry_universe(s->reg), s->element->required)->all;
    return vb_dimset_within(j->group->all, own) && !j->ntypes ? 0 : vb_join_relate(j, s->err);
}

static int join_all(struct selection *s, const vb_dataset_type **types, size_t ntypes)
{
    vb_join *j = &s->result->join;
    vb_dimset dims;
    int r = collect_dimensions(s, types, ntypes, &dims);

    if (r < 0)
        return r;
    vb_join_init(j, s->reg, "main", vb_universe_conform(vb_registry_universe(s->reg), dims));
    for (size_t i = 0; !r && i < s->ntables; i++)
        r = vb_join_data_ids(j, s->q->tables[i].name, s->q->tables[i].dims, (double)s->q->tables[i].rows, s->err);
    if (!r && s->type)
        r = join_type(s, s->type, s->q->find_first);
    for (size_t i = 0; !r && i < ntypes; i++)
        r = join_existing(s, types[i]);
    if (!r && s->element && s->element->has_table)
        r = vb_join_element(j, s->element, s->err);
    if (!r)
        r = relate(s);
    for (size_t i = 0; !r && i < s->nconditions; i++)
        r = vb_join_where(j, s->q->where, s->conditions[i], s->q->binds, s->err);
    return r;
}

int vb_select_join(struct selection *s)
{
    const vb_dataset_type **types = NULL;
    size_t ntypes = 0;
    int r = datasets_types(s, &types, &ntypes);

    if (!r)
        r = join_all(s, types, ntypes);
    free(types);
    if (r >= 0 && s->governors && !s->q->any_governor && check_governors(s) < 0)
        return -EINVAL;
    return r;
}
