/* Datasets, data IDs and records that a query selects from the world of the fixture, and how they are printed. */
#include "registry/query/compile.h"
#include "registry/query/print.h"
#include "tests/registry/fixture.h"

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static vb_query query_new(const char *collections, const char *where)
{
    vb_query q = {.where = where, .limit = -1};

    q.collections = collections ? vb_split(collections, ',', NULL) : NULL;
    return q;
}

static void query_done(vb_query *q)
{
    vb_strv_free(q->collections);
    vb_strv_free(q->order_by);
    vb_strv_free(q->datasets);
    vb_query_clear(q);
}
#define auto_query __attribute__((cleanup(query_done))) vb_query

/* All cells but the UUIDs, "raw raws Cam 1 10|...". */
static const char *tell(fixture *f, vb_result *result)
{
    size_t n;
    const vb_result_column *columns = vb_result_columns(result, &n);
    vb_buf told = {0};
    int r;

    while ((r = vb_result_step(result, &f->err)) > 0) {
        vb_buf_separate(&told, "|");
        for (size_t i = 0; i < n; i++) {
            vb_auto_value v = vb_col_value(vb_result_row(result), columns[i].at);

            if (columns[i].kind != VB_CELL_VALUE)
                continue;
            vb_buf_puts(&told, i ? " " : "");
            vb_value_print(&v, &told);
        }
    }
    assert_ok(r, &f->err);
    vb_result_close(result);
    return fixture_keep(f, vb_buf_steal(&told));
}

static const char *datasets(fixture *f, const vb_query *q, const char *type)
{
    const vb_dataset_type *t;
    vb_result *result = NULL;

    assert_ok(vb_dataset_type_find(f->reg, type, &t, &f->err), &f->err);
    assert_ok(vb_query_datasets(f->reg, q, t, &result, &f->err), &f->err);
    return tell(f, result);
}

static const char *data_ids(fixture *f, const vb_query *q, const char *dimensions)
{
    vb_result *result = NULL;

    assert_ok(vb_query_data_ids(f->reg, q, fixture_group(f, dimensions), &result, &f->err), &f->err);
    return tell(f, result);
}

static void put_bias(fixture *f)
{
    fixture_type(f, "bias", "instrument,detector");
    fixture_put(f, "bias", "old", "instrument=Cam,detector=1");
    fixture_put(f, "bias", "old", "instrument=Cam,detector=2");
    fixture_put(f, "bias", "new", "instrument=Cam,detector=2");
}

/* Tags a dataset by hand. */
static void tag(fixture *f, const char *collection, int64_t dataset_id)
{
    const vb_collection *c = fixture_collection(f, collection, VB_TAGGED);
    const vb_dataset_type *type;
    vb_auto_dataset d = {0};
    vb_auto_buf sql = {0};

    assert_int_equal(vb_dataset_by_id(f->reg, dataset_id, &d, &f->err), 1);
    type = d.type;
    vb_buf_printf(&sql, "INSERT INTO member_%ld SELECT type_id, %ld", (long)type->group_id, (long)c->id);
    for (int i = 0; i < type->group->nrequired; i++)
        vb_buf_printf(&sql, ", %s", type->group->dims[i]->name);
    vb_buf_printf(&sql,
                  ", dataset_id FROM member_%ld WHERE dataset_id = %ld;"
                  "INSERT INTO collection_summary VALUES (%ld, %ld)",
                  (long)type->group_id, (long)dataset_id, (long)c->id, (long)type->id);
    assert_ok(vb_db_run(f->reg->db, vb_buf_text(&sql), &f->err), &f->err);
}

/* ---- datasets ---------------------------------------------------------------------------------------------------- */

static void all_collections_tell_all_datasets(void **state)
{
    fixture *f = *state;
    auto_query q = query_new(NULL, NULL);

    put_bias(f);
    assert_string_equal(datasets(f, &q, "bias"), "bias new Cam 2|bias old Cam 1|bias old Cam 2");
}

