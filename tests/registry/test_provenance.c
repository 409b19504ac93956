/* Executed quanta: found, listed, with what they read and made. */
#include "registry/prune.h"
#include "tests/registry/executed.h"

#define D1   "[\"Cam\",1,10]"
#define D2   "[\"Cam\",2,10]"
#define BOTH "[\"Cam\",10]"

static vb_graph *g;

/* make of both detectors, the second after a failure; join of them; and exposure 11, whose raw only was looked up. */
static int setup(void **state)
{
    vb_auto(vb_receipt_free) vb_receipt *idle = NULL;
    fixture *f;
    int r = fixture_setup_registry(state);

    if (r < 0)
        return r;
    f = *state;
    executed_raws(f);
    g = executed_graph(f, "g1", "r");
    r = vb_provenance_register_run(f->reg, g, &f->err);
    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    executed(f, g, "make", D2, 1, VB_STATUS_FAILED);
    executed(f, g, "make", D2, 2, VB_STATUS_SUCCEEDED);
    executed(f, g, "join", BOTH, 1, VB_STATUS_SUCCEEDED);
    idle = executed_receipt(f, g, "make", "[\"Cam\",1,11]", 1, VB_STATUS_FAILED);
    idle->inputs[0].touch = VB_TOUCH_DECLARED | VB_TOUCH_LOOKUP;
    assert_ok(executed_merge(f, g, idle, &f->err), &f->err);
    return r;
}

static int64_t dataset_row(fixture *f, const char *run, const char *type, const char *dataid)
{
    vb_uuid uuid = executed_uuid(run, type, dataid);
    vb_auto_dataset d = {0};

    assert_int_equal(vb_dataset_by_uuid(f->reg, &uuid, &d, &f->err), 1);
    return d.id;
}

static vb_executed find(fixture *f, const char *task, const char *dataid)
{
    vb_executed q;

    assert_int_equal(vb_executed_find(f->reg, "r", task, dataid, &q, &f->err), 1);
    return q;
}

static int note(void *arg, const vb_executed *q)
{
    vb_buf *out = arg;

    vb_buf_separate(out, " ");
    vb_buf_puts(out, q->task);
    vb_dataid_pack(&q->dataid, out);
    return 0;
}

static int stop(void *arg, const vb_executed *q)
{
    ++*(int *)arg;
    return 7;
}

/* ---- finding ---------------------------------------------------------------------------------------------- */

static void a_quantum_is_found_by_whatever_names_it(void **state)
{
    fixture *f = *state;
    vb_uuid uuid = executed_uuid("r", "make", D2);
    vb_auto_executed by_uuid = {0}, by_id = {0}, by_name = find(f, "make", D2), by_output = {0};

    assert_int_equal(vb_executed_by_uuid(f->reg, &uuid, &by_uuid, &f->err), 1);
    assert_int_equal(vb_executed_by_id(f->reg, by_uuid.id, &by_id, &f->err), 1);
    assert_int_equal(vb_executed_producer(f->reg, dataset_row(f, "r", "cal", D2), &by_output, &f->err), 1);
    assert_int_equal(by_name.id, by_uuid.id);
    assert_int_equal(by_output.id, by_uuid.id);
    assert_true(vb_uuid_equal(by_id.uuid, uuid));
    assert_string_equal(by_id.run, "r");
    assert_string_equal(by_id.task, "make");
    assert_int_equal(by_id.status, VB_STATUS_SUCCEEDED);
    assert_int_equal(by_id.attempt, 2);
    assert_ptr_equal(by_id.dataid.group, fixture_group(f, "detector,exposure"));
}

static void what_is_not_there_is_nothing_and_no_error(void **state)
{
    fixture *f = *state;
    vb_uuid uuid = executed_uuid("r", "break", D1);
    vb_executed q;
    vb_receipt *receipt = NULL;

    assert_int_equal(vb_executed_by_id(f->reg, 99, &q, &f->err), 0);
    assert_int_equal(vb_executed_by_uuid(f->reg, &uuid, &q, &f->err), 0);
    assert_int_equal(vb_executed_find(f->reg, "r", "make", BOTH, &q, &f->err), 0);
    assert_int_equal(vb_executed_find(f->reg, "s", "make", D1, &q, &f->err), 0);
    assert_int_equal(vb_executed_producer(f->reg, dataset_row(f, "raws", "raw", D1), &q, &f->err), 0);
    assert_int_equal(vb_executed_receipt(f->reg, 99, 0, &receipt, &f->err), 0);
    assert_null(receipt);
}

/* A run that was extended with --clobber-outputs. */
static void of_quanta_with_one_data_id_the_last_is_shown(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *again = executed_receipt(f, g, "join", BOTH, 1, VB_STATUS_FAILED);
    vb_auto_executed q = {0};
    vb_auto_buf text = {0};

    again->quantum = executed_uuid("g2", "join", BOTH);
    assert_ok(executed_merge(f, g, again, &f->err), &f->err);
    q = find(f, "join", BOTH);
    assert_true(vb_uuid_equal(q.uuid, again->quantum));
    assert_ok(vb_executed_of_task(f->reg, "r", "join", 0, 10, note, &text, &f->err), &f->err);
    assert_string_equal(vb_buf_text(&text), "join" BOTH);
}

/* ---- listings --------------------------------------------------------------------------------------------- */

