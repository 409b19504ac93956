#include "registry/gen3/tables.h"

#include "registry/base/mem.h"
#include "registry/time.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_COLUMNS = VB_MAX_REQUIRED + 8 };

/* A list of columns that is being made. */
struct list {
    const char *items[MAX_COLUMNS];
    int count;
};

static void add(struct list *l, const char *name)
{
    if (l->count < MAX_COLUMNS - 1)
        l->items[l->count++] = name;
}

const char *vb_gen3_column_name(const vb_element *in, const vb_element *dimension)
{
    return in == dimension ? dimension->keys[0].name : dimension->name;
}

static bool has_table(const vb_element *e)
{
    return e->has_table && !e->is_skypix;
}

/* ---- columns -------------------------------------------------------------------------------------------------- */

static void field(vb_gen3_table *t, const char *name, const vb_field *f, bool not_null)
{
    static const char *const types[] = {[VB_FIELD_INT] = "BIGINT",
                                        [VB_FIELD_FLOAT] = "FLOAT",
                                        [VB_FIELD_STRING] = "TEXT",
                                        [VB_FIELD_BOOL] = "BOOLEAN",
                                        [VB_FIELD_HASH] = "TEXT"};

    if (f->type == VB_FIELD_STRING)
        vb_gen3_string(t, name, f->length, not_null);
    else
        vb_gen3_column(t, name, types[f->type], not_null);
}

static void dimension(vb_gen3_table *t, const vb_element *d)
{
    field(t, d->name, &d->keys[0], true);
}

static void required(struct list *l, const vb_universe *u, const vb_element *e, const vb_element *in)
{
    VB_EACH_DIMENSION(i, e->required)
        add(l, vb_gen3_column_name(in, vb_universe_at(u, i)));
}

/* The key of a dimension's table, where the columns are called by the dimensions. */
static void refer(vb_gen3_table *t, const vb_universe *u, const vb_element *d)
{
    struct list theirs = {.count = 0}, ours = {.count = 0};

    if (!has_table(d))
        return;
    required(&theirs, u, d, d);
    required(&ours, u, d, NULL);
    vb_gen3_foreign(t, d->name, theirs.items, ours.items, false);
}

/* ---- dimensions ----------------------------------------------------------------------------------------------- */

static void element_keys(vb_gen3_table *t, const vb_universe *u, const vb_element *e)
{
    for (size_t k = 1; k < e->nkeys; k++) {
        struct list l = {.count = 0};

        VB_EACH_DIMENSION(i, e->required)
            if (i != e->index)
                add(&l, vb_universe_at(u, i)->name);
        add(&l, e->keys[k].name);
        vb_gen3_unique(t, l.items);
    }
    VB_EACH_DIMENSION(i, e->required)
        if (i != e->index)
            refer(t, u, vb_universe_at(u, i));
    VB_EACH_DIMENSION(i, e->implied)
        refer(t, u, vb_universe_at(u, i));
}

static void element_table(const vb_universe *u, const vb_element *e, vb_gen3_sql *sql)
{
    struct list key = {.count = 0};
    vb_gen3_table t;

    vb_gen3_table_begin(&t, e->name);
    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *d = vb_universe_at(u, i);

        field(&t, vb_gen3_column_name(e, d), &d->keys[0], true);
    }
    VB_EACH_DIMENSION(i, e->implied)
        dimension(&t, vb_universe_at(u, i));
    for (size_t i = 1; i < e->nkeys; i++)
        field(&t, e->keys[i].name, &e->keys[i], false);
    for (size_t i = 0; i < e->nmetadata; i++)
        field(&t, e->metadata[i].name, &e->metadata[i], false);
    if (e->spatial >= 0)
        vb_gen3_column(&t, "region", "TEXT", false);
    if (e->temporal >= 0) {
        vb_gen3_column(&t, "timespan_begin", "BIGINT", false);
        vb_gen3_column(&t, "timespan_end", "BIGINT", false);
    }
    required(&key, u, e, e);
    vb_gen3_primary(&t, key.items);
    element_keys(&t, u, e);
    vb_gen3_table_end(&t, sql);
}

