/* explain.c - why a graph is empty: the constraints are added one by one, and the first that leaves
 * nothing is named. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/graph/build.h"
#include "registry/record.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NEAREST_TRIED = 2000 };

struct story {
    struct build *b;
    const char *text; /* the data query */
    const vb_expr *where;
    const vb_expr **conditions; /* its parts that AND joins */
    size_t nconditions;
    const struct graph_type *first; /* the overall input whose data IDs are counted */
    vb_buf told;                    /* "of 682 raw, 248 have ..." */
};

static void split_conditions(struct story *s)
{
    bool joined = s->where && s->where->kind == VB_EXPR_AND;

    s->nconditions = !s->where ? 0 : joined ? s->where->count : 1;
    s->conditions = vb_alloc((s->nconditions + 1) * sizeof *s->conditions);
    for (size_t i = 0; i < s->nconditions; i++)
        s->conditions[i] = joined ? s->where->operands[i] : s->where;
}

/* How many datasets of a type the inputs hold. */
static int count_type(struct build *b, const vb_dataset_type *type, int64_t *out)
{
    vb_auto_join j = {0};
    vb_auto_buf sql = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    bool known;
    int r = vb_build_src_has_group(b, type, &known);

    *out = 0;
    if (r < 0 || !known)
        return r;
    vb_join_init(&j, b->graph, "src", type->group);
    r = vb_join_datasets(&j, type, &b->inputs, b->err);
    vb_join_select(&j, "count(*)", &sql);
    if (!r)
        r = vb_join_sql(&j, &s, vb_buf_text(&sql), b->err);
    if (!r)
        r = vb_stmt_step(s, b->err);
    if (r > 0)
        *out = vb_col_int(s, 0);
    return r < 0 ? r : 0;
}

/* How many of the first input's data IDs are left under the first `conditions` conditions, joined with `dims` and with
 * the first `inputs` overall inputs. */
static int count_left(struct story *s, size_t conditions, size_t inputs, vb_dimset dims, int64_t *out)
{
    vb_universe *u = vb_registry_universe(s->b->graph);
    const vb_group *group = s->first->type->group;
    const struct graph_type *type;
    vb_auto_join j = {0};
    vb_auto_buf columns = {0}, inner = {0}, sql = {0};
    vb_auto(vb_stmt_done) vb_stmt *statement = NULL;
    size_t next = 0;
    int r = 0;

    dims = vb_dimset_union(dims, group->all);
    for (size_t i = 0; !r && i < conditions; i++)
        r = vb_expr_dimensions(u, s->b->dims, s->text, s->conditions[i], &dims, s->b->err);
    if (r < 0)
        return r;
    vb_join_init(&j, s->b->graph, "src", vb_universe_conform(u, dims));
    for (size_t i = 0; !r && i < inputs && (type = vb_build_overall_input(s->b, &next)); i++)
        r = vb_build_join_input(s->b, &j, type->type, s->where);
    if (!r)
        r = vb_join_relate(&j, s->b->err);
    for (size_t i = 0; !r && i < conditions; i++)
        r = vb_join_where(&j, s->text, s->conditions[i], &s->b->binds, s->b->err);
    if (r < 0)
        return r;
    vb_buf_puts(&columns, "DISTINCT 1");
    for (int i = 0; i < group->nrequired; i++)
        vb_buf_printf(&columns, ", %s", j.columns[group->dims[i]->index]);
    vb_join_select(&j, vb_buf_text(&columns), &inner);
    vb_buf_printf(&sql, "SELECT count(*) FROM (%s)", vb_buf_text(&inner));
    r = vb_join_sql(&j, &statement, vb_buf_text(&sql), s->b->err);
    if (!r)
        r = vb_stmt_step(statement, s->b->err);
    if (r > 0)
        *out = vb_col_int(statement, 0);
    return r < 0 ? r : 0;
}

static void print_inputs(const struct build *b, vb_buf *out)
{
    for (char **name = b->spec->inputs; name && *name; name++)
        vb_buf_printf(out, "%s%s", out->len ? ", " : "", *name);
}

/* An input of which there is none at all; 1 where that was it. */
static int no_such_input(struct story *s)
{
    const struct graph_type *type;
    size_t next = 0;

    while ((type = vb_build_overall_input(s->b, &next))) {
        vb_auto_buf where = {0};
        int64_t n = 0;
        int r = count_type(s->b, type->type, &n);

        if (r < 0)
            return r;
        if (n)
            continue;
        print_inputs(s->b, &where);
        vb_fail(s->b->err, -ENODATA, "no quantum: the input collections (%s) hold no '%s'", vb_buf_text(&where),
                type->type->name);
        vb_hint(s->b->err,
                "the pipeline reads '%s' and no task of it makes it: add the collection that holds it to --input",
                type->type->name);
        return 1;
    }
    return 0;
}