static void find_first_takes_the_first_collection_of_each_data_id(void **state)
{
    fixture *f = *state;
    auto_query new = query_new("new,old", NULL), old = query_new("old,new", NULL);

    put_bias(f);
    new.find_first = old.find_first = true;
    assert_string_equal(datasets(f, &new, "bias"), "bias new Cam 2|bias old Cam 1");
    assert_string_equal(datasets(f, &old, "bias"), "bias old Cam 1|bias old Cam 2");
}

/* In its run and in a tagged collection: once, whichever is searched first. */
static void dataset_of_two_collections_is_told_once(void **state)
{
    fixture *f = *state;
    auto_query q = query_new("best,old", NULL), best = query_new("best", NULL);

    put_bias(f);
    tag(f, "best", fixture_int(f, "SELECT min(id) FROM dataset WHERE dataid = '[\"Cam\",1]'"));
    assert_string_equal(datasets(f, &q, "bias"), "bias old Cam 1|bias old Cam 2");
    assert_string_equal(datasets(f, &best, "bias"), "bias old Cam 1");
}

static void implied_dimensions_and_relations_select(void **state)
{
    fixture *f = *state;
    auto_query band = query_new(NULL, "instrument='Cam' and band='r'"),
               visit = query_new(NULL, "visit=10 and instrument='Cam'");
    auto_query sky =
        query_new(NULL, "instrument='Cam' and skymap='map' and tract=0 and patch in (0, 1) and band='g' and visit > 0");

    fixture_raws(f);
    assert_string_equal(datasets(f, &band, "raw"),
                        "raw raws Cam 1 11 r 20200101 11 Cam-r|raw raws Cam 2 11 r 20200101 11 Cam-r");
    assert_string_equal(datasets(f, &visit, "raw"),
                        "raw raws Cam 1 10 g 20200101 10 Cam-g|raw raws Cam 2 10 g 20200101 10 Cam-g");
    /* Each detector once, however many patches it overlaps. */
    assert_string_equal(datasets(f, &sky, "raw"),
                        "raw raws Cam 1 10 g 20200101 10 Cam-g|raw raws Cam 2 10 g 20200101 10 Cam-g");
}

static void dataset_is_found_by_its_uuid(void **state)
{
    fixture *f = *state;
    char text[VB_UUID_TEXT];
    int64_t id;

    put_bias(f);
    id = fixture_int(f, "SELECT max(id) FROM dataset");
    vb_autofree char *where = vb_format("bias.dataset_id = UUID('%s')", vb_uuid_format(fixture_uuid(f, id), text));
    auto_query q = query_new(NULL, where);
    assert_string_equal(datasets(f, &q, "bias"), "bias new Cam 2");
}

static void datasets_are_found_by_several_uuids(void **state)
{
    fixture *f = *state;
    char first[VB_UUID_TEXT], last[VB_UUID_TEXT];

    put_bias(f);
    vb_uuid_format(fixture_uuid(f, fixture_int(f, "SELECT min(id) FROM dataset")), first);
    vb_uuid_format(fixture_uuid(f, fixture_int(f, "SELECT max(id) FROM dataset")), last);
    vb_autofree char *where = vb_format("bias.dataset_id IN (UUID('%s'), UUID('%s'))", first, last);
    vb_autofree char *less = vb_format("%s AND instrument='Cam' AND detector = 2", where);
    auto_query q = query_new(NULL, where), one = query_new(NULL, less), other = query_new("old", where);
    assert_string_equal(datasets(f, &q, "bias"), "bias new Cam 2|bias old Cam 1");
    assert_string_equal(datasets(f, &one, "bias"), "bias new Cam 2");
    assert_string_equal(datasets(f, &other, "bias"), "bias old Cam 1");
}

/* Gives each dataset its id, in seconds, for its date. */
static void date_datasets(fixture *f)
{
    assert_ok(vb_db_run(f->reg->db, "UPDATE dataset SET ingest_date = id * 1000000000", &f->err), &f->err);
}