static const vb_element *governor_of(const vb_universe *u, const vb_element *e)
{
    VB_EACH_DIMENSION(i, e->required)
        if (vb_universe_at(u, i)->is_governor)
            return vb_universe_at(u, i);
    return NULL;
}

static void pixel_columns(vb_gen3_table *t)
{
    vb_gen3_string(t, "skypix_system", 16, true);
    vb_gen3_column(t, "skypix_level", "SMALLINT", true);
}

static void pixel_summary(const vb_universe *u, const char *name, const vb_element *governor, vb_gen3_sql *sql)
{
    vb_gen3_table t;

    vb_gen3_table_begin(&t, name);
    pixel_columns(&t);
    dimension(&t, governor);
    vb_gen3_primary(&t, VB_COLUMNS("skypix_system", "skypix_level", governor->name));
    refer(&t, u, governor);
    vb_gen3_table_end(&t, sql);
}

/* ELEMENT_skypix_overlap and its summary. */
static void pixel_tables(const vb_universe *u, const vb_element *e, vb_gen3_sql *sql)
{
    vb_autofree char *name = vb_format("%s_skypix_overlap", e->name), *summary = vb_format("%s_summary", name);
    const vb_element *governor = governor_of(u, e);
    struct list key = {.items = {"skypix_system", "skypix_level"}, .count = 2};
    struct list index = {.items = {"skypix_system", "skypix_level", "skypix_index"}, .count = 3};
    vb_gen3_table t;

    if (!governor)
        return;
    pixel_summary(u, summary, governor, sql);
    vb_gen3_table_begin(&t, name);
    pixel_columns(&t);
    VB_EACH_DIMENSION(i, e->required) {
        dimension(&t, vb_universe_at(u, i));
        add(&index, vb_universe_at(u, i)->name);
    }
    vb_gen3_column(&t, "skypix_index", "BIGINT", true);
    required(&key, u, e, NULL);
    add(&key, "skypix_index");
    vb_gen3_primary(&t, key.items);
    vb_gen3_foreign(&t, summary, VB_COLUMNS("skypix_system", "skypix_level", governor->name),
                    VB_COLUMNS("skypix_system", "skypix_level", governor->name), true);
    VB_EACH_DIMENSION(i, e->required)
        refer(&t, u, vb_universe_at(u, i));
    vb_gen3_index(&t, index.items);
    vb_gen3_table_end(&t, sql);
}

/* A_B_overlap and its summary, which Rubin's program makes and leaves empty. */
static void pair_tables(const vb_universe *u, const vb_element *a, const vb_element *b, vb_gen3_sql *sql)
{
    vb_autofree char *name = vb_format("%s_%s_overlap", a->name, b->name), *summary = vb_format("%s_summary", name);
    const vb_element *pair[] = {a, b}, *governors[] = {governor_of(u, a), governor_of(u, b)};
    struct list key = {.count = 0};
    const vb_element *dims[MAX_COLUMNS];
    vb_gen3_table t;

    if (!governors[0] || !governors[1] || governors[0] == governors[1])
        return;
    for (int g = 0; g < 2; g++)
        dims[key.count] = governors[g], add(&key, governors[g]->name);
    vb_gen3_table_begin(&t, summary);
    dimension(&t, governors[0]);
    dimension(&t, governors[1]);
    vb_gen3_primary(&t, key.items);
    refer(&t, u, governors[0]);
    refer(&t, u, governors[1]);
    vb_gen3_table_end(&t, sql);
    for (int e = 0; e < 2; e++)
        VB_EACH_DIMENSION(i, pair[e]->required)
            if (vb_universe_at(u, i) != governors[e] && key.count < MAX_COLUMNS - 1)
                dims[key.count] = vb_universe_at(u, i), add(&key, dims[key.count]->name);
    vb_gen3_table_begin(&t, name);
    for (int i = 0; i < key.count; i++)
        dimension(&t, dims[i]);
    vb_gen3_primary(&t, key.items);
    for (int i = 0; i < key.count; i++)
        refer(&t, u, dims[i]);
    vb_gen3_table_end(&t, sql);
}

