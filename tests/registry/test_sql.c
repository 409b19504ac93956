/* The wrapper round SQLite: files, statements, arguments, transactions, our functions. */
#include "registry/sky/region.h"
#include "registry/sql.h"
#include "tests/registry/fixture.h"

static vb_db *db;

static int setup(void **state)
{
    int r = fixture_setup(state);
    fixture *f = *state;

    if (!r)
        r = vb_db_open(fixture_path(f, "db"), VB_DB_CREATE, &db, &f->err);
    return r < 0 ? r : vb_db_run(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b ANY) STRICT", &f->err);
}

static int teardown(void **state)
{
    vb_db_close(db);
    return fixture_teardown(state);
}

static int64_t ask(const char *sql)
{
    int64_t n = -1;

    assert_int_equal(vb_sql_int(db, &n, NULL, sql, VB_NO_ARGS), 1);
    return n;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static void files_are_opened_as_the_mode_says(void **state)
{
    static const struct {
        vb_db_mode mode;
        const char *name;
        int expected;
    } cases[] = {
        {VB_DB_CREATE, "db", -EEXIST},
        {VB_DB_READ, "none", -ENOENT},
        {VB_DB_WRITE, "none", -ENOENT},
        {VB_DB_IMMUTABLE, "none", -ENOENT},
        {VB_DB_READ, "text", -EINVAL},
        {VB_DB_CREATE, "no/where", -ENOENT},
        {VB_DB_READ, "db", 0},
        {VB_DB_WRITE, "db", 0},
        {VB_DB_CREATE, "100%41?mode=memory#x", 0},
    };
    fixture *f = *state;

    fixture_write(f, "text", "this is a text file, and a long one: a database begins otherwise than this does ....");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto(vb_db_close) vb_db *other = NULL;
        vb_auto_error err = VB_ERROR_INIT;
        const char *path = fixture_path(f, cases[i].name);

        assert_int_equal(vb_db_open(path, cases[i].mode, &other, &err), cases[i].expected);
        if (cases[i].expected) {
            assert_null(other);
            assert_says(&err, path);
            continue;
        }
        assert_string_equal(vb_db_path(other), path);
        assert_int_equal(access(path, F_OK), 0); /* by its own name, whatever is in it */
        assert_int_equal(vb_db_run(other, "CREATE TABLE made (x)", NULL), cases[i].mode == VB_DB_READ ? -EROFS : 0);
        vb_db_run(other, "DROP TABLE IF EXISTS made", NULL);
    }
}

static void a_damaged_file_is_said_to_be_damaged(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *other = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    static const char junk[8192] = {1};
    int64_t n;
    int fd;

    for (int i = 0; i < 40; i++)
        assert_int_equal(vb_db_run(db, "INSERT INTO t (b) VALUES (zeroblob(900))", NULL), 0);
    fd = open(vb_db_path(db), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 8192), sizeof junk);
    close(fd);
    assert_ok(vb_db_open(vb_db_path(db), VB_DB_READ, &other, &f->err), &f->err);
    assert_int_equal(vb_sql_int(other, &n, &err, "SELECT sum(length(b)) FROM t", VB_NO_ARGS), -EUCLEAN);
    assert_hints(&err, ".recover");
}

static void an_attached_database_is_read_only(void **state)
{
    fixture *f = *state;
    vb_auto(vb_db_close) vb_db *other = NULL;

    assert_int_equal(vb_db_run(db, "INSERT INTO t VALUES (1, 2)", NULL), 0);
    assert_ok(vb_db_open(fixture_path(f, "other"), VB_DB_CREATE, &other, &f->err), &f->err);
    assert_ok(vb_db_attach(other, vb_db_path(db), "src", &f->err), &f->err);
    assert_ok(vb_db_run(other, "CREATE TABLE mine AS SELECT * FROM src.t", &f->err), &f->err);
    assert_int_equal(vb_db_run(other, "DELETE FROM src.t", NULL), -EROFS);
}

/* ---- statements ------------------------------------------------------------------------------------------- */

