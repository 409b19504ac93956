/* Receipts become rows: in any order, each once. */
#include "registry/association.h"
#include "tests/registry/executed.h"

#define D1   "[\"Cam\",1,10]"
#define D2   "[\"Cam\",2,10]"
#define BOTH "[\"Cam\",10]"

static vb_graph *g;

static int setup(void **state)
{
    fixture *f;
    int r = fixture_setup_registry(state);

    if (r < 0)
        return r;
    f = *state;
    executed_raws(f);
    g = executed_graph(f, "g1", "r");
    return vb_provenance_register_run(f->reg, g, &f->err);
}

static vb_executed quantum(fixture *f, const char *task, const char *dataid)
{
    vb_uuid uuid = executed_uuid(g->run, task, dataid);
    vb_executed q;

    assert_int_equal(vb_executed_by_uuid(f->reg, &uuid, &q, &f->err), 1);
    return q;
}

static vb_dataset dataset(fixture *f, const char *type, const char *dataid)
{
    vb_uuid uuid = executed_uuid(g->run, type, dataid);
    vb_dataset d;

    assert_int_equal(vb_dataset_by_uuid(f->reg, &uuid, &d, &f->err), 1);
    return d;
}

/* ---- one receipt ------------------------------------------------------------------------------------------ */

static void a_success_is_a_quantum_an_attempt_and_a_dataset(void **state)
{
    fixture *f = *state;
    vb_auto_location l = {0};
    vb_auto_executed q = {0}, producer = {0};
    vb_auto_dataset d = {0};

    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    q = quantum(f, "make", D1);
    d = dataset(f, "cal", D1);
    assert_string_equal(q.run, "r");
    assert_string_equal(q.task, "make");
    assert_int_equal(q.status, VB_STATUS_SUCCEEDED);
    assert_int_equal(q.attempt, 1);
    assert_true(vb_dataid_equal(&q.dataid, &d.dataid));
    assert_int_equal(d.state, VB_DATASET_PRESENT);
    assert_int_equal(d.run_id, fixture_run(f, "r")->id);
    assert_int_equal(vb_location_get(f->reg, d.id, &l, &f->err), 1);
    assert_string_equal(l.path, "r/cal_0");
    assert_int_equal(l.store_id, 1);
    assert_int_equal(l.size, 100);
    assert_int_equal(l.mtime, 7);
    assert_true(l.has_checksum);
    assert_int_equal(vb_executed_producer(f->reg, d.id, &producer, &f->err), 1);
    assert_int_equal(producer.id, q.id);
    assert_int_equal(fixture_int(f, "SELECT memory FROM attempt WHERE cpu = 1.0 AND wall = 2.0"), 4096);
}

static void a_failure_makes_no_dataset(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);

    r->status = VB_STATUS_FAILED; /* with an output all the same */
    assert_ok(executed_merge(f, g, r, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "attempt"), 1);
    assert_int_equal(fixture_count(f, "dataset JOIN dataset_type t ON t.id = type_id WHERE name = 'cal'"), 0);
}

static void an_output_that_was_not_made_is_none(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);

    free(VB_STEAL(r->outputs[0].path));
    assert_ok(executed_merge(f, g, r, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "quantum_output"), 0);
    assert_int_equal(fixture_count(f, "quantum WHERE status = 1"), 1);
}

static void an_attempt_is_merged_once(void **state)
{
    fixture *f = *state;
    vb_uuid uuid = executed_uuid("r", "make", D1);
    bool has = true;

    assert_ok(vb_provenance_has(f->reg, &uuid, 1, &has, &f->err), &f->err);
    assert_false(has);
    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    assert_ok(vb_provenance_has(f->reg, &uuid, 1, &has, &f->err), &f->err);
    assert_true(has);
    assert_ok(vb_provenance_has(f->reg, &uuid, 2, &has, &f->err), &f->err);
    assert_false(has);
    assert_int_equal(fixture_count(f, "attempt"), 1);
    assert_int_equal(fixture_count(f, "location"), 1);
}