static void dimension_tables(const vb_universe *u, vb_gen3_sql *sql)
{
    for (int i = 0; i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (!has_table(e))
            continue;
        element_table(u, e, sql);
        if (e->spatial >= 0)
            pixel_tables(u, e, sql);
        for (int k = i + 1; e->spatial >= 0 && k < vb_universe_count(u); k++) {
            const vb_element *other = vb_universe_at(u, k);

            if (has_table(other) && other->spatial >= 0 && other->spatial_family != e->spatial_family)
                pair_tables(u, e, other, sql);
        }
    }
}

/* ---- collections and datasets --------------------------------------------------------------------------------- */

static void collection_tables(vb_gen3_sql *sql)
{
    vb_gen3_table t;

    vb_gen3_table_begin(&t, "collection");
    vb_gen3_column(&t, "collection_id", "INTEGER", true);
    vb_gen3_column(&t, "name", "TEXT", true);
    vb_gen3_column(&t, "type", "SMALLINT", true);
    vb_gen3_column(&t, "doc", "TEXT", false);
    vb_gen3_primary(&t, VB_COLUMNS("collection_id"));
    vb_gen3_unique(&t, VB_COLUMNS("name"));
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "run");
    vb_gen3_column(&t, "collection_id", "BIGINT", true);
    vb_gen3_column(&t, "host", "TEXT", false);
    vb_gen3_column(&t, "timespan_begin", "BIGINT", false);
    vb_gen3_column(&t, "timespan_end", "BIGINT", false);
    vb_gen3_primary(&t, VB_COLUMNS("collection_id"));
    vb_gen3_foreign(&t, "collection", VB_COLUMNS("collection_id"), VB_COLUMNS("collection_id"), true);
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "collection_chain");
    vb_gen3_column(&t, "parent", "BIGINT", true);
    vb_gen3_column(&t, "position", "SMALLINT", true);
    vb_gen3_column(&t, "child", "BIGINT", true);
    vb_gen3_primary(&t, VB_COLUMNS("parent", "position"));
    vb_gen3_foreign(&t, "collection", VB_COLUMNS("collection_id"), VB_COLUMNS("parent"), true);
    vb_gen3_foreign(&t, "collection", VB_COLUMNS("collection_id"), VB_COLUMNS("child"), false);
    vb_gen3_table_end(&t, sql);
}

static void summary_tables(const vb_universe *u, vb_gen3_sql *sql)
{
    vb_gen3_table t;

    vb_gen3_table_begin(&t, "collection_summary_dataset_type");
    vb_gen3_column(&t, "collection_id", "BIGINT", true);
    vb_gen3_column(&t, "dataset_type_id", "BIGINT", true);
    vb_gen3_primary(&t, VB_COLUMNS("collection_id", "dataset_type_id"));
    vb_gen3_foreign(&t, "collection", VB_COLUMNS("collection_id"), VB_COLUMNS("collection_id"), true);
    vb_gen3_foreign(&t, "dataset_type", VB_COLUMNS("id"), VB_COLUMNS("dataset_type_id"), true);
    vb_gen3_table_end(&t, sql);
    for (int i = 0; i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);
        vb_autofree char *name = vb_format("collection_summary_%s", e->name);

        if (!e->is_governor)
            continue;
        vb_gen3_table_begin(&t, name);
        vb_gen3_column(&t, "collection_id", "BIGINT", true);
        dimension(&t, e);
        vb_gen3_primary(&t, VB_COLUMNS("collection_id", e->name));
        vb_gen3_foreign(&t, "collection", VB_COLUMNS("collection_id"), VB_COLUMNS("collection_id"), true);
        refer(&t, u, e);
        vb_gen3_table_end(&t, sql);
    }
}

