/* Datasets and their locations. */
#include "registry/dataset.h"
#include "tests/registry/fixture.h"

#define RAW "instrument=Cam,detector=1,exposure=10"

static const vb_dataset_type *raw;

static int setup(void **state)
{
    int r = fixture_setup_registry(state);

    if (r < 0)
        return r;
    raw = fixture_type(*state, "raw", "detector,exposure");
    return 0;
}

static vb_dataset sample(fixture *f, const char *run, const char *dataid)
{
    return (
        vb_dataset){.type = raw, .run_id = fixture_run(f, run)->id, .dataid = fixture_dataid(f, raw->group, dataid)};
}

static vb_uuid uuid_of(int n)
{
    vb_uuid uuid;

    memset(uuid.bytes, n, sizeof uuid.bytes);
    return uuid;
}

/* Runs SQL that no call of ours would run. */
static void tamper(fixture *f, const char *sql)
{
    vb_auto(vb_db_close) vb_db *db = NULL;

    assert_ok(vb_db_open(f->path, VB_DB_WRITE, &db, &f->err), &f->err);
    assert_ok(vb_db_run(db, sql, &f->err), &f->err);
}

/* ---- inserting -------------------------------------------------------------------------------------------- */

static void a_dataset_is_found_as_it_was_inserted(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = sample(f, "r", RAW), by_uuid = {0}, by_id = {0};

    d.uuid = uuid_of(7);
    d.ingest_date = 42;
    d.state = VB_DATASET_PREDICTED;
    assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    assert_int_equal(vb_dataset_by_uuid(f->reg, &d.uuid, &by_uuid, &f->err), 1);
    assert_int_equal(vb_dataset_by_id(f->reg, d.id, &by_id, &f->err), 1);
    assert_int_equal(by_uuid.id, d.id);
    assert_ptr_equal(by_id.type, raw);
    assert_true(vb_uuid_equal(by_id.uuid, d.uuid));
    assert_true(vb_dataid_equal(&by_id.dataid, &d.dataid));
    assert_int_equal(by_id.run_id, d.run_id);
    assert_int_equal(by_id.ingest_date, 42);
    assert_int_equal(by_id.state, VB_DATASET_PREDICTED);
}

static void a_dataset_gets_a_uuid_and_a_date(void **state)
{
    fixture *f = *state;
    vb_auto_dataset a = sample(f, "a", RAW), b = sample(f, "b", RAW);

    assert_ok(vb_dataset_insert(f->reg, &a, NULL, &f->err), &f->err);
    assert_ok(vb_dataset_insert(f->reg, &b, NULL, &f->err), &f->err);
    assert_int_equal(a.uuid.bytes[6] >> 4, 7);
    assert_false(vb_uuid_equal(a.uuid, b.uuid));
    assert_true(a.ingest_date > 0);
}

static void a_run_has_one_of_a_type_and_data_id(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_dataset again = sample(f, "r", RAW), elsewhere = sample(f, "s", RAW);

    fixture_put(f, "raw", "r", RAW);
    assert_int_equal(vb_dataset_insert(f->reg, &again, NULL, &err), -EEXIST);
    assert_string_equal(err.message, "raw {instrument: Cam, detector: 1, exposure: 10}: run 'r' has one already");
    assert_ok(vb_dataset_insert(f->reg, &elsewhere, NULL, &f->err), &f->err);
}

static void a_uuid_is_one_dataset(void **state)
{
    fixture *f = *state;
    int64_t id = fixture_put(f, "raw", "r", RAW);
    vb_auto_dataset other = sample(f, "s", RAW);

    other.uuid = fixture_uuid(f, id);
    assert_int_equal(vb_dataset_insert(f->reg, &other, NULL, NULL), -EEXIST);
}

static void types_without_dimensions_have_one_a_run(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = {.type = fixture_type(f, "packages", ""), .run_id = fixture_run(f, "r")->id}, found = {0};

    d.dataid.group = d.type->group;
    assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    assert_int_equal(vb_dataset_find(f->reg, d.type, &d.dataid, fixture_search(f, "r"), &found, &f->err), 1);
    assert_int_equal(found.id, d.id);
    assert_int_equal(vb_dataset_insert(f->reg, &d, NULL, NULL), -EEXIST);
}

