/* Gen3 repositories: what we export is read again, and what is damaged is refused.  tests/e2e/gen3.sh compares with one
 * that Rubin's own program wrote. */
#include "registry/gen3/copy.h"
#include "registry/gen3/export.h"
#include "registry/gen3/formatters.h"
#include "registry/gen3/template.h"
#include "registry/internal.h"
#include "tests/registry/fixture.h"

#include <fcntl.h>
#include <stdlib.h>

static int add_file(void *arg, const vb_dataset *d, const vb_location *l, const vb_gen3_export_extra *extra,
                    vb_error *err)
{
    vb_gen3_export_row row = {.dataset = d,
                              .path = l->path,
                              .formatter = "a.Formatter",
                              .storage_class = d->type->storage_class,
                              .checksum = extra->checksum,
                              .size = l->size};

    return vb_gen3_export_file(arg, &row, err);
}

/* The fixture's registry as DIR/gen3.sqlite3, with a butler.yaml. */
static void export_world(fixture *f)
{
    vb_auto(vb_gen3_export_free) vb_gen3_export *x = NULL;
    vb_gen3_export_what all = {0};

    assert_ok(vb_gen3_export_begin(f->reg, fixture_path(f, "gen3.sqlite3"), &all, &x, &f->err), &f->err);
    assert_ok(vb_gen3_export_each(x, add_file, x, &f->err), &f->err);
    assert_ok(vb_gen3_export_end(x, &f->err), &f->err);
    fixture_write(f, "butler.yaml", "datastore: {root: <butlerRoot>}\n");
}

static void change(fixture *f, const char *sql)
{
    vb_auto(vb_db_close) vb_db *db = NULL;

    assert_ok(vb_db_open(fixture_path(f, "gen3.sqlite3"), VB_DB_WRITE, &db, &f->err), &f->err);
    assert_ok(vb_db_run(db, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON", &f->err), &f->err);
    assert_ok(vb_db_run(db, sql, &f->err), &f->err);
}

static int read_back(fixture *f, const char *name, vb_gen3_counts *counts, vb_error *err)
{
    vb_auto(vb_gen3_close) vb_gen3 *g = NULL;
    vb_gen3_copy_options options = {0};
    int r = vb_gen3_open(f->dir, &g, err);

    if (!r)
        r = vb_gen3_select(g, NULL, err);
    return r < 0 ? r : vb_gen3_snapshot(g, fixture_path(f, name), &options, counts, err);
}

static void refuses(fixture *f, const char *sql, const char *sentence)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_gen3_counts counts;

    unlink(fixture_path(f, "gen3.sqlite3"));
    unlink(fixture_path(f, "damaged"));
    export_world(f);
    change(f, sql);
    assert_true(read_back(f, "damaged", &counts, &err) < 0);
    assert_says(&err, sentence);
}

static void an_export_is_read_again(void **state)
{
    fixture *f = *state;
    vb_gen3_counts counts;
    vb_auto(vb_registry_close) vb_registry *again = NULL;

    fixture_raws(f);
    fixture_chain(f, "all", "raws");
    export_world(f);
    assert_ok(read_back(f, "again", &counts, &f->err), &f->err);
    assert_int_equal(counts.datasets, 6);
    assert_int_equal(counts.collections, 2);
    assert_ok(vb_registry_open(fixture_path(f, "again"), VB_ACCESS_IMMUTABLE, &again, &f->err), &f->err);
    for (int i = 0; i < vb_universe_count(again->universe); i++) {
        const vb_element *e = vb_universe_at(again->universe, i);
        vb_autofree char *sql = vb_format("SELECT count(*) FROM \"dimension_%s\"", e->name);
        int64_t n = -1;

        if (!e->has_table || e->is_skypix)
            continue;
        assert_ok(vb_sql_int(again->db, &n, &f->err, sql, VB_NO_ARGS), &f->err);
        assert_int_equal(n, fixture_int(f, sql));
    }
}

static void an_export_without_a_record_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto(vb_gen3_export_free) vb_gen3_export *x = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    vb_gen3_export_what all = {0};

    fixture_type(f, "flat", "instrument,detector");
    fixture_put(f, "flat", "calibs", "instrument=Cam,detector=99");
    assert_ok(vb_gen3_export_begin(f->reg, fixture_path(f, "gen3.sqlite3"), &all, &x, &err), &err);
    assert_true(vb_gen3_export_end(x, &err) < 0);
    assert_says(&err, "refers to a row of detector that is not there");
}