static void arguments_keep_their_type(void **state)
{
    vb_uuid uuid = {{1, 2, 3}};
    vb_auto_value text = vb_value_text("v");
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    static const vb_kind kinds[] = {VB_INT, VB_INT, VB_REAL, VB_TEXT, VB_NULL, VB_BYTES, VB_TEXT, VB_BYTES};
    size_t n;

    assert_int_equal(vb_sql(db, &s, NULL, "SELECT ?, ?, ?, ?, ?, ?, ?, ?",
                            VB_ARGS(INT64_MIN, true, 0.5, "t", (const char *)NULL, &uuid, &text,
                                    ((vb_blob){"a\0b", 3}))),
                     0);
    assert_int_equal(vb_stmt_step(s, NULL), 1);
    assert_int_equal(vb_col_count(s), VB_COUNT(kinds));
    for (int i = 0; i < vb_col_count(s); i++) {
        vb_auto_value v = vb_col_value(s, i);

        assert_int_equal(v.kind, kinds[i]);
        assert_int_equal(vb_col_null(s, i), kinds[i] == VB_NULL);
    }
    assert_true(vb_col_int(s, 0) == INT64_MIN);
    assert_null(vb_col_text(s, 4));
    assert_true(vb_uuid_equal(vb_col_uuid(s, 5), uuid));
    assert_memory_equal(vb_col_blob(s, 7, &n), "a\0b", 3);
    assert_int_equal(n, 3);
    assert_true(vb_uuid_equal(vb_col_uuid(s, 7), (vb_uuid){{0}})); /* 3 bytes are no UUID */
    assert_int_equal(vb_stmt_step(s, NULL), 0);
}

static void one_text_may_be_stepped_twice_at_a_time(void **state)
{
    static const char sql[] = "SELECT a FROM t WHERE a > ? ORDER BY a";
    vb_auto(vb_stmt_done) vb_stmt *outer = NULL;
    int sum = 0;

    assert_int_equal(vb_db_run(db, "INSERT INTO t (a) VALUES (1), (2), (3)", NULL), 0);
    assert_int_equal(vb_sql(db, &outer, NULL, sql, VB_ARGS(0)), 0);
    while (vb_stmt_step(outer, NULL) > 0) {
        vb_auto(vb_stmt_done) vb_stmt *inner = NULL;

        assert_int_equal(vb_sql(db, &inner, NULL, sql, VB_ARGS(vb_col_int(outer, 0))), 0);
        while (vb_stmt_step(inner, NULL) > 0)
            sum += (int)(10 * vb_col_int(outer, 0) + vb_col_int(inner, 0));
    }
    assert_int_equal(sum, 12 + 13 + 23);
    assert_int_equal(vb_stmt_rebind(outer, VB_ARGS(2), NULL), 0);
    assert_int_equal(vb_stmt_step(outer, NULL), 1);
    assert_int_equal(vb_col_int(outer, 0), 3);
}

static void a_statement_that_is_wrong_is_refused(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_stmt *s = NULL;
    int64_t n = 5;

    assert_int_equal(vb_sql(db, &s, NULL, "SELECT ?, ?", VB_ARGS(1)), -EINVAL);
    assert_int_equal(vb_sql(db, &s, NULL, "SELECT 1", VB_ARGS(1)), -EINVAL);
    assert_int_equal(vb_sql(db, &s, &err, "SELECT nothing FROM nowhere", VB_NO_ARGS), -EINVAL);
    assert_says(&err, "nowhere");
    assert_int_equal(vb_sql_exec(db, NULL, "SELECT \"no string\"", VB_NO_ARGS), -EINVAL);
    assert_null(s);
    assert_int_equal(vb_sql_int(db, &n, NULL, "SELECT a FROM t", VB_NO_ARGS), 0);
    assert_int_equal(n, 5); /* no row: as it was */
    vb_stmt_done(NULL);
}

static void many_statements_are_more_than_are_kept(void **state)
{
    for (int i = 0; i < 600; i++) {
        vb_autofree char *sql = vb_format("SELECT %d", i);

        assert_int_equal(ask(sql), i);
    }
}

