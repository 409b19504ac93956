#include "registry/gen3/mirror.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/gen3/read.h"
#include "registry/sql.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_COLUMNS = VB_MAX_REQUIRED + 4 };

struct column {
    const char *name;
    bool uuid;
    vb_field_type type;
};

struct table {
    const char *name;
    struct column columns[MAX_COLUMNS];
    int count;
    const char *constraint; /* ", PRIMARY KEY (...)", or "" */
};

static void add(struct table *t, const char *name, vb_field_type type)
{
    if (t->count < MAX_COLUMNS)
        t->columns[t->count++] = (struct column){name, false, type};
}

static void add_uuid(struct table *t, const char *name)
{
    add(t, name, VB_FIELD_STRING);
    t->columns[t->count - 1].uuid = true;
}

static void names_of(const struct table *t, vb_buf *out)
{
    for (int i = 0; i < t->count; i++) {
        vb_buf_puts(out, i ? ", " : "");
        vb_sql_name(out, t->columns[i].name);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static int read_cell(vb_gen3_rows *rows, int i, const struct column *c, vb_value *out, vb_error *err)
{
    vb_auto_buf hex = {0};
    vb_uuid uuid;
    int r;

    if (!c->uuid)
        return vb_gen3_field(rows, i, c->name, c->type, out, err);
    r = vb_gen3_uuid(rows, i, c->name, &uuid, err);
    if (!r) {
        vb_buf_hex(&hex, uuid.bytes, sizeof uuid.bytes);
        *out = vb_value_text(vb_buf_text(&hex));
    }
    return r;
}

static int copy_row(const struct table *t, vb_gen3_rows *rows, vb_db *db, const char *insert, vb_error *err)
{
    vb_value values[MAX_COLUMNS] = {0};
    vb_arg args[MAX_COLUMNS];
    int r = 0;

    for (int i = 0; !r && i < t->count; i++) {
        r = read_cell(rows, i, &t->columns[i], &values[i], err);
        args[i] = vb_arg_value(&values[i]);
    }
    if (!r)
        r = vb_sql_exec(db, err, insert, args, (size_t)t->count);
    for (int i = 0; i < t->count; i++)
        vb_value_clear(&values[i]);
    return r;
}

static int copy_table(vb_gen3 *g, vb_db *db, const struct table *t, vb_error *err)
{
    vb_auto(vb_gen3_rows_done) vb_gen3_rows *rows = NULL;
    vb_auto_buf names = {0}, name = {0}, create = {0}, select = {0}, insert = {0};
    const char *needed[MAX_COLUMNS + 1] = {0};
    int r;

    for (int i = 0; i < t->count; i++)
        needed[i] = t->columns[i].name;
    names_of(t, &names);
    vb_sql_name(&name, t->name);
    vb_buf_printf(&create, "CREATE TABLE %s (%s%s)", name.data, names.data, t->constraint);
    vb_buf_printf(&select, "SELECT %s FROM %s", names.data, name.data);
    vb_buf_printf(&insert, "INSERT INTO %s VALUES (", name.data);
    for (int i = 0; i < t->count; i++)
        vb_buf_puts(&insert, i ? ", ?" : "?");
    vb_buf_putc(&insert, ')');
    r = vb_gen3_check_columns(g, t->name, needed, err);
    if (!r)
        r = vb_db_run(db, create.data, err);
    if (!r)
        r = vb_gen3_query(g->source, t->name, select.data, &rows, err);
    while (!r && (r = vb_gen3_next(rows, err)) > 0)
        r = copy_row(t, rows, db, insert.data, err);
    return r;
}

/* ---- tables ------------------------------------------------------------------------------------------------- */

static int copy_universe(vb_gen3 *g, vb_db *db, vb_error *err)
{
    static const char key[] = "config:dimensions.json";
    vb_autofree char *json = NULL;
    int r = vb_gen3_attribute(g, key, &json, err);

    if (!r)
        r = vb_db_run(db, "CREATE TABLE butler_attributes (name TEXT PRIMARY KEY, value TEXT)", err);
    return r < 0 ? r : vb_sql_exec(db, err, "INSERT INTO butler_attributes VALUES (?, ?)", VB_ARGS(key, json));
}

static int copy_collections(vb_gen3 *g, vb_db *db, vb_error *err)
{
    struct table t = {.name = "collection", .constraint = ", PRIMARY KEY (collection_id), UNIQUE (name)"};

    add(&t, "collection_id", VB_FIELD_INT);
    add(&t, "name", VB_FIELD_STRING);
    add(&t, "type", VB_FIELD_INT);
    return copy_table(g, db, &t, err);
}

static int copy_types(vb_gen3 *g, vb_db *db, vb_error *err)
{
    struct table types = {.name = "dataset_type", .constraint = ", PRIMARY KEY (id), UNIQUE (name)"};
    struct table keys = {.name = "dimension_graph_definition", .constraint = ""};
    int r;

    add(&types, "id", VB_FIELD_INT);
    add(&types, "name", VB_FIELD_STRING);
    add(&types, "storage_class", VB_FIELD_STRING);
    add(&types, "dimensions_key", VB_FIELD_INT);
    add(&types, "tag_association_table", VB_FIELD_STRING);
    add(&types, "calibration_association_table", VB_FIELD_STRING);
    add(&keys, "dimension_graph_id", VB_FIELD_INT);
    add(&keys, "dimension_name", VB_FIELD_STRING);
    r = copy_table(g, db, &types, err);
    return r < 0 ? r : copy_table(g, db, &keys, err);
}

static int copy_datasets(vb_gen3 *g, vb_db *db, vb_error *err)
{
    struct table t = {.name = "dataset", .constraint = ", PRIMARY KEY (id)"};

    add_uuid(&t, "id");
    add(&t, "dataset_type_id", VB_FIELD_INT);
    add(&t, "run_id", VB_FIELD_INT);
    return copy_table(g, db, &t, err);
}

/* A table of members or of validity ranges, of which the ranges themselves are left out. */
static int copy_members(vb_gen3 *g, vb_db *db, const vb_gen3_type *type, const char *name, vb_error *err)
{
    struct table t = {.name = name, .constraint = ""};
    vb_auto_buf index = {0};
    int r;

    add(&t, "dataset_type_id", VB_FIELD_INT);
    add(&t, "collection_id", VB_FIELD_INT);
    for (int i = 0; i < type->group->nrequired; i++)
        add(&t, type->group->dims[i]->name, type->group->dims[i]->keys[0].type);
    vb_buf_printf(&index, "CREATE INDEX \"%s_key\" ON \"%s\" (", name, name);
    names_of(&t, &index);
    add_uuid(&t, "dataset_id");
    vb_buf_printf(&index, "); CREATE INDEX \"%s_dataset\" ON \"%s\" (dataset_id, collection_id)", name, name);
    r = copy_table(g, db, &t, err);
    return r < 0 ? r : vb_db_run(db, index.data, err);
}

/* Types of the same dimensions share tables. */
static bool is_shared(const vb_gen3 *g, size_t type, bool calibs)
{
    const char *name = calibs ? g->types[type].calibs : g->types[type].tags;

    for (size_t i = 0; i < type; i++) {
        const char *other = calibs ? g->types[i].calibs : g->types[i].tags;

        if (other && !strcmp(other, name))
            return true;
    }
    return false;
}

static int copy_all_members(vb_gen3 *g, vb_db *db, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; !r && i < g->ntypes; i++) {
        const vb_gen3_type *type = &g->types[i];

        if (!is_shared(g, i, false))
            r = copy_members(g, db, type, type->tags, err);
        if (!r && type->calibs && !is_shared(g, i, true))
            r = copy_members(g, db, type, type->calibs, err);
    }
    return r;
}

static int copy_keys(vb_gen3 *g, vb_db *db, const vb_element *e, vb_error *err)
{
    vb_auto_buf names = {0}, constraint = {0};
    struct table t = {.name = e->name};

    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *d = vb_universe_at(g->universe, i);

        add(&t, d == e ? e->keys[0].name : d->name, d->keys[0].type);
    }
    names_of(&t, &names);
    vb_buf_printf(&constraint, ", PRIMARY KEY (%s)", names.data);
    t.constraint = constraint.data;
    return copy_table(g, db, &t, err);
}

int vb_gen3_mirror(vb_gen3 *g, const char *file, vb_error *err)
{
    static int (*const parts[])(vb_gen3 *, vb_db *, vb_error *) = {copy_universe, copy_collections, copy_types,
                                                                   copy_datasets, copy_all_members};
    vb_auto(vb_db_close) vb_db *db = NULL;
    int r = vb_db_open(file, VB_DB_CREATE, &db, err);

    if (!r)
        r = vb_db_run(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN", err);
    for (size_t i = 0; !r && i < VB_COUNT(parts); i++)
        r = parts[i](g, db, err);
    for (int i = 0; !r && i < vb_universe_count(g->universe); i++) {
        const vb_element *e = vb_universe_at(g->universe, i);

        if (e->has_table && !e->is_skypix)
            r = copy_keys(g, db, e, err);
    }
    return r < 0 ? r : vb_db_run(db, "COMMIT", err);
}
