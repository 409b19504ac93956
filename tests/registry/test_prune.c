/* Datasets are taken away; their artifacts are trash until they are unlinked. */
#include "registry/association.h"
#include "registry/internal.h"
#include "registry/prune.h"
#include "registry/store_paths.h"
#include "registry/trash.h"
#include "tests/registry/executed.h"

#include <sqlite3.h>

#define D1 "[\"Cam\",1,10]"

static vb_dataset by_row(fixture *f, int64_t id)
{
    vb_dataset d;

    assert_int_equal(vb_dataset_by_id(f->reg, id, &d, &f->err), 1);
    return d;
}

static void remove_dataset(fixture *f, const vb_dataset *d)
{
    vb_auto_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_dataset_remove(f->reg, d, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
}

static void prune_run(fixture *f, const char *run, bool purge)
{
    vb_auto_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_prune_run(f->reg, fixture_run(f, run), purge, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
}

/* Puts a dataset of that detector into RUN "r", with its artifact there; returns its row. */
static int64_t put(fixture *f, int detector, const char *path, int64_t size, int64_t mtime)
{
    vb_autofree char *dataid = vb_format("instrument=Cam,detector=%d", detector);
    const vb_dataset_type *type = fixture_type(f, "flat", "detector");
    vb_auto_dataset d = {.type = type,
                         .run_id = fixture_run(f, "r")->id,
                         .dataid = fixture_dataid(f, type->group, dataid)};
    vb_location l = {.store_id = 1, .path = (char *)path, .size = size, .mtime = mtime};

    assert_ok(vb_dataset_insert(f->reg, &d, &l, &f->err), &f->err);
    return d.id;
}

/* "PATH:SIZE:MTIME" of all notes. */
static void check_trash(fixture *f, const char *expected)
{
    vb_auto_buf text = {0};
    vb_trash *items;
    size_t n;

    assert_ok(vb_trash_list(f->reg, 100, &items, &n, &f->err), &f->err);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].store_id, 1);
        vb_buf_printf(&text, "%s%s:%ld:%ld", i ? " " : "", items[i].path, (long)items[i].size, (long)items[i].mtime);
    }
    vb_trash_free(items, n);
    assert_string_equal(vb_buf_text(&text), expected);
}

/* ---- one dataset ------------------------------------------------------------------------------------------ */

static void a_removed_dataset_is_gone_and_its_artifact_is_trash(void **state)
{
    fixture *f = *state;
    int64_t id = put(f, 1, "r/a", 5, 7), other = put(f, 2, "r/b", 5, -1);
    vb_auto_dataset d = by_row(f, id), found = {0};
    vb_auto_location l = {0};

    remove_dataset(f, &d);
    assert_int_equal(vb_dataset_by_id(f->reg, id, &found, &f->err), 0);
    assert_int_equal(vb_dataset_find(f->reg, d.type, &d.dataid, fixture_search(f, "r"), &found, &f->err), 0);
    assert_int_equal(vb_location_get(f->reg, id, &l, &f->err), 0);
    assert_int_equal(vb_location_get(f->reg, other, &l, &f->err), 1);
    check_trash(f, "r/a:5:7");
    put(f, 1, "r/c", 5, 7); /* there is room again */
}

static void a_dataset_without_dimensions_is_removed(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = {0};

    fixture_type(f, "packages", "");
    fixture_type(f, "camera", "");
    d = by_row(f, fixture_put(f, "packages", "r", ""));
    fixture_put(f, "packages", "s", "");
    fixture_put(f, "camera", "r", "");
    remove_dataset(f, &d);
    assert_int_equal(fixture_count(f, "dataset"), 2);
    assert_int_equal(fixture_count(f, "member_1"), 2);
}

static void what_provenance_speaks_of_stays_as_removed(void **state)
{
    fixture *f = *state;
    vb_graph *g = executed_graph(f, "g1", "u");
    vb_uuid raw = executed_uuid("raws", "raw", D1), cal = executed_uuid("u", "cal", D1);
    vb_auto_dataset read = {0}, made = {0}, after = {0};

    executed_raws(f);
    assert_ok(vb_provenance_register_run(f->reg, g, &f->err), &f->err);
    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    assert_int_equal(vb_dataset_by_uuid(f->reg, &raw, &read, &f->err), 1);
    assert_int_equal(vb_dataset_by_uuid(f->reg, &cal, &made, &f->err), 1);
    remove_dataset(f, &read);
    remove_dataset(f, &made);
    assert_int_equal(fixture_count(f, "dataset WHERE state = 2"), 2);
    assert_int_equal(fixture_count(f, "dataset WHERE state = 0"), 3); /* raws that nothing has read */
    assert_int_equal(vb_dataset_find(f->reg, made.type, &made.dataid, fixture_search(f, "u"), &after, &f->err), 0);
    check_trash(f, "u/cal_0:100:7");
}

