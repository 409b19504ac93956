/* What a run cost and where it failed: docs/reports.md. */
#include "registry/report.h"
#include "tests/registry/executed.h"

#define SUCCEEDED VB_STATUS_SUCCEEDED
#define FAILED    VB_STATUS_FAILED

static vb_graph *g;

static int setup_run(void **state)
{
    fixture *f;
    int r = fixture_setup_registry(state);

    if (r < 0)
        return r;
    f = *state;
    executed_raws(f);
    g = executed_graph(f, "g1", "u/r1");
    return vb_provenance_register_run(f->reg, g, &f->err);
}

/* A quantum that was never run. */
static void block(fixture *f, const char *task, const char *dataid)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_uuid uuid = executed_uuid(g->run, task, dataid);

    assert_ok(vb_db_open(f->path, VB_DB_WRITE, &db, &f->err), &f->err);
    assert_ok(vb_sql_exec(db, &f->err,
                          "INSERT INTO quantum (uuid, task_id, dataid, status, attempt) SELECT ?, id, ?, 3, 0"
                          " FROM task WHERE label = ?",
                          VB_ARGS(&uuid, dataid, task)),
              &f->err);
}

/* Four quanta of make: succeeded, failed then succeeded, failed, aborted; join is blocked. */
static int setup(void **state)
{
    int r = setup_run(state);

    if (r < 0)
        return r;
    executed(*state, g, "make", "[\"Cam\",1,10]", 1, SUCCEEDED);
    executed(*state, g, "make", "[\"Cam\",2,10]", 1, FAILED);
    executed(*state, g, "make", "[\"Cam\",2,10]", 2, SUCCEEDED);
    executed(*state, g, "make", "[\"Cam\",1,11]", 1, FAILED);
    executed(*state, g, "make", "[\"Cam\",2,11]", 1, VB_STATUS_ABORTED);
    block(*state, "join", "[\"Cam\",10]");
    return 0;
}

typedef int report_fn(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                      vb_error *err);

static void check(fixture *f, report_fn *report, const char *run, vb_format_kind format, const char *expected)
{
    vb_auto_buf out = {0};

    assert_ok(report(f->reg, run, format, vb_rows_to_buf, &out, &f->err), &f->err);
    assert_string_equal(vb_buf_text(&out), expected);
}

static const char *uuid_text(const char *task, const char *dataid, char text[VB_UUID_TEXT])
{
    return vb_uuid_format(executed_uuid("u/r1", task, dataid), text);
}

/* ---- tables ----------------------------------------------------------------------------------------------- */

#define TASKS "task,count,failed,blocked,max,mean,total,cpu,peak,read,written\n"

static void tasks_are_counted_by_the_attempt_that_counts(void **state)
{
    check(*state, vb_report_tasks, "u/r1", VB_FORMAT_CSV,
          TASKS "make,4,1,0,2,2,8,4,4096,40,0\n"
                "join,1,0,1,,,,,,,\n");
}

#define SUMMARY "run,quanta,succeeded,failed,blocked,aborted,attempts,started,ended,wall,cpu,read,written\n"

static void a_summary_is_one_row(void **state)
{
    check(*state, vb_report_summary, "u/r1", VB_FORMAT_CSV,
          SUMMARY "u/r1,5,2,1,1,1,5,1970-01-01T00:16:40.000000Z,1970-01-01T00:33:22.000000Z,8,4,40,0\n");
}

#define QUANTA "task,dataid,quantum,status,attempts,host,started,wall,cpu,memory,read,written,capture,message\n"

static void quanta_have_a_row_each(void **state)
{
    static const struct {
        const char *task, *packed, *before, *after;
    } rows[] = {
        {"make", "[\"Cam\",1,10]", "make,\"{instrument: Cam, detector: 1, exposure: 10}\"",
         "succeeded,1,node7,1970-01-01T00:16:40.000000Z,2,1,4096,10,0,complete,"},
        {"make", "[\"Cam\",2,10]", "make,\"{instrument: Cam, detector: 2, exposure: 10}\"",
         "succeeded,2,node7,1970-01-01T00:33:20.000000Z,2,1,4096,10,0,complete,"},
        {"make", "[\"Cam\",1,11]", "make,\"{instrument: Cam, detector: 1, exposure: 11}\"",
         "failed,1,node7,1970-01-01T00:16:40.000000Z,2,1,4096,10,0,complete,it ended"},
        {"make", "[\"Cam\",2,11]", "make,\"{instrument: Cam, detector: 2, exposure: 11}\"",
         "aborted,1,node7,1970-01-01T00:16:40.000000Z,2,1,4096,10,0,complete,it ended"},
        {"join", "[\"Cam\",10]", "join,\"{instrument: Cam, exposure: 10}\"", "blocked,0,,,,,,,,,"},
    };
    vb_auto_buf expected = {0};
    char uuid[VB_UUID_TEXT];

    vb_buf_puts(&expected, QUANTA);
    for (size_t i = 0; i < VB_COUNT(rows); i++)
        vb_buf_printf(&expected, "%s,%s,%s\n", rows[i].before, uuid_text(rows[i].task, rows[i].packed, uuid),
                      rows[i].after);
    check(*state, vb_report_quanta, "u/r1", VB_FORMAT_CSV, vb_buf_text(&expected));
}

static void what_is_not_known_is_null_in_json(void **state)
{
    vb_auto_buf out = {0};
    json_t *rows, *join;
    fixture *f = *state;

    assert_ok(vb_report_tasks(f->reg, "u/r1", VB_FORMAT_JSON, vb_rows_to_buf, &out, &f->err), &f->err);
    rows = json_loadb(out.data, out.len, 0, NULL);
    join = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(join, "task")), "join");
    assert_true(json_is_null(json_object_get(join, "mean")));
    assert_true(json_is_null(json_object_get(join, "peak"))); /* bug: was 0 */
    assert_int_equal(json_integer_value(json_object_get(join, "blocked")), 1);
    json_decref(rows);
}