/* ---- several attempts ------------------------------------------------------------------------------------- */

/* "2s 1f": attempt 2, which succeeded, is merged before attempt 1, which failed. */
static void the_attempt_that_succeeded_counts_and_else_the_last(void **state)
{
    static const struct {
        const char *merged;
        vb_status status;
        int attempt;
    } cases[] = {
        {"1f", VB_STATUS_FAILED, 1},          {"1f 2s", VB_STATUS_SUCCEEDED, 2},
        {"2s 1f", VB_STATUS_SUCCEEDED, 2},    {"1s 2a", VB_STATUS_SUCCEEDED, 1},
        {"2a 1s", VB_STATUS_SUCCEEDED, 1},    {"1f 2a", VB_STATUS_ABORTED, 2},
        {"2a 1f", VB_STATUS_ABORTED, 2},      {"1f 3f 2a", VB_STATUS_FAILED, 3},
        {"3a 2s 1f", VB_STATUS_SUCCEEDED, 2}, {"3a 1f 2s", VB_STATUS_SUCCEEDED, 2},
        {"2s 3a 1f", VB_STATUS_SUCCEEDED, 2},
    };

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto_executed q = {0};
        vb_autofree int *numbers = NULL;
        size_t n;

        fixture_teardown(state);
        assert_int_equal(setup(state), 0);
        for (const char *p = cases[i].merged; *p; p += 2 + (p[2] == ' '))
            executed(*state, g, "make", D1, *p - '0',
                     p[1] == 's'   ? VB_STATUS_SUCCEEDED
                     : p[1] == 'f' ? VB_STATUS_FAILED
                                   : VB_STATUS_ABORTED);
        q = quantum(*state, "make", D1);
        assert_int_equal(q.status, cases[i].status);
        assert_int_equal(q.attempt, cases[i].attempt);
        assert_int_equal(vb_executed_attempts(((fixture *)*state)->reg, q.id, &numbers, &n, NULL), 0);
        assert_int_equal(n, (strlen(cases[i].merged) + 1) / 3);
        for (size_t k = 1; k < n; k++)
            assert_true(numbers[k - 1] < numbers[k]);
    }
}

/* Attempt 1 failed before it read, and looked at a raw that attempt 2 did not; attempt 2 succeeded. */
static void merge_both(fixture *f, bool backwards)
{
    vb_auto(vb_receipt_free) vb_receipt *first = executed_receipt(f, g, "make", D1, 1, VB_STATUS_FAILED);
    vb_auto(vb_receipt_free) vb_receipt *second = executed_receipt(f, g, "make", D1, 2, VB_STATUS_SUCCEEDED);
    vb_receipt_input *other = VB_PUSH(first->inputs, first->ninputs, first->inputs_cap);

    first->inputs[0].touch = VB_TOUCH_DECLARED;
    *other = (vb_receipt_input){.dataset = executed_uuid("raws", "raw", D2),
                                .connection = vb_strdup("raw"),
                                .touch = VB_TOUCH_READ};
    assert_ok(executed_merge(f, g, backwards ? second : first, &f->err), &f->err);
    assert_ok(executed_merge(f, g, backwards ? first : second, &f->err), &f->err);
}

