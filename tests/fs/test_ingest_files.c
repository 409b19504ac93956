/* Files of any type, from a table. */
#include "fs/ingest/files.h"
#include "registry/record.h"
#include "tests/fs/fixture.h"

static void define_type(fixture *f, const char *name, const char *dimensions)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    char **names = vb_split(dimensions, ',', NULL);
    vb_dataset_type wanted = {.name = (char *)name, .storage_class = (char *)"X", .extension = (char *)".txt"};

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), names, &wanted.group, &err), &err);
    assert_ok(vb_dataset_type_register(f->reg, &wanted, NULL, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
    vb_strv_free(names);
}

/* Ingests "t.csv" as type `note` {detector} of TestCam into run "notes"; relative paths are the fixture's. */
static int ingest(fixture *f, vb_files_options options, const char *table, vb_files_report *report, vb_error *err)
{
    char *dataid[] = {vb_strdup("instrument=TestCam"), NULL};
    int r;

    fixture_write(f, "t.csv", table);
    options.type = options.type ? options.type : "note";
    options.run = options.run ? options.run : "notes";
    options.dataid = dataid;
    options.prefix = f->dir;
    r = vb_ingest_files(f->repo, fixture_path(f, "t.csv"), &options, report, err);
    free(dataid[0]);
    return r;
}

static void prepare(fixture *f)
{
    fixture_register(f);
    define_type(f, "note", "detector");
    fixture_write(f, "a.txt", "a");
    fixture_write(f, "b.txt", "bb");
}

/* Type `shot` {detector}, of a storage class with components. */
static void define_composite(fixture *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    char *names[] = {(char *)"detector", NULL};
    vb_dataset_type wanted = {.name = (char *)"shot", .storage_class = (char *)"MaskedImage"};

    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_universe_conform_names(vb_registry_universe(f->reg), names, &wanted.group, &err), &err);
    assert_ok(vb_dataset_type_register(f->reg, &wanted, NULL, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
}

static void rows_become_datasets(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;
    vb_files_options options = {.formatter = "a.b.C"};

    prepare(f);
    assert_ok(ingest(f, options, "detector,file\n1,a.txt\n3,b.txt\n", &report, &err), &err);
    assert_int_equal(report.ingested, 2);
    assert_int_equal(fixture_count(f, "location WHERE path = 'notes/note/TestCam/note_TestCam_3.txt' AND size = 2"
                                      " AND formatter = 'a.b.C' AND length(checksum) = 16"),
                     1);
    assert_int_equal(fixture_count(f, "collection WHERE name = 'notes' AND type = 1"), 1);
}

static void first_column_is_the_path_where_none_is_called_so(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    prepare(f);
    assert_ok(ingest(f, (vb_files_options){0}, "what,detector\na.txt,1\n", &report, &err), &err);
    assert_int_equal(report.ingested, 1);
}

static void rows_of_one_data_id_are_one_dataset(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;
    vb_files_options options = {.type = "shot", .formatter = "a.b.C"};

    prepare(f);
    define_composite(f);
    assert_ok(ingest(f, options, "path,component,detector\na.txt,image,1\nb.txt,,3\nb.txt,mask,1\n", &report, &err),
              &err);
    assert_int_equal(report.ingested, 3);
    assert_int_equal(report.in_parts, 1);
    assert_int_equal(fixture_count(f, "dataset"), 2);
    assert_int_equal(fixture_count(f, "location"), 1);
    assert_int_equal(fixture_count(f,
                                   "component WHERE component = 'mask' AND storage_class = 'Mask' AND size = 2 AND"
                                   " path = 'notes/shot.mask/TestCam/shot.mask_TestCam_1.fits' AND formatter = 'a.b.C'"
                                   " AND length(checksum) = 16 AND mtime > 0"),
                     1);
}

static void rows_that_make_no_dataset_are_refused(void **state)
{
    static const struct {
        const char *rows, *message;
    } cases[] = {
        {"a.txt,imago,1\n", "t.csv:2: dataset type 'shot': storage class MaskedImage has no component 'imago'"},
        {"a.txt,image,1\nb.txt,image,1\n",
         "t.csv:3: component 'image' of {instrument: TestCam, detector: 1} is in line 2"},
        {"a.txt,,1\nb.txt,image,1\n", "t.csv:3: {instrument: TestCam, detector: 1} is whole in line 2"},
        {"a.txt,,1\nb.txt,,1\n", "t.csv:3: {instrument: TestCam, detector: 1} is in line 2 too"},
        {"a.txt,image,1\nb.txt,mask,9\n", "t.csv:3: the repository has no detector"},
        {"a.txt,image,1\nnothing.txt,mask,1\n", "t.csv:3: "},
    };
    fixture *f = *state;

    prepare(f);
    define_composite(f);
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *table = vb_format("path,component,detector\n%s", cases[i].rows);
        vb_auto_error err = VB_ERROR_INIT;
        vb_files_report report;

        assert_true(ingest(f, (vb_files_options){.type = "shot"}, table, &report, &err) < 0);
        assert_says(&err, cases[i].message);
        assert_int_equal(fixture_count(f, "dataset"), 0);
        assert_int_equal(fixture_count(f, "component_summary"), 0);
    }
}

/* The whole and its parts in the other order are the same mistake. */
static void parts_and_then_the_whole_are_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    prepare(f);
    define_composite(f);
    assert_int_equal(ingest(f, (vb_files_options){.type = "shot"}, "path,component,detector\na.txt,image,1\nb.txt,,1\n",
                            &report, &err),
                     -EINVAL);
    assert_says(&err, "t.csv:3: {instrument: TestCam, detector: 1} is in parts since line 2");
}