/* Bug: "run 'r' has one already". */
static void a_value_that_is_missing_is_not_one_that_is_there(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = sample(f, "r", RAW);

    vb_value_clear(&d.dataid.values[1]);
    assert_int_equal(vb_dataset_insert(f->reg, &d, NULL, NULL), -EINVAL);
}

/* Bug: what was known of the type was dropped with the transaction, and then looked up at NULL. */
static void a_type_serves_beyond_a_transaction_that_was_undone(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = sample(f, "r", RAW), found = {0};
    vb_txn txn = {0};

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    vb_txn_rollback(&txn);
    assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    vb_txn_rollback(&txn);
    assert_int_equal(vb_dataset_find(f->reg, raw, &d.dataid, fixture_search(f, "r"), &found, &f->err), 1);
}

static void a_dataset_takes_over_the_row_that_provenance_made(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = sample(f, "r", RAW), found = {0};

    d.uuid = uuid_of(0x11);
    tamper(f, "INSERT INTO dataset VALUES (NULL, x'11111111111111111111111111111111', 1, 0, '[]', 1, 2)");
    assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    assert_int_equal(d.id, fixture_int(f, "SELECT id FROM dataset"));
    assert_int_equal(vb_dataset_by_id(f->reg, d.id, &found, &f->err), 1);
    assert_int_equal(found.state, VB_DATASET_PRESENT);
    assert_true(vb_dataid_equal(&found.dataid, &d.dataid));
}

/* ---- finding ---------------------------------------------------------------------------------------------- */

static void the_first_collection_that_has_it_wins(void **state)
{
    fixture *f = *state;
    int64_t a = fixture_put(f, "raw", "a", RAW), b = fixture_put(f, "raw", "b", RAW);
    const struct {
        const char *search;
        int64_t expected; /* 0: none */
    } cases[] = {{"a,b", a},     {"b,a", b},   {"empty,b", b}, {"chain", b}, {"tagged,b", a},
                 {"calib,b", b}, {"calib", 0}, {"empty", 0},   {"", 0}};
    vb_auto_dataid id = fixture_dataid(f, raw->group, RAW);

    fixture_run(f, "empty");
    fixture_chain(f, "chain", "empty,b,a");
    fixture_collection(f, "tagged", VB_TAGGED);
    fixture_collection(f, "calib", VB_CALIBRATION); /* its members need a time */
    tamper(f, "INSERT INTO member_1 SELECT m.type_id, c.id, instrument, detector, exposure, dataset_id FROM member_1 m,"
              " collection c WHERE c.name IN ('tagged', 'calib') AND dataset_id = 1");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_dataset found = {0};
        int r = vb_dataset_find(f->reg, raw, &id, fixture_search(f, cases[i].search), &found, &f->err);

        assert_int_equal(r, cases[i].expected != 0);
        assert_int_equal(found.id, cases[i].expected);
    }
}

static void what_is_not_there_is_nothing_and_no_error(void **state)
{
    fixture *f = *state;
    vb_auto_dataid id = fixture_dataid(f, raw->group, "instrument=Cam,detector=2,exposure=10");
    vb_uuid uuid = uuid_of(1);
    vb_auto_dataset d = {0};
    vb_auto_location l = {0};

    fixture_put(f, "raw", "r", RAW);
    assert_int_equal(vb_dataset_find(f->reg, raw, &id, fixture_search(f, "r"), &d, &f->err), 0);
    assert_int_equal(vb_dataset_by_uuid(f->reg, &uuid, &d, &f->err), 0);
    assert_int_equal(vb_dataset_by_id(f->reg, 99, &d, &f->err), 0);
    assert_int_equal(vb_location_get(f->reg, 99, &l, &f->err), 0);
    assert_null(f->err.message);
}

static void a_dataset_is_printed_with_its_data_id(void **state)
{
    vb_auto_dataset d = sample(*state, "r", RAW);
    vb_auto_buf text = {0};

    vb_buf_puts(&text, "> ");
    vb_dataset_print(&d, &text);
    assert_string_equal(vb_buf_text(&text), "> raw {instrument: Cam, detector: 1, exposure: 10}");
}

/* ---- listings --------------------------------------------------------------------------------------------- */

static int note(void *arg, const vb_dataset *d, vb_error *err)
{
    vb_buf *out = arg;

    vb_buf_printf(out, "%s", out->len ? "; " : "");
    vb_dataset_print(d, out);
    return out->len > 200 ? vb_fail(err, -ECANCELED, "enough") : 0;
}

