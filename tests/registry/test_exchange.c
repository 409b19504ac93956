/* The YAML of exports: its sections, its scalars, and what Rubin's own registry says of the same records. */
#include "registry/exchange/export_file.h"
#include "registry/exchange/export_internal.h"
#include "registry/exchange/integrity.h"
#include "registry/exchange/yaml_out.h"
#include "registry/sky/pixels.h"
#include "tests/registry/fixture.h"

#include <math.h>

/* ---- sections --------------------------------------------------------------------------------------------- */

#define HEAD "description: d\nversion: 1.0.2\nuniverse_version: 7\nuniverse_namespace: daf_butler\n"

static int open_text(fixture *f, const char *text, vb_export_file **out, vb_error *err)
{
    fixture_write(f, "export.yaml", text);
    return vb_export_file_open(fixture_path(f, "export.yaml"), out, err);
}

struct seen {
    size_t calls, items;
    int last_line;
};

static int count_items(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    struct seen *seen = arg;

    seen->calls++;
    seen->items += items ? items->count : 0;
    if (items && items->count)
        seen->last_line = items->items[items->count - 1].value->line;
    assert_non_null(vb_yaml_get_text(entry, "type"));
    return 0;
}

static struct seen look(fixture *f, vb_export_file *file, const char *type, const char *key, const char *value)
{
    struct seen seen = {0};

    assert_ok(vb_export_file_each(file, type, key, value, count_items, &seen, &f->err), &f->err);
    return seen;
}

static void an_export_is_handed_out_in_pieces_with_the_lines_of_the_file(void **state)
{
    fixture *f = *state;
    vb_auto(vb_export_file_close) vb_export_file *file = NULL;
    vb_auto_buf text = {0};
    struct seen seen;
    int n = 2 * VB_EXPORT_PIECE + 10;

    vb_buf_puts(&text, HEAD "data:\n- type: dataset\n  run: r\n  records:\n");
    for (int i = 0; i < n; i++)
        vb_buf_printf(&text, "  # a remark\n  - dataset_id:\n    - %d\n\n", i);
    vb_buf_puts(&text, "- type: dataset\n  run: s\n  records: []\n- type: run\n  name: r\n");
    assert_ok(open_text(f, text.data, &file, &f->err), &f->err);
    assert_int_equal(vb_export_file_universe(file), 7);
    assert_string_equal(vb_export_file_namespace(file), "daf_butler");
    seen = look(f, file, "dataset", "run", "r");
    assert_int_equal(seen.calls, 3);
    assert_int_equal(seen.items, n);
    assert_int_equal(seen.last_line, 4 + 4 + 4 * n - 2);
    assert_int_equal(look(f, file, "dataset", NULL, NULL).calls, 4);
    assert_int_equal(look(f, file, "run", NULL, NULL).calls, 1);
    assert_int_equal(look(f, file, "collection", NULL, NULL).calls, 0);
}

/* Whatever stands in lines or not, the same entries and items come out. */
static void any_layout_has_the_same_entries(void **state)
{
    static const char *const layouts[] = {
        HEAD "data:\n- type: associations\n  dataset_ids:\n  - 1\n  - 2\n- type: run\n  name: r\n",
        HEAD
        "data:\n  -\n    type: associations\n    dataset_ids:\n      - 1\n      - 2\n  -\n    type: run\n    name: r\n",
        HEAD "data: [{type: associations, dataset_ids: [1, 2]}, {type: run, name: r}]\n",
        "data:\n- type: associations\n  dataset_ids:\n  - 1\n  - 2\n- type: run\n  name: r\n" HEAD,
        HEAD "data:\n- type: associations\n  dataset_ids:\n  - 1\n  - 2\n  collection: c\n- type: run\n  name: r\n",
        HEAD "data:\n- dataset_ids:\n  - 1\n  - 2\n  type: associations\n- {type: run, name: r}\n",
        HEAD "data:\n- type: &a associations\n  dataset_ids:\n  - 1\n  - 2\n- type: run\n  name: *a\n",
        "# remark\n---\n" HEAD
        "data:\n\n- type: associations\n\n  dataset_ids:\n# remark\n  - 1\n\n  - 2\n- type: run\n  name: r",
        HEAD "data:\r\n- type: associations\r\n  dataset_ids:\r\n  - 1\r\n  - 2\r\n- type: run\r\n  name: r\r\n",
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(layouts); i++) {
        vb_auto(vb_export_file_close) vb_export_file *file = NULL;

        assert_ok(open_text(f, layouts[i], &file, &f->err), &f->err);
        assert_int_equal(look(f, file, "associations", NULL, NULL).items, 2);
        assert_int_equal(look(f, file, "run", NULL, NULL).calls, 1);
    }
}

