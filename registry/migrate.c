#include "registry/migrate.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/lease.h"
#include "registry/netfs.h"
#include "registry/schema.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct step {
    const char *what;
    int (*apply)(vb_db *db, vb_universe *u, vb_error *err);
};

/* ---- 1 to 2 ----------------------------------------------------------------------------------------------- */

/* The first files of version 1 had fewer tables and indices than the last; nobody asks `location_part` any more. */
static int complete_version_1(vb_db *db, vb_error *err)
{
    static const char sql[] =
        "CREATE INDEX IF NOT EXISTS location_absolute ON location (path) WHERE path >= '/' AND path < '0';"
        "DROP INDEX IF EXISTS location_part;"
        "CREATE TABLE IF NOT EXISTS trash (id INTEGER PRIMARY KEY, store_id INTEGER NOT NULL, path TEXT NOT NULL,"
        " size INTEGER NOT NULL, mtime INTEGER) STRICT;"
        "CREATE TABLE IF NOT EXISTS execution (graph TEXT PRIMARY KEY, run_id INTEGER NOT NULL, command TEXT,"
        " begun TEXT NOT NULL) STRICT, WITHOUT ROWID;";

    return vb_db_run(db, sql, err);
}

/* And one quantum a task and data ID: a run that was executed again from another graph has more. */
static int loosen_quanta(vb_db *db, vb_error *err)
{
    static const char sql[] =
        "CREATE TABLE quantum_2 (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL UNIQUE, task_id INTEGER NOT NULL,"
        " dataid TEXT NOT NULL, status INTEGER NOT NULL, attempt INTEGER NOT NULL) STRICT;"
        "INSERT INTO quantum_2 SELECT id, uuid, task_id, dataid, status, attempt FROM quantum;"
        "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'quantum') WHERE name = 'quantum_2'"
        " AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'quantum');"
        "DROP TABLE quantum; ALTER TABLE quantum_2 RENAME TO quantum;"
        "CREATE INDEX quantum_task ON quantum (task_id, dataid, id);";
    int64_t is_there = 0;
    int r = vb_sql_int(db, &is_there, err, "SELECT 1 FROM sqlite_schema WHERE name = 'quantum_task'", VB_NO_ARGS);

    return r ? (r < 0 ? r : 0) : vb_db_run(db, sql, err);
}

static int index_overlaps(vb_db *db, vb_universe *u, vb_error *err)
{
    vb_auto_buf sql = {0};

    for (int i = 0; i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (e->has_table && !e->is_skypix && e->spatial >= 0)
            vb_buf_printf(&sql,
                          "CREATE INDEX IF NOT EXISTS \"overlap_%s_record\" ON \"overlap_%s\" (record_id, pixel);",
                          e->name, e->name);
    }
    return vb_db_run(db, vb_buf_text(&sql), err);
}

/* Runs what `print` appends for each table of members. */
static int each_group(vb_db *db, vb_universe *u, void (*print)(vb_buf *sql, const vb_group *group, int64_t number),
                      vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf sql = {0};
    int r = vb_sql(db, &s, err, "SELECT id, dimensions FROM dataid_group", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        char **names = vb_split(vb_col_text(s, 1), ',', NULL);
        const vb_group *group;

        r = vb_universe_conform_names(u, names, &group, err);
        if (!r)
            print(&sql, group, vb_col_int(s, 0));
        vb_strv_free(names);
    }
    vb_stmt_done(VB_STEAL(s));
    return r < 0 ? r : vb_db_run(db, vb_buf_text(&sql), err);
}

/* A table of validity ranges beside each table of members. */
static int add_calibs(vb_db *db, vb_universe *u, vb_error *err)
{
    return each_group(db, u, vb_schema_calibs, err);
}

static int to_version_2(vb_db *db, vb_universe *u, vb_error *err)
{
    static const char sql[] = "ALTER TABLE execution ADD COLUMN snapshot TEXT;"
                              "CREATE TABLE association (dataset_id INTEGER NOT NULL, collection_id INTEGER NOT NULL,"
                              " PRIMARY KEY (dataset_id, collection_id)) STRICT, WITHOUT ROWID;"
                              "CREATE TABLE run_detail (collection_id INTEGER PRIMARY KEY, host TEXT,"
                              " timespan_begin INTEGER, timespan_end INTEGER) STRICT;"
                              "CREATE TABLE datastore_record (dataset_id INTEGER NOT NULL, component TEXT NOT NULL,"
                              " store_id INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT,"
                              " formatter TEXT, storage_class TEXT, PRIMARY KEY (dataset_id, component)) STRICT,"
                              " WITHOUT ROWID;"
                              "CREATE INDEX dataset_removed_run ON dataset (run_id, type_id) WHERE state = 2;"
                              "CREATE INDEX dataset_removed_type ON dataset (type_id) WHERE state = 2;"
                              "CREATE INDEX connection_type ON connection (type_id);";
    int r = complete_version_1(db, err);

    if (!r)
        r = loosen_quanta(db, err);
    if (!r)
        r = index_overlaps(db, u, err);
    if (!r)
        r = vb_db_run(db, sql, err);
    return r < 0 ? r : add_calibs(db, u, err);
}

