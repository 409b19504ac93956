/* Data queries, against daf_butler's own answers.
 *
 * $VB_SHARED/data/golden/small.json holds what it answered on gen3/repo-small; the records and data IDs of that
 * repository are read from its SQLite file, and put into a registry of ours.  Skipped where they are absent. */
#include "registry/dataset_uuid.h"
#include "registry/query/compile.h"
#include "registry/time.h"
#include "tests/registry/fixture.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>

/* Read in this order, each finds what it requires. */
static const char *const elements[] = {"instrument",
                                       "skymap",
                                       "physical_filter",
                                       "day_obs",
                                       "group",
                                       "detector",
                                       "visit_system",
                                       "exposure",
                                       "visit",
                                       "tract",
                                       "patch",
                                       "visit_definition",
                                       "visit_system_membership",
                                       "visit_detector_region"};

/* ---- their repository ------------------------------------------------------------------------------------------ */

static void set_column(vb_record *r, const char *column, sqlite3_stmt *s, int i)
{
    const vb_element *e = r->element;

    if (e->is_dimension && !strcmp(column, e->keys[0].name))
        column = e->name;
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER: vb_record_set(r, column, vb_value_int(sqlite3_column_int64(s, i))); break;
    case SQLITE_FLOAT: vb_record_set(r, column, vb_value_real(sqlite3_column_double(s, i))); break;
    case SQLITE_TEXT: vb_record_set(r, column, vb_value_text((const char *)sqlite3_column_text(s, i))); break;
    default: break;
    }
}

static void put_record(fixture *f, const vb_element *e, sqlite3_stmt *s)
{
    vb_auto_record r = vb_record_new(f->reg, e);
    vb_auto_region region = {0};

    for (int i = 0; i < sqlite3_column_count(s); i++) {
        const char *column = sqlite3_column_name(s, i);
        const char *text = (const char *)sqlite3_column_text(s, i);

        if (!strcmp(column, "hash"))
            continue;
        if (strcmp(column, "region") != 0) {
            set_column(&r, column, s, i);
        } else if (text) {
            assert_ok(vb_region_decode_text(text, strlen(text), &region, &f->err), &f->err);
            vb_record_set_region(&r, &region);
        }
    }
    assert_ok(vb_record_put(f->reg, &r, VB_RECORD_SAME, &f->err), &f->err);
}