static void datasets_come_type_by_type_as_they_came_into_the_registry(void **state)
{
    fixture *f = *state;
    const vb_collection *run = fixture_run(f, "r");
    const vb_dataset_type *camera = fixture_type(f, "camera", "instrument");
    vb_auto_buf all = {0}, one = {0}, none = {0}, enough = {0};

    fixture_put(f, "raw", "r", "instrument=Cam,detector=10,exposure=1");
    fixture_put(f, "raw", "r", "instrument=Cam,detector=9,exposure=1");
    fixture_put(f, "camera", "r", "instrument=Cam");
    fixture_put(f, "camera", "elsewhere", "instrument=Cam");
    assert_ok(vb_dataset_each(f->reg, run, NULL, note, &all, &f->err), &f->err);
    assert_string_equal(vb_buf_text(&all),
                        "camera {instrument: Cam}; raw {instrument: Cam, detector: 10, exposure: 1}; "
                        "raw {instrument: Cam, detector: 9, exposure: 1}");
    assert_ok(vb_dataset_each(f->reg, run, camera, note, &one, &f->err), &f->err);
    assert_string_equal(vb_buf_text(&one), "camera {instrument: Cam}");
    assert_ok(vb_dataset_each(f->reg, fixture_run(f, "empty"), NULL, note, &none, &f->err), &f->err);
    assert_int_equal(none.len, 0);
    for (int i = 0; i < 200; i++)
        vb_buf_putc(&enough, '.');
    assert_int_equal(vb_dataset_each(f->reg, run, NULL, note, &enough, NULL), -ECANCELED);
    assert_string_equal(enough.data + 200, "; camera {instrument: Cam}");
}

static int note_detector(void *arg, const vb_dataset *d, vb_error *err)
{
    int64_t *sum = arg;

    sum[0]++;
    sum[1] += d->dataid.values[1].i;
    if (d->id <= sum[2])
        return vb_fail(err, -EINVAL, "dataset %ld after %ld", (long)d->id, (long)sum[2]);
    sum[2] = d->id;
    return 0;
}

/* Those of another run lie between: few in one place, more than are stepped over in another. */
static void datasets_that_lie_far_apart_are_all_listed(void **state)
{
    fixture *f = *state;
    const vb_collection *run = fixture_run(f, "r");
    const vb_dataset_type *camera = fixture_type(f, "raw", "instrument,detector,exposure");
    int64_t all[3] = {0}, other[3] = {0};

    for (int i = 0; i < 300; i++) {
        char id[64];

        snprintf(id, sizeof id, "instrument=Cam,detector=%d,exposure=%d", i * 7 % 300, 300 - i);
        fixture_put(f, "raw", i % 3 && (i < 100 || i > 200) ? "r" : "elsewhere", id);
    }
    assert_ok(vb_dataset_each(f->reg, run, camera, note_detector, all, &f->err), &f->err);
    assert_ok(vb_dataset_each(f->reg, fixture_run(f, "elsewhere"), camera, note_detector, other, &f->err), &f->err);
    assert_int_equal(all[0], 132);
    assert_int_equal(other[0], 168);
    assert_int_equal(all[1] + other[1], 300 * 299 / 2);
}

static void uuids_are_listed_ascending(void **state)
{
    static const int order[] = {3, 1, 0xff, 2, 0x80};
    static const vb_uuid none;
    fixture *f = *state;
    vb_uuid out[8], after = uuid_of(2);
    size_t n;

    for (size_t i = 0; i < VB_COUNT(order); i++) {
        vb_autofree char *dataid = vb_format("instrument=Cam,detector=%d,exposure=1", order[i]);
        vb_auto_dataset d = sample(f, "r", dataid);

        d.uuid = uuid_of(order[i]);
        assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    }
    assert_ok(vb_dataset_list_uuids(f->reg, &none, 8, out, &n, &f->err), &f->err);
    assert_int_equal(n, 5);
    assert_int_equal(out[0].bytes[0], 1);
    assert_int_equal(out[4].bytes[0], 0xff);
    assert_ok(vb_dataset_list_uuids(f->reg, &after, 2, out, &n, &f->err), &f->err);
    assert_int_equal(n, 2);
    assert_int_equal(out[0].bytes[0], 3);
    assert_int_equal(out[1].bytes[0], 0x80);
}

/* ---- locations -------------------------------------------------------------------------------------------- */

