#include "registry/gen3/records.h"

#include "registry/base/mem.h"
#include "registry/gen3/read.h"
#include "registry/older.h"
#include "registry/sql.h"

#include <limits.h>
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

/* After those of the data ID. */
static void list_others(const vb_universe *u, const vb_element *e, struct columns *c)
{
    add_dimensions(c, u, e, e->implied);
    for (size_t i = 1; i < e->nkeys; i++)
        add(c, e->keys[i].name, e->keys[i].name, e->keys[i].type, FIELD);
    for (size_t i = 0; i < e->nmetadata; i++)
        add(c, e->metadata[i].name, e->metadata[i].name, e->metadata[i].type, FIELD);
    if (e->spatial >= 0)
        add(c, "region", "region", VB_FIELD_HASH, REGION);
}

/* One element's records, while they are copied. */
struct copying {
    vb_gen3 *g;
    vb_registry *reg;
    const vb_gen3_copy_options *options;
    const vb_element *theirs, *ours;
    struct columns columns;
    int nrequired; /* so many of the columns are the data ID */
    vb_bringing_up up;
    vb_value key[VB_MAX_REQUIRED]; /* of the record: its data ID, as theirs has it */
    vb_value visit_system;         /* of the record: becomes one of its own */
    size_t *count;
};

static int no_place(const struct copying *c, const char *column, vb_error *err)
{
    const vb_universe *ours = vb_registry_universe(c->reg);

    vb_fail(err, -EINVAL, "%s: %s.%s of dimension universe %d has no place in universe %d", c->g->source->name,
            c->theirs->name, column, vb_universe_version(c->g->universe), vb_universe_version(ours));
    vb_hint(err, "a repository of its own universe takes all: vbutler create --dimension-config %d REPO",
            vb_universe_version(c->g->universe));
    return -EINVAL;
}

/* A value that ours has no column for; takes it over. */
static int set_older(struct copying *c, vb_record *out, const char *column, vb_value v, vb_error *err)
{
    bool null = v.kind == VB_NULL;

    switch (vb_older_field(c->up.from, c->theirs->name, column)) {
    case VB_OLDER_GROUP: vb_record_set(out, "group", v); return 0;
    case VB_OLDER_MEMBERSHIP: c->visit_system = v; return 0;
    case VB_OLDER_DROP: vb_value_clear(&v); return 0;
    case VB_OLDER_UNKNOWN: break;
    }
    vb_value_clear(&v);
    return null ? 0 : no_place(c, column, err);
}

static int set(struct copying *c, vb_record *out, const char *column, vb_value v, vb_error *err)
{
    if (!vb_record_value(out, column))
        return set_older(c, out, column, v, err);
    vb_record_set(out, column, v);
    return 0;
}

static int take_key(struct copying *c, int i, const struct column *col, vb_value v, vb_error *err)
{
    if (v.kind == VB_NULL)
        return vb_fail(err, -EINVAL, "%s: %s.%s is null", c->g->source->name, c->theirs->name, col->ours);
    c->key[i] = c->options->wants_record ? vb_value_copy(&v) : (vb_value){0};
    return 0;
}

static int read_record(struct copying *c, vb_gen3_rows *rows, vb_record *out, vb_error *err)
{
    int r = 0, i;

    for (i = 0; !r && i < c->columns.count; i++) {
        const struct column *col = &c->columns.items[i];
        vb_value v = {0};

        r = col->kind == REGION ? vb_gen3_bytes(rows, i, col->theirs, &v, err)
                                : vb_gen3_field(rows, i, col->theirs, col->type, &v, err);
        if (!r && i < c->nrequired) /* these come first */
            r = take_key(c, i, col, v, err);
        if (!r)
            r = set(c, out, col->ours, v, err);
        else
            vb_value_clear(&v);
    }
    for (int end = 0; !r && c->theirs->temporal >= 0 && end < 2; end++, i++) {
        static const char *const names[] = {"timespan_begin", "timespan_end"};
        vb_value v = {0};

        r = vb_gen3_field(rows, i, names[end], VB_FIELD_INT, &v, err);
        if (!r)
            vb_record_set(out, names[end], v);
    }
    return r;
}

