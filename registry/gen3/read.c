#include "registry/gen3/read.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/sql.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_NESTING = 64 };

int vb_gen3_attribute(const vb_gen3 *g, const char *name, char **out, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    int r = vb_gen3_query(g->source, "butler_attributes", "SELECT name, value FROM butler_attributes", &rows, err);

    *out = NULL;
    while (!r && !*out && (r = vb_gen3_next(rows, err)) > 0) {
        const char *key, *value;

        r = vb_gen3_text(rows, 0, "name", &key, err);
        if (!r && !strcmp(key, name))
            r = vb_gen3_text(rows, 1, "value", &value, err);
        if (!r && !strcmp(key, name))
            *out = vb_strdup(value);
    }
    return r < 0 ? r : 0;
}

int vb_gen3_check_columns(const vb_gen3 *g, const char *table, const char *const *columns, vb_error *err)
{
    char **there = NULL;
    int r = vb_gen3_columns(g->source, table, &there, err);

    if (!r && !there)
        r = vb_fail(err, -EINVAL, "%s: has no table '%s'", g->source->name, table);
    for (; !r && *columns; columns++)
        if (!vb_strv_has(there, *columns))
            r = vb_fail(err, -EINVAL, "%s: its table '%s' has no column '%s'", g->source->name, table, *columns);
    vb_strv_free(there);
    return r;
}

/* ---- collections -------------------------------------------------------------------------------------------- */

vb_gen3_collection *vb_gen3_collection_by_id(const vb_gen3 *g, int64_t id)
{
    size_t begin = 0, end = g->ncollections;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (g->collections[middle].id < id)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin < g->ncollections && g->collections[begin].id == id ? &g->collections[begin] : NULL;
}

vb_gen3_collection *vb_gen3_collection_find(const vb_gen3 *g, const char *name)
{
    for (size_t i = 0; i < g->ncollections; i++)
        if (!strcmp(g->collections[i].name, name))
            return &g->collections[i];
    return NULL;
}

static int read_collection(vb_gen3 *g, vb_gen3_rows *rows, vb_error *err)
{
    vb_gen3_collection *c = VB_PUSH(g->collections, g->ncollections, g->collections_cap);
    const char *name = "";
    int64_t type = 0;
    int r = vb_gen3_int(rows, 0, "collection_id", &c->id, err);

    if (!r)
        r = vb_gen3_text(rows, 1, "name", &name, err);
    c->name = vb_strdup(name);
    if (!r)
        r = vb_gen3_int(rows, 2, "type", &type, err);
    if (!r)
        r = vb_gen3_text_or_null(rows, 3, "doc", &c->doc, err);
    if (!r && (type < VB_RUN || type > VB_CALIBRATION))
        r = vb_fail(err, -EINVAL, "%s: collection '%s' has type %" PRId64 ", which is none", g->source->name, c->name,
                    type);
    c->type = (vb_collection_type)type;
    if (!r && g->ncollections > 1 && c->id <= c[-1].id)
        r = vb_fail(err, -EINVAL, "%s: collection number %" PRId64 " is there twice", g->source->name, c->id);
    return r;
}

static int no_collection(const vb_gen3 *g, const char *table, int64_t id, vb_error *err)
{
    return vb_fail(err, -EINVAL, "%s: %s speaks of collection number %" PRId64 ", which is not there", g->source->name,
                   table, id);
}

static int read_run(vb_gen3 *g, vb_gen3_rows *rows, vb_error *err)
{
    vb_gen3_collection *c;
    int64_t id;
    int r = vb_gen3_int(rows, 0, "collection_id", &id, err);

    if (r < 0)
        return r;
    c = vb_gen3_collection_by_id(g, id);
    if (!c)
        return no_collection(g, "run", id, err);
    free(c->host);
    r = vb_gen3_text_or_null(rows, 1, "host", &c->host, err);
    if (!r)
        r = vb_gen3_field(rows, 2, "timespan_begin", VB_FIELD_INT, &c->begin, err);
    return r < 0 ? r : vb_gen3_field(rows, 3, "timespan_end", VB_FIELD_INT, &c->end, err);
}

