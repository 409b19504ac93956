/* What ingest asks of the registry: rules of instruments, many datasets at once, quick look-ups, paths that
 * are held. */
#include "registry/instrument_rules.h"
#include "registry/internal.h"
#include "registry/lookup.h"
#include "registry/store_paths.h"
#include "tests/registry/fixture.h"

static vb_txn txn;
static const vb_dataset_type *note; /* {instrument, detector, exposure} */
static int64_t run_id;

static int setup(void **state)
{
    int r = fixture_setup_registry(state);
    fixture *f = *state;

    if (r < 0)
        return r;
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    note = fixture_type(f, "note", "detector,exposure");
    run_id = fixture_run(f, "run")->id;
    return 0;
}

static int teardown(void **state)
{
    vb_txn_rollback(&txn);
    return fixture_teardown(state);
}

/* ---- rules --------------------------------------------------------------------------------------------- */

static void rules_are_kept_replaced_and_listed(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *text = NULL;
    char **names = NULL;

    assert_int_equal(vb_instrument_rules_get(f->reg, "B", &text, &err), 0);
    assert_ok(vb_instrument_rules_put(f->reg, "B", "name: B", &err), &err);
    assert_ok(vb_instrument_rules_put(f->reg, "A", "name: A", &err), &err);
    assert_ok(vb_instrument_rules_put(f->reg, "B", "name: B # new", &err), &err);
    assert_int_equal(vb_instrument_rules_get(f->reg, "B", &text, &err), 1);
    assert_string_equal(text, "name: B # new");
    assert_ok(vb_instrument_rules_list(f->reg, &names, &err), &err);
    assert_int_equal(vb_strv_count(names), 2);
    assert_string_equal(names[0], "A");
    vb_strv_free(names);
}

static void builtin_rules_are_text(void **state)
{
    const char *file, *text;
    size_t n, count = 0;

    for (; (text = vb_instrument_rules_builtin(count, &file, &n)); count++) {
        assert_true(vb_ends_with(file, ".yaml"));
        assert_int_equal(strlen(text), n);
    }
    assert_int_equal(count, 3);
}

/* ---- many datasets ------------------------------------------------------------------------------------- */

typedef struct batch {
    vb_dataset *datasets;
    vb_location *locations;
    size_t count;
} batch;

static batch make_batch(size_t count)
{
    batch b = {vb_alloc((count + 1) * sizeof *b.datasets), vb_alloc((count + 1) * sizeof *b.locations), count};

    for (size_t i = 0; i < count; i++) {
        b.datasets[i] = (vb_dataset){.type = note, .run_id = run_id, .dataid = {.group = note->group}};
        b.datasets[i].dataid.values[0] = vb_value_text("Cam");
        b.datasets[i].dataid.values[1] = vb_value_int((int64_t)i % 5);
        b.datasets[i].dataid.values[2] = vb_value_int((int64_t)i / 5);
        b.locations[i] = (vb_location){.store_id = 1,
                                       .path = vb_format("run/%zu", i),
                                       .size = (int64_t)i,
                                       .mtime = i % 2 ? 7 : -1,
                                       .has_checksum = i % 3 == 0};
    }
    return b;
}

static void free_batch(batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        vb_dataset_clear(&b->datasets[i]);
        vb_location_clear(&b->locations[i]);
    }
    free(b->datasets);
    free(b->locations);
}

static void check_batch(fixture *f, const batch *b)
{
    vb_auto_error err = VB_ERROR_INIT;

    for (size_t i = 0; i < b->count; i++) {
        vb_auto_dataset d = {0};
        vb_auto_location l = {0};

        assert_int_equal(vb_dataset_by_uuid(f->reg, &b->datasets[i].uuid, &d, &err), 1);
        assert_int_equal(d.id, b->datasets[i].id);
        assert_true(vb_dataid_equal(&d.dataid, &b->datasets[i].dataid));
        assert_int_equal(vb_location_get(f->reg, d.id, &l, &err), 1);
        assert_string_equal(l.path, b->locations[i].path);
        assert_int_equal(l.mtime, b->locations[i].mtime);
        assert_int_equal(l.has_checksum, b->locations[i].has_checksum);
    }
}

static void any_number_of_datasets_is_inserted_whole(void **state)
{
    vb_auto_error err = VB_ERROR_INIT;

    for (size_t n = 0; n < 12; n++) {
        fixture *f;
        batch b;

        teardown(state);
        setup(state);
        f = *state;
        b = make_batch(n);
        assert_ok(vb_dataset_insert_all(f->reg, b.datasets, b.locations, n, &err), &err);
        check_batch(f, &b);
        free_batch(&b);
    }
}

