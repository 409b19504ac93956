/* Files of older schemas become files of this one: the first registry that was ever made, statement by statement. */
#include "registry/migrate.h"
#include "registry/schema.h"
#include "tests/registry/fixture.h"

/* As the first version wrote them, less the tables of dimensions (which have only got an index since). */
static const char first_tables[] =
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
    " is_calibration INTEGER NOT NULL, extension TEXT) STRICT;"
    "CREATE TABLE dataset (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL UNIQUE,"
    " type_id INTEGER NOT NULL, run_id INTEGER NOT NULL, dataid TEXT NOT NULL, ingest_date INTEGER NOT NULL,"
    " state INTEGER NOT NULL) STRICT;"
    "CREATE TABLE store (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, root TEXT NOT NULL) STRICT;"
    "CREATE TABLE location (dataset_id INTEGER NOT NULL, store_id INTEGER NOT NULL, path TEXT NOT NULL,"
    " size INTEGER NOT NULL, checksum BLOB, mtime INTEGER, formatter TEXT,"
    " PRIMARY KEY (dataset_id, store_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX location_part ON location (path) WHERE instr(path, '#');" /* the last ones had it */
    "CREATE TABLE instrument_rules (instrument TEXT PRIMARY KEY, rules TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE task (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL, label TEXT NOT NULL,"
    " position INTEGER NOT NULL, group_id INTEGER NOT NULL, definition TEXT NOT NULL, UNIQUE (run_id, label)) STRICT;"
    "CREATE TABLE connection (id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL, name TEXT NOT NULL,"
    " kind INTEGER NOT NULL, type_id INTEGER NOT NULL, multiple INTEGER NOT NULL, minimum INTEGER NOT NULL,"
    " position INTEGER NOT NULL, UNIQUE (task_id, kind, name)) STRICT;"
    "CREATE TABLE quantum (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL UNIQUE, task_id INTEGER NOT NULL,"
    " dataid TEXT NOT NULL, status INTEGER NOT NULL, attempt INTEGER NOT NULL, UNIQUE (task_id, dataid)) STRICT;"
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
    " message TEXT, receipt TEXT NOT NULL, UNIQUE (quantum_id, number)) STRICT;"
    "CREATE TABLE member_1 (type_id INTEGER NOT NULL, collection_id INTEGER NOT NULL, \"instrument\" TEXT NOT NULL,"
    " \"detector\" INTEGER NOT NULL, dataset_id INTEGER NOT NULL, PRIMARY KEY (type_id, collection_id, \"instrument\","
    " \"detector\")) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 0x7662746c; PRAGMA user_version = 1;";

static const char first_rows[] =
    "INSERT INTO dataid_group VALUES (1, 'instrument,detector');"
    "INSERT INTO store VALUES (1, 'file', '.');"
    "INSERT INTO collection VALUES (1, 'r', 1, NULL);"
    "INSERT INTO dataset_type VALUES (1, 'flat', 1, 'Exposure', 0, NULL);"
    "INSERT INTO collection_summary VALUES (1, 1);"
    "INSERT INTO dataset VALUES (7, x'000102030405060708090a0b0c0d0e0f', 1, 1, '[\"Cam\",2]', 5, 0);"
    "INSERT INTO member_1 VALUES (1, 1, 'Cam', 2, 7);"
    "INSERT INTO location VALUES (7, 1, '/elsewhere/flat.fits', 3, NULL, NULL, NULL);"
    "INSERT INTO task VALUES (1, 1, 'detect', 0, 1, '{}');"
    "INSERT INTO quantum VALUES (9, x'100102030405060708090a0b0c0d0e0f', 1, '[\"Cam\",2]', 1, 1);"
    "DELETE FROM sqlite_sequence WHERE name = 'quantum'; INSERT INTO sqlite_sequence VALUES ('quantum', 40);"
    "INSERT INTO quantum_input VALUES (9, 1, 7, 17);";

static vb_db *open_db(fixture *f, const char *name, vb_db_mode mode)
{
    vb_db *db = NULL;

    assert_ok(vb_db_open(fixture_path(f, name), mode, &db, &f->err), &f->err);
    return db;
}