/* ---- a run ------------------------------------------------------------------------------------------------ */

static void unstored_datasets_stay_without_their_artifacts(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = {0};

    put(f, 1, "r/a", 5, 7);
    put(f, 2, "r/b", 6, 8);
    prune_run(f, "r", false);
    d = by_row(f, 1);
    assert_int_equal(d.state, VB_DATASET_PRESENT);
    assert_int_equal(fixture_count(f, "member_1"), 2);
    assert_int_equal(fixture_count(f, "location"), 0);
    check_trash(f, "r/a:5:7 r/b:6:8");
    prune_run(f, "r", false); /* again: nothing more */
    check_trash(f, "r/a:5:7 r/b:6:8");
}

static void a_purged_run_is_empty_and_is_there(void **state)
{
    fixture *f = *state;

    put(f, 1, "r/a", 5, 7);
    fixture_type(f, "packages", "");
    fixture_put(f, "packages", "r", "");
    fixture_put(f, "packages", "s", "");
    prune_run(f, "r", true);
    assert_int_equal(fixture_count(f, "dataset"), 1);
    assert_int_equal(fixture_count(f, "location"), 1);
    assert_int_equal(fixture_count(f, "trash"), 2);
    assert_int_equal(fixture_count(f, "collection WHERE name = 'r'"), 1);
    prune_run(f, "empty", true);
}

static void artifacts_of_others_are_no_trash(void **state)
{
    fixture *f = *state;

    put(f, 1, "/data/ingested/direct.fits", 5, 7);
    put(f, 2, "/data/b.fits#hdu=1", 5, 7);
    put(f, 3, "r/mine", 5, 7);
    prune_run(f, "r", true);
    assert_int_equal(fixture_count(f, "location"), 0);
    check_trash(f, "r/mine:5:7");
}

/* ---- trash ------------------------------------------------------------------------------------------------ */

static void the_oldest_notes_come_first_and_are_forgotten(void **state)
{
    fixture *f = *state;
    vb_trash *items;
    size_t n;

    put(f, 1, "r/z", 1, -1);
    prune_run(f, "r", false);
    put(f, 2, "r/a", -1, 3);
    put(f, 3, "r/b", 0, 0);
    prune_run(f, "r", false);
    check_trash(f, "r/z:1:-1 r/a:-1:3 r/b:0:0");
    assert_ok(vb_trash_list(f->reg, 2, &items, &n, &f->err), &f->err);
    assert_int_equal(n, 2);
    assert_ok(vb_trash_forget(f->reg, items, n, &f->err), &f->err);
    assert_ok(vb_trash_forget(f->reg, items, n, &f->err), &f->err); /* gone already */
    vb_trash_free(items, n);
    check_trash(f, "r/b:0:0");
    assert_ok(vb_trash_forget(f->reg, NULL, 0, &f->err), &f->err);
}

static void a_part_of_a_file_is_noted_as_the_file_and_without_its_size(void **state)
{
    fixture *f = *state;

    put(f, 1, "r/a.fits#hdu=2", 5, 7);
    put(f, 2, "r/a#b.fits", 5, 7); /* bug: was noted as r/a, which may be another's */
    put(f, 3, "r/c#d.fits#hdu=1", 5, 7);
    prune_run(f, "r", false);
    check_trash(f, "r/a.fits:-1:7 r/a#b.fits:5:7 r/c#d.fits:-1:7");
}

/* A part of a dataset in a file of its own. */
static void put_component(fixture *f, int64_t dataset, const char *path)
{
    assert_ok(vb_sql_exec(f->reg->db, &f->err,
                          "INSERT INTO component VALUES (?, 'psf', 1, 1, ?, 3, NULL, NULL, NULL, 'Psf')",
                          VB_ARGS(dataset, path)),
              &f->err);
}

