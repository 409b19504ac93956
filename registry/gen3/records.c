#include "registry/gen3/records.h"

#include "registry/base/mem.h"
#include "registry/gen3/read.h"
#include "registry/record.h"
#include "registry/sql.h"

#include <string.h>

/* A column of a record and of Gen3's table, which calls a dimension's own key by its field ("id", "name"). */
struct column {
    const char *ours, *theirs;
    vb_field_type type;
    enum { FIELD, REGION, TIME } kind;
};

struct columns {
    struct column items[2 * VB_MAX_ELEMENTS];
    int count;
};

static void add(struct columns *c, const char *ours, const char *theirs, vb_field_type type, int kind)
{
    if (c->count < (int)VB_COUNT(c->items))
        c->items[c->count++] = (struct column){ours, theirs, type, kind};
}

static void add_dimensions(struct columns *c, const vb_universe *u, const vb_element *e, vb_dimset dims)
{
    VB_EACH_DIMENSION(i, dims) {
        const vb_element *d = vb_universe_at(u, i);

        add(c, d->name, d == e ? d->keys[0].name : d->name, d->keys[0].type, FIELD);
    }
}

static void list_columns(const vb_universe *u, const vb_element *e, struct columns *c)
{
    add_dimensions(c, u, e, e->required);
    add_dimensions(c, u, e, e->implied);
    for (size_t i = 1; i < e->nkeys; i++)
        add(c, e->keys[i].name, e->keys[i].name, e->keys[i].type, FIELD);
    for (size_t i = 0; i < e->nmetadata; i++)
        add(c, e->metadata[i].name, e->metadata[i].name, e->metadata[i].type, FIELD);
    if (e->spatial >= 0)
        add(c, "region", "region", VB_FIELD_HASH, REGION);
}

static int read_record(vb_gen3_rows *rows, const struct columns *c, const vb_element *e, vb_record *out, vb_error *err)
{
    int r = 0, i;

    for (i = 0; !r && i < c->count; i++) {
        const struct column *col = &c->items[i];
        vb_value v = {0};

        r = col->kind == REGION ? vb_gen3_bytes(rows, i, col->theirs, &v, err)
                                : vb_gen3_field(rows, i, col->theirs, col->type, &v, err);
        if (!r)
            vb_record_set(out, col->ours, v);
    }
    for (int end = 0; !r && e->temporal >= 0 && end < 2; end++, i++) {
        static const char *const names[] = {"timespan_begin", "timespan_end"};
        vb_value v = {0};

        r = vb_gen3_field(rows, i, names[end], VB_FIELD_INT, &v, err);
        if (!r)
            vb_record_set(out, names[end], v);
    }
    return r;
}

static int check_key(const vb_gen3 *g, const vb_universe *u, const vb_element *e, const vb_record *record,
                     vb_error *err)
{
    VB_EACH_DIMENSION(i, e->required)
        if (vb_record_value(record, vb_universe_at(u, i)->name)->kind == VB_NULL)
            return vb_fail(err, -EINVAL, "%s: %s.%s is null", g->source->name, e->name, vb_universe_at(u, i)->name);
    return 0;
}

/* 1: the record is new; 0: it was there. */
static int put(const vb_gen3 *g, vb_registry *reg, vb_record *record, vb_error *err)
{
    int r = vb_record_put(reg, record, VB_RECORD_SAME, err);
    vb_auto_dataid id = {0};
    vb_auto_buf key = {0};

    if (r >= 0)
        return r;
    vb_record_dataid(record, reg, &id);
    vb_dataid_print(&id, &key);
    return vb_error_context(err, "%s: %s%s %s", g->source->name, record->element->name,
                            r == -EINVAL && record->element->spatial >= 0 ? ".region" : "", vb_buf_text(&key));
}

static int copy_element(vb_gen3 *g, vb_registry *reg, const vb_element *e, size_t *count, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    const vb_universe *u = vb_registry_universe(reg);
    const char *needed[2 * VB_MAX_ELEMENTS + 4] = {0};
    struct columns columns = {.count = 0};
    vb_auto_buf sql = {0};
    int r;

    list_columns(u, e, &columns);
    vb_buf_puts(&sql, "SELECT ");
    for (int i = 0; i < columns.count; i++) {
        needed[i] = columns.items[i].theirs;
        vb_buf_puts(&sql, i ? ", " : "");
        vb_sql_name(&sql, needed[i]);
    }
    if (e->temporal >= 0) {
        needed[columns.count] = g->source->class->ranges ? "timespan" : "timespan_begin";
        vb_buf_puts(&sql, ", ");
        vb_gen3_timespan_sql(g->source, "", &sql);
    }
    vb_buf_puts(&sql, " FROM ");
    vb_sql_name(&sql, e->name);
    r = vb_gen3_check_columns(g, e->name, needed, err);
    if (!r)
        r = vb_gen3_query(g->source, e->name, vb_buf_text(&sql), &rows, err);
    while (!r && (r = vb_gen3_next(rows, err)) > 0) {
        vb_auto_record record = vb_record_new(reg, e);

        r = read_record(rows, &columns, e, &record, err);
        if (!r)
            r = check_key(g, u, e, &record, err);
        if (!r)
            r = put(g, reg, &record, err);
        *count += r > 0;
        r = r > 0 ? 0 : r;
    }
    return r;
}

int vb_gen3_copy_records(vb_gen3 *g, vb_registry *reg, size_t *count, vb_error *err)
{
    const vb_universe *u = vb_registry_universe(reg);
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (e->has_table && !e->is_skypix)
            r = copy_element(g, reg, e, count, err);
    }
    return r;
}