static int read_child(vb_gen3 *g, vb_gen3_rows *rows, vb_error *err)
{
    vb_gen3_collection *c;
    int64_t parent, child;
    int r = vb_gen3_int(rows, 0, "parent", &parent, err);

    if (!r)
        r = vb_gen3_int(rows, 1, "child", &child, err);
    if (r < 0)
        return r;
    c = vb_gen3_collection_by_id(g, parent);
    if (!c || !vb_gen3_collection_by_id(g, child))
        return no_collection(g, "collection_chain", c ? child : parent, err);
    if (c->type != VB_CHAINED)
        return vb_fail(err, -EINVAL, "%s: collection '%s' has children, and is no CHAINED", g->source->name, c->name);
    *VB_PUSH(c->children, c->nchildren, c->cap) = child;
    return 0;
}

typedef int row_fn(vb_gen3 *g, vb_gen3_rows *rows, vb_error *err);

static int each_row(vb_gen3 *g, const char *table, const char *sql, row_fn *each, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    int r = vb_gen3_query(g->source, table, sql, &rows, err);

    while (!r && (r = vb_gen3_next(rows, err)) > 0)
        r = each(g, rows, err);
    return r;
}

/* Visits the chains below one: white 0, grey 1, black 2. */
static int check_cycle(vb_gen3 *g, vb_gen3_collection *c, char *colours, int depth, vb_error *err)
{
    char *colour = &colours[c - g->collections];
    int r = 0;

    if (*colour == 1)
        return vb_fail(err, -ELOOP, "%s: the chain '%s' is in itself", g->source->name, c->name);
    if (depth > MAX_NESTING)
        return vb_fail(err, -ELOOP, "%s: collection '%s': chains are nested more than %d deep", g->source->name,
                       c->name, MAX_NESTING);
    if (*colour)
        return 0;
    *colour = 1;
    for (size_t i = 0; !r && i < c->nchildren; i++)
        r = check_cycle(g, vb_gen3_collection_by_id(g, c->children[i]), colours, depth + 1, err);
    *colour = 2;
    return r;
}

int vb_gen3_read_collections(vb_gen3 *g, vb_error *err)
{
    static const char *const columns[] = {"collection_id", "name", "type", "doc", NULL};
    vb_autofree char *colours = NULL;
    vb_auto_buf run = {0};
    int r = vb_gen3_check_columns(g, "collection", columns, err);

    vb_buf_puts(&run, "SELECT collection_id, host, ");
    vb_gen3_timespan_sql(g->source, "", &run);
    vb_buf_puts(&run, " FROM run");
    if (!r)
        r = each_row(g, "collection", "SELECT collection_id, name, type, doc FROM collection ORDER BY collection_id",
                     read_collection, err);
    if (!r)
        r = each_row(g, "run", vb_buf_text(&run), read_run, err);
    if (!r)
        r = each_row(g, "collection_chain", "SELECT parent, child FROM collection_chain ORDER BY parent, position",
                     read_child, err);
    colours = vb_alloc(g->ncollections + 1);
    for (size_t i = 0; !r && i < g->ncollections; i++)
        r = check_cycle(g, &g->collections[i], colours, 0, err);
    return r;
}

static void want(vb_gen3 *g, vb_gen3_collection *c)
{
    if (c->wanted)
        return;
    c->wanted = true;
    for (size_t i = 0; i < c->nchildren; i++)
        want(g, vb_gen3_collection_by_id(g, c->children[i]));
}

static int want_name(vb_gen3 *g, const char *name, vb_error *err)
{
    vb_autofree const char **names = vb_alloc((g->ncollections + 1) * sizeof *names);
    const char *near;
    bool glob = strpbrk(name, "*?[");

    for (size_t i = 0; i < g->ncollections; i++) {
        names[i] = g->collections[i].name;
        if (glob ? !fnmatch(name, names[i], 0) : !strcmp(name, names[i]))
            want(g, &g->collections[i]);
    }
    if (glob || vb_gen3_collection_find(g, name))
        return 0;
    vb_fail(err, -ENOENT, "%s: no collection '%s'", g->config->root, name);
    near = vb_nearest(name, names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    return -ENOENT;
}

int vb_gen3_select(vb_gen3 *g, char *const *names, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; i < g->ncollections; i++)
        g->collections[i].wanted = !names;
    for (; !r && names && *names; names++)
        r = want_name(g, *names, err);
    return r;
}