/* By the index of dates, and from there to the members; what the search does not hold, or another holds first, is not
 * told. */
static void datasets_are_found_by_when_they_came_in(void **state)
{
    fixture *f = *state;
    auto_query all = query_new(NULL, "ingest_date > T'1969-01-01'"),
               none = query_new(NULL, "ingest_date > T'2200-01-01'"),
               old = query_new("old", "T'1969-01-01' < bias.ingest_date"),
               span = query_new("new,old", "ingest_date OVERLAPS (T'1969-01-01', T'1971-01-01')"),
               one = query_new(NULL, "ingest_date > T'1969-01-01' AND instrument='Cam' AND detector = 1");
    vb_result *result = NULL;
    const vb_dataset_type *type;
    vb_auto_buf plan = {0};

    put_bias(f);
    date_datasets(f);
    span.find_first = true;
    assert_string_equal(datasets(f, &all, "bias"), "bias new Cam 2|bias old Cam 1|bias old Cam 2");
    assert_string_equal(datasets(f, &none, "bias"), "");
    assert_string_equal(datasets(f, &old, "bias"), "bias old Cam 1|bias old Cam 2");
    assert_string_equal(datasets(f, &span, "bias"), "bias new Cam 2|bias old Cam 1");
    assert_string_equal(datasets(f, &one, "bias"), "bias old Cam 1");
    assert_ok(vb_dataset_type_find(f->reg, "bias", &type, &f->err), &f->err);
    assert_ok(vb_query_datasets(f->reg, &none, type, &result, &f->err), &f->err);
    assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
    vb_result_close(result);
    if (!strstr(plan.data, "SEARCH s0 USING INDEX dataset_ingest (type_id=? AND ingest_date>?)"))
        fail_msg("%s", plan.data);
}

/* A run, and a type, of many datasets: the last ones are taken from the index of dates. */
static void last_datasets_are_found_without_sorting_all(void **state)
{
    static const char sql[] =
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1400)"
        " INSERT INTO dataset SELECT i * 1000, randomblob(16), type_id, run_id, json_array('Cam', i), 0, 0 FROM n,"
        " (SELECT type_id, run_id FROM dataset LIMIT 1);"
        "INSERT INTO member_%ld SELECT type_id, run_id, 'Cam', json_extract(dataid, '$[1]'), id FROM dataset WHERE id >="
        " 100000;";
    fixture *f = *state;
    const vb_dataset_type *type;
    vb_auto_buf more = {0}, plan = {0};
    vb_result *result = NULL;

    put_bias(f);
    assert_ok(vb_dataset_type_find(f->reg, "bias", &type, &f->err), &f->err);
    vb_buf_printf(&more, sql, (long)type->group_id);
    assert_ok(vb_db_run(f->reg->db, vb_buf_text(&more), &f->err), &f->err);
    date_datasets(f);
    for (int down = 0; down < 2; down++) {
        auto_query q = query_new("old,new", NULL);

        vb_strv_add(&q.order_by, down ? "-ingest_date" : "ingest_date");
        q.limit = 3;
        assert_string_equal(datasets(f, &q, "bias"), down ? "bias old Cam 1400|bias old Cam 1399|bias old Cam 1398"
                                                          : "bias old Cam 1|bias old Cam 2|bias new Cam 2");
        assert_ok(vb_query_datasets(f->reg, &q, type, &result, &f->err), &f->err);
        assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
        vb_result_close(result);
    }
    if (!strstr(plan.data, "SEARCH s0 USING INDEX dataset_ingest (type_id=?)") ||
        strstr(plan.data, "TEMP B-TREE FOR ORDER BY"))
        fail_msg("%s", plan.data);
}

static void collections_without_the_type_are_told(void **state)
{
    fixture *f = *state;
    auto_query q = query_new("old", NULL);
    const vb_dataset_type *type;
    vb_result *result = NULL;

    put_bias(f);
    type = fixture_type(f, "flat", "instrument,detector");
    assert_ok(vb_query_datasets(f->reg, &q, type, &result, &f->err), &f->err);
    assert_string_equal(vb_result_reason(result), "no 'flat' was ever put into old");
    assert_int_equal(vb_result_step(result, &f->err), 0);
    vb_result_close(result);
}

