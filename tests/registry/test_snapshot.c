/* Parts of a registry, frozen in a file: the world of the fixture, with raws of three visits and two detectors. */
#include "registry/backup.h"
#include "registry/check.h"
#include "registry/snapshot.h"
#include "tests/registry/fixture.h"

static vb_registry *snap(fixture *f, vb_registry *from, const char *name, char *collections, const char *where,
                         vb_snapshot_counts *counts)
{
    char *list[] = {collections, NULL};
    vb_snapshot_spec spec = {.collections = list, .where = where};
    vb_registry *reg = NULL;

    assert_ok(vb_snapshot_make(from, &spec, fixture_path(f, name), counts, &f->err), &f->err);
    assert_ok(vb_registry_open(fixture_path(f, name), VB_ACCESS_IMMUTABLE, &reg, &f->err), &f->err);
    return reg;
}

static int64_t count(fixture *f, const char *name, const char *table_and_where)
{
    vb_autofree char *sql = vb_format("SELECT count(*) FROM %s", table_and_where);
    vb_auto(vb_db_close) vb_db *db = NULL;
    int64_t n = -1;

    assert_ok(vb_db_open(fixture_path(f, name), VB_DB_IMMUTABLE, &db, &f->err), &f->err);
    assert_ok(vb_sql_int(db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
    return n;
}

/* The fixture's registry is no repository's. */
static void add_store(fixture *f)
{
    vb_auto(vb_db_close) vb_db *db = NULL;

    assert_ok(vb_db_open(f->path, VB_DB_WRITE, &db, &f->err), &f->err);
    assert_ok(vb_db_run(db, "INSERT INTO store VALUES (1, 'file', '.')", &f->err), &f->err);
}

static int no_fault(void *arg, const char *what, const char *detail, bool mendable, vb_error *err)
{
    fail_msg("%s: %s", what, detail);
    return -1;
}

static void it_has_what_was_chosen_and_what_that_speaks_of(void **state)
{
    fixture *f = *state;
    vb_snapshot_counts counts;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    char raws[] = "raws";

    fixture_raws(f);
    add_store(f);
    reg = snap(f, f->reg, "s", raws, "instrument = 'Cam' AND exposure = 11", &counts);
    assert_int_equal(counts.datasets, 2);
    assert_string_equal(vb_registry_format(reg), "snapshot");
    assert_int_equal(count(f, "s", "dataset"), 2);
    assert_int_equal(count(f, "s", "location"), 2);
    assert_int_equal(count(f, "s", "dimension_exposure"), 1);
    assert_int_equal(count(f, "s", "dimension_detector"), 2);
    assert_int_equal(count(f, "s", "dimension_physical_filter WHERE band = 'r'"), 1);
    assert_int_equal(count(f, "s", "dimension_physical_filter"), 1);
    assert_int_equal(count(f, "s", "dimension_day_obs"), 1);
    assert_int_equal(count(f, "s", "dimension_instrument"), 1);
    /* Its visit, and that visit's pixels: regions can be asked for. */
    assert_int_equal(count(f, "s", "dimension_visit WHERE visit = 11"), 1);
    assert_int_equal(count(f, "s", "dimension_visit"), 1);
    assert_true(count(f, "s", "overlap_visit") > 0);
    assert_ok(vb_check_references(reg, no_fault, NULL, &f->err), &f->err);
    assert_ok(vb_check_database(reg, no_fault, NULL, &f->err), &f->err);
}

static void rows_keep_their_ids_and_can_be_found(void **state)
{
    fixture *f = *state;
    vb_snapshot_counts counts;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto_search search = {0};
    vb_auto_dataset was = {0}, is = {0};
    const vb_dataset_type *type;
    char raws[] = "raws", *names[] = {raws, NULL};
    vb_auto_dataid id = {0};

    fixture_raws(f);
    reg = snap(f, f->reg, "s", raws, NULL, &counts);
    assert_ok(vb_dataset_type_find(reg, "raw", &type, &f->err), &f->err);
    assert_ok(vb_search_resolve(reg, names, &search, &f->err), &f->err);
    id = fixture_dataid(f, type->group, "instrument=Cam,detector=2,exposure=12");
    assert_int_equal(vb_dataset_find(reg, type, &id, &search, &is, &f->err), 1);
    assert_int_equal(vb_dataset_by_uuid(f->reg, &is.uuid, &was, &f->err), 1);
    assert_int_equal(was.id, is.id);
}

static void tagged_and_chained_collections_come_with_their_runs(void **state)
{
    fixture *f = *state;
    vb_snapshot_counts counts;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    const vb_collection *c;
    char **children = NULL, chain[] = "chain";

    fixture_raws(f);
    fixture_run(f, "empty");
    fixture_chain(f, "chain", "empty,raws");
    reg = snap(f, f->reg, "s", chain, NULL, &counts);
    assert_int_equal(counts.datasets, 6);
    assert_ok(vb_collection_find(reg, "chain", &c, &f->err), &f->err);
    assert_ok(vb_collection_children(reg, c, &children, &f->err), &f->err);
    assert_string_equal(children[0], "empty");
    assert_string_equal(children[1], "raws");
    vb_strv_free(children);
}

static void it_has_an_id_and_names_its_parent(void **state)
{
    fixture *f = *state;
    vb_snapshot_counts first, second;
    vb_auto(vb_registry_close) vb_registry *a = NULL;
    vb_auto(vb_registry_close) vb_registry *b = NULL;
    vb_autofree char *parent = NULL, *id = NULL, *repository = NULL, *none = NULL, *root = NULL;
    char raws[] = "raws";

    fixture_raws(f);
    a = snap(f, f->reg, "a", raws, NULL, &first);
    b = snap(f, a, "b", raws, "instrument = 'Cam' AND detector = 1", &second);
    assert_int_equal(second.datasets, 3);
    assert_string_not_equal(first.id, second.id);
    assert_ok(vb_registry_meta(b, "parent_snapshot", &parent, &f->err), &f->err);
    assert_string_equal(parent, first.id);
    assert_ok(vb_snapshot_source(b, &repository, &id, &f->err), &f->err);
    assert_string_equal(id, second.id);
    assert_string_equal(repository, f->dir); /* where the artifacts are, however often it was frozen */
    assert_ok(vb_snapshot_source(f->reg, &root, &none, &f->err), &f->err);
    assert_null(none);
}

static void nothing_is_left_where_nothing_was_made(void **state)
{
    fixture *f = *state;
    vb_auto_error empty = VB_ERROR_INIT, there = VB_ERROR_INIT;
    char raws[] = "raws", *list[] = {raws, NULL};
    vb_snapshot_spec spec = {.collections = list, .where = "instrument = 'Cam' AND exposure = 99"};
    vb_autofree char *look = vb_format("ls %s | grep -q '^s'", f->dir);
    vb_snapshot_counts counts;

    fixture_raws(f);
    assert_int_equal(vb_snapshot_make(f->reg, &spec, fixture_path(f, "s"), &counts, &empty), -ENODATA);
    assert_int_not_equal(system(look), 0);
    fixture_write(f, "s", "somebody's");
    spec.where = NULL;
    assert_int_equal(vb_snapshot_make(f->reg, &spec, fixture_path(f, "s"), &counts, &there), -EEXIST);
    assert_says(&there, "never changes");
}

static void a_backup_is_the_registry_of_one_moment(void **state)
{
    fixture *f = *state;
    vb_auto_error there = VB_ERROR_INIT;
    vb_auto(vb_registry_close) vb_registry *copy = NULL;
    vb_autofree char *log = NULL;

    fixture_raws(f);
    assert_ok(vb_registry_backup(f->path, fixture_path(f, "b"), NULL, NULL, &f->err), &f->err);
    fixture_put(f, "raw", "later", "instrument=Cam,detector=1,exposure=10");
    assert_int_equal(count(f, "b", "dataset"), 6);
    assert_ok(vb_registry_open(fixture_path(f, "b"), VB_ACCESS_IMMUTABLE, &copy, &f->err), &f->err);
    assert_string_equal(vb_registry_format(copy), "registry");
    log = vb_format("%s-wal", fixture_path(f, "b"));
    assert_int_not_equal(access(log, F_OK), 0);
    assert_int_equal(vb_registry_backup(f->path, fixture_path(f, "b"), NULL, NULL, &there), -EEXIST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_has_what_was_chosen_and_what_that_speaks_of),
        TEST(rows_keep_their_ids_and_can_be_found),
        TEST(tagged_and_chained_collections_come_with_their_runs),
        TEST(it_has_an_id_and_names_its_parent),
        TEST(nothing_is_left_where_nothing_was_made),
        TEST(a_backup_is_the_registry_of_one_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