static int64_t ask(fixture *f, const char *name, const char *sql)
{
    vb_auto(vb_db_close) vb_db *db = open_db(f, name, VB_DB_READ);
    int64_t n = -1;

    assert_ok(vb_sql_int(db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
    return n;
}

/* The tables of dimensions as they are made now, without the index that the first version had not. */
static void add_dimensions(fixture *f, vb_db *old)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r;

    assert_ok(vb_db_attach(old, f->path, "now", &f->err), &f->err);
    assert_ok(vb_sql(old, &s, &f->err,
                     "SELECT sql FROM now.sqlite_schema WHERE type = 'table' AND (name GLOB 'dimension_*' OR name GLOB"
                     " 'overlap_*')",
                     VB_NO_ARGS),
              &f->err);
    while ((r = vb_stmt_step(s, &f->err)) > 0)
        assert_ok(vb_db_run(old, vb_col_text(s, 0), &f->err), &f->err);
    assert_ok(r, &f->err);
}

/* The first registry of all, as `name`; the fixture's own is of this version. */
static void make_first(fixture *f, const char *name, const char *format)
{
    vb_auto(vb_db_close) vb_db *old = open_db(f, name, VB_DB_CREATE);

    assert_ok(vb_db_run(old, first_tables, &f->err), &f->err);
    assert_ok(vb_db_run(old, first_rows, &f->err), &f->err);
    assert_ok(vb_sql_exec(old, &f->err, "INSERT INTO meta VALUES ('format', ?), ('universe', ?)",
                          VB_ARGS(format, vb_universe_json(vb_registry_universe(f->reg)))),
              &f->err);
    add_dimensions(f, old);
}

static void count_step(void *arg, int64_t from, const char *what)
{
    assert_non_null(what);
    assert_int_equal(from, ++*(int *)arg);
}

static void the_first_registry_becomes_one_of_this_version(void **state)
{
    static const char columns[] =
        "SELECT count(*) FROM (SELECT m.type, m.name, p.name, p.type, p.\"notnull\", p.pk FROM %s.sqlite_schema m,"
        " pragma_table_xinfo(m.name, '%s') p WHERE m.name NOT LIKE 'sqlite_%%' EXCEPT SELECT m.type, m.name, p.name, p.type,"
        " p.\"notnull\", p.pk FROM %s.sqlite_schema m, pragma_table_xinfo(m.name, '%s') p)";
    static const char names[] =
        "SELECT count(*) FROM (SELECT type, name FROM %s.sqlite_schema EXCEPT SELECT type, name FROM"
        " %s.sqlite_schema)";
    static const char *const sides[][2] = {{"main", "now"}, {"now", "main"}};
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = NULL;
    int steps = 0;

    fixture_type(f, "flat", "instrument,detector"); /* so that both have the tables of that group */
    make_first(f, "old", "registry");
    assert_int_equal(vb_migrate(fixture_path(f, "old"), false, count_step, &steps, &f->err), VB_SCHEMA_VERSION - 1);
    assert_int_equal(steps, VB_SCHEMA_VERSION - 1);
    db = open_db(f, "old", VB_DB_READ);
    assert_ok(vb_db_attach(db, f->path, "now", &f->err), &f->err);
    for (size_t i = 0; i < VB_COUNT(sides); i++) {
        vb_autofree char *sql = vb_format(columns, sides[i][0], sides[i][0], sides[i][1], sides[i][1]);
        vb_autofree char *objects = vb_format(names, sides[i][0], sides[i][1]);
        int64_t n = -1;

        assert_ok(vb_sql_int(db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
        assert_int_equal(n, 0);
        assert_ok(vb_sql_int(db, &n, &f->err, objects, VB_NO_ARGS), &f->err);
        assert_int_equal(n, 0);
    }
    assert_int_equal(ask(f, "old",
                         "SELECT count(*) FROM sqlite_stat1 JOIN dataid_group ON tbl = 'member_' || id AND idx = tbl"
                         " WHERE dimensions = 'instrument,detector' AND stat = '4000000000 300000 30000 234 1'"),
                     1);
}

static void what_was_in_it_stays(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto_dataset d = {0};

    make_first(f, "old", "registry");
    assert_int_equal(vb_migrate(fixture_path(f, "old"), false, NULL, NULL, &f->err), VB_SCHEMA_VERSION - 1);
    assert_ok(vb_registry_open(fixture_path(f, "old"), VB_ACCESS_WRITE, &reg, &f->err), &f->err);
    assert_int_equal(vb_dataset_by_id(reg, 7, &d, &f->err), 1);
    assert_string_equal(d.type->name, "flat");
    assert_int_equal(ask(f, "old", "SELECT count(*) FROM quantum WHERE id = 9 AND status = 1"), 1);
    assert_int_equal(ask(f, "old", "SELECT count(*) FROM quantum_input WHERE quantum_id = 9 AND dataset_id = 7"), 1);
    /* A number that was given once is never given again. */
    assert_int_equal(ask(f, "old", "SELECT seq FROM sqlite_sequence WHERE name = 'quantum'"), 40);
    assert_int_equal(ask(f, "old", "PRAGMA user_version"), VB_SCHEMA_VERSION);
    assert_int_equal(ask(f, "old", "SELECT value FROM meta WHERE key = 'schema_version'"), VB_SCHEMA_VERSION);
}

/* Makes a file of this version one of version 2, as the last vbutler that wrote it did: files of components in
 * datastore_record. */
static void make_second(fixture *f, const char *name)
{
    static const char sql[] =
        "DROP TABLE component; DROP TABLE component_summary; ALTER TABLE connection DROP COLUMN component;"
        "DROP INDEX location_path; DROP INDEX dataset_ingest; DROP INDEX exposure_timespan; DROP INDEX visit_timespan;"
        "DROP INDEX day_obs_timespan; DROP TABLE IF EXISTS sqlite_stat1;"
        "DROP TABLE datastore_record; CREATE TABLE datastore_record (dataset_id INTEGER NOT NULL, component TEXT NOT NULL,"
        " store_id INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT, formatter TEXT,"
        " storage_class TEXT, PRIMARY KEY (dataset_id, component)) STRICT, WITHOUT ROWID;"
        "INSERT INTO datastore_record VALUES (7, 'mask', 1, 'r/m', 3, 'abc', 'a.B', 'MaskX'),"
        " (7, 'image', 1, 'r/i', -1, NULL, NULL, 'ImageF'), (8, '', 1, 'r/w', 9, 'def', 'a.B', 'Other');"
        "PRAGMA user_version = 2; UPDATE meta SET value = 2 WHERE key = 'schema_version';";
    vb_auto(vb_db_close) vb_db *db = NULL;

    make_first(f, name, "registry");
    assert_int_equal(vb_migrate(fixture_path(f, name), false, NULL, NULL, &f->err), VB_SCHEMA_VERSION - 1);
    db = open_db(f, name, VB_DB_WRITE);
    assert_ok(vb_db_run(db, sql, &f->err), &f->err);
}

static void components_get_a_table_of_their_own(void **state)
{
    fixture *f = *state;
    int steps = 1;

    make_second(f, "old");
    assert_int_equal(vb_migrate(fixture_path(f, "old"), false, count_step, &steps, &f->err), VB_SCHEMA_VERSION - 2);
    assert_int_equal(ask(f, "old", "SELECT count(*) FROM component WHERE dataset_id = 7"), 2);
    assert_int_equal(ask(f, "old",
                         "SELECT number FROM component WHERE component = 'mask' AND path = 'r/m' AND size = 3 AND"
                         " formatter = 'a.B' AND storage_class = 'MaskX' AND checksum IS NULL AND mtime IS NULL"),
                     2);
    assert_int_equal(ask(f, "old", "SELECT number FROM component WHERE component = 'image' AND size = -1"), 1);
    assert_int_equal(ask(f, "old", "SELECT count(*) FROM component_summary WHERE type_id = 1"), 2);
    /* What only Rubin's program said stays: its checksums, and a storage class that is not the type's. */
    assert_int_equal(ask(f, "old", "SELECT count(*) FROM datastore_record"), 2);
    assert_int_equal(ask(f, "old",
                         "SELECT count(*) FROM datastore_record WHERE component = 'mask' AND checksum = 'abc' AND"
                         " storage_class IS NULL"),
                     1);
    assert_int_equal(ask(f, "old",
                         "SELECT count(*) FROM datastore_record WHERE dataset_id = 8 AND component = '' AND"
                         " storage_class = 'Other'"),
                     1);
}

static void an_older_file_is_refused_with_the_remedy(void **state)
{
    static const vb_access kinds[] = {VB_ACCESS_READ, VB_ACCESS_IMMUTABLE, VB_ACCESS_WRITE};
    fixture *f = *state;

    make_first(f, "old", "registry");
    for (size_t i = 0; i < VB_COUNT(kinds); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_registry *reg = NULL;

        assert_int_equal(vb_registry_open(fixture_path(f, "old"), kinds[i], &reg, &err), -EINVAL);
        assert_says(&err, "schema version 1, of an older vbutler");
        assert_hints(&err, "vbutler migrate");
    }
}

static void a_dry_run_only_tells(void **state)
{
    fixture *f = *state;
    int steps = 0;

    make_first(f, "old", "registry");
    assert_int_equal(vb_migrate(fixture_path(f, "old"), true, count_step, &steps, &f->err), VB_SCHEMA_VERSION - 1);
    assert_int_equal(steps, VB_SCHEMA_VERSION - 1);
    assert_int_equal(ask(f, "old", "PRAGMA user_version"), 1);
}

static void a_second_time_nothing_is_done(void **state)
{
    fixture *f = *state;

    make_first(f, "old", "registry");
    assert_int_equal(vb_migrate(fixture_path(f, "old"), false, NULL, NULL, &f->err), VB_SCHEMA_VERSION - 1);
    assert_int_equal(vb_migrate(fixture_path(f, "old"), false, NULL, NULL, &f->err), 0);
    assert_int_equal(vb_migrate(f->path, false, NULL, NULL, &f->err), 0);
}

static void a_step_that_fails_leaves_the_file_as_it_was(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    make_first(f, "old", "registry");
    db = open_db(f, "old", VB_DB_WRITE);
    assert_ok(vb_db_run(db, "CREATE TABLE calib_1 (somebody_elses TEXT)", &f->err), &f->err);
    assert_true(vb_migrate(fixture_path(f, "old"), false, NULL, NULL, &err) < 0);
    assert_says(&err, "from schema version 1 to 2");
    assert_int_equal(ask(f, "old", "PRAGMA user_version"), 1);
    assert_int_equal(ask(f, "old", "SELECT count(*) FROM sqlite_schema WHERE name IN ('trash', 'association')"), 0);
}

/* A graph never changes: who has it open goes on with the old file. */
static void a_graph_is_replaced_by_a_new_file(void **state)
{
    fixture *f = *state;
    struct stat before, after;

    make_first(f, "g.vbg", "graph");
    assert_int_equal(stat(fixture_path(f, "g.vbg"), &before), 0);
    assert_int_equal(vb_migrate(fixture_path(f, "g.vbg"), false, NULL, NULL, &f->err), VB_SCHEMA_VERSION - 1);
    assert_int_equal(stat(fixture_path(f, "g.vbg"), &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    assert_int_equal(ask(f, "g.vbg", "PRAGMA user_version"), VB_SCHEMA_VERSION);
}

static void what_is_newer_or_no_file_of_ours_is_refused(void **state)
{
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"PRAGMA application_id = 0x7662746c; PRAGMA user_version = 99", "knows versions up to"},
        {"CREATE TABLE t (x)", "no vbutler registry"},
        {"PRAGMA application_id = 0x7662746c", "no vbutler registry"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *name = vb_format("%zu", i);
        vb_auto_error err = VB_ERROR_INIT;
        vb_db *db = open_db(f, name, VB_DB_CREATE);

        assert_ok(vb_db_run(db, cases[i].sql, &f->err), &f->err);
        vb_db_close(db);
        assert_int_equal(vb_migrate(fixture_path(f, name), false, NULL, NULL, &err), -EINVAL);
        assert_says(&err, cases[i].message);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_registry_becomes_one_of_this_version),
        TEST(what_was_in_it_stays),
        TEST(components_get_a_table_of_their_own),
        TEST(an_older_file_is_refused_with_the_remedy),
        TEST(a_dry_run_only_tells),
        TEST(a_second_time_nothing_is_done),
        TEST(a_step_that_fails_leaves_the_file_as_it_was),
        TEST(a_graph_is_replaced_by_a_new_file),
        TEST(what_is_newer_or_no_file_of_ours_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