/* 1: the record is wanted. */
static int is_wanted(const struct copying *c, vb_error *err)
{
    return c->options->wants_record ? c->options->wants_record(c->options->arg, c->theirs, c->key, err) : 1;
}

static int put(struct copying *c, vb_record *record, vb_error *err)
{
    int r = vb_older_before(&c->up, record, err);
    vb_auto_dataid id = {0};
    vb_auto_buf key = {0};

    if (!r)
        r = vb_record_put(c->reg, record, VB_RECORD_SAME, err);
    if (r >= 0) {
        *c->count += r > 0;
        r = vb_older_after(&c->up, record, &c->visit_system, err);
    }
    if (r >= 0)
        return 0;
    vb_record_dataid(record, c->reg, &id);
    vb_dataid_print(&id, &key);
    return vb_error_context(err, "%s: %s%s %s", c->g->source->name, record->element->name,
                            r == -EINVAL && record->element->spatial >= 0 ? ".region" : "", vb_buf_text(&key));
}

static int copy_row(struct copying *c, vb_gen3_rows *rows, vb_error *err)
{
    vb_auto_record record = vb_record_new(c->reg, c->ours);
    int r = read_record(c, rows, &record, err);

    if (!r)
        r = is_wanted(c, err);
    if (r > 0)
        r = put(c, &record, err);
    vb_value_clear(&c->visit_system);
    c->visit_system = (vb_value){0};
    for (int i = 0; i < c->nrequired; i++) {
        vb_value_clear(&c->key[i]);
        c->key[i] = (vb_value){0};
    }
    return r;
}

static int query(struct copying *c, vb_gen3_rows **rows, vb_error *err)
{
    const char *needed[2 * VB_MAX_ELEMENTS + 4] = {0};
    const vb_gen3_source *source = c->g->source;
    vb_auto_buf sql = {0};
    int r;

    vb_buf_puts(&sql, "SELECT ");
    for (int i = 0; i < c->columns.count; i++) {
        needed[i] = c->columns.items[i].theirs;
        vb_buf_puts(&sql, i ? ", " : "");
        vb_sql_name(&sql, needed[i]);
    }
    if (c->theirs->temporal >= 0) {
        needed[c->columns.count] = source->class->ranges ? "timespan" : "timespan_begin";
        vb_buf_puts(&sql, ", ");
        vb_gen3_timespan_sql(source, "", &sql);
    }
    vb_buf_puts(&sql, " FROM ");
    vb_sql_name(&sql, c->theirs->name);
    r = vb_gen3_check_columns(c->g, c->theirs->name, needed, err);
    return r < 0 ? r : vb_gen3_query(c->g->source, c->theirs->name, vb_buf_text(&sql), rows, err);
}

static int copy_element(struct copying *c, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    int r;

    c->columns.count = 0;
    add_dimensions(&c->columns, c->g->universe, c->theirs, c->theirs->required);
    c->nrequired = c->columns.count;
    list_others(c->g->universe, c->theirs, &c->columns);
    r = query(c, &rows, err);
    while (!r && (r = vb_gen3_next(rows, err)) > 0)
        r = c->ours ? copy_row(c, rows, err) : no_place(c, c->columns.items[0].theirs, err);
    return r;
}

int vb_gen3_copy_records(vb_gen3 *g, vb_registry *reg, const vb_gen3_copy_options *options, size_t *count,
                         vb_error *err)
{
    const vb_universe *theirs = g->universe, *ours = vb_registry_universe(reg);
    struct copying c = {.g = g,
                        .reg = reg,
                        .options = options,
                        .up = {.reg = reg, .from = INT_MAX, .day_offset = options->day_offset, .arg = options->arg},
                        .count = count};
    int r = 0;

    if (vb_universe_version(theirs) < vb_universe_version(ours))
        c.up.from = vb_universe_version(theirs);
    for (int i = 0; !r && i < vb_universe_count(theirs); i++) {
        c.theirs = vb_universe_at(theirs, i);
        c.ours = vb_universe_find(ours, c.theirs->name);
        if (c.theirs->has_table && !c.theirs->is_skypix)
            r = copy_element(&c, err);
    }
    *count += c.up.records;
    return r;
}