static void damaged_registries_are_refused(void **state)
{
    fixture *f = *state;

    fixture_raws(f);
    fixture_chain(f, "all", "raws");
    refuses(f, "DROP TABLE butler_attributes", "no table butler_attributes");
    refuses(f, "UPDATE butler_attributes SET value = '7.1.0' WHERE name LIKE 'version:%Static%'", "version '7.1.0'");
    refuses(f, "UPDATE butler_attributes SET value = 'x.Other' WHERE name LIKE 'config:%opaque'", "'x.Other'");
    refuses(f, "UPDATE butler_attributes SET value = x'00' WHERE name LIKE 'config:%opaque'", "not text");
    refuses(f, "DELETE FROM butler_attributes WHERE name = 'config:dimensions.json'", "config:dimensions.json");
    refuses(f, "UPDATE collection SET type = 'RUN'", "collection.type is 'RUN', which is not an integer");
    refuses(f, "INSERT INTO collection_chain VALUES (2, 9, 2)", "the chain 'all' is in itself");
    refuses(f, "INSERT INTO collection_chain VALUES (1, 9, 1)", "is no CHAINED");
    refuses(f, "UPDATE dataset SET run_id = 2; UPDATE dataset_tags_00000001 SET collection_id = 2", "which is no RUN");
    refuses(f, "UPDATE dataset SET ingest_date = 'soon'", "ingest_date is 'soon'");
}

static void files_have_paths_and_parts(void **state)
{
    static const struct {
        const char *recorded, *path, *fragment;
    } cases[] = {
        {"a/b.fits", "a/b.fits", ""},
        {"a/b%20c.fits", "a/b%20c.fits", ""},
        {"file:///x/b%20c.fits", "/x/b c.fits", ""},
        {"z.zip#unzip=a%20b.yaml", "z.zip", "#unzip=a b.yaml"},
        {"file:///z.zip#zip-path=a.yaml", "/z.zip", "#unzip=a.yaml"},
        {"s3://bucket/a.fits", NULL, ""},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_gen3_file file = {.path = (char *)cases[i].recorded};
        vb_auto_buf fragment = {0};
        vb_autofree char *path = vb_gen3_file_path(&file, &fragment);

        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
        else
            assert_null(path);
        assert_string_equal(vb_buf_text(&fragment), cases[i].fragment);
    }
}

static void templates_give_rubins_names(void **state)
{
    fixture *f = *state;
    json_t *overrides = json_pack("{s:s, s:s}", "mine",
                                  "{run:/}/{datasetType}.{component:?}/{band}_{visit:?}#{nothing:?}.a", "bad",
                                  "{run}/{nothing}");
    vb_gen3_templates *t = vb_gen3_templates_new(f->reg, overrides);
    vb_auto_dataset d = {.type = fixture_type(f, "mine", "instrument,visit")};
    vb_auto_buf path = {0}, component = {0}, bad = {0};
    vb_auto_error err = VB_ERROR_INIT;

    d.dataid = fixture_dataid(f, d.type->group, "instrument=Cam,visit=10");
    assert_ok(vb_gen3_template_path(t, &d, "u/me", NULL, &path, &err), &err);
    assert_string_equal(vb_buf_text(&path), "u/me/mine/g_10_a");
    assert_ok(vb_gen3_template_path(t, &d, "u/me", "wcs", &component, &err), &err);
    assert_string_equal(vb_buf_text(&component), "u/me/mine.wcs/g_10_a");
    d.type = fixture_type(f, "bad", "instrument,visit");
    assert_true(vb_gen3_template_path(t, &d, "u/me", NULL, &bad, &err) < 0);
    assert_says(&err, "{nothing}, which has no value");
    vb_gen3_templates_free(t);
    json_decref(overrides);
}

static void formatters_are_known(void **state)
{
    const char *type;

    assert_non_null(strstr(vb_gen3_formatter_of_extension(".parq", &type), "Parquet"));
    assert_non_null(vb_gen3_formatter_of_extension(".strange", &type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_export_is_read_again, fixture_setup_world, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_export_without_a_record_is_refused, fixture_setup_world, fixture_teardown),
        cmocka_unit_test_setup_teardown(damaged_registries_are_refused, fixture_setup_world, fixture_teardown),
        cmocka_unit_test(files_have_paths_and_parts),
        cmocka_unit_test_setup_teardown(templates_give_rubins_names, fixture_setup_world, fixture_teardown),
        cmocka_unit_test(formatters_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
