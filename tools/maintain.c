#include "tools/maintain.h"

#include "fs/store/store.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdio.h>
#include <string.h>

int vb_maintain_open(const char *repo, vb_maintained *out, vb_error *err)
{
    int r = vb_repo_open(repo, &out->repo, err);

    return r < 0 ? r : vb_repo_registry(out->repo, VB_ACCESS_WRITE, &out->reg, err);
}

void vb_maintain_close(vb_maintained *m)
{
    if (m->reg)
        vb_registry_close(m->reg);
    if (m->repo)
        vb_repo_close(m->repo);
}

/* ---- showing ---------------------------------------------------------------------------------------------------- */

enum { MAX_COLUMNS = 3 + VB_MAX_ELEMENTS };

struct table {
    vb_registry *reg;
    vb_rows *rows;
    vb_dimset dimensions;
    vb_column columns[MAX_COLUMNS];
    size_t count;
};

static int add_dimensions(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err)
{
    struct table *t = arg;

    t->dimensions = vb_dimset_union(t->dimensions, type->group->required);
    return 0;
}

static int print_row(void *arg, const vb_dataset *d, vb_error *err)
{
    struct table *t = arg;
    const vb_collection *run;
    char uuid[VB_UUID_TEXT];
    int r = vb_collection_by_id(t->reg, d->run_id, &run, err);

    if (r < 0)
        return r;
    vb_rows_text(t->rows, d->type->name);
    vb_rows_text(t->rows, run->name);
    vb_rows_text(t->rows, vb_uuid_format(d->uuid, uuid));
    for (size_t i = 3; i < t->count; i++) {
        const vb_value *v = vb_dataid_get(&d->dataid, t->columns[i].name);
        vb_auto_buf text = {0};

        if (v && v->kind == VB_INT) {
            vb_rows_int(t->rows, v->i);
            continue;
        }
        if (v)
            vb_value_print(v, &text);
        vb_rows_text(t->rows, v ? vb_buf_text(&text) : NULL);
    }
    return 0;
}

int vb_print_selected(vb_registry *reg, vb_format_kind format, vb_error *err)
{
    struct table t = {.reg = reg, .columns = {{"type", NULL}, {"run", NULL}, {"id", NULL}}, .count = 3};
    int r = vb_selected_each_type(reg, add_dimensions, &t, err);

    if (r < 0)
        return r;
    VB_EACH_DIMENSION(i, t.dimensions)
        t.columns[t.count++] = (vb_column){vb_universe_at(vb_registry_universe(reg), i)->name, NULL};
    t.rows = vb_rows_new(format, t.columns, t.count, vb_rows_to_file, stdout);
    r = vb_selected_each(reg, print_row, &t, err);
    vb_rows_end(t.rows);
    return r;
}

static int print_type(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err)
{
    char n[32];

    printf("  %s: %s\n", type->name, vb_thousands(n, sizeof n, count));
    return 0;
}

int vb_print_selected_types(vb_registry *reg, vb_error *err)
{
    return vb_selected_each_type(reg, print_type, NULL, err);
}

const char *vb_datasets(int64_t n)
{
    static char text[48];

    return vb_plural(text, sizeof text, n, "dataset");
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

int vb_empty_trash(const vb_maintained *m, vb_error *err)
{
    vb_auto(vb_stores_close) vb_stores *stores = NULL;
    int r = vb_stores_open(m->reg, m->repo->root, &stores, err);

    return r < 0 ? r : vb_stores_empty_trash(stores, m->reg, err);
}

int vb_parse_span(const char *begin, const char *end, vb_timespan *out, vb_error *err)
{
    int r = 0;

    *out = (vb_timespan){VB_TIME_MIN, VB_TIME_MAX};
    if (begin && (r = vb_time_parse_iso(begin, VB_SCALE_TAI, &out->begin, err)) < 0)
        return vb_error_context(err, "--begin-date");
    if (end && (r = vb_time_parse_iso(end, VB_SCALE_TAI, &out->end, err)) < 0)
        return vb_error_context(err, "--end-date");
    if (out->begin >= out->end)
        return vb_fail(err, -EINVAL, "the timespan is empty: --begin-date %s is not before --end-date %s",
                       begin ? begin : "(open)", end ? end : "(open)");
    return 0;
}