static void type_tables(vb_gen3_sql *sql)
{
    vb_gen3_table t;

    vb_gen3_table_begin(&t, "dimension_graph_key");
    vb_gen3_column(&t, "id", "INTEGER", true);
    vb_gen3_primary(&t, VB_COLUMNS("id"));
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "dimension_graph_definition");
    vb_gen3_column(&t, "dimension_graph_id", "BIGINT", true);
    vb_gen3_column(&t, "dimension_name", "TEXT", true);
    vb_gen3_primary(&t, VB_COLUMNS("dimension_graph_id", "dimension_name"));
    vb_gen3_foreign(&t, "dimension_graph_key", VB_COLUMNS("id"), VB_COLUMNS("dimension_graph_id"), true);
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "dataset_type");
    vb_gen3_column(&t, "id", "INTEGER", true);
    vb_gen3_column(&t, "name", "TEXT", true);
    vb_gen3_column(&t, "storage_class", "TEXT", true);
    vb_gen3_column(&t, "dimensions_key", "BIGINT", true);
    vb_gen3_column(&t, "tag_association_table", "TEXT", true);
    vb_gen3_column(&t, "calibration_association_table", "TEXT", false);
    vb_gen3_primary(&t, VB_COLUMNS("id"));
    vb_gen3_unique(&t, VB_COLUMNS("name"));
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "dataset");
    vb_gen3_column(&t, "id", "CHAR(32)", true);
    vb_gen3_column(&t, "dataset_type_id", "BIGINT", true);
    vb_gen3_column(&t, "ingest_date", "BIGINT", true);
    vb_gen3_column(&t, "run_id", "BIGINT", true);
    vb_gen3_primary(&t, VB_COLUMNS("id"));
    vb_gen3_foreign(&t, "dataset_type", VB_COLUMNS("id"), VB_COLUMNS("dataset_type_id"), false);
    vb_gen3_foreign(&t, "run", VB_COLUMNS("collection_id"), VB_COLUMNS("run_id"), true);
    vb_gen3_table_end(&t, sql);
}

static void datastore_tables(vb_gen3_sql *sql)
{
    vb_gen3_table t;

    vb_gen3_table_begin(&t, "opaque_meta");
    vb_gen3_column(&t, "table_name", "TEXT", true);
    vb_gen3_primary(&t, VB_COLUMNS("table_name"));
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "dataset_location");
    vb_gen3_column(&t, "datastore_name", "TEXT", true);
    vb_gen3_column(&t, "dataset_id", "CHAR(32)", true);
    vb_gen3_primary(&t, VB_COLUMNS("datastore_name", "dataset_id"));
    vb_gen3_foreign(&t, "dataset", VB_COLUMNS("id"), VB_COLUMNS("dataset_id"), false);
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "dataset_location_trash");
    vb_gen3_column(&t, "dataset_id", "CHAR(32)", true);
    vb_gen3_column(&t, "datastore_name", "TEXT", true);
    vb_gen3_primary(&t, VB_COLUMNS("dataset_id", "datastore_name"));
    vb_gen3_table_end(&t, sql);

    vb_gen3_table_begin(&t, "file_datastore_records");
    vb_gen3_column(&t, "dataset_id", "CHAR(32)", true);
    vb_gen3_column(&t, "path", "TEXT", true);
    vb_gen3_column(&t, "formatter", "TEXT", true);
    vb_gen3_column(&t, "storage_class", "TEXT", true);
    vb_gen3_string(&t, "component", 32, true);
    vb_gen3_column(&t, "checksum", "TEXT", false);
    vb_gen3_column(&t, "file_size", "BIGINT", false);
    vb_gen3_primary(&t, VB_COLUMNS("dataset_id", "component"));
    vb_gen3_index(&t, VB_COLUMNS("path"));
    vb_gen3_table_end(&t, sql);
}

