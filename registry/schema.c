#include "registry/schema.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <string.h>

/* Who has a dataset besides its run: a row for each TAGGED or CALIBRATION collection. */
#define ASSOCIATION                                                                          \
    "CREATE TABLE association (dataset_id INTEGER NOT NULL, collection_id INTEGER NOT NULL," \
    " PRIMARY KEY (dataset_id, collection_id)) STRICT, WITHOUT ROWID;"

/* The files of datasets that are in several, one a component, and which components a type has or has had files of.
 * Beside `location`, whose rows are many.  `number` is the component's place among the dataset's: with the dataset's id
 * it makes an inode number. */
#define COMPONENTS                                                                                              \
    "CREATE TABLE component (dataset_id INTEGER NOT NULL, component TEXT NOT NULL, number INTEGER NOT NULL,"    \
    " store_id INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, checksum BLOB, mtime INTEGER,"      \
    " formatter TEXT, storage_class TEXT NOT NULL, PRIMARY KEY (dataset_id, component)) STRICT, WITHOUT ROWID;" \
    "CREATE TABLE component_summary (type_id INTEGER NOT NULL, component TEXT NOT NULL,"                        \
    " PRIMARY KEY (type_id, component)) STRICT, WITHOUT ROWID;"

/* Every dataset; "UNIQUE", or nothing where the index of UUIDs comes later. */
#define DATASET(unique)                                                                                       \
    "CREATE TABLE dataset (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL " unique ","              \
    " type_id INTEGER NOT NULL, run_id INTEGER NOT NULL, dataid TEXT NOT NULL, ingest_date INTEGER NOT NULL," \
    " state INTEGER NOT NULL) STRICT;"                                                                        \
    "CREATE INDEX dataset_removed_run ON dataset (run_id, type_id) WHERE state = 2;"                          \
    "CREATE INDEX dataset_removed_type ON dataset (type_id) WHERE state = 2;"

/* What a Gen3 registry says and the other tables do not: of a RUN, and of the files of a dataset.  `component` is empty
 * where one file holds the whole dataset. */
#define OF_GEN3                                                                                           \
    "CREATE TABLE run_detail (collection_id INTEGER PRIMARY KEY, host TEXT, timespan_begin INTEGER,"      \
    " timespan_end INTEGER) STRICT;"                                                                      \
    "CREATE TABLE datastore_record (dataset_id INTEGER NOT NULL, component TEXT NOT NULL, checksum TEXT," \
    " storage_class TEXT, PRIMARY KEY (dataset_id, component)) STRICT, WITHOUT ROWID;"

/* Tables that do not depend on the universe.  AUTOINCREMENT where a row's id becomes the inode number of a mount:
 * such an id is never used again.  `dataid` is the JSON array of a data ID's values, so that a row can say what it is
 * without its member table. */