static void what_is_no_export_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "no export of a Butler repository"},
        {"a: b\n", "no 'version'"},
        {"version: 2.0.0\ndata: []\n", "format 2.0.0 is not known"},
        {"version: 1.1.0\ndata: []\n", "format 1.1.0 is not known"},
        {"version: x\ndata: []\n", "'x' of the export format"},
        {"version: 1.0.2\n", "'data' must be a list"},
        {"version: 1.0.2\ndata: {}\n", "'data' must be a list"},
        {"version: 1.0.2\ndata:\n- a\n", "an entry of 'data' needs a type"},
        {"version: 1.0.2\ndata:\n- type: nosuch\n", "entries of type 'nosuch'"},
        {"version: 1.0.2\nuniverse_version: x\ndata: []\n", "universe_version must be a number"},
        {"version: 1.0.2\ndata:\n- type: run\n  name: 'a\n", "export.yaml:"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_export_file *file = NULL;

        assert_int_equal(open_text(f, cases[i].text, &file, &err), -EINVAL);
        assert_null(file);
        assert_says(&err, cases[i].message);
    }
}

static void what_is_wrong_in_a_piece_is_said_with_its_line(void **state)
{
    fixture *f = *state;
    vb_auto(vb_export_file_close) vb_export_file *file = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    struct seen seen = {0};

    assert_ok(open_text(f, HEAD "data:\n- type: dataset\n  records:\n  - a: 1\n    a: 2\n", &file, &f->err), &f->err);
    assert_int_equal(vb_export_file_each(file, "dataset", NULL, NULL, count_items, &seen, &err), -EINVAL);
    assert_says(&err, "export.yaml:9:");
    assert_int_equal(seen.calls, 0);
}

/* ---- scalars ---------------------------------------------------------------------------------------------- */

static void text_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {
        "a",         "HSC/raw/all", "1_53",     "yes",    "No",      "null",        "~",           "",           " a",
        "a ",        "a: b",        "a #b",     "it's",   "\"q\"",   "a\nb\n",      "\ttab",       "0x1f",       "1e3",
        "caf\u00e9", "\x7f",        "\xc2\x85", "\u2028", "\ufeffx", "back\\slash", "- a",         "[a]",        "{a}",
        "*a",        "&a",          "!a",       "%a",     "@a",      "`a",          "2013-06-17T", "2020-01-01", "-",
        "+1",        ".5",          "a\r\nb",   "\x01",   "on",      "y",           "?",           ":",          "a:",
    };

    for (size_t i = 0; i < VB_COUNT(texts); i++) {
        vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_buf text = {0};
        const vb_yaml_node *value;

        vb_buf_puts(&text, "- k: ");
        vb_yaml_put_text(&text, texts[i]);
        vb_buf_puts(&text, "\n");
        assert_ok(vb_yaml_load("t", text.data, text.len, &doc, &err), &err);
        value = vb_yaml_get(vb_yaml_root(doc)->items[0].value, "k");
        assert_non_null(vb_yaml_text(value));
        assert_string_equal(vb_yaml_text(value), texts[i]);
    }
}

static void numbers_and_times_come_back_as_they_were(void **state)
{
    static const double numbers[] =
        {0, -0.5, 30, 1e-5, 1e300, 157.95888945, 0.1, 1.0 / 3, 5e-324, 1e22, 123456789012345678.0};
    static const int64_t times[] = {1, 1371475751039000000, 1764748747425363958, 999999999};

    for (size_t i = 0; i < VB_COUNT(numbers); i++) {
        vb_auto_buf text = {0};

        vb_yaml_put_double(&text, numbers[i]);
        assert_true(strtod(text.data, NULL) == numbers[i]);
        assert_non_null(strchr(text.data, '.')); /* YAML 1.1 takes it for text otherwise */
    }
    for (size_t i = 0; i < VB_COUNT(times); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_auto_buf text = {0};
        int64_t back = 0;

        vb_yaml_put_time(&text, times[i], VB_TIME_MIN);
        assert_int_equal(strncmp(text.data, "!butler_time/tai/iso '", 22), 0);
        assert_int_equal(text.len, 22 + 29 + 1);
        text.data[text.len - 1] = 0;
        assert_ok(vb_time_parse_iso(text.data + 22, VB_SCALE_TAI, &back, &err), &err);
        assert_int_equal(back, times[i]);
    }
}