void vb_gen3_tables(const vb_universe *u, vb_gen3_sql *sql)
{
    vb_gen3_table t;

    vb_gen3_table_begin(&t, "butler_attributes");
    vb_gen3_column(&t, "name", "TEXT", true);
    vb_gen3_column(&t, "value", "TEXT", true);
    vb_gen3_primary(&t, VB_COLUMNS("name"));
    vb_gen3_table_end(&t, sql);
    dimension_tables(u, sql);
    collection_tables(sql);
    type_tables(sql);
    summary_tables(u, sql);
    datastore_tables(sql);
}

/* What tags and calibs share, after their columns. */
static void member_keys(vb_gen3_table *t, const vb_group *group)
{
    vb_gen3_foreign(t, "dataset_type", VB_COLUMNS("id"), VB_COLUMNS("dataset_type_id"), false);
    vb_gen3_foreign(t, "dataset", VB_COLUMNS("id"), VB_COLUMNS("dataset_id"), true);
    vb_gen3_foreign(t, "collection", VB_COLUMNS("collection_id"), VB_COLUMNS("collection_id"), true);
    vb_gen3_foreign(t, "collection_summary_dataset_type", VB_COLUMNS("collection_id", "dataset_type_id"),
                    VB_COLUMNS("collection_id", "dataset_type_id"), false);
    for (int i = 0; i < group->nrequired; i++) {
        const vb_element *d = group->dims[i];
        vb_autofree char *summary = vb_format("collection_summary_%s", d->name);

        refer(t, group->universe, d);
        if (d->is_governor)
            vb_gen3_foreign(t, summary, VB_COLUMNS("collection_id", d->name), VB_COLUMNS("collection_id", d->name),
                            false);
    }
}

static void member_columns(vb_gen3_table *t, const vb_group *group, struct list *key)
{
    vb_gen3_column(t, "dataset_type_id", "BIGINT", true);
    vb_gen3_column(t, "dataset_id", "CHAR(32)", true);
    vb_gen3_column(t, "collection_id", "BIGINT", true);
    add(key, "dataset_type_id");
    add(key, "collection_id");
    for (int i = 0; i < group->nrequired; i++) {
        dimension(t, group->dims[i]);
        add(key, group->dims[i]->name);
    }
}

void vb_gen3_tags_table(const vb_group *group, int64_t number, vb_gen3_sql *sql)
{
    vb_autofree char *name = vb_format("dataset_tags_%08" PRId64, number);
    struct list key = {.count = 0};
    vb_gen3_table t;

    vb_gen3_table_begin(&t, name);
    member_columns(&t, group, &key);
    vb_gen3_primary(&t, VB_COLUMNS("dataset_id", "collection_id"));
    vb_gen3_unique(&t, key.items);
    member_keys(&t, group);
    vb_gen3_table_end(&t, sql);
}

void vb_gen3_calibs_table(const vb_group *group, int64_t number, vb_gen3_sql *sql)
{
    vb_autofree char *name = vb_format("dataset_calibs_%08" PRId64, number);
    vb_autofree char *end = vb_format("BIGINT DEFAULT %" PRId64, VB_TIME_MAX);
    struct list key = {.count = 0};
    vb_gen3_table t;

    vb_gen3_table_begin(&t, name);
    vb_gen3_column(&t, "id", "INTEGER", true);
    member_columns(&t, group, &key);
    vb_gen3_column(&t, "timespan_begin", "BIGINT DEFAULT 0", true);
    vb_gen3_column(&t, "timespan_end", end, true);
    add(&key, "timespan_begin");
    add(&key, "timespan_end");
    vb_gen3_primary(&t, VB_COLUMNS("id"));
    member_keys(&t, group);
    vb_gen3_index(&t, key.items);
    vb_gen3_table_end(&t, sql);
}