static void tell(struct story *s, int64_t n, const char *what, const char *detail)
{
    char number[32];

    vb_buf_printf(&s->told, ", %s %s%s", vb_thousands(number, sizeof number, n), what, detail);
}

static bool share_dimensions(vb_dimset a, vb_dimset b)
{
    return !vb_dimset_equal(vb_dimset_minus(a, b), a);
}

/* The element with regions that a set of dimensions has in another family than the first input, and that only the sky
 * relates to it (a raw has no region, but records tell its visit); NULL: none. */
static const vb_element *other_family(struct story *s, vb_dimset dims)
{
    vb_universe *u = vb_registry_universe(s->b->graph);
    const vb_group *group = vb_universe_conform(u, dims);
    const vb_element *other = NULL;

    for (int f = 0; f < vb_universe_spatial_families(u); f++) {
        const vb_element *mine = vb_group_spatial(s->first->type->group, f), *theirs = vb_group_spatial(group, f);

        if (!mine && theirs && !share_dimensions(theirs->required, s->first->type->group->all))
            other = theirs;
    }
    return other;
}

/* The element of the pipeline's dimensions whose regions relate it to an element of another family; NULL: none. */
static const vb_element *own_family(const struct story *s, const vb_element *theirs)
{
    vb_universe *u = vb_registry_universe(s->b->graph);
    const vb_group *group = vb_universe_conform(u, vb_dimset_union(s->b->dims->all, s->first->type->group->all));
    const vb_element *own = NULL;

    for (int f = 0; !own && f < vb_universe_spatial_families(u); f++)
        if (f != theirs->spatial_family)
            own = vb_group_spatial(group, f);
    return own;
}

/* Regions of an element (of those that the last condition selects, if it speaks of them), at most NEAREST_TRIED. */
static int load_regions(struct story *s, const vb_element *e, size_t from, size_t to, vb_region *out, vb_buf *names,
                        size_t *n)
{
    vb_universe *u = vb_registry_universe(s->b->graph);
    vb_auto_join j = {0};
    vb_auto_buf columns = {0}, sql = {0};
    vb_auto(vb_stmt_done) vb_stmt *statement = NULL;
    int r;

    vb_join_init(&j, s->b->graph, "src", vb_universe_conform(u, e->required));
    r = vb_join_element(&j, e, s->b->err);
    for (size_t i = from; !r && i < to; i++) {
        vb_dimset dims = {{0}};

        r = vb_expr_dimensions(u, s->b->dims, s->text, s->conditions[i], &dims, s->b->err);
        if (!r && vb_dimset_within(dims, j.group->all))
            r = vb_join_where(&j, s->text, s->conditions[i], &s->b->binds, s->b->err);
    }
    vb_buf_printf(&columns, "e_%s.region, e_%s._id", e->name, e->name);
    vb_join_select(&j, vb_buf_text(&columns), &sql);
    vb_buf_printf(&sql, " LIMIT %d", NEAREST_TRIED);
    if (!r)
        r = vb_join_sql(&j, &statement, vb_buf_text(&sql), s->b->err);
    for (*n = 0; !r && (r = vb_stmt_step(statement, s->b->err)) > 0; r = 0) {
        size_t length;
        const void *bytes = vb_col_blob(statement, 0, &length);
        vb_auto_record record = {0};
        vb_auto_dataid id = {0};

        if (!bytes || vb_region_decode(bytes, length, &out[*n], NULL) < 0)
            continue;
        if (vb_record_by_id(s->b->src, vb_universe_find(vb_registry_universe(s->b->src), e->name),
                            vb_col_int(statement, 1), &record, NULL) > 0) {
            vb_record_dataid(&record, s->b->src, &id);
            vb_dataid_print(&id, &names[*n]);
        }
        ++*n;
    }
    return r;
}

