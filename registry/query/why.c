/* why.c - why a query selects nothing: its constraints are added one after the other, and what each leaves is counted,
 * until nothing is.  Which constraint leaves nothing is asked, so that they are counted up to a limit only. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/query/select.h"

#include <string.h>

enum { COUNTED = 1000 };

struct story {
    vb_registry *reg;
    const vb_query *q;
    const vb_dataset_type *type;
    const vb_group *group;
    const vb_element *element;
    const char *things; /* "'calexp'", "data IDs", "visit records" */
    vb_buf *out;
    vb_error *err;
};

/* How many rows the first conditions and tables leave, each dataset or data ID once; COUNTED + 1: more than COUNTED. */
static int count(const struct story *story, size_t conditions, size_t tables, int64_t *n)
{
    vb_query q = *story->q;
    struct selection s = {.reg = story->reg,
                          .q = &q,
                          .type = story->type,
                          .group = story->group,
                          .element = story->element,
                          .err = story->err};
    vb_auto_buf columns = {0}, inner = {0}, sql = {0};
    vb_auto(vb_stmt_done) vb_stmt *stmt = NULL;
    int r;

    q.order_by = NULL;
    *n = 0;
    r = vb_select_begin(&s);
    s.nconditions = conditions;
    s.ntables = tables;
    if (!r)
        r = vb_select_join(&s);
    if (!r && s.element && !s.element->has_table)
        r = vb_join_dimension(&s.result->join, s.element, s.err);
    if (!r)
        r = vb_join_plan(&s.result->join, NULL, s.err);
    if (!r) {
        const vb_group *group = vb_select_group(&s);

        for (int i = 0; i < group->nrequired; i++) {
            vb_buf_puts(&columns, i ? ", " : "");
            vb_buf_puts(&columns, s.result->join.columns[group->dims[i]->index]);
        }
        if (s.type)
            vb_buf_printf(&columns, "%sd0.dataset_id", group->nrequired ? ", " : "");
        vb_autofree char *distinct = vb_format("DISTINCT %s", vb_buf_text(&columns));

        vb_join_select(&s.result->join, distinct, &inner);
        vb_buf_printf(&sql, "SELECT count(*) FROM (%s LIMIT %d)", vb_buf_text(&inner), COUNTED + 1);
        r = vb_join_sql(&s.result->join, &stmt, vb_buf_text(&sql), s.err);
        if (!r)
            r = vb_stmt_step(stmt, s.err);
        if (r > 0)
            *n = vb_col_int(stmt, 0);
        r = r < 0 ? r : 0;
    } else if (r > 0 && s.result->reason) {
        vb_buf_puts(story->out, s.result->reason);
    }
    vb_stmt_done(VB_STEAL(stmt));
    vb_select_end(&s);
    return r;
}

static void print_number(const struct story *s, int64_t n)
{
    char number[32];

    vb_buf_printf(s->out, "%s%s", n > COUNTED ? "more than " : "",
                  vb_thousands(number, sizeof number, n > COUNTED ? COUNTED : n));
}

static void tell(const struct story *s, int64_t n, const char *what)
{
    vb_buf_puts(s->out, ", ");
    print_number(s, n);
    vb_buf_printf(s->out, " %s", what);
}

/* The constraints one after the other; 1 where one was named. */
static int tell_story(struct story *s, const struct selection *parsed)
{
    int64_t n = 0;
    int r = count(s, 0, 0, &n);

    if (r)
        return r;
    vb_buf_puts(s->out, n ? "of " : "there are ");
    print_number(s, n);
    vb_buf_printf(s->out, " %s", s->things);
    if (!n && s->q->collections && s->type)
        vb_buf_puts(s->out, " in these collections");
    for (size_t i = 0; n && i < s->q->ntables; i++) {
        vb_autofree char *what = vb_format("stand in %s", s->q->tables[i].file);

        r = count(s, 0, i + 1, &n);
        if (r)
            return r;
        tell(s, n, what);
    }
    for (size_t i = 0; n && i < parsed->nconditions; i++) {
        const vb_expr *e = parsed->conditions[i];
        vb_autofree char *what = vb_format("have %.*s", e->end - e->begin, s->q->where + e->begin);

        r = count(s, i + 1, s->q->ntables, &n);
        if (r)
            return r;
        tell(s, n, what);
    }
    if (n)
        vb_buf_puts(s->out, s->q->offset > 0 ? ", fewer than --offset skips" : ", and --limit leaves none");
    return 0;
}

int vb_query_why_empty(vb_registry *reg, const vb_query *q, const vb_dataset_type *type, const vb_group *group,
                       const vb_element *element, vb_buf *out, vb_error *err)
{
    vb_autofree char *things = type    ? vb_format("'%s'", type->name)
                               : group ? vb_format("data IDs {%s}", group->key)
                                       : vb_format("%s records", element->name);
    struct story s = {reg, q, type, group, element, things, out, err};
    struct selection parsed = {.reg = reg, .q = q, .type = type, .group = group, .element = element, .err = err};
    int r = vb_select_begin(&parsed);

    if (!r)
        r = tell_story(&s, &parsed);
    vb_select_end(&parsed);
    return r < 0 ? r : 0;
}