static void direct_keeps_the_file_where_it_is(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    prepare(f);
    assert_ok(ingest(f, (vb_files_options){.transfer = VB_TRANSFER_DIRECT}, "path,detector\na.txt,1\n", &report, &err),
              &err);
    assert_int_equal(fixture_count(f, "location WHERE path LIKE '/%/a.txt' AND checksum IS NULL AND mtime > 0"), 1);
    assert_int_not_equal(access(fixture_path(f, "repo/notes"), F_OK), 0);
}

/* Refused with these words, and nothing is there afterwards. */
static void refuses(fixture *f, const char *table, const char *says)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    assert_true(ingest(f, (vb_files_options){0}, table, &report, &err) < 0);
    assert_says(&err, says);
    assert_int_equal(fixture_count(f, "dataset"), 0);
    assert_int_equal(fixture_count(f, "collection"), 0);
    assert_int_not_equal(access(fixture_path(f, "repo/notes"), F_OK), 0);
}

static void mistakes_name_the_line_and_leave_nothing(void **state)
{
    fixture *f = *state;

    prepare(f);
    refuses(f, "path,detector\na.txt,1\nnowhere.txt,2\n", "t.csv:3: ");
    refuses(f, "path,detector\na.txt,1\nnowhere.txt,2\n", "nowhere.txt: No such file or directory");
    refuses(f, "path,detector\na.txt,1\nb.txt,1\n", "t.csv:3: {instrument: TestCam, detector: 1} is in line 2 too");
    refuses(f, "path,detector\na.txt,one\n", "t.csv:2: detector: must be an integer, not 'one'");
    refuses(f, "path,detector\na.txt,4\n",
            "t.csv:2: the repository has no detector {instrument: TestCam, detector: 4}");
    refuses(f, "path,detector\n,1\n", "t.csv:2: has no path");
    refuses(f, "path,detectr\na.txt,1\n", "column 2: 'detectr' is no dimension of dataset type 'note'");
    refuses(f, "path\na.txt\n", "nothing tells 'detector'");
    refuses(f, "path,detector,instrument\na.txt,1,TestCam\n", "'instrument' is told twice");
}