static void datasets_are_found_in_their_run(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_search search = {0};
    char *names[] = {(char *)"run", NULL}, **types = NULL;
    batch b = make_batch(9);

    assert_ok(vb_dataset_insert_all(f->reg, b.datasets, NULL, b.count, &err), &err);
    assert_ok(vb_search_resolve(f->reg, names, &search, &err), &err);
    for (size_t i = 0; i < b.count; i++) {
        vb_auto_dataset d = {0};

        assert_int_equal(vb_dataset_find(f->reg, note, &b.datasets[i].dataid, &search, &d, &err), 1);
        assert_int_equal(d.id, b.datasets[i].id);
    }
    assert_ok(vb_dataset_type_list(f->reg, run_id, NULL, 10, &types, &err), &err);
    assert_int_equal(vb_strv_count(types), 1);
    vb_strv_free(types);
    free_batch(&b);
}

/* Every other one is of another type, of the same dimensions. */
static batch make_mixed(fixture *f, size_t count)
{
    const vb_dataset_type *remark = fixture_type(f, "remark", "detector,exposure");
    batch b = make_batch(count);

    for (size_t i = 0; i < count; i++) {
        b.datasets[i].uuid = vb_uuid_v7();
        if (i % 2)
            b.datasets[i].type = remark;
    }
    return b;
}