static void a_run_without_quanta_is_an_empty_table(void **state)
{
    check(*state, vb_report_tasks, "u/r1", VB_FORMAT_CSV, TASKS);
    check(*state, vb_report_quanta, "u/r1", VB_FORMAT_JSON, "[]\n");
    check(*state, vb_report_quanta, "u/r1", VB_FORMAT_TABLE, "");
    check(*state, vb_report_summary, "nowhere", VB_FORMAT_CSV, SUMMARY "nowhere,0,0,0,0,0,0,,,0,0,0,0\n");
}

static void of_quanta_with_one_data_id_the_last_counts(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *again = executed_receipt(f, g, "make", "[\"Cam\",1,10]", 1, FAILED);

    again->quantum = executed_uuid("g2", "make", "[\"Cam\",1,10]");
    assert_ok(executed_merge(f, g, again, &f->err), &f->err);
    check(f, vb_report_tasks, "u/r1", VB_FORMAT_CSV,
          TASKS "make,4,2,0,2,2,8,4,4096,40,0\n"
                "join,1,0,1,,,,,,,\n");
}

/* ---- failures --------------------------------------------------------------------------------------------- */

static void failures_are_told_by_task_and_message(void **state)
{
    fixture *f = *state;
    vb_auto_buf out = {0}, expected = {0};
    char a[VB_UUID_TEXT], b[VB_UUID_TEXT];

    vb_buf_printf(&expected,
                  "make: 2 quanta: it ended\n"
                  "    {instrument: Cam, detector: 1, exposure: 11}   provenance/u/r1/make/%s/log\n"
                  "    {instrument: Cam, detector: 2, exposure: 11}   provenance/u/r1/make/%s/log\n",
                  uuid_text("make", "[\"Cam\",1,11]", a), uuid_text("make", "[\"Cam\",2,11]", b));
    assert_ok(vb_report_failures(f->reg, "u/r1", &out, &f->err), &f->err);
    assert_string_equal(vb_buf_text(&out), vb_buf_text(&expected));
}

static int count_lines(const char *text, const char *with)
{
    int n = 0;

    for (const char *p = strstr(text, with); p; p = strstr(p + 1, with))
        n++;
    return n;
}

static void three_examples_stand_for_many_and_the_most_come_first(void **state)
{
    fixture *f = *state;
    vb_auto_buf out = {0};

    for (int exposure = 1; exposure <= 6; exposure++) {
        vb_autofree char *dataid = vb_format("[\"Cam\",1,%d]", exposure);
        vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "make", dataid, 1, FAILED);

        if (exposure < 3)
            free(VB_STEAL(r->message));
        assert_ok(executed_merge(f, g, r, &f->err), &f->err);
    }
    assert_ok(vb_report_failures(f->reg, "u/r1", &out, &f->err), &f->err);
    assert_true(vb_starts_with(out.data, "make: 4 quanta: it ended\n"));
    assert_non_null(strstr(out.data, "make: 2 quanta: no message\n"));
    assert_int_equal(count_lines(out.data, "provenance/"), 3 + 2);
}

static void no_failure_is_no_text(void **state)
{
    fixture *f = *state;
    vb_auto_buf out = {0};

    executed(f, g, "make", "[\"Cam\",1,10]", 1, SUCCEEDED);
    assert_ok(vb_report_failures(f->reg, "u/r1", &out, &f->err), &f->err);
    assert_int_equal(out.len, 0);
}

/* ---- which run -------------------------------------------------------------------------------------------- */

static void a_chain_stands_for_its_latest_run_with_quanta(void **state)
{
    static const struct {
        const char *name, *expected; /* NULL: none */
    } cases[] = {{"u/r1", "u/r1"}, {"chain", "u/r2"}, {"older", "u/r1"},
                 {"raws", NULL},   {"inputs", NULL},  {"u/r", NULL}};
    fixture *f = *state;
    vb_graph *second = executed_graph(f, "g2", "u/r2");

    assert_ok(vb_provenance_register_run(f->reg, second, &f->err), &f->err);
    fixture_chain(f, "inputs", "raws");
    fixture_chain(f, "older", "inputs,u/r1");
    fixture_chain(f, "chain", "inputs,u/r2,older");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_error err = VB_ERROR_INIT;
        vb_autofree char *run = NULL;
        int r = vb_report_find_run(f->reg, cases[i].name, &run, &err);

        assert_int_equal(r, cases[i].expected ? 0 : -ENOENT);
        if (cases[i].expected) {
            assert_string_equal(run, cases[i].expected);
            continue;
        }
        assert_says(&err, cases[i].name);
        assert_hints(&err, "u/r");
    }
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define TEST_EMPTY(name) cmocka_unit_test_setup_teardown(name, setup_run, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tasks_are_counted_by_the_attempt_that_counts),
        TEST(a_summary_is_one_row),
        TEST(quanta_have_a_row_each),
        TEST(what_is_not_known_is_null_in_json),
        TEST_EMPTY(a_run_without_quanta_is_an_empty_table),
        TEST(of_quanta_with_one_data_id_the_last_counts),
        TEST(failures_are_told_by_task_and_message),
        TEST_EMPTY(three_examples_stand_for_many_and_the_most_come_first),
        TEST_EMPTY(no_failure_is_no_text),
        TEST_EMPTY(a_chain_stands_for_its_latest_run_with_quanta),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