static void dataset_that_is_there_is_an_error_unless_skipped(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    prepare(f);
    assert_ok(ingest(f, (vb_files_options){0}, "path,detector\na.txt,1\n", &report, &err), &err);
    assert_int_equal(ingest(f, (vb_files_options){0}, "path,detector\nb.txt,2\na.txt,1\n", &report, &err), -EEXIST);
    assert_says(&err, "t.csv:3: note {instrument: TestCam, detector: 1} is in notes already");
    assert_int_equal(fixture_count(f, "dataset"), 1);
    assert_ok(ingest(f, (vb_files_options){.skip_existing = true}, "path,detector\nb.txt,2\na.txt,1\n", &report, &err),
              &err);
    assert_int_equal(report.ingested, 1);
    assert_int_equal(report.existing, 1);
}

static void unknown_type_gets_a_hint(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    prepare(f);
    assert_int_equal(ingest(f, (vb_files_options){.type = "nots"}, "path,detector\na.txt,1\n", &report, &err), -ENOENT);
    assert_string_equal(err.hint, "did you mean 'note'?");
    assert_int_equal(ingest(f, (vb_files_options){.type = "quite_other"}, "path,detector\na.txt,1\n", &report, &err),
                     -ENOENT);
    assert_non_null(strstr(err.hint, "register-dataset-type"));
}

static void chain_is_no_place_for_files(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    vb_files_report report;

    prepare(f);
    assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
    assert_ok(vb_collection_register(f->reg, "chain", VB_CHAINED, NULL, NULL, &err), &err);
    assert_ok(vb_txn_commit(&txn, &err), &err);
    assert_int_equal(ingest(f, (vb_files_options){.run = "chain"}, "path,detector\na.txt,1\n", &report, &err), -EINVAL);
    assert_says(&err, "collection 'chain' is a CHAINED: files go into a RUN");
}

static void values_with_the_same_plain_spelling_get_names_of_their_own(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_files_report report;

    fixture_write(f, "a.txt", "a");
    fixture_write(f, "b.txt", "b");
    define_type(f, "plain", "ssp_hypothesis_table");
    fixture_write(f, "t.csv", "path\n");
    {
        vb_auto_txn txn = {0};
        static const char *const names[] = {"x/y", "x y"};

        assert_ok(vb_registry_begin(f->reg, &txn, &err), &err);
        for (size_t i = 0; i < 2; i++) {
            vb_auto_record r = {0};

            r = vb_record_new(f->reg, vb_universe_find(vb_registry_universe(f->reg), "ssp_hypothesis_table"));
            vb_record_set(&r, "ssp_hypothesis_table", vb_value_text(names[i]));
            assert_int_equal(vb_record_put(f->reg, &r, VB_RECORD_SAME, &err), 1);
        }
        assert_ok(vb_txn_commit(&txn, &err), &err);
    }
    fixture_write(f, "u.csv", "path,ssp_hypothesis_table\na.txt,x/y\nb.txt,x y\n");
    assert_ok(vb_ingest_files(f->repo, fixture_path(f, "u.csv"),
                              &(vb_files_options){.type = "plain", .run = "r", .prefix = f->dir}, &report, &err),
              &err);
    assert_int_equal(report.ingested, 2);
    assert_int_equal(fixture_count(f, "location WHERE path = 'r/plain/plain_x_y.txt'"), 1);
    assert_int_equal(fixture_count(f, "location WHERE path GLOB 'r/plain/plain_x_y_????????.txt'"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_repo, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_become_datasets),
        TEST(rows_of_one_data_id_are_one_dataset),
        TEST(rows_that_make_no_dataset_are_refused),
        TEST(parts_and_then_the_whole_are_refused),
        TEST(first_column_is_the_path_where_none_is_called_so),
        TEST(direct_keeps_the_file_where_it_is),
        TEST(mistakes_name_the_line_and_leave_nothing),
        TEST(dataset_that_is_there_is_an_error_unless_skipped),
        TEST(unknown_type_gets_a_hint),
        TEST(chain_is_no_place_for_files),
        TEST(values_with_the_same_plain_spelling_get_names_of_their_own),
    };

    return cmocka_run_group_tests_name("ingest files", tests, NULL, NULL);
}