/* ---- against Rubin's registry ------------------------------------------------------------------------------- */

/* Every region that daf_butler has put into a registry has our pixels, and no other. */
static void regions_of_a_gen3_registry_have_the_pixels_that_it_notes(void **state)
{
    static const struct {
        const char *element, *keys;
    } tables[] = {
        {"tract", "o.skymap = e.skymap AND o.tract = e.id"},
        {"patch", "o.skymap = e.skymap AND o.tract = e.tract AND o.patch = e.id"},
        {"visit", "o.instrument = e.instrument AND o.visit = e.id"},
        {"visit_detector_region", "o.instrument = e.instrument AND o.visit = e.visit AND o.detector = e.detector"},
    };
    fixture *f = *state;
    const char *path = fixture_shared(f, "gen3/repo-small/gen3.sqlite3");
    vb_auto(vb_db_close) vb_db *db = NULL;

    if (!path)
        skip();
    assert_ok(vb_db_open(path, VB_DB_IMMUTABLE, &db, &f->err), &f->err);
    for (size_t t = 0; t < VB_COUNT(tables); t++) {
        vb_autofree char *sql =
            vb_format("SELECT e.region, (SELECT group_concat(skypix_index) FROM (SELECT skypix_index"
                      " FROM %s_skypix_overlap o WHERE %s ORDER BY 1)) FROM %s e WHERE e.region"
                      " IS NOT NULL",
                      tables[t].element, tables[t].keys, tables[t].element);
        vb_auto(vb_stmt_done) vb_stmt *s = NULL;
        int rows = 0, r;

        assert_ok(vb_sql(db, &s, &f->err, sql, VB_NO_ARGS), &f->err);
        for (; (r = vb_stmt_step(s, &f->err)) > 0; rows++) {
            const char *text = vb_col_text(s, 0);
            vb_auto_region region = {0};
            vb_auto_ranges pixels = {0};
            vb_auto_buf ours = {0};

            assert_ok(vb_region_decode_text(text, strlen(text), &region, &f->err), &f->err);
            assert_ok(vb_skypix_envelope("htm", 7, &region, &pixels, &f->err), &f->err);
            for (size_t i = 0; i < pixels.count; i++)
                for (uint64_t p = pixels.items[i].begin; p < pixels.items[i].end; p++) {
                    vb_buf_separate(&ours, ",");
                    vb_buf_printf(&ours, "%llu", (unsigned long long)p);
                }
            assert_string_equal(vb_buf_text(&ours), vb_col_text(s, 1));
        }
        assert_ok(r, &f->err);
        assert_true(rows > 0);
    }
}

/* ---- integrity -------------------------------------------------------------------------------------------- */

static void records_must_refer_to_records(void **state)
{
    fixture *f = *state;
    vb_auto(vb_integrity_free) vb_integrity *before = NULL, *after = NULL;
    vb_auto_error err = VB_ERROR_INIT;

    assert_ok(vb_integrity_begin(f->reg, &before, &f->err), &f->err);
    fixture_record(f, "detector", "instrument=Cam,detector=7,full_name=X", NULL);
    assert_ok(vb_integrity_check(before, &f->err), &f->err);
    fixture_record(f, "visit", "instrument=Cam,visit=77,physical_filter=nosuch", NULL);
    assert_int_equal(vb_integrity_check(before, &err), -ENOENT);
    assert_says(&err, "visit {instrument: Cam, visit: 77} refers to physical_filter nosuch");
    /* What was there before is not looked at. */
    assert_ok(vb_integrity_begin(f->reg, &after, &f->err), &f->err);
    assert_ok(vb_integrity_check(after, &f->err), &f->err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_export_is_handed_out_in_pieces_with_the_lines_of_the_file),
        TEST(any_layout_has_the_same_entries),
        TEST(what_is_no_export_is_refused),
        TEST(what_is_wrong_in_a_piece_is_said_with_its_line),
        cmocka_unit_test(text_comes_back_as_it_was),
        cmocka_unit_test(numbers_and_times_come_back_as_they_were),
        TEST(regions_of_a_gen3_registry_have_the_pixels_that_it_notes),
        cmocka_unit_test_setup_teardown(records_must_refer_to_records, fixture_setup_world, fixture_teardown),
    };

    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