/* Bug: they were those of the attempt that was merged last. */
static void inputs_are_those_of_the_attempt_that_counts(void **state)
{
    for (int backwards = 0; backwards < 2; backwards++) {
        vb_auto_executed q = {0};
        vb_touched *inputs;
        size_t n;

        fixture_teardown(state);
        assert_int_equal(setup(state), 0);
        merge_both(*state, backwards);
        q = quantum(*state, "make", D1);
        assert_int_equal(vb_executed_inputs(((fixture *)*state)->reg, q.id, &inputs, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(inputs[0].touch, VB_TOUCH_DECLARED | VB_TOUCH_READ);
        assert_string_equal(inputs[0].connection, "raw");
        vb_touched_free(inputs, n);
    }
}

/* ---- inputs ----------------------------------------------------------------------------------------------- */

static void an_input_may_be_merged_before_who_made_it(void **state)
{
    fixture *f = *state;
    vb_auto_dataset before = {0}, after = {0};

    executed(f, g, "join", BOTH, 1, VB_STATUS_SUCCEEDED);
    before = dataset(f, "cal", D2);
    assert_int_equal(before.state, VB_DATASET_REMOVED);
    assert_int_equal(before.run_id, 0);
    executed(f, g, "make", D2, 1, VB_STATUS_SUCCEEDED);
    after = dataset(f, "cal", D2);
    assert_int_equal(after.id, before.id);
    assert_int_equal(after.state, VB_DATASET_PRESENT);
    assert_int_equal(after.run_id, fixture_run(f, "r")->id);
}

static void an_input_that_says_too_little_is_left_out(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "join", BOTH, 1, VB_STATUS_FAILED);

    free(VB_STEAL(r->inputs[0].type));
    free(r->inputs[1].type);
    r->inputs[1].type = vb_strdup("unheard");
    assert_ok(executed_merge(f, g, r, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "quantum_input"), 0);
}

static void an_input_that_no_connection_declares_has_none(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    vb_touched *inputs;
    size_t n;

    free(VB_STEAL(r->inputs[0].connection));
    assert_ok(executed_merge(f, g, r, &f->err), &f->err);
    assert_ok(vb_executed_inputs(f->reg, fixture_int(f, "SELECT id FROM quantum"), &inputs, &n, &f->err), &f->err);
    assert_int_equal(n, 1);
    assert_null(inputs[0].connection);
    vb_touched_free(inputs, n);
}

/* ---- what is refused -------------------------------------------------------------------------------------- */

static void set_text(char **at, const char *text)
{
    free(*at);
    *at = vb_strdup(text);
}

static void a_receipt_that_does_not_fit_is_refused_whole(void **state)
{
    static const struct {
        const char *run, *task, *type, *dataid;
        int expected;
        const char *message;
    } cases[] = {
        {"elsewhere", "make", "cal", D1, -ENOENT, "merging make [\"Cam\",1,10]: no collection 'elsewhere'"},
        {"r", "break", "cal", D1, -ENOENT, "run 'r' has no task 'break'"},
        {"r", "make", "unheard", D1, -ENOENT, "no dataset type 'unheard'"},
        {"r", "make", "cal", "[1]", -EINVAL, "data ID [1]"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
        vb_auto_error err = VB_ERROR_INIT;

        set_text(&r->run, cases[i].run);
        set_text(&r->task, cases[i].task);
        set_text(&r->outputs[0].type, cases[i].type);
        set_text(&r->outputs[0].dataid, cases[i].dataid);
        assert_int_equal(executed_merge(f, g, r, &err), cases[i].expected);
        assert_says(&err, cases[i].message);
        assert_int_equal(fixture_count(f, "quantum"), 0);
    }
}

static void what_the_run_has_already_gives_way_only_to_clobber(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *again = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    vb_auto_dataset old = {0}, new = {0};
    vb_auto_error err = VB_ERROR_INIT;

    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    again->quantum = executed_uuid("g2", "make", D1);
    again->outputs[0].dataset = executed_uuid("g2", "cal", D1);
    assert_int_equal(executed_merge(f, g, again, &err), -EEXIST);
    assert_says(&err, "run 'r' has one already");
    g->clobber_outputs = true;
    assert_ok(executed_merge(f, g, again, &f->err), &f->err);
    old = dataset(f, "cal", D1);
    assert_int_equal(old.state, VB_DATASET_REMOVED);
    assert_int_equal(vb_dataset_by_uuid(f->reg, &again->outputs[0].dataset, &new, &f->err), 1);
    assert_int_equal(new.state, VB_DATASET_PRESENT);
    assert_int_equal(fixture_count(f, "trash"), 1);
}

/* bug: --clobber-outputs took a dataset out of the collections that had it, and said nothing */
static void what_somebody_has_picked_does_not_give_way(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *again = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    const vb_collection *tag = fixture_collection(f, "picked", VB_TAGGED);
    vb_auto_dataset old = {0};
    vb_auto_error err = VB_ERROR_INIT;
    vb_auto_txn txn = {0};
    int64_t changed;

    executed(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    old = dataset(f, "cal", D1);
    assert_ok(vb_registry_begin(f->reg, &txn, &f->err), &f->err);
    assert_ok(vb_select_datasets(f->reg, &old, 1, &f->err), &f->err);
    assert_ok(vb_associate(f->reg, tag, &changed, &f->err), &f->err);
    assert_ok(vb_txn_commit(&txn, &f->err), &f->err);
    again->quantum = executed_uuid("g2", "make", D1);
    again->outputs[0].dataset = executed_uuid("g2", "cal", D1);
    g->clobber_outputs = true;
    assert_int_equal(executed_merge(f, g, again, &err), -EEXIST);
    assert_says(&err, "TAGGED 'picked' has 1 of them");
    assert_hints(&err, "disassociate");
    assert_int_equal(fixture_count(f, "association"), 1);
    assert_int_equal(fixture_count(f, "trash"), 0);
}

/* ---- what is made once ------------------------------------------------------------------------------------ */

static int merge_init(fixture *f, const vb_receipt *r)
{
    vb_auto_txn txn = {0};
    int status = vb_registry_begin(f->reg, &txn, &f->err);

    if (!status)
        status = vb_provenance_merge_init(f->reg, g, r, &f->err);
    return status < 0 ? status : vb_txn_commit(&txn, &f->err);
}

static void what_is_made_once_is_merged_once_and_is_no_quantum(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *r = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);

    assert_ok(merge_init(f, r), &f->err);
    assert_ok(merge_init(f, r), &f->err);
    assert_int_equal(fixture_count(f, "location"), 1);
    assert_int_equal(fixture_count(f, "quantum"), 0);
    assert_int_equal(fixture_count(f, "quantum_output"), 0);
}

/* Bugs: what a quantum had read before stayed a row of no run, and what was not made failed the merge. */
static void what_is_made_once_may_be_late_or_missing(void **state)
{
    fixture *f = *state;
    vb_auto(vb_receipt_free) vb_receipt *late = executed_receipt(f, g, "make", D1, 1, VB_STATUS_SUCCEEDED);
    vb_auto(vb_receipt_free)
        vb_receipt *none = executed_receipt(f, g, "make", "[\"Cam\",1,11]", 1, VB_STATUS_SUCCEEDED);
    vb_auto_dataset d = {0};

    executed(f, g, "join", BOTH, 1, VB_STATUS_SUCCEEDED);
    assert_ok(merge_init(f, late), &f->err);
    d = dataset(f, "cal", D1);
    assert_int_equal(d.state, VB_DATASET_PRESENT);
    free(VB_STEAL(none->outputs[0].path));
    assert_ok(merge_init(f, none), &f->err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_success_is_a_quantum_an_attempt_and_a_dataset),
        TEST(a_failure_makes_no_dataset),
        TEST(an_output_that_was_not_made_is_none),
        TEST(an_attempt_is_merged_once),
        TEST(the_attempt_that_succeeded_counts_and_else_the_last),
        TEST(inputs_are_those_of_the_attempt_that_counts),
        TEST(an_input_may_be_merged_before_who_made_it),
        TEST(an_input_that_says_too_little_is_left_out),
        TEST(an_input_that_no_connection_declares_has_none),
        TEST(a_receipt_that_does_not_fit_is_refused_whole),
        TEST(what_the_run_has_already_gives_way_only_to_clobber),
        TEST(what_somebody_has_picked_does_not_give_way),
        TEST(what_is_made_once_is_merged_once_and_is_no_quantum),
        TEST(what_is_made_once_may_be_late_or_missing),
    };

    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