/* ---- dataset types ------------------------------------------------------------------------------------------ */

/* The dimensions that a key stands for. */
static int read_group(vb_gen3 *g, int64_t key, const vb_group **out, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    vb_autofree char *sql =
        vb_format("SELECT dimension_name FROM dimension_graph_definition WHERE dimension_graph_id = %" PRId64, key);
    char **names = NULL;
    int r = vb_gen3_query(g->source, "dimension_graph_definition", sql, &rows, err);

    while (!r && (r = vb_gen3_next(rows, err)) > 0) {
        const char *name;

        r = vb_gen3_text(rows, 0, "dimension_name", &name, err);
        if (!r)
            vb_strv_add(&names, name);
    }
    if (!r && !names && key)
        r = vb_fail(err, -EINVAL, "%s: dimension_graph_definition has no key %" PRId64, g->source->name, key);
    if (!r)
        r = vb_universe_conform_names(g->universe, names, out, err);
    vb_strv_free(names);
    return r;
}

static bool names_table(const char *name, const char *prefix)
{
    return vb_starts_with(name, prefix) && name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")] == 0;
}

/* The tables of a type must be there and have its dimensions. */
static int check_tables(const vb_gen3 *g, const vb_gen3_type *t, vb_error *err)
{
    const char *columns[VB_MAX_REQUIRED + 4] = {"dataset_type_id", "dataset_id", "collection_id"};
    int r;

    for (int i = 0; i < t->group->nrequired; i++)
        columns[3 + i] = t->group->dims[i]->name;
    if (!names_table(t->tags, "dataset_tags_") || (t->calibs && !names_table(t->calibs, "dataset_calibs_")))
        return vb_fail(err, -EINVAL, "%s: dataset type '%s': '%.80s' is not where its datasets could be",
                       g->source->name, t->name,
                       t->calibs && names_table(t->tags, "dataset_tags_") ? t->calibs : t->tags);
    r = vb_gen3_check_columns(g, t->tags, columns, err);
    return r < 0 || !t->calibs ? r : vb_gen3_check_columns(g, t->calibs, columns, err);
}

static int read_type(vb_gen3 *g, vb_gen3_rows *rows, vb_error *err)
{
    const char *name, *class, *tags;
    int64_t key;
    vb_gen3_type *t;
    int r = vb_gen3_text(rows, 1, "name", &name, err);

    if (!r && strchr(name, '.'))
        return 0; /* a component, which older registries listed: its datasets are its parent's */
    t = VB_PUSH(g->types, g->ntypes, g->types_cap);
    if (!r)
        r = vb_gen3_int(rows, 0, "id", &t->id, err);
    if (!r)
        r = vb_gen3_text(rows, 2, "storage_class", &class, err);
    if (!r)
        r = vb_gen3_int(rows, 3, "dimensions_key", &key, err);
    if (!r)
        r = vb_gen3_text(rows, 4, "tag_association_table", &tags, err);
    if (r < 0)
        return r;
    t->name = vb_strdup(name);
    t->storage_class = vb_strdup(class);
    t->tags = vb_strdup(tags);
    r = vb_gen3_text_or_null(rows, 5, "calibration_association_table", &t->calibs, err);
    if (!r)
        r = read_group(g, key, &t->group, err);
    if (r < 0)
        vb_error_context(err, "dataset type '%s'", t->name);
    return r < 0 ? r : check_tables(g, t, err);
}

int vb_gen3_read_types(vb_gen3 *g, vb_error *err)
{
    return each_row(g, "dataset_type",
                    "SELECT id, name, storage_class, dimensions_key, tag_association_table,"
                    " calibration_association_table FROM dataset_type ORDER BY id",
                    read_type, err);
}