/* ---- 2 to 3 ----------------------------------------------------------------------------------------------- */

/* Statistics of each table of members. */
static int add_statistics(vb_db *db, vb_universe *u, vb_error *err)
{
    return each_group(db, u, vb_schema_statistics, err);
}

/* The files of components leave `datastore_record`, which keeps what no other table says.  Its CREATE TABLE and those
 * below are as schema.c has them. */
static int separate_components(vb_db *db, vb_error *err)
{
    static const char sql[] =
        "CREATE TABLE component (dataset_id INTEGER NOT NULL, component TEXT NOT NULL, number INTEGER NOT NULL,"
        " store_id INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, checksum BLOB, mtime INTEGER,"
        " formatter TEXT, storage_class TEXT NOT NULL, PRIMARY KEY (dataset_id, component)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE component_summary (type_id INTEGER NOT NULL, component TEXT NOT NULL,"
        " PRIMARY KEY (type_id, component)) STRICT, WITHOUT ROWID;"
        "INSERT INTO component SELECT dataset_id, component, row_number() OVER (PARTITION BY dataset_id ORDER BY component),"
        " store_id, path, size, NULL, NULL, formatter, ifnull(storage_class, '') FROM datastore_record"
        " WHERE component != '';"
        "INSERT INTO component_summary SELECT DISTINCT type_id, component FROM component c"
        " JOIN dataset d ON d.id = c.dataset_id;"
        "CREATE TABLE datastore_record_3 (dataset_id INTEGER NOT NULL, component TEXT NOT NULL, checksum TEXT,"
        " storage_class TEXT, PRIMARY KEY (dataset_id, component)) STRICT, WITHOUT ROWID;"
        "INSERT INTO datastore_record_3 SELECT dataset_id, component, checksum, CASE component WHEN '' THEN storage_class END"
        " FROM datastore_record WHERE component = '' OR checksum NOT NULL;"
        "DROP TABLE datastore_record; ALTER TABLE datastore_record_3 RENAME TO datastore_record;";

    return vb_db_run(db, sql, err);
}

/* The column comes last, as ALTER TABLE puts it; the UNIQUE of the table stays. */
static int add_connection_component(vb_db *db, vb_error *err)
{
    return vb_db_run(db, "ALTER TABLE connection ADD COLUMN component TEXT", err);
}

/* Whose a file is. */
static int index_files(vb_db *db, vb_error *err)
{
    vb_autofree char *format = NULL;
    int r = vb_schema_meta(db, "format", &format, err);

    if (!r)
        r = vb_db_run(db, "DROP INDEX IF EXISTS location_absolute", err);
    return r < 0 ? r : vb_db_run(db, vb_schema_indices_of_files(format), err);
}

/* When datasets came in, and when exposures and visits began. */
static int index_times(vb_db *db, vb_universe *u, vb_error *err)
{
    vb_autofree char *format = NULL;
    vb_auto_buf sql = {0};
    int r = vb_schema_meta(db, "format", &format, err);

    if (r < 0)
        return r;
    vb_buf_puts(&sql, vb_schema_indices_of_dates(format));
    for (int i = 0; i < vb_universe_count(u); i++) {
        const vb_element *e = vb_universe_at(u, i);

        if (e->has_table && !e->is_skypix)
            vb_schema_timespan_index(&sql, u, e);
    }
    return vb_db_run(db, vb_buf_text(&sql), err);
}

static int to_version_3(vb_db *db, vb_universe *u, vb_error *err)
{
    int r = add_statistics(db, u, err);

    if (!r)
        r = separate_components(db, err);
    if (!r)
        r = add_connection_component(db, err);
    if (!r)
        r = index_files(db, err);
    return r < 0 ? r : index_times(db, u, err);
}

/* ---- the table -------------------------------------------------------------------------------------------- */