/* "nearest: patch {...} lies 31 deg from visit {...}". */
static void hint_nearest(struct story *s, const vb_element *theirs, size_t condition)
{
    const vb_element *mine = own_family(s, theirs);
    vb_autofree vb_region *a = vb_alloc(NEAREST_TRIED * sizeof *a), *c = vb_alloc(NEAREST_TRIED * sizeof *c);
    vb_autofree vb_buf *an = vb_alloc(NEAREST_TRIED * sizeof *an), *cn = vb_alloc(NEAREST_TRIED * sizeof *cn);
    size_t na = 0, nc = 0, best_a = 0, best_c = 0;
    double best = INFINITY;

    if (mine && !load_regions(s, mine, 0, condition, a, an, &na) &&
        !load_regions(s, theirs, 0, s->nconditions, c, cn, &nc)) {
        for (size_t i = 0; i < na; i++)
            for (size_t k = 0; k < nc; k++) {
                double d = vb_region_distance(&a[i], &c[k]);

                if (d < best) {
                    best = d;
                    best_a = i;
                    best_c = k;
                }
            }
        if (isfinite(best))
            vb_hint(s->b->err, "nearest: %s %s lies %.3g deg from %s %s. Is the sky map the right one?", theirs->name,
                    vb_buf_text(&cn[best_c]), best * 180 / M_PI, mine->name, vb_buf_text(&an[best_a]));
    }
    for (size_t i = 0; i < na; i++) {
        vb_region_free(&a[i]);
        vb_buf_free(&an[i]);
    }
    for (size_t i = 0; i < nc; i++) {
        vb_region_free(&c[i]);
        vb_buf_free(&cn[i]);
    }
}

static int refuse(struct story *s)
{
    return vb_fail(s->b->err, -ENODATA, "no quantum: %s", vb_buf_text(&s->told));
}

/* The data query's conditions, one after the other; 1 where one left nothing. */
static int tell_conditions(struct story *s)
{
    vb_dimset related = {{0}}; /* what must be joined for the sky to relate a condition to the input */

    for (size_t i = 0; i < s->nconditions; i++) {
        const vb_expr *e = s->conditions[i];
        vb_autofree char *words = vb_strndup(s->text + e->begin, (size_t)(e->end - e->begin));
        vb_dimset dims = {{0}};
        const vb_element *other;
        int64_t n = 0;
        int r = vb_expr_dimensions(vb_registry_universe(s->b->graph), s->b->dims, s->text, e, &dims, s->b->err);

        if (r < 0)
            return r;
        other = other_family(s, dims);
        if (other && own_family(s, other))
            related = vb_dimset_union(related, own_family(s, other)->required);
        r = count_left(s, i + 1, 1, related, &n);
        if (r < 0)
            return r;
        tell(s, n, other ? "overlap " : "have ", words);
        if (n)
            continue;
        refuse(s);
        if (other)
            hint_nearest(s, other, i);
        return 1;
    }
    return 0;
}

/* The other overall inputs, one after the other; 1 where one left nothing. */
static int tell_inputs(struct story *s)
{
    const struct graph_type *type;
    size_t next = 0, n = 0;

    while ((type = vb_build_overall_input(s->b, &next))) {
        int64_t left = 0;
        int r = ++n > 1 ? count_left(s, s->nconditions, n, (vb_dimset){{0}}, &left) : 0;

        if (r < 0)
            return r;
        if (n == 1)
            continue;
        tell(s, left, "go with a ", type->type->name);
        if (!left) {
            refuse(s);
            return 1;
        }
    }
    return 0;
}

static int explain(struct story *s)
{
    size_t next = 0;
    int64_t n = 0;
    const vb_element *other;
    char number[32];
    int r = no_such_input(s);

    if (r)
        return r;
    s->first = vb_build_overall_input(s->b, &next);
    if (!s->first)
        return vb_fail(s->b->err, -ENODATA, "no quantum: the data query selects nothing from the dimension records");
    r = count_type(s->b, s->first->type, &n);
    if (r < 0)
        return r;
    vb_buf_printf(&s->told, "of %s '%s'", vb_thousands(number, sizeof number, n), s->first->type->name);
    r = tell_conditions(s);
    if (!r)
        r = tell_inputs(s);
    if (r)
        return r;
    /* What is left is the relation to the tasks' own dimensions. */
    other = other_family(s, s->b->dims->all);
    tell(s, 0, other ? "overlap a " : "go with the tasks' dimensions ", other ? other->name : s->b->dims->key);
    refuse(s);
    if (other)
        hint_nearest(s, other, s->nconditions);
    return 1;
}

int vb_build_explain_empty(struct build *b)
{
    vb_auto(vb_expr_free) vb_expr *where = NULL;
    struct story s = {.b = b, .text = b->spec->where ? b->spec->where : ""};
    int r = vb_expr_parse(s.text, &where, b->err);

    if (r < 0)
        return r;
    s.where = where;
    split_conditions(&s);
    r = explain(&s);
    free(s.conditions);
    vb_buf_free(&s.told);
    return r < 0 ? r : -ENODATA;
}