/* As the transaction sees it. */
static int64_t count(fixture *f, const char *table)
{
    vb_autofree char *sql = vb_format("SELECT count(*) FROM %s", table);
    int64_t n = -1;

    assert_ok(vb_sql_int(f->reg->db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
    return n;
}

static void some_of_several_types_are_inserted_whole(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    int64_t before = 0;

    for (size_t n = 0; n <= 9; n++) {
        vb_auto_txn inner = {0};
        batch b = make_mixed(f, n);

        assert_ok(vb_registry_begin(f->reg, &inner, &err), &err);
        before = count(f, "member_1");
        assert_ok(vb_dataset_insert_some(f->reg, b.datasets, b.locations, n, &err), &err);
        check_batch(f, &b);
        assert_int_equal(count(f, "member_1"), before + (int64_t)n);
        vb_txn_rollback(&inner);
        free_batch(&b);
    }
}

static void some_that_provenance_speaks_of_come_back(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    batch b = make_mixed(f, 4);
    vb_auto_dataset there = {.uuid = b.datasets[2].uuid, .type = note, .state = VB_DATASET_REMOVED};

    there.dataid = vb_dataid_copy(&b.datasets[2].dataid);
    there.run_id = run_id;
    assert_ok(vb_dataset_insert(f->reg, &there, NULL, &err), &err);
    assert_ok(vb_db_run(f->reg->db, "UPDATE dataset SET run_id = 0; DELETE FROM member_1", &err), &err);
    assert_ok(vb_dataset_insert_some(f->reg, b.datasets, b.locations, 4, &err), &err);
    assert_int_equal(b.datasets[2].id, there.id);
    check_batch(f, &b);
    assert_int_equal(count(f, "dataset"), 4);
    free_batch(&b);
}

static void some_of_other_dimensions_are_inserted_too(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_dataset_type *log = fixture_type(f, "log", "exposure");
    batch b = make_mixed(f, 3);

    vb_dataid_clear(&b.datasets[1].dataid);
    b.datasets[1].type = log;
    b.datasets[1].dataid = fixture_dataid(f, log->group, "instrument=Cam,exposure=4");
    assert_ok(vb_dataset_insert_some(f->reg, b.datasets, b.locations, 3, &err), &err);
    check_batch(f, &b);
    assert_int_equal(count(f, "member_2"), 1);
    free_batch(&b);
}

/* bug: the first that the same statement had inserted was named */
static void the_one_of_some_that_is_there_is_named(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    batch first = make_mixed(f, 2), second = make_mixed(f, 4);

    assert_ok(vb_dataset_insert_some(f->reg, first.datasets, first.locations, 2, &err), &err);
    second.datasets[0].dataid.values[2].i += 100;
    assert_int_equal(vb_dataset_insert_some(f->reg, second.datasets, second.locations, 4, &err), -EEXIST);
    assert_string_equal(err.message, "remark {instrument: Cam, detector: 1, exposure: 0}: run 'run' has one already");
    free_batch(&first);
    free_batch(&second);
}

static void data_id_that_is_there_is_named(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    batch first = make_batch(8), second = make_batch(8);

    assert_ok(vb_dataset_insert_all(f->reg, first.datasets, NULL, 8, &err), &err);
    for (size_t i = 0; i < 7; i++)
        second.datasets[i].dataid.values[2].i += 100;
    assert_int_equal(vb_dataset_insert_all(f->reg, second.datasets, NULL, 8, &err), -EEXIST);
    assert_string_equal(err.message, "note {instrument: Cam, detector: 2, exposure: 1}: run 'run' has one already");
    free_batch(&first);
    free_batch(&second);
}

static void data_id_that_is_here_twice_is_named(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    batch b = make_batch(8);

    b.datasets[6].dataid.values[1].i = b.datasets[7].dataid.values[1].i;
    assert_int_equal(vb_dataset_insert_all(f->reg, b.datasets, NULL, 8, &err), -EEXIST);
    assert_string_equal(err.message, "note {instrument: Cam, detector: 2, exposure: 1}: run 'run' has one already");
    free_batch(&b);
}

/* ---- look-ups ------------------------------------------------------------------------------------------ */

static void put_detector(fixture *f, int64_t id, const char *full_name)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_record r = vb_record_new(f->reg, vb_universe_find(vb_registry_universe(f->reg), "detector"));

    vb_record_set(&r, "instrument", vb_value_text("Cam"));
    vb_record_set(&r, "detector", vb_value_int(id));
    vb_record_set(&r, "full_name", vb_value_text(full_name));
    assert_int_equal(vb_record_put(f->reg, &r, VB_RECORD_SAME, &err), 1);
}

static void record_exists_or_not(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    const vb_element *detector = vb_universe_find(vb_registry_universe(f->reg), "detector");
    const vb_element *pixel = vb_universe_find(vb_registry_universe(f->reg), "healpix5");
    batch b = make_batch(2);

    put_detector(f, 1, "N1");
    assert_int_equal(vb_record_exists(f->reg, detector, &b.datasets[1].dataid, &err), 1);
    assert_int_equal(vb_record_exists(f->reg, detector, &b.datasets[0].dataid, &err), 0);
    assert_int_equal(vb_record_exists(f->reg, pixel, &b.datasets[0].dataid, &err), 1);
    free_batch(&b);
}

static void dimension_is_found_by_another_key(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_value value = {0};
    const vb_element *detector = vb_universe_find(vb_registry_universe(f->reg), "detector");
    batch b = make_batch(1);

    put_detector(f, 41, "N10");
    assert_int_equal(vb_dimension_by_key(f->reg, detector, "full_name", "N10", &b.datasets[0].dataid, &value, &err), 1);
    assert_int_equal(value.i, 41);
    assert_int_equal(vb_dimension_by_key(f->reg, detector, "full_name", "N11", &b.datasets[0].dataid, &value, &err), 0);
    assert_int_equal(vb_dimension_by_key(f->reg, detector, "raft", "N", &b.datasets[0].dataid, &value, &err), -EINVAL);
    free_batch(&b);
}

static void held_paths_are_told_from_others(void **state)
{
    static const char *const paths[] = {"run/1", "run/10", "run/2", "run/2x", "run/99"};
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    bool held[VB_COUNT(paths)];
    batch b = make_batch(5);

    free(b.locations[2].path);
    b.locations[2].path = vb_strdup("run/2#hdu=3");
    assert_ok(vb_dataset_insert_all(f->reg, b.datasets, b.locations, b.count, &err), &err);
    assert_ok(vb_store_paths_held(f->reg, 1, "/nowhere", paths, VB_COUNT(paths), held, &err), &err);
    assert_true(held[0]);
    assert_false(held[1]);
    assert_true(held[2]);
    assert_false(held[3]);
    assert_false(held[4]);
    free_batch(&b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rules_are_kept_replaced_and_listed),
        TEST(builtin_rules_are_text),
        TEST(any_number_of_datasets_is_inserted_whole),
        TEST(datasets_are_found_in_their_run),
        TEST(some_of_several_types_are_inserted_whole),
        TEST(some_that_provenance_speaks_of_come_back),
        TEST(some_of_other_dimensions_are_inserted_too),
        TEST(the_one_of_some_that_is_there_is_named),
        TEST(data_id_that_is_there_is_named),
        TEST(data_id_that_is_here_twice_is_named),
        TEST(record_exists_or_not),
        TEST(dimension_is_found_by_another_key),
        TEST(held_paths_are_told_from_others),
    };

    return cmocka_run_group_tests_name("ingest's registry", tests, NULL, NULL);
}