/* steps[v - 1] leads from version v to v + 1. */
static const struct step steps[] = {
    {"validity ranges of calibrations; who has a dataset besides its run; what Gen3 says of files and runs;"
     " the snapshot of a run",
     to_version_2},
    {"files of components in a table of their own; indices by which whose a file is is found, and when datasets came in and"
     " exposures began; statistics by which SQLite looks into tables of members",
     to_version_3},
};

_Static_assert(VB_COUNT(steps) == VB_SCHEMA_VERSION - 1, "each older version has a step");

/* ---- doing it --------------------------------------------------------------------------------------------- */

static int load_universe(vb_db *db, vb_universe **out, vb_error *err)
{
    vb_autofree char *json = NULL;
    int r = vb_schema_meta(db, "universe", &json, err);

    if (!r && !json)
        r = vb_fail(err, -EINVAL, "%s: is incomplete: its meta table has no universe", vb_db_path(db));
    return r < 0 ? r : vb_universe_load_text(vb_db_path(db), json, strlen(json), out, err);
}

static int apply_steps(vb_db *db, int64_t version, vb_migrate_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    vb_autofree char *pragma = vb_format("PRAGMA user_version = %d", VB_SCHEMA_VERSION);
    vb_autofree char *now = vb_format("%d", VB_SCHEMA_VERSION);
    int r = load_universe(db, &u, err);

    for (; !r && version < VB_SCHEMA_VERSION; version++) {
        if (each)
            each(arg, version, steps[version - 1].what);
        r = steps[version - 1].apply(db, u, err);
        if (r < 0)
            vb_error_context(err, "from schema version %" PRId64 " to %" PRId64, version, version + 1);
    }
    if (!r)
        r = vb_db_run(db, pragma, err);
    return r < 0 ? r : vb_schema_set_meta(db, "schema_version", now, err);
}

static int migrate_open(vb_db *db, vb_migrate_fn *each, void *arg, vb_error *err)
{
    vb_auto_txn txn = {0};
    int64_t version = 0;
    int r = vb_txn_begin(&txn, db, err);

    if (!r) /* another process may have been quicker */
        r = vb_schema_version(db, &version, err);
    if (!r)
        r = apply_steps(db, version, each, arg, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int copy_file(const char *from_path, const char *to_path, vb_error *err)
{
    vb_autoclose int from = open(from_path, O_RDONLY | O_CLOEXEC);
    vb_autoclose int to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    return from < 0 || to < 0 ? vb_fail_errno(err, -errno, "copying %s to %s", from_path, to_path)
                              : vb_copy_fd(from, to, err);
}

/* A file that never changes is replaced by another. */
static int migrate_copy(const char *path, vb_migrate_fn *each, void *arg, vb_error *err)
{
    vb_autofree char *temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    vb_auto(vb_db_close) vb_db *db = NULL;
    int r = copy_file(path, temporary, err);

    if (!r)
        r = vb_db_open(temporary, VB_DB_WRITE, &db, err);
    if (!r)
        vb_db_lease(db, false);
    if (!r)
        r = migrate_open(db, each, arg, err);
    if (db)
        vb_db_close(VB_STEAL(db));
    if (!r)
        r = vb_publish_file(temporary, path, true, err);
    if (r < 0)
        unlink(temporary);
    return r;
}

static int migrate_in_place(const char *path, vb_migrate_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    int r = vb_db_open(path, VB_DB_WRITE, &db, err);

    if (r < 0)
        return r;
    if (vb_is_network_fs(path))
        vb_db_lease(db, true);
    r = vb_db_run(db, "PRAGMA synchronous = FULL", err);
    return r < 0 ? r : migrate_open(db, each, arg, err);
}

int vb_migrate(const char *path, bool dry_run, vb_migrate_fn *each, void *arg, vb_error *err)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_autofree char *format = NULL;
    int64_t version = 0;
    int r = vb_db_open(path, VB_DB_READ, &db, err);

    if (!r)
        r = vb_schema_version(db, &version, err);
    if (!r)
        r = vb_schema_meta(db, "format", &format, err);
    if (r < 0 || version == VB_SCHEMA_VERSION)
        return r;
    for (int64_t v = version; dry_run && each && v < VB_SCHEMA_VERSION; v++)
        each(arg, v, steps[v - 1].what);
    vb_db_close(VB_STEAL(db));
    if (!dry_run)
        r = format && !strcmp(format, "registry") ? migrate_in_place(path, each, arg, err)
                                                  : migrate_copy(path, each, arg, err);
    return r < 0 ? r : VB_SCHEMA_VERSION - (int)version;
}