static void names_are_quoted(void **state)
{
    vb_auto_buf sql = {0};

    vb_buf_puts(&sql, "SELECT 1 AS ");
    vb_sql_name(&sql, "a\" b");
    assert_string_equal(vb_buf_text(&sql), "SELECT 1 AS \"a\"\" b\"");
    assert_int_equal(ask(vb_buf_text(&sql)), 1);
}

/* ---- transactions ----------------------------------------------------------------------------------------- */

static void what_leaves_its_scope_is_undone(void **state)
{
    uint64_t before = vb_db_rollbacks(db);
    vb_txn outer = {0};

    assert_int_equal(vb_txn_begin(&outer, db, NULL), 0);
    assert_int_equal(vb_sql_exec(db, NULL, "INSERT INTO t (a) VALUES (?)", VB_ARGS(1)), 0);
    assert_int_equal(vb_db_last_id(db), 1);
    assert_int_equal(vb_db_changes(db), 1);
    for (int kept = 0; kept < 2; kept++) {
        vb_auto_txn inner = {0};

        assert_int_equal(vb_txn_begin(&inner, db, NULL), 0);
        assert_int_equal(vb_sql_exec(db, NULL, "INSERT INTO t (a) VALUES (?)", VB_ARGS(2 + kept)), 0);
        if (kept)
            assert_int_equal(vb_txn_commit(&inner, NULL), 0);
    }
    assert_int_equal(vb_txn_commit(&outer, NULL), 0);
    assert_int_equal(ask("SELECT sum(a) FROM t"), 1 + 3);
    assert_int_equal(vb_db_rollbacks(db), before + 1);
    assert_int_equal(vb_txn_begin(&outer, db, NULL), 0);
    assert_int_equal(vb_sql_exec(db, NULL, "DELETE FROM t", VB_NO_ARGS), 0);
    vb_txn_rollback(&outer);
    assert_int_equal(ask("SELECT count(*) FROM t"), 2);
}

/* ---- functions -------------------------------------------------------------------------------------------- */

static void a_uuid_is_new_each_time(void **state)
{
    assert_int_equal(ask("SELECT length(vb_uuid())"), 16);
    assert_int_equal(ask("SELECT vb_uuid() = vb_uuid()"), 0);
}

static int64_t overlaps(double a, double b)
{
    vb_auto_region one = {0}, two = {0};
    vb_auto_buf x = {0}, y = {0};
    int64_t n = -1;

    assert_int_equal(vb_region_box_degrees(a, a + 1, 0, 1, &one, NULL), 0);
    assert_int_equal(vb_region_box_degrees(b, b + 1, 0, 1, &two, NULL), 0);
    vb_region_encode(&one, &x);
    vb_region_encode(&two, &y);
    vb_sql_int(db, &n, NULL, "SELECT vb_overlaps(?, ?)",
               VB_ARGS(((vb_blob){x.data, x.len}), ((vb_blob){y.data, y.len})));
    return n;
}

static void regions_overlap_or_not(void **state)
{
    assert_int_equal(overlaps(10, 10.5), 1);
    assert_int_equal(overlaps(10, 12), 0);
    assert_int_equal(ask("SELECT vb_overlaps(NULL, x'00')"), 0);
    assert_int_equal(ask("SELECT vb_overlaps(x'70', x'70')"), 0); /* what is no region overlaps nothing */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(files_are_opened_as_the_mode_says),
        TEST(a_damaged_file_is_said_to_be_damaged),
        TEST(an_attached_database_is_read_only),
        TEST(arguments_keep_their_type),
        TEST(one_text_may_be_stepped_twice_at_a_time),
        TEST(a_statement_that_is_wrong_is_refused),
        TEST(many_statements_are_more_than_are_kept),
        TEST(names_are_quoted),
        TEST(what_leaves_its_scope_is_undone),
        TEST(a_uuid_is_new_each_time),
        TEST(regions_overlap_or_not),
    };

    return cmocka_run_group_tests_name("SQL", tests, NULL, NULL);
}