static void put_records(fixture *f, sqlite3 *theirs, const char *element)
{
    vb_autofree char *sql = vb_format("SELECT * FROM \"%s\"", element);
    sqlite3_stmt *s = NULL;

    assert_int_equal(sqlite3_prepare_v2(theirs, sql, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        put_record(f, fixture_element(f, element), s);
    sqlite3_finalize(s);
}

static void open_theirs(fixture *f, const char *path, sqlite3 **out)
{
    vb_autofree char *uri = vb_format("file:%s?mode=ro&immutable=1", path);

    assert_int_equal(sqlite3_open_v2(uri, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL), SQLITE_OK);
    (void)f;
}

static int setup(void **state)
{
    vb_auto_txn txn = {0};
    sqlite3 *theirs = NULL;
    char *path;
    fixture *f;

    if (fixture_setup_registry(state) < 0)
        return -1;
    f = *state;
    path = fixture_shared(f, "gen3/repo-small/gen3.sqlite3");
    if (!path)
        return 0;
    open_theirs(f, path, &theirs);
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    for (size_t i = 0; i < VB_COUNT(elements); i++)
        put_records(f, theirs, elements[i]);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    sqlite3_close(theirs);
    return 0;
}

/* ---- their answers --------------------------------------------------------------------------------------------- */

/* Adds a dataset of each data ID that daf_butler tells of a type in a run: one row each in the member table. */
static void put_datasets(fixture *f, const json_t *datasets, const vb_dataset_type *type, const char *run)
{
    vb_auto_txn txn = {0};
    const vb_collection *collection = fixture_run(f, run);
    const json_t *entry;
    size_t i;

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    json_array_foreach(datasets, i, entry) {
        vb_auto_dataset d = {.type = type, .run_id = collection->id};

        if (strcmp(json_string_value(json_object_get(entry, "type")), type->name) != 0 ||
            strcmp(json_string_value(json_object_get(entry, "run")), run) != 0)
            continue;
        assert_ok(vb_dataid_from_json(type->group, json_object_get(entry, "data_id"), &d.dataid, &f->err), &f->err);
        assert_ok(vb_dataset_insert(f->reg, &d, NULL, &f->err), &f->err);
    }
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines, sorted and joined. */
static char *sorted(fixture *f, char **lines)
{
    vb_buf text = {0};

    qsort(lines, vb_strv_count(lines), sizeof *lines, compare_texts);
    for (char **line = lines; *line; line++)
        vb_buf_printf(&text, "%s\n", *line);
    vb_strv_free(lines);
    return fixture_keep(f, vb_buf_steal(&text));
}

static char *expected_ids(fixture *f, const vb_group *group, const json_t *refs)
{
    char **lines = NULL;
    const json_t *ref;
    size_t i;

    vb_strv_add(&lines, "");
    json_array_foreach(refs, i, ref) {
        vb_auto_dataid id = {0};
        vb_auto_buf packed = {0};

        assert_ok(vb_dataid_from_json(group, json_object_get(ref, "data_id"), &id, &f->err), &f->err);
        vb_dataid_pack(&id, &packed);
        vb_strv_add(&lines, vb_buf_text(&packed));
    }
    return sorted(f, lines);
}

static int make_join(fixture *f, const vb_dataset_type *type, const char *run, const char *where, vb_join *j,
                     vb_error *err)
{
    vb_universe *u = vb_registry_universe(f->reg);
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    vb_dimset dims = type->group->all;
    int r = vb_expr_parse(where, &e, err);

    if (!r && e)
        r = vb_expr_dimensions(u, type->group, where, e, &dims, err);
    vb_join_init(j, f->reg, "main", vb_universe_conform(u, dims));
    if (!r)
        r = vb_join_datasets(j, type, fixture_search(f, run), err);
    if (!r)
        r = vb_join_relate(j, err);
    return r < 0 || !e ? r : vb_join_where(j, where, e, NULL, err);
}

static char *our_ids(fixture *f, const vb_dataset_type *type, const char *run, const char *where)
{
    vb_auto_join j = {0};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto_buf columns = {0}, sql = {0};
    char **lines = NULL;
    int r;

    assert_ok(make_join(f, type, run, where, &j, &f->err), &f->err);
    for (int i = 0; i < type->group->nrequired; i++)
        vb_buf_printf(&columns, "%s%s", i ? ", " : "DISTINCT json_array(", j.columns[type->group->dims[i]->index]);
    vb_buf_putc(&columns, ')');
    vb_join_select(&j, vb_buf_text(&columns), &sql);
    r = vb_join_sql(&j, &s, vb_buf_text(&sql), &f->err);
    vb_strv_add(&lines, "");
    while (!r && (r = vb_stmt_step(s, &f->err)) > 0) {
        vb_strv_add(&lines, vb_col_text(s, 0));
        r = 0;
    }
    assert_ok(r, &f->err);
    return sorted(f, lines);
}

/* A query of one run that has an answer. */
static void check_query(fixture *f, const json_t *datasets, const json_t *query)
{
    static char *const by_detector = (char *)"instrument,detector,visit";
    const char *name = json_string_value(json_object_get(query, "dataset_type"));
    const char *run = json_string_value(json_object_get(query, "collections"));
    const char *where = json_string_value(json_object_get(query, "where"));
    const vb_dataset_type *type = fixture_type(f, name,
                                               !strcmp(name, "raw")            ? "instrument,detector,exposure"
                                               : !strcmp(name, "visitSummary") ? "instrument,visit"
                                                                               : by_detector);
    vb_autofree char *counted = vb_format("member_%ld WHERE type_id = %ld", (long)type->group_id, (long)type->id);
    const char *expected = expected_ids(f, type->group, json_object_get(query, "refs"));

    if (!fixture_count(f, counted))
        put_datasets(f, datasets, type, run);
    assert_true(fixture_count(f, counted) > 0);
    if (strcmp(our_ids(f, type, run, where), expected) != 0)
        fail_msg("%s in %s where %s:\n%sand not\n%s", name, run, where, our_ids(f, type, run, where), expected);
}

static bool is_simple(const json_t *query)
{
    const char *run = json_string_value(json_object_get(query, "collections"));

    return run && !strchr(run, '*') && strcmp(run, "HSC/defaults") != 0 && json_object_get(query, "refs");
}

static void queries_select_what_rubins_do(void **state)
{
    fixture *f = *state;
    char *path = fixture_shared(f, "golden/small.json");
    json_t *golden = path ? json_load_file(path, 0, NULL) : NULL;
    const json_t *query;
    size_t i, n = 0;

    if (!path)
        skip();
    json_array_foreach(json_object_get(golden, "queries"), i, query)
        if (is_simple(query)) {
            check_query(f, json_object_get(golden, "datasets"), query);
            n++;
        }
    json_decref(golden);
    assert_true(n >= 9);
}

static void names_that_rubin_does_not_know_are_refused(void **state)
{
    fixture *f = *state;
    char *path = fixture_shared(f, "golden/small.json");
    json_t *golden = path ? json_load_file(path, 0, NULL) : NULL;
    const json_t *query;
    size_t i, n = 0;

    if (!path)
        skip();
    fixture_run(f, "r");
    json_array_foreach(json_object_get(golden, "queries"), i, query) {
        const char *error = json_string_value(json_object_get(query, "error"));
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_join j = {0};

        if (!error || !strstr(error, "Unrecognized identifier"))
            continue;
        assert_int_equal(make_join(f, fixture_type(f, "raw", "instrument,detector,exposure"), "r",
                                   json_string_value(json_object_get(query, "where")), &j, &err),
                         -EINVAL);
        assert_says(&err, "'bogus'");
        n++;
    }
    json_decref(golden);
    assert_int_equal(n, 1);
}

static void deterministic_uuids_are_rubins(void **state)
{
    fixture *f = *state;
    char *path = fixture_shared(f, "golden/uuid5.json");
    json_t *golden = path ? json_load_file(path, 0, NULL) : NULL;
    const json_t *d;
    size_t i, n = 0;

    if (!path)
        skip();
    json_array_foreach(golden, i, d) {
        const char *type = json_string_value(json_object_get(d, "type")),
                   *run = json_string_value(json_object_get(d, "run"));
        const json_t *values = json_object_get(d, "data_id"), *value;
        vb_auto_buf names = {0};
        const char *name;
        vb_auto_dataid id = {0};

        json_object_foreach((json_t *)values, name, value) {
            vb_buf_separate(&names, ",");
            vb_buf_puts(&names, name);
        }
        assert_ok(vb_dataid_from_json(fixture_group(f, vb_buf_text(&names)), values, &id, &f->err), &f->err);
        for (vb_id_generation mode = VB_ID_DATAID_TYPE; mode <= VB_ID_DATAID_TYPE_RUN; mode++) {
            const char *key = mode == VB_ID_DATAID_TYPE ? "DATAID_TYPE" : "DATAID_TYPE_RUN";
            char text[VB_UUID_TEXT];

            assert_string_equal(vb_uuid_format(vb_dataset_uuid(mode, type, run, &id), text),
                                json_string_value(json_object_get(d, key)));
            n++;
        }
    }
    json_decref(golden);
    assert_int_equal(n, 26);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(queries_select_what_rubins_do),
        TEST(names_that_rubin_does_not_know_are_refused),
        TEST(deterministic_uuids_are_rubins),
    };

    return cmocka_run_group_tests_name("data queries and Rubin's", tests, NULL, NULL);
}