static void a_file_is_held_by_whatever_leads_to_it(void **state)
{
    static const struct {
        const char *path;
        bool expected;
    } cases[] = {
        {"r/a.fits", true},   {"r/a", false},        {"r/a.fit", false},        {"r/a.fits.gz", false},
        {"r/b#c.fits", true}, {"r/b", false},        {"r/d.fits", true},        {"r/e", false},
        {"r/psf.fits", true}, {"r/psf.fit", false},  {"r/abs.fits", true},      {"r/abs", false},
        {"r/zip.zip", true},  {"r/abs-psf", true},   {"r/a.fits#hdu=1", false}, /* a part is no file */
        {"other/x", false},   {"r/both.fits", true},
    };
    const char *paths[VB_COUNT(cases)];
    bool held[VB_COUNT(cases)];
    fixture *f = *state;

    put(f, 1, "r/a.fits#hdu=10", 5, 7);
    put(f, 2, "r/b#c.fits", 5, 7); /* a file of its own, no part of r/b */
    put_component(f, put(f, 3, "r/d.fits", 5, 7), "r/psf.fits");
    put(f, 4, "/root/r/abs.fits", 5, 7); /* as if the repository had been moved to where it lies */
    put_component(f, put(f, 5, "r/zip.zip#unzip=m", 5, 7), "/root/r/abs-psf");
    put(f, 6, "r/both.fits", 5, 7);
    put(f, 7, "r/both.fits#hdu=1", 5, 7);
    put(f, 8, "/rootling/other/x", 5, 7);
    assert_ok(vb_sql_exec(f->reg->db, &f->err, "INSERT INTO location VALUES (4711, 1, 'r/e', 1, NULL, 1, NULL)",
                          VB_NO_ARGS),
              &f->err); /* of no dataset */
    for (size_t i = 0; i < VB_COUNT(cases); i++)
        paths[i] = cases[i].path;
    assert_ok(vb_store_paths_held(f->reg, 1, "/root", paths, VB_COUNT(cases), held, &f->err), &f->err);
    for (size_t i = 0; i < VB_COUNT(cases); i++)
        if (held[i] != cases[i].expected)
            fail_msg("%s: %d", paths[i], held[i]);
    assert_ok(vb_store_paths_held(f->reg, 2, "/root", paths, 1, held, &f->err), &f->err);
    assert_false(held[0]); /* of another store */
}

/* ---- who refers to what is removed -------------------------------------------------------------------------- */

static void select_all(fixture *f, const char *run)
{
    vb_run_contents contents;

    assert_ok(vb_run_select(f->reg, fixture_run(f, run), &contents, &f->err), &f->err);
}

static void tag(fixture *f, const char *name, const char *run)
{
    int64_t n;

    select_all(f, run);
    assert_ok(vb_associate(f->reg, fixture_collection(f, name, VB_TAGGED), &n, &f->err), &f->err);
}

static void collections_that_have_a_dataset_are_named(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_references refs = {0};
    vb_auto_txn txn = {0};

    put(f, 1, "r/a", 5, 7);
    put(f, 2, "r/b", 5, 7);
    tag(f, "t/2", "r");
    tag(f, "t/1", "r");
    select_all(f, "r");
    assert_ok(vb_prune_references(f->reg, &refs, &f->err), &f->err);
    assert_int_equal(refs.count, 2);
    assert_string_equal(refs.items[0].collection->name, "t/1");
    assert_int_equal(refs.items[1].count, 2);
    assert_int_equal(refs.in_provenance, 0);
    assert_int_equal(vb_prune_check_unreferenced(f->reg, &err), -EBUSY);
    assert_says(&err, "TAGGED 't/1' has 2 of them, TAGGED 't/2' has 2 of them");
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_int_equal(vb_run_remove(f->reg, fixture_run(f, "r"), false, &err), -EBUSY);
    vb_txn_rollback(&txn);
    assert_int_equal(fixture_count(f, "dataset"), 2);
    assert_ok(vb_run_remove(f->reg, fixture_run(f, "r"), true, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "dataset"), 0);
    assert_int_equal(fixture_count(f, "member_1"), 0);
    assert_int_equal(fixture_count(f, "association"), 0);
    assert_int_equal(fixture_count(f, "collection WHERE name = 'r'"), 0);
    check_trash(f, "r/a:5:7 r/b:5:7");
}

