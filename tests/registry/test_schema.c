/* The tables of a registry, and what is refused as one. */
#include "registry/schema.h"
#include "tests/registry/fixture.h"

static vb_db *open_db(fixture *f, const char *name, vb_db_mode mode)
{
    vb_db *db = NULL;

    assert_ok(vb_db_open(fixture_path(f, name), mode, &db, &f->err), &f->err);
    return db;
}

/* A registry of universe 8. */
static vb_db *make(fixture *f, const char *name)
{
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    vb_db *db = open_db(f, name, VB_DB_CREATE);

    assert_ok(vb_universe_builtin(8, &u, &f->err), &f->err);
    assert_ok(vb_schema_create(db, u, "snapshot", &f->err), &f->err);
    return db;
}

static int64_t ask(fixture *f, vb_db *db, const char *sql)
{
    int64_t n = -1;

    assert_ok(vb_sql_int(db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
    return n;
}

/* ---- what is made ----------------------------------------------------------------------------------------- */

static void a_file_says_what_it_is(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = make(f, "r");
    vb_autofree char *format = NULL, *universe = NULL, *none = NULL;

    assert_int_equal(ask(f, db, "PRAGMA application_id"), 0x7662746c);
    assert_int_equal(ask(f, db, "PRAGMA user_version"), VB_SCHEMA_VERSION);
    assert_ok(vb_schema_meta(db, "format", &format, &f->err), &f->err);
    assert_ok(vb_schema_meta(db, "universe", &universe, &f->err), &f->err);
    assert_ok(vb_schema_meta(db, "nothing", &none, &f->err), &f->err);
    assert_string_equal(format, "snapshot");
    assert_true(vb_starts_with(universe, "{\"version\":8"));
    assert_null(none);
    assert_ok(vb_schema_check(db, &f->err), &f->err);
}

static void meta_values_are_replaced_and_may_be_null(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = make(f, "r");
    vb_autofree char *value = NULL, *null = NULL;

    assert_ok(vb_schema_set_meta(db, "k", "1", &f->err), &f->err);
    assert_ok(vb_schema_set_meta(db, "k", "two", &f->err), &f->err);
    assert_ok(vb_schema_meta(db, "k", &value, &f->err), &f->err);
    assert_string_equal(value, "two");
    assert_ok(vb_schema_set_meta(db, "k", NULL, &f->err), &f->err);
    assert_ok(vb_schema_meta(db, "k", &null, &f->err), &f->err);
    assert_null(null);
}

static void every_element_with_rows_has_a_table_with_its_columns(void **state)
{
    static const struct {
        const char *element, *columns; /* NULL: no table */
    } cases[] = {
        {"physical_filter", "_id,instrument,physical_filter,band"},
        {"tract", "_id,skymap,tract,region"},
        {"patch", "_id,skymap,tract,patch,cell_x,cell_y,region"},
        {"day_obs", "_id,instrument,day_obs,timespan_begin,timespan_end"},
        {"visit_definition", "_id,instrument,exposure,visit"},
        {"visit_detector_region", "_id,instrument,detector,visit,region"},
        {"band", NULL},
        {"htm7", NULL},
    };
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = make(f, "r");

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *table = vb_format("dimension_%s", cases[i].element);
        vb_auto(vb_stmt_done) vb_stmt *s = NULL;

        assert_ok(vb_sql(db, &s, &f->err, "SELECT group_concat(name) FROM pragma_table_info(?)", VB_ARGS(table)),
                  &f->err);
        assert_int_equal(vb_stmt_step(s, &f->err), 1);
        if (cases[i].columns)
            assert_string_equal(vb_col_text(s, 0), cases[i].columns);
        else
            assert_true(vb_col_null(s, 0));
    }
}

static void fields_are_kept_as_sqlite_knows_them(void **state)
{
    static const char *const kept[] = {[VB_FIELD_INT] = "INTEGER",
                                       [VB_FIELD_FLOAT] = "REAL",
                                       [VB_FIELD_STRING] = "TEXT",
                                       [VB_FIELD_BOOL] = "INTEGER",
                                       [VB_FIELD_HASH] = "BLOB"};

    for (size_t i = 0; i < VB_COUNT(kept); i++)
        assert_string_equal(vb_schema_type((vb_field_type)i), kept[i]);
}

static void a_table_is_named_with_its_quotes(void **state)
{
    vb_auto_buf sql = {0};

    vb_schema_table(&sql, &(vb_element){.name = (char *)"a\"b"});
    assert_string_equal(vb_buf_text(&sql), "\"dimension_a\"\"b\"");
}

static void keys_are_unique_with_what_the_dimension_requires(void **state)
{
    static const struct {
        const char *sql;
        int expected;
    } inserts[] = {
        {"INSERT INTO dimension_detector (instrument, detector, full_name) VALUES ('A', 1, 'x')", 0},
        {"INSERT INTO dimension_detector (instrument, detector, full_name) VALUES ('B', 1, 'x')", 0},
        {"INSERT INTO dimension_detector (instrument, detector, full_name) VALUES ('A', 1, 'y')", -EEXIST},
        {"INSERT INTO dimension_detector (instrument, detector, full_name) VALUES ('A', 2, 'x')", -EEXIST},
        {"INSERT INTO dimension_detector (instrument, detector, full_name) VALUES ('A', 2, NULL)", 0},
        {"INSERT INTO dimension_detector (instrument, detector, full_name) VALUES ('A', 3, NULL)", 0},
        /* Bug: what is missing, or of the wrong type, was said to be there already. */
        {"INSERT INTO dimension_detector (instrument, detector) VALUES (NULL, 4)", -EINVAL},
        {"INSERT INTO dimension_detector (instrument, detector) VALUES ('A', 'four')", -EINVAL},
    };
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = make(f, "r");

    for (size_t i = 0; i < VB_COUNT(inserts); i++)
        assert_int_equal(vb_db_run(db, inserts[i].sql, NULL), inserts[i].expected);
}

/* ---- member tables ---------------------------------------------------------------------------------------- */

static const vb_group *group(fixture *f, vb_universe *u, const char *dimensions)
{
    char **names = vb_split(dimensions, ',', NULL);
    const vb_group *g = NULL;

    assert_ok(vb_universe_conform_names(u, names, &g, &f->err), &f->err);
    vb_strv_free(names);
    return g;
}

static void equal_dimensions_share_a_member_table(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = make(f, "r");
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    int64_t visit, again, none, numbered, other;

    assert_ok(vb_universe_builtin(8, &u, &f->err), &f->err);
    assert_ok(vb_schema_group(db, group(f, u, "visit"), &visit, &f->err), &f->err);
    assert_ok(vb_schema_group(db, group(f, u, "band,visit"), &again, &f->err), &f->err);
    assert_ok(vb_schema_group(db, group(f, u, ""), &none, &f->err), &f->err);
    assert_ok(vb_schema_group_numbered(db, group(f, u, "tract"), 41, &numbered, &f->err), &f->err);
    assert_ok(vb_schema_group(db, group(f, u, "patch"), &other, &f->err), &f->err);
    assert_int_equal(visit, again);
    assert_int_not_equal(visit, none);
    assert_int_equal(numbered, 41);
    assert_int_equal(other, 42);
    assert_int_equal(ask(f, db, "SELECT count(*) FROM member_41"), 0);
    assert_int_equal(ask(f, db, "SELECT count(*) FROM dataid_group"), 4);
    assert_int_equal(ask(f, db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'member_%'"), 4);
}

static void a_member_tables_number_is_not_given_twice(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *db = make(f, "r");
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    int64_t id;

    assert_ok(vb_universe_builtin(8, &u, &f->err), &f->err);
    assert_ok(vb_schema_group_numbered(db, group(f, u, "tract"), 7, &id, &f->err), &f->err);
    assert_int_equal(vb_schema_group_numbered(db, group(f, u, "visit"), 7, &id, NULL), -EEXIST);
    assert_int_equal(ask(f, db, "SELECT count(*) FROM dataid_group"), 1);
}

/* ---- what is refused -------------------------------------------------------------------------------------- */

static void other_files_are_refused_in_a_sentence(void **state)
{
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"CREATE TABLE t (x)", "no vbutler registry"},
        {"PRAGMA application_id = 1", "no vbutler registry"},
        {"PRAGMA application_id = 0x7662746c; PRAGMA user_version = 99", "schema version 99; this vbutler"},
        {"PRAGMA application_id = 0x7662746c; PRAGMA user_version = 1", "schema version 1, of an older vbutler"},
        {"PRAGMA application_id = 0x7662746c; PRAGMA user_version = 3; CREATE TABLE meta (key, value)", "incomplete"},
        {"PRAGMA application_id = 0x7662746c; PRAGMA user_version = 3", "no such table"},
        {"PRAGMA application_id = 0x7662746c; PRAGMA user_version = 3; CREATE TABLE meta (key, value);"
         "INSERT INTO meta VALUES ('format', 'graph'), ('universe', '[]')",
         "no 'version'"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *name = vb_format("%zu", i);
        vb_auto_error err = VB_ERROR_INIT;
        vb_registry *reg = NULL;
        vb_db *db = open_db(f, name, VB_DB_CREATE);

        assert_ok(vb_db_run(db, cases[i].sql, &f->err), &f->err);
        vb_db_close(db);
        assert_int_equal(vb_registry_open(fixture_path(f, name), VB_ACCESS_READ, &reg, &err), -EINVAL);
        assert_null(reg);
        assert_says(&err, cases[i].message);
    }
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_registry *reg = NULL;

    fixture_write(f, "text", "this is a text file, and a long one: a database begins otherwise than this does ....");
    assert_int_equal(vb_registry_open(fixture_path(f, "text"), VB_ACCESS_READ, &reg, &err), -EINVAL);
    assert_int_equal(vb_registry_open(fixture_path(f, "nothing"), VB_ACCESS_WRITE, &reg, &err), -ENOENT);
    assert_null(reg);
    assert_int_not_equal(access(fixture_path(f, "nothing"), F_OK), 0);
}

static void a_file_that_is_there_is_not_made_anew(void **state)
{
    fixture *f = *state;
    vb_auto(vb_universe_free) vb_universe *u = NULL;
    vb_auto_buf text = {0};
    vb_registry *reg = NULL;

    fixture_write(f, "mine", "mine");
    assert_ok(vb_universe_builtin(8, &u, &f->err), &f->err);
    assert_int_equal(vb_registry_create(fixture_path(f, "mine"), u, "registry", &reg, NULL), -EEXIST);
    assert_ok(vb_read_file(AT_FDCWD, fixture_path(f, "mine"), 10, &text, &f->err), &f->err);
    assert_string_equal(vb_buf_text(&text), "mine");
}

/* ---- handles ---------------------------------------------------------------------------------------------- */

static void a_reader_sees_what_others_commit_once_it_refreshes(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *reader = NULL;
    vb_autofree char *value = NULL;

    assert_ok(vb_registry_open(f->path, VB_ACCESS_READ, &reader, &f->err), &f->err);
    assert_string_equal(vb_registry_format(reader), "registry");
    assert_string_equal(vb_registry_path(reader), f->path);
    assert_int_equal(vb_registry_refresh(reader, &f->err), 0);
    assert_ok(vb_registry_set_meta(f->reg, "k", "v", &f->err), &f->err);
    assert_int_equal(vb_registry_refresh(reader, &f->err), 1);
    assert_int_equal(vb_registry_refresh(reader, &f->err), 0);
    assert_int_equal(vb_registry_refresh(f->reg, &f->err), 0); /* its own commit */
    assert_ok(vb_registry_meta(reader, "k", &value, &f->err), &f->err);
    assert_string_equal(value, "v");
    assert_int_equal(vb_registry_set_meta(reader, "k", "w", NULL), -EROFS);
}

static void what_is_not_committed_is_undone_level_by_level(void **state)
{
    fixture *f = *state;
    vb_autofree char *outer = NULL, *inner = NULL;
    vb_txn t = {0}, s = {0};

    assert_ok(vb_registry_begin(f->reg, &t, &f->err), &f->err);
    assert_ok(vb_registry_set_meta(f->reg, "outer", "1", &f->err), &f->err);
    assert_ok(vb_registry_begin(f->reg, &s, &f->err), &f->err);
    assert_ok(vb_registry_set_meta(f->reg, "inner", "1", &f->err), &f->err);
    vb_txn_rollback(&s);
    assert_null(s.db);
    vb_txn_rollback(&s); /* ended: does nothing */
    assert_ok(vb_txn_commit(&t, &f->err), &f->err);
    assert_ok(vb_registry_meta(f->reg, "outer", &outer, &f->err), &f->err);
    assert_ok(vb_registry_meta(f->reg, "inner", &inner, &f->err), &f->err);
    assert_string_equal(outer, "1");
    assert_null(inner);
}

int main(void)
{
#define TEST(name)      cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_OPEN(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_file_says_what_it_is),
        TEST(meta_values_are_replaced_and_may_be_null),
        TEST(every_element_with_rows_has_a_table_with_its_columns),
        cmocka_unit_test(fields_are_kept_as_sqlite_knows_them),
        cmocka_unit_test(a_table_is_named_with_its_quotes),
        TEST(keys_are_unique_with_what_the_dimension_requires),
        TEST(equal_dimensions_share_a_member_table),
        TEST(a_member_tables_number_is_not_given_twice),
        TEST(other_files_are_refused_in_a_sentence),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_file_that_is_there_is_not_made_anew),
        TEST_OPEN(a_reader_sees_what_others_commit_once_it_refreshes),
        TEST_OPEN(what_is_not_committed_is_undone_level_by_level),
    };

    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