static void a_location_comes_back_and_is_replaced(void **state)
{
    fixture *f = *state;
    vb_auto_dataset d = sample(f, "r", RAW);
    vb_location full = {.store_id = 1,
                        .path = (char *)"r/a.fits#hdu=2",
                        .size = INT64_MAX,
                        .has_checksum = true,
                        .checksum = vb_hash_bytes("abc", 3),
                        .mtime = 0,
                        .formatter = (char *)"x.Y"};
    vb_location bare = {.store_id = 1, .path = (char *)"/abs", .size = -1, .mtime = -1};
    vb_auto_location first = {0}, second = {0};

    assert_ok(vb_dataset_insert(f->reg, &d, &full, &f->err), &f->err);
    assert_int_equal(vb_location_get(f->reg, d.id, &first, &f->err), 1);
    assert_string_equal(first.path, full.path);
    assert_int_equal(first.size, INT64_MAX);
    assert_true(first.has_checksum);
    assert_memory_equal(&first.checksum, &full.checksum, sizeof full.checksum);
    assert_int_equal(first.mtime, 0);
    assert_string_equal(first.formatter, "x.Y");
    assert_ok(vb_location_set(f->reg, d.id, &bare, &f->err), &f->err);
    assert_int_equal(vb_location_get(f->reg, d.id, &second, &f->err), 1);
    assert_string_equal(second.path, "/abs");
    assert_int_equal(second.size, -1);
    assert_int_equal(second.mtime, -1);
    assert_false(second.has_checksum);
    assert_null(second.formatter);
    assert_int_equal(fixture_count(f, "location"), 1);
}

static int note_path(void *arg, const char *path)
{
    vb_buf *out = arg;

    vb_buf_separate(out, " ");
    vb_buf_puts(out, path);
    return !strcmp(path, "/z") ? 7 : 0;
}

static void absolute_paths_come_sorted(void **state)
{
    static const char *const paths[] = {"/b/1", "r/1", "/a#hdu=1", "0/x", "./y", "/z", "/a"};
    fixture *f = *state;
    vb_auto_buf all = {0};

    for (size_t i = 0; i < VB_COUNT(paths); i++) {
        vb_autofree char *dataid = vb_format("instrument=Cam,detector=%zu,exposure=1", i);
        vb_auto_dataset d = sample(f, "r", dataid);
        vb_location l = {.store_id = 1, .path = (char *)paths[i], .size = (int64_t)i, .mtime = -1};

        assert_ok(vb_dataset_insert(f->reg, &d, &l, &f->err), &f->err);
    }
    assert_int_equal(vb_location_each_absolute(f->reg, note_path, &all, &f->err), 7);
    assert_string_equal(vb_buf_text(&all), "/a /a#hdu=1 /b/1 /z");
}

static void stores_are_listed_by_number(void **state)
{
    fixture *f = *state;
    vb_autofree int64_t *ids = NULL;
    char **roots;
    size_t n;

    tamper(f, "INSERT INTO store VALUES (3, 'far', 'https://example.org'), (1, 'file', '.')");
    assert_ok(vb_store_list(f->reg, &ids, &roots, &n, &f->err), &f->err);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 3);
    assert_string_equal(roots[1], "https://example.org");
    assert_null(roots[2]);
    vb_strv_free(roots);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dataset_is_found_as_it_was_inserted),
        TEST(a_dataset_gets_a_uuid_and_a_date),
        TEST(a_run_has_one_of_a_type_and_data_id),
        TEST(a_uuid_is_one_dataset),
        TEST(types_without_dimensions_have_one_a_run),
        TEST(a_value_that_is_missing_is_not_one_that_is_there),
        TEST(a_type_serves_beyond_a_transaction_that_was_undone),
        TEST(a_dataset_takes_over_the_row_that_provenance_made),
        TEST(the_first_collection_that_has_it_wins),
        TEST(what_is_not_there_is_nothing_and_no_error),
        TEST(a_dataset_is_printed_with_its_data_id),
        TEST(datasets_come_type_by_type_as_they_came_into_the_registry),
        TEST(datasets_that_lie_far_apart_are_all_listed),
        TEST(uuids_are_listed_ascending),
        TEST(a_location_comes_back_and_is_replaced),
        TEST(absolute_paths_come_sorted),
        TEST(stores_are_listed_by_number),
    };

    return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