static void a_run_goes_with_its_own_provenance_alone(void **state)
{
    fixture *f = *state;
    vb_graph *g = executed_graph(f, "g1", "u");
    vb_run_contents has;

    executed_raws(f);
    assert_ok(vb_provenance_register_run(f->reg, g, &f->err), &f->err);
    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    assert_ok(vb_run_select(f->reg, fixture_run(f, "raws"), &has, &f->err), &f->err);
    assert_int_equal(has.read_by_others, 1);
    assert_int_equal(has.quanta, 0);
    assert_ok(vb_run_remove(f->reg, fixture_run(f, "raws"), true, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "dataset WHERE state = 2 AND run_id = 0"), 1); /* what `make` has read */
    assert_int_equal(fixture_count(f, "quantum_input"), 1);
    assert_ok(vb_run_remove(f->reg, fixture_run(f, "u"), true, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "dataset"), 0);
    assert_int_equal(fixture_count(f, "quantum"), 0);
    assert_int_equal(fixture_count(f, "quantum_input"), 0);
    assert_int_equal(fixture_count(f, "attempt"), 0);
}

/* What SQLite says of how it goes about a statement. */
static void check_no_scan(sqlite3 *db, const char *sql)
{
    vb_autofree char *explain = vb_format("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(s, 3);

        if (!strncmp(step, "SCAN", 4) && strcmp(step, "SCAN s") != 0 && !strstr(step, "selected") &&
            !strstr(step, "CONSTANT ROW"))
            fail_msg("%s: %s", sql, step);
        /* By the whole key: its first columns alone would be a walk through the collection. */
        if ((strstr(step, "member_") || strstr(step, "calib_")) && !strstr(step, "detector=?"))
            fail_msg("%s: %s", sql, step);
    }
    sqlite3_finalize(s);
}

struct traced {
    fixture *f;
    char **statements;
};

static int trace(unsigned kind, void *arg, void *statement, void *text)
{
    struct traced *t = arg;
    const char *sql = sqlite3_sql(statement);

    if (!strncmp(sql, "DELETE", 6) || !strncmp(sql, "UPDATE", 6) || !strncmp(sql, "INSERT", 6) ||
        !strncmp(sql, "SELECT", 6))
        if (!vb_strv_has(t->statements, sql))
            vb_strv_add(&t->statements, sql);
    return 0;
}

static sqlite3 *last_opened;

static int remember_opened(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
    last_opened = db;
    return SQLITE_OK;
}

static int setup_traced(void **state)
{
    int r;

    sqlite3_auto_extension((void (*)(void))remember_opened);
    r = fixture_setup_registry(state);
    sqlite3_reset_auto_extension();
    return r;
}

/* Every statement of a removal looks rows up by index: only the selection itself is walked through.  bug: whose the
 * files are was asked of all locations */
static void removing_never_scans(void **state)
{
    static const char *const paths[] = {"r/a", "r/b"};
    bool held[VB_COUNT(paths)];
    fixture *f = *state;
    struct traced t = {f, vb_strv_dup(NULL)};
    sqlite3 *handle = last_opened; /* the fixture's connection */
    size_t n = 0;

    fixture_calibration_type(f, "bias", "detector,exposure");
    fixture_put(f, "bias", "r", "instrument=Cam,detector=1,exposure=1");
    put(f, 1, "r/a", 5, 7);
    tag(f, "t", "r");
    put_component(f, put(f, 2, "/data/elsewhere", 5, 7), "/data/r/b");
    select_all(f, "r");
    sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, trace, &t);
    assert_ok(vb_store_paths_held(f->reg, 1, "/data", paths, VB_COUNT(paths), held, &f->err), &f->err);
    assert_int_equal(vb_prune_check_unreferenced(f->reg, NULL), -EBUSY);
    assert_ok(vb_prune_selected(f->reg, true, &f->err), &f->err);
    sqlite3_trace_v2(handle, 0, NULL, NULL);
    for (char **sql = t.statements; *sql; sql++, n++)
        check_no_scan(handle, *sql);
    assert_true(n >= 16);
    vb_strv_free(t.statements);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_registry, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_removed_dataset_is_gone_and_its_artifact_is_trash),
        TEST(a_dataset_without_dimensions_is_removed),
        TEST(what_provenance_speaks_of_stays_as_removed),
        TEST(unstored_datasets_stay_without_their_artifacts),
        TEST(a_purged_run_is_empty_and_is_there),
        TEST(artifacts_of_others_are_no_trash),
        TEST(the_oldest_notes_come_first_and_are_forgotten),
        TEST(a_part_of_a_file_is_noted_as_the_file_and_without_its_size),
        TEST(a_file_is_held_by_whatever_leads_to_it),
        TEST(collections_that_have_a_dataset_are_named),
        TEST(a_run_goes_with_its_own_provenance_alone),
        cmocka_unit_test_setup_teardown(removing_never_scans, setup_traced, fixture_teardown),
    };

    return cmocka_run_group_tests_name("prune and trash", tests, NULL, NULL);
}