/* ---- data IDs ---------------------------------------------------------------------------------------------------- */

static void data_ids_are_related_by_records_and_the_sky(void **state)
{
    fixture *f = *state;
    auto_query all = query_new(NULL, NULL), some = query_new(NULL, "instrument='Cam' and visit < 12");

    assert_string_equal(data_ids(f, &all, "visit"),
                        "Cam 10 g 20200101 Cam-g|Cam 11 r 20200101 Cam-r|Cam 12 g 20200102 Cam-g");
    assert_string_equal(data_ids(f, &some, "patch"), "map 0 0|map 0 1");
    assert_string_equal(data_ids(f, &all, "band"), "g|r");
    assert_string_equal(data_ids(f, &some, "tract"), "map 0");
    assert_string_equal(data_ids(f, &all, "detector"), "Cam 1|Cam 2");
}

static void data_ids_for_which_datasets_exist(void **state)
{
    fixture *f = *state;
    auto_query q = query_new("new", NULL);

    put_bias(f);
    vb_strv_add(&q.datasets, "bias");
    assert_string_equal(data_ids(f, &q, "detector"), "Cam 2");
}

static void table_of_data_ids_selects(void **state)
{
    fixture *f = *state;
    auto_query q = query_new(NULL, NULL);
    char *columns[] = {(char *)"instrument", (char *)"visit"},
         *cells[] = {(char *)"Cam", (char *)"12", (char *)"Cam", (char *)"10"};
    size_t lines[] = {2, 3};

    assert_ok(vb_query_add_table(f->reg, &q, "t.csv", columns, 2, cells, lines, 2, &f->err), &f->err);
    assert_string_equal(data_ids(f, &q, "visit"), "Cam 10 g 20200101 Cam-g|Cam 12 g 20200102 Cam-g");
    assert_string_equal(data_ids(f, &q, "day_obs"), "Cam 20200101|Cam 20200102");
}

static void rows_are_sorted_and_counted_as_asked(void **state)
{
    fixture *f = *state;
    auto_query q = query_new(NULL, "instrument='Cam'");

    vb_strv_add(&q.order_by, "-visit.exposure_time");
    vb_strv_add(&q.order_by, "visit");
    q.limit = 2;
    assert_string_equal(data_ids(f, &q, "visit"), "Cam 12 g 20200102 Cam-g|Cam 10 g 20200101 Cam-g");
    q.offset = 2;
    assert_string_equal(data_ids(f, &q, "visit"), "Cam 11 r 20200101 Cam-r");
}

/* ---- why nothing is found ---------------------------------------------------------------------------------------- */

static const char *why(fixture *f, const char *where)
{
    auto_query q = query_new(NULL, where);
    const vb_dataset_type *raw;
    vb_buf told = {0};

    assert_ok(vb_dataset_type_find(f->reg, "raw", &raw, &f->err), &f->err);
    assert_ok(vb_query_why_empty(f->reg, &q, raw, NULL, NULL, &told, &f->err), &f->err);
    return fixture_keep(f, vb_buf_steal(&told));
}

static void first_constraint_that_leaves_nothing_is_named(void **state)
{
    fixture *f = *state;

    fixture_raws(f);
    assert_string_equal(why(f, "instrument='Cam' and exposure > 10 and detector = 3"),
                        "of 6 'raw', 6 have instrument='Cam', 4 have exposure > 10, 0 have detector = 3");
    assert_string_equal(
        why(f, "instrument='Cam' and visit > 0 and skymap='map' and tract=0 and patch=3"),
        "of 6 'raw', 6 have instrument='Cam', 6 have visit > 0, 6 have skymap='map', 4 have tract=0, 0 have patch=3");
}