static void quanta_of_a_task_are_listed_and_the_listing_goes_on(void **state)
{
    fixture *f = *state;
    vb_auto_executed first = find(f, "make", D1);
    const struct {
        const char *run, *task;
        int64_t after;
        size_t limit;
        const char *expected;
    } cases[] = {
        {"r", "make", 0, 10, "make" D1 " make" D2 " make[\"Cam\",1,11]"},
        {"r", "make", 0, 2, "make" D1 " make" D2},
        {"r", "make", first.id, 1, "make" D2},
        {"r", "make", 0, 0, ""},
        {"r", "break", 0, 10, ""},
        {"s", "make", 0, 10, ""},
    };
    int calls = 0;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_buf text = {0};

        assert_ok(vb_executed_of_task(f->reg, cases[i].run, cases[i].task, cases[i].after, cases[i].limit, note, &text,
                                      &f->err),
                  &f->err);
        assert_string_equal(vb_buf_text(&text), cases[i].expected);
    }
    assert_int_equal(vb_executed_of_task(f->reg, "r", "make", 0, 10, stop, &calls, &f->err), 7);
    assert_int_equal(calls, 1);
}

static void consumers_are_those_that_used_the_bytes(void **state)
{
    static const struct {
        const char *run, *type, *dataid, *expected;
    } cases[] = {
        {"raws", "raw", D1, "make" D1},
        {"r", "cal", D2, "join" BOTH},
        {"raws", "raw", "[\"Cam\",1,11]", ""}, /* looked up, not read */
        {"r", "sum", BOTH, ""},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        int64_t id = dataset_row(f, cases[i].run, cases[i].type, cases[i].dataid);
        vb_auto_buf text = {0};

        assert_ok(vb_executed_consumers(f->reg, id, 0, 10, note, &text, &f->err), &f->err);
        assert_string_equal(vb_buf_text(&text), cases[i].expected);
    }
}

/* ---- one quantum ------------------------------------------------------------------------------------------ */

static void a_quantum_has_its_inputs_and_outputs(void **state)
{
    fixture *f = *state;
    vb_auto_executed q = find(f, "join", BOTH);
    vb_touched *in, *out;
    size_t nin, nout;

    assert_ok(vb_executed_inputs(f->reg, q.id, &in, &nin, &f->err), &f->err);
    assert_ok(vb_executed_outputs(f->reg, q.id, &out, &nout, &f->err), &f->err);
    assert_int_equal(nin, 2);
    assert_int_equal(nout, 1);
    for (size_t i = 0; i < nin; i++) {
        assert_string_equal(in[i].dataset.type->name, "cal");
        assert_string_equal(in[i].connection, "cal");
        assert_int_equal(in[i].touch, VB_TOUCH_DECLARED | VB_TOUCH_READ);
    }
    assert_int_equal(out[0].dataset.id, dataset_row(f, "r", "sum", BOTH));
    assert_string_equal(out[0].connection, "sum");
    assert_int_equal(out[0].touch, VB_TOUCH_DECLARED | VB_TOUCH_WRITTEN);
    vb_touched_free(in, nin);
    vb_touched_free(out, nout);
    assert_ok(vb_executed_inputs(f->reg, 99, &in, &nin, &f->err), &f->err);
    assert_int_equal(nin, 0);
    vb_touched_free(in, nin);
}

static void each_attempt_has_its_receipt(void **state)
{
    fixture *f = *state;
    vb_auto_executed q = find(f, "make", D2);
    vb_autofree int *numbers = NULL;
    size_t n;

    assert_ok(vb_executed_attempts(f->reg, q.id, &numbers, &n, &f->err), &f->err);
    assert_int_equal(n, 2);
    for (int attempt = 0; attempt <= 2; attempt++) {
        vb_auto(vb_receipt_free) vb_receipt *r = NULL;

        assert_int_equal(vb_executed_receipt(f->reg, q.id, attempt, &r, &f->err), 1);
        assert_int_equal(r->attempt, attempt ? attempt : 2); /* 0: the one that counts */
        assert_true(vb_uuid_equal(r->quantum, q.uuid));
        if (attempt)
            assert_int_equal(numbers[attempt - 1], attempt);
    }
    assert_int_equal(vb_executed_receipt(f->reg, q.id, 3, &(vb_receipt *){NULL}, &f->err), 0);
}

static void what_was_removed_is_still_spoken_of(void **state)
{
    fixture *f = *state;
    vb_auto_executed q = find(f, "join", BOTH);
    vb_auto_txn txn = {0};
    vb_touched *in;
    size_t n;

    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_prune_run(f->reg, fixture_run(f, "r"), true, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    assert_ok(vb_executed_inputs(f->reg, q.id, &in, &n, &f->err), &f->err);
    assert_int_equal(n, 2);
    assert_int_equal(in[0].dataset.state, VB_DATASET_REMOVED);
    vb_touched_free(in, n);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_quantum_is_found_by_whatever_names_it),
        TEST(what_is_not_there_is_nothing_and_no_error),
        TEST(of_quanta_with_one_data_id_the_last_is_shown),
        TEST(quanta_of_a_task_are_listed_and_the_listing_goes_on),
        TEST(consumers_are_those_that_used_the_bytes),
        TEST(a_quantum_has_its_inputs_and_outputs),
        TEST(each_attempt_has_its_receipt),
        TEST(what_was_removed_is_still_spoken_of),
    };

    return cmocka_run_group_tests_name("provenance", tests, NULL, NULL);
}