static const char tables[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID;"

    "CREATE TABLE dataid_group (id INTEGER PRIMARY KEY, dimensions TEXT NOT NULL UNIQUE) STRICT;"

    "CREATE TABLE collection (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, type INTEGER NOT NULL,"
    " doc TEXT) STRICT;"
    "CREATE TABLE collection_chain (parent_id INTEGER NOT NULL REFERENCES collection, position INTEGER NOT NULL,"
    " child_id INTEGER NOT NULL REFERENCES collection, PRIMARY KEY (parent_id, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX collection_chain_child ON collection_chain (child_id, parent_id);"
    "CREATE TABLE collection_summary (collection_id INTEGER NOT NULL, type_id INTEGER NOT NULL,"
    " PRIMARY KEY (collection_id, type_id)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE dataset_type (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " group_id INTEGER NOT NULL REFERENCES dataid_group, storage_class TEXT NOT NULL,"
    " is_calibration INTEGER NOT NULL, extension TEXT) STRICT;" DATASET("UNIQUE") ASSOCIATION COMPONENTS OF_GEN3
    "CREATE TABLE store (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, root TEXT NOT NULL) STRICT;"
    "CREATE TABLE location (dataset_id INTEGER NOT NULL, store_id INTEGER NOT NULL, path TEXT NOT NULL,"
    " size INTEGER NOT NULL, checksum BLOB, mtime INTEGER, formatter TEXT,"
    " PRIMARY KEY (dataset_id, store_id)) STRICT, WITHOUT ROWID;"
    /* Artifacts that nothing names any more: noted with the change that made them so, unlinked after its commit. */
    "CREATE TABLE trash (id INTEGER PRIMARY KEY, store_id INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,"
    " mtime INTEGER) STRICT;"

    "CREATE TABLE instrument_rules (instrument TEXT PRIMARY KEY, rules TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    /* Quanta: predicted ones in a graph, executed ones in a registry. */
    "CREATE TABLE execution (graph TEXT PRIMARY KEY, run_id INTEGER NOT NULL, command TEXT, begun TEXT NOT NULL,"
    " snapshot TEXT) STRICT, WITHOUT ROWID;"
    "CREATE TABLE task (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL, label TEXT NOT NULL,"
    " position INTEGER NOT NULL, group_id INTEGER NOT NULL, definition TEXT NOT NULL, UNIQUE (run_id, label)) STRICT;"
    "CREATE TABLE connection (id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL, name TEXT NOT NULL,"
    " kind INTEGER NOT NULL, type_id INTEGER NOT NULL, multiple INTEGER NOT NULL, minimum INTEGER NOT NULL,"
    " position INTEGER NOT NULL, component TEXT, UNIQUE (task_id, kind, name)) STRICT;"
    "CREATE TABLE quantum (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL UNIQUE, task_id INTEGER NOT NULL,"
    " dataid TEXT NOT NULL, status INTEGER NOT NULL, attempt INTEGER NOT NULL) STRICT;"
    "CREATE INDEX connection_type ON connection (type_id);"
    "CREATE INDEX quantum_task ON quantum (task_id, dataid, id);"
    "CREATE TABLE quantum_input (quantum_id INTEGER NOT NULL, connection_id INTEGER NOT NULL,"
    " dataset_id INTEGER NOT NULL, touch INTEGER NOT NULL,"
    " PRIMARY KEY (quantum_id, connection_id, dataset_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX quantum_input_dataset ON quantum_input (dataset_id, quantum_id);"
    "CREATE TABLE quantum_output (quantum_id INTEGER NOT NULL, connection_id INTEGER NOT NULL,"
    " dataset_id INTEGER NOT NULL, touch INTEGER NOT NULL,"
    " PRIMARY KEY (quantum_id, connection_id, dataset_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX quantum_output_dataset ON quantum_output (dataset_id, quantum_id);"
    "CREATE TABLE attempt (id INTEGER PRIMARY KEY AUTOINCREMENT, quantum_id INTEGER NOT NULL, number INTEGER NOT NULL,"
    " status INTEGER NOT NULL, capture TEXT NOT NULL, host TEXT, started INTEGER NOT NULL, wall REAL NOT NULL,"
    " cpu REAL NOT NULL, memory INTEGER NOT NULL, bytes_read INTEGER NOT NULL, bytes_written INTEGER NOT NULL,"
    " message TEXT, receipt TEXT NOT NULL, UNIQUE (quantum_id, number)) STRICT;";

/* Whose a file is: what is removed asks that, and so never a graph or a snapshot, which are asked for artifacts that
 * were ingested `direct` alone. */
static const char
    file_indices[] = "CREATE INDEX location_path ON location (path);"
                     "CREATE INDEX component_path ON component (path);",
    date_index[] = "CREATE INDEX dataset_ingest ON dataset (type_id, ingest_date);",
    absolute_indices[] = "CREATE INDEX location_absolute ON location (path) WHERE path >= '/' AND path < '0';"
                         "CREATE INDEX component_absolute ON component (path) WHERE path >= '/' AND path < '0';";

const char *vb_schema_indices_of_files(const char *format)
{
    return strcmp(format, "registry") != 0 ? absolute_indices : file_indices;
}

const char *vb_schema_indices_of_dates(const char *format)
{
    return strcmp(format, "registry") != 0 ? "" : date_index;
}

const char *vb_schema_type(vb_field_type type)
{
    switch (type) {
    case VB_FIELD_INT:
    case VB_FIELD_BOOL: return "INTEGER";
    case VB_FIELD_FLOAT: return "REAL";
    case VB_FIELD_STRING: return "TEXT";
    case VB_FIELD_HASH: break;
    }
    return "BLOB";
}

void vb_schema_table(vb_buf *out, const vb_element *e)
{
    vb_autofree char *name = vb_format("dimension_%s", e->name);

    vb_sql_name(out, name);
}

static void column(vb_buf *sql, const char *name, const char *type, bool not_null)
{
    vb_buf_puts(sql, ", ");
    vb_sql_name(sql, name);
    vb_buf_printf(sql, " %s%s", type, not_null ? " NOT NULL" : "");
}

static void dimension_names(vb_buf *sql, const vb_universe *u, vb_dimset dims, const char *before)
{
    VB_EACH_DIMENSION(i, dims) {
        vb_buf_puts(sql, before);
        vb_sql_name(sql, vb_universe_at(u, i)->name);
        before = ", ";
    }
}

/* The dimension's own key is not unique by itself but with what it requires; so are its alternates. */
static void unique_keys(vb_buf *sql, const vb_universe *u, const vb_element *e)
{
    vb_dimset above = e->required;

    vb_buf_puts(sql, ", UNIQUE (");
    dimension_names(sql, u, e->required, "");
    vb_buf_puts(sql, ")");
    if (e->is_dimension)
        above.bits[e->index / 64] &= ~(UINT64_C(1) << (e->index % 64));
    for (size_t i = 1; i < e->nkeys; i++) {
        vb_buf_puts(sql, ", UNIQUE (");
        dimension_names(sql, u, above, "");
        vb_buf_puts(sql, vb_dimset_empty(above) ? "" : ", ");
        vb_sql_name(sql, e->keys[i].name);
        vb_buf_puts(sql, ")");
    }
}

void vb_schema_timespan_index(vb_buf *sql, const vb_universe *u, const vb_element *e)
{
    vb_dimset above = e->required;

    if (e->temporal < 0)
        return;
    if (e->is_dimension)
        above.bits[e->index / 64] &= ~(UINT64_C(1) << (e->index % 64));
    vb_buf_printf(sql, "CREATE INDEX \"%s_timespan\" ON ", e->name);
    vb_schema_table(sql, e);
    vb_buf_puts(sql, " (");
    dimension_names(sql, u, above, "");
    vb_buf_printf(sql, "%stimespan_begin);", vb_dimset_empty(above) ? "" : ", ");
}

static void element_table(vb_buf *sql, const vb_universe *u, const vb_element *e)
{
    vb_buf_puts(sql, "CREATE TABLE ");
    vb_schema_table(sql, e);
    vb_buf_puts(sql, " (_id INTEGER PRIMARY KEY AUTOINCREMENT");
    VB_EACH_DIMENSION(i, e->required)
        column(sql, vb_universe_at(u, i)->name, vb_schema_type(vb_universe_at(u, i)->keys[0].type), true);
    VB_EACH_DIMENSION(i, e->implied)
        column(sql, vb_universe_at(u, i)->name, vb_schema_type(vb_universe_at(u, i)->keys[0].type), false);
    for (size_t i = 1; i < e->nkeys; i++)
        column(sql, e->keys[i].name, vb_schema_type(e->keys[i].type), false);
    for (size_t i = 0; i < e->nmetadata; i++)
        column(sql, e->metadata[i].name, vb_schema_type(e->metadata[i].type), !e->metadata[i].nullable);
    if (e->spatial >= 0)
        column(sql, "region", "BLOB", false);
    if (e->temporal >= 0) {
        column(sql, "timespan_begin", "INTEGER", false);
        column(sql, "timespan_end", "INTEGER", false);
    }
    unique_keys(sql, u, e);
    vb_buf_puts(sql, ") STRICT;");
    vb_schema_timespan_index(sql, u, e);
    if (e->spatial < 0)
        return;
    vb_buf_printf(sql,
                  "CREATE TABLE \"overlap_%s\" (pixel INTEGER NOT NULL, record_id INTEGER NOT NULL,"
                  " PRIMARY KEY (pixel, record_id)) STRICT, WITHOUT ROWID;"
                  "CREATE INDEX \"overlap_%s_record\" ON \"overlap_%s\" (record_id, pixel);",
                  e->name, e->name, e->name);
}

int vb_schema_create(vb_db *db, const vb_universe *u, const char *format, vb_error *err)
{
    vb_auto_txn txn = {0};
    vb_auto_buf sql = {0};
    char now[28], version[16];
    int r = vb_txn_begin(&txn, db, err);

    snprintf(version, sizeof version, "%d", VB_SCHEMA_VERSION);
    if (r < 0)
        return r;
    vb_buf_printf(&sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;", VB_APPLICATION_ID, VB_SCHEMA_VERSION);
    vb_buf_puts(&sql, tables);
    vb_buf_puts(&sql, vb_schema_indices_of_files(format));
    vb_buf_puts(&sql, vb_schema_indices_of_dates(format));
    for (int i = 0; i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (e->has_table && !e->is_skypix)
            element_table(&sql, u, e);
    }
    r = vb_db_run(db, vb_buf_text(&sql), err);
    if (!r)
        r = vb_schema_set_meta(db, "format", format, err);
    if (!r)
        r = vb_schema_set_meta(db, "schema_version", version, err);
    if (!r)
        r = vb_schema_set_meta(db, "vbutler_version", VB_VERSION, err);
    if (!r)
        r = vb_schema_set_meta(db, "created", vb_clock_iso(vb_clock_unix_ns(), now), err);
    if (!r)
        r = vb_schema_set_meta(db, "universe", vb_universe_json(u), err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_schema_version(vb_db *db, int64_t *version, vb_error *err)
{
    int64_t id = 0;
    int r = vb_sql_int(db, &id, err, "PRAGMA application_id", VB_NO_ARGS);

    if (r >= 0)
        r = vb_sql_int(db, version, err, "PRAGMA user_version", VB_NO_ARGS);
    if (r < 0)
        return r;
    if (id != VB_APPLICATION_ID || *version < 1)
        return vb_fail(err, -EINVAL, "%s: is an SQLite file, but no vbutler registry, snapshot or graph",
                       vb_db_path(db));
    if (*version <= VB_SCHEMA_VERSION)
        return 0;
    vb_fail(err, -EINVAL, "%s: has schema version %" PRId64 "; this vbutler (%s) knows versions up to %d",
            vb_db_path(db), *version, VB_VERSION, VB_SCHEMA_VERSION);
    vb_hint(err, "use the vbutler that wrote it, or a newer one");
    return -EINVAL;
}

int vb_schema_check(vb_db *db, vb_error *err)
{
    int64_t version = 0;
    int r = vb_schema_version(db, &version, err);

    if (r < 0 || version == VB_SCHEMA_VERSION)
        return r;
    vb_fail(err, -EINVAL, "%s: has schema version %" PRId64 ", of an older vbutler; this one (%s) has version %d",
            vb_db_path(db), version, VB_VERSION, VB_SCHEMA_VERSION);
    vb_hint(err, "bring it up, after a backup: vbutler migrate %s", vb_db_path(db));
    return -EINVAL;
}

int vb_schema_meta(vb_db *db, const char *key, char **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(db, &s, err, "SELECT value FROM meta WHERE key = ?", VB_ARGS(key));

    *out = NULL;
    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0 && !vb_col_null(s, 0))
        *out = vb_strdup(vb_col_text(s, 0));
    return r < 0 ? r : 0;
}

int vb_schema_set_meta(vb_db *db, const char *key, const char *value, vb_error *err)
{
    return vb_sql_exec(db, err, "INSERT OR REPLACE INTO meta VALUES (?, ?)", VB_ARGS(key, value));
}

int vb_schema_group(vb_db *db, const vb_group *group, int64_t *id, vb_error *err)
{
    return vb_schema_group_numbered(db, group, 0, id, err);
}

/* " (type_id ..., collection_id ..., instrument ...": the columns that members and validity ranges share. */
static void key_columns(vb_buf *sql, const vb_group *group)
{
    vb_buf_puts(sql, " (type_id INTEGER NOT NULL, collection_id INTEGER NOT NULL");
    for (int i = 0; i < group->nrequired; i++)
        column(sql, group->dims[i]->name, vb_schema_type(group->dims[i]->keys[0].type), true);
}

/* Validity ranges: those of a type, collection and data ID do not overlap, so that their begins are a key. */
void vb_schema_calibs(vb_buf *sql, const vb_group *group, int64_t number)
{
    vb_buf_printf(sql, "CREATE TABLE calib_%" PRId64, number);
    key_columns(sql, group);
    vb_buf_puts(sql, ", timespan_begin INTEGER NOT NULL, timespan_end INTEGER NOT NULL, dataset_id INTEGER NOT NULL,"
                     " PRIMARY KEY (type_id, collection_id");
    dimension_names(sql, group->universe, group->required, ", ");
    vb_buf_puts(sql, ", timespan_begin)) STRICT, WITHOUT ROWID;");
}

/* Rows of the table, of a type, of a collection, and of each dimension more.  Without statistics SQLite takes ten rows
 * a type for granted, and holds "detector < 90" for better than a detector and a visit that outer loops tell.  The
 * number of rows is the greatest that it can read: with fewer it reads the whole table, before it begins, for a Bloom
 * filter of what it takes for many look-ups. */
void vb_schema_statistics(vb_buf *sql, const vb_group *group, int64_t number)
{
    enum { OF_TYPE = 300000, OF_COLLECTION = 30000, HALVINGS = 15 };

    vb_buf_printf(sql,
                  "ANALYZE sqlite_schema; DELETE FROM sqlite_stat1 WHERE tbl = 'member_%" PRId64 "';"
                  "INSERT INTO sqlite_stat1 VALUES ('member_%" PRId64 "', 'member_%" PRId64 "', '%s %d",
                  number, number, number, "4000000000", OF_TYPE);
    for (int i = 0; i <= group->nrequired; i++)
        vb_buf_printf(sql, " %d", i < group->nrequired ? OF_COLLECTION >> HALVINGS * i / group->nrequired : 1);
    vb_buf_puts(sql, "');");
}

int vb_schema_group_numbered(vb_db *db, const vb_group *group, int64_t number, int64_t *id, vb_error *err)
{
    vb_auto_txn txn = {0};
    vb_auto_buf sql = {0};
    int r = vb_sql_int(db, id, err, "SELECT id FROM dataid_group WHERE dimensions = ?", VB_ARGS(group->key));

    if (r)
        return r < 0 ? r : 0;
    r = vb_txn_begin(&txn, db, err);
    if (!r)
        r = vb_sql_exec(db, err, "INSERT INTO dataid_group VALUES (nullif(?, 0), ?)", VB_ARGS(number, group->key));
    if (r < 0)
        return r;
    *id = vb_db_last_id(db);
    vb_buf_printf(&sql, "CREATE TABLE member_%" PRId64, *id);
    key_columns(&sql, group);
    vb_buf_puts(&sql, ", dataset_id INTEGER NOT NULL, PRIMARY KEY (type_id, collection_id");
    dimension_names(&sql, group->universe, group->required, ", ");
    vb_buf_puts(&sql, ")) STRICT, WITHOUT ROWID;");
    vb_schema_calibs(&sql, group, *id);
    vb_schema_statistics(&sql, group, *id);
    r = vb_db_run(db, vb_buf_text(&sql), err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

int vb_schema_load_begin(vb_db *db, vb_error *err)
{
    return vb_db_run(db, "DROP TABLE dataset;" DATASET(""), err);
}

int vb_schema_load_end(vb_db *db, vb_error *err)
{
    vb_autofree char *format = NULL;
    int r = vb_schema_meta(db, "format", &format, err);

    if (!r)
        r = vb_db_run(db, "CREATE UNIQUE INDEX IF NOT EXISTS dataset_uuid ON dataset (uuid)", err);
    return r < 0 ? r : vb_db_run(db, vb_schema_indices_of_dates(format ? format : ""), err);
}