/* Many datasets, which are not all counted. */
static void constraints_that_leave_many_are_not_counted_out(void **state)
{
    fixture *f = *state;
    const vb_dataset_type *raw;
    vb_auto_buf sql = {0};

    fixture_raws(f);
    assert_ok(vb_dataset_type_find(f->reg, "raw", &raw, &f->err), &f->err);
    vb_buf_printf(&sql,
                  "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1993)"
                  " INSERT INTO member_%ld (type_id, collection_id, instrument, detector, exposure, dataset_id)"
                  " SELECT %ld, (SELECT id FROM collection WHERE name = 'raws'), 'Cam', i, 10, i FROM n",
                  (long)raw->group_id, (long)raw->id);
    assert_ok(vb_db_run(f->reg->db, vb_buf_text(&sql), &f->err), &f->err);
    assert_string_equal(why(f, "instrument='Cam' and detector = 3"),
                        "of 1,000 'raw', 1,000 have instrument='Cam', 0 have detector = 3");
    vb_buf_clear(&sql);
    vb_buf_printf(&sql,
                  "INSERT INTO member_%ld (type_id, collection_id, instrument, detector, exposure, dataset_id)"
                  " SELECT type_id, collection_id, 'Cam', 5000, 10, 5000 FROM member_%ld LIMIT 1",
                  (long)raw->group_id, (long)raw->group_id);
    assert_ok(vb_db_run(f->reg->db, vb_buf_text(&sql), &f->err), &f->err);
    assert_string_equal(why(f, "instrument='Cam' and detector = 3"), "of more than 1,000 'raw', more than 1,000 have"
                                                                     " instrument='Cam', 0 have detector = 3");
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static const char *printed(fixture *f, const vb_query *q, const char *element, vb_format_kind format)
{
    vb_buf told = {0};
    vb_grid *grid = vb_grid_new(format, false, vb_rows_to_buf, &told);
    vb_result *result = NULL;
    int64_t rows;

    assert_ok(vb_query_records(f->reg, q, fixture_element(f, element), &result, &f->err), &f->err);
    assert_ok(vb_result_print(result, "/repo", grid, &rows, NULL, NULL, &f->err), &f->err);
    vb_result_close(result);
    vb_grid_free(grid);
    return fixture_keep(f, vb_buf_steal(&told));
}

static void records_are_printed_in_three_formats(void **state)
{
    fixture *f = *state;
    auto_query q = query_new(NULL, "detector = 1 and instrument='Cam'");

    assert_string_equal(printed(f, &q, "detector", VB_FORMAT_TABLE),
                        "instrument id full_name name_in_raft raft purpose\n"
                        "---------- -- --------- ------------ ---- -------\n"
                        "       Cam  1         A         None None SCIENCE\n");
    assert_string_equal(printed(f, &q, "detector", VB_FORMAT_CSV),
                        "instrument,id,full_name,name_in_raft,raft,purpose\nCam,1,A,,,SCIENCE\n");
    assert_string_equal(
        printed(f, &q, "detector", VB_FORMAT_JSON),
        "[\n {\"instrument\": \"Cam\", \"id\": 1, \"full_name\": \"A\", \"name_in_raft\": null, \"raft\": null, "
        "\"purpose\": \"SCIENCE\"}\n]\n");
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

/* The order in which tables are looped over, by what follows " AS ". */
static void plan_begins_with_what_the_expression_gives(void **state)
{
    fixture *f = *state;
    auto_query q = query_new(NULL, "instrument='Cam' and visit=11 and skymap='map' and tract=0 and patch=0");
    vb_result *result = NULL;
    vb_auto_buf plan = {0};

    assert_ok(vb_query_data_ids(f->reg, &q, fixture_group(f, "visit,detector,patch"), &result, &f->err), &f->err);
    assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
    assert_non_null(strstr(plan.data, "CROSS JOIN"));
    assert_null(strstr(plan.data, "SCAN"));
    assert_string_equal(tell(f, result), "Cam map 1 0 0 11 r 20200101 Cam-r");
}

/* Many datasets, so that the band, which begins the key and which nothing gives, is looked for value by value; also one
 * that no filter has. */
static void gap_in_the_key_is_filled_from_the_datasets(void **state)
{
    fixture *f = *state;
    auto_query q = query_new("coadds", "skymap='map' and tract=0 and patch=2");
    const vb_dataset_type *type = fixture_type(f, "coadd", "band,patch");
    vb_result *result = NULL;
    vb_auto_buf plan = {0}, sql = {0};

    fixture_put(f, "coadd", "coadds", "band=g,skymap=map,tract=0,patch=2");
    fixture_put(f, "coadd", "coadds", "band=x,skymap=map,tract=0,patch=2");
    vb_buf_printf(&sql,
                  "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
                  " INSERT INTO member_%ld (type_id, collection_id, band, skymap, tract, patch, dataset_id)"
                  " SELECT %ld, (SELECT id FROM collection WHERE name = 'coadds'), 'g', 'map', i, 0, 1 FROM n",
                  (long)type->group_id, (long)type->id);
    assert_ok(vb_db_run(f->reg->db, vb_buf_text(&sql), &f->err), &f->err);
    assert_ok(vb_query_datasets(f->reg, &q, type, &result, &f->err), &f->err);
    assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
    if (!strstr(plan.data,
                "SEARCH d0 USING PRIMARY KEY (type_id=? AND collection_id=? AND band=? AND skymap=? AND tract=?"
                " AND patch=?)"))
        fail_msg("%s", plan.data);
    assert_string_equal(tell(f, result), "coadd coadds g map 0 2|coadd coadds x map 0 2");
}

/* Members of visits above 1000, of which there are no records: so many that their table is not scanned. */
static void put_many(fixture *f, const vb_dataset_type *type)
{
    vb_auto_buf sql = {0};

    vb_buf_printf(&sql,
                  "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
                  " INSERT INTO member_%ld (type_id, collection_id, instrument, detector, visit, dataset_id)"
                  " SELECT %ld, id, 'Cam', i %% 2 + 1, i, 1 FROM n, collection WHERE name IN ('old', 'new')",
                  (long)type->group_id, (long)type->id);
    assert_ok(vb_db_run(f->reg->db, vb_buf_text(&sql), &f->err), &f->err);
}

/* A range of visits is a range of the keys, once the detectors, which come before them, are taken from their records.
 */
static void range_is_looked_up_where_few_records_are_left(void **state)
{
    static const char *const wheres[] = {"instrument='Cam' and visit < 11", "instrument='Cam' and 11 > visit",
                                         "instrument='Cam' and visit in (1..10)",
                                         "instrument='Cam' and visit >= 10 and visit <= 10"};
    fixture *f = *state;
    const vb_dataset_type *type = fixture_type(f, "cal", "detector,visit");

    fixture_put(f, "cal", "old", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "cal", "new", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "cal", "new", "instrument=Cam,detector=2,visit=10");
    fixture_put(f, "cal", "new", "instrument=Cam,detector=2,visit=11");
    put_many(f, type);
    for (size_t i = 0; i < VB_COUNT(wheres); i++) {
        auto_query q = query_new("old,new", wheres[i]);
        vb_result *result = NULL;
        vb_auto_buf plan = {0};

        vb_strv_add(&q.datasets, "cal");
        assert_ok(vb_query_data_ids(f->reg, &q, fixture_group(f, "visit"), &result, &f->err), &f->err);
        assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
        if (!strstr(plan.data, "AND instrument=? AND detector=? AND visit"))
            fail_msg("%s", plan.data);
        assert_string_equal(tell(f, result), "Cam 10 g 20200101 Cam-g");
        assert_string_equal(datasets(f, &q, "cal"),
                            "cal new Cam 1 10 g 20200101 Cam-g|cal new Cam 2 10 g 20200101 Cam-g"
                            "|cal old Cam 1 10 g 20200101 Cam-g");
    }
}

/* The range is said of the records that come first, and of no other dimension. */
static void range_of_another_key_fills_a_gap(void **state)
{
    fixture *f = *state;
    auto_query q = query_new("old,new", "instrument='Cam' and visit=10 and detector > 1");
    const vb_dataset_type *type = fixture_type(f, "cal", "detector,visit");
    vb_result *result = NULL;
    vb_auto_buf plan = {0};

    fixture_put(f, "cal", "old", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "cal", "new", "instrument=Cam,detector=2,visit=10");
    put_many(f, type);
    assert_ok(vb_query_datasets(f->reg, &q, type, &result, &f->err), &f->err);
    assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
    if (!strstr(plan.data, "SEARCH e_detector") || !strstr(plan.data, "detector>?") || strstr(plan.data, "SCAN"))
        fail_msg("%s", plan.data);
    assert_string_equal(tell(f, result), "cal new Cam 2 10 g 20200101 Cam-g");
}

/* Few records have the field, and lead to the keys: without counting them all members would be joined first. */
static void few_records_with_a_field_lead_to_the_keys(void **state)
{
    static const char *const wheres[] =
        {"instrument='Cam' and visit.exposure_time > 70", "instrument='Cam' and visit.exposure_time in (71..80)",
         "instrument='Cam' and (visit.exposure_time = 77 or visit.exposure_time > 1000)"};
    fixture *f = *state;
    const vb_dataset_type *type = fixture_type(f, "cal", "detector,visit");

    fixture_put(f, "cal", "old", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "cal", "new", "instrument=Cam,detector=2,visit=10");
    fixture_put(f, "cal", "new", "instrument=Cam,detector=2,visit=11");
    put_many(f, type);
    assert_ok(vb_db_run(f->reg->db,
                        "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
                        " INSERT INTO dimension_visit (instrument, visit, exposure_time) SELECT 'Cam', i, 30 FROM n;"
                        "UPDATE dimension_visit SET exposure_time = 77 WHERE visit = 10",
                        &f->err),
              &f->err);
    for (size_t i = 0; i < VB_COUNT(wheres); i++) {
        auto_query q = query_new("old,new", wheres[i]);
        vb_result *result = NULL;
        vb_auto_buf plan = {0};

        assert_ok(vb_query_datasets(f->reg, &q, type, &result, &f->err), &f->err);
        assert_ok(vb_result_explain(result, &plan, &f->err), &f->err);
        if (!strstr(plan.data, "AND instrument=? AND detector=? AND visit=?"))
            fail_msg("%s", plan.data);
        assert_string_equal(tell(f, result), "cal new Cam 2 10 g 20200101 Cam-g|cal old Cam 1 10 g 20200101 Cam-g");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_world, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_collections_tell_all_datasets),
        TEST(find_first_takes_the_first_collection_of_each_data_id),
        TEST(dataset_of_two_collections_is_told_once),
        TEST(implied_dimensions_and_relations_select),
        TEST(dataset_is_found_by_its_uuid),
        TEST(datasets_are_found_by_several_uuids),
        TEST(datasets_are_found_by_when_they_came_in),
        TEST(last_datasets_are_found_without_sorting_all),
        TEST(collections_without_the_type_are_told),
        TEST(data_ids_are_related_by_records_and_the_sky),
        TEST(data_ids_for_which_datasets_exist),
        TEST(table_of_data_ids_selects),
        TEST(rows_are_sorted_and_counted_as_asked),
        TEST(first_constraint_that_leaves_nothing_is_named),
        TEST(constraints_that_leave_many_are_not_counted_out),
        TEST(records_are_printed_in_three_formats),
        TEST(plan_begins_with_what_the_expression_gives),
        TEST(gap_in_the_key_is_filled_from_the_datasets),
        TEST(range_is_looked_up_where_few_records_are_left),
        TEST(range_of_another_key_fills_a_gap),
        TEST(few_records_with_a_field_lead_to_the_keys),
    };

    return cmocka_run_group_tests_name("queries", tests, NULL, NULL);
}
