/* What is registered of a graph before its first quantum, and what cannot run. */
#include "tests/registry/executed.h"

static vb_graph *g;

static int setup(void **state)
{
    int r = fixture_setup_registry(state);

    if (!r)
        g = executed_graph(*state, "g1", "u/me/r1");
    return r;
}

static void register_run(fixture *f, const vb_graph *graph)
{
    assert_ok(vb_provenance_register_run(f->reg, graph, &f->err), &f->err);
}

static void check_list(char **names, const char *expected)
{
    vb_auto_buf text = {0};

    for (char **name = names; *name; name++) {
        vb_buf_separate(&text, ",");
        vb_buf_puts(&text, *name);
    }
    vb_strv_free(names);
    assert_string_equal(vb_buf_text(&text), expected);
}

static void check_chain(fixture *f, const char *chain, const char *expected)
{
    char **names;

    assert_ok(vb_collection_children(f->reg, fixture_collection(f, chain, VB_CHAINED), &names, &f->err), &f->err);
    check_list(names, expected);
}

/* ---- tasks and types -------------------------------------------------------------------------------------- */

static void a_run_has_its_tasks_in_the_pipelines_order(void **state)
{
    fixture *f = *state;
    const vb_group *group = NULL;
    char **names;

    register_run(f, g);
    assert_ok(vb_provenance_tasks(f->reg, "u/me/r1", &names, &f->err), &f->err);
    check_list(names, "make,join");
    assert_ok(vb_provenance_tasks(f->reg, "u/me/none", &names, &f->err), &f->err);
    check_list(names, "");
    assert_ok(vb_provenance_runs(f->reg, &names, &f->err), &f->err);
    check_list(names, "u/me/r1");
    assert_int_equal(vb_provenance_task_group(f->reg, "u/me/r1", "join", &group, &f->err), 1);
    assert_ptr_equal(group, fixture_group(f, "exposure"));
    assert_int_equal(vb_provenance_task_group(f->reg, "u/me/r1", "none", &group, &f->err), 0);
    assert_int_equal(fixture_count(f, "connection"), 4);
    assert_int_equal(fixture_count(f, "dataset_type WHERE name IN ('raw', 'cal', 'sum')"), 3);
    assert_int_equal(fixture_run(f, "u/me/r1")->type, VB_RUN);
}

static void a_graph_is_registered_once(void **state)
{
    fixture *f = *state;

    g->chain = (char *)"u/me/out";
    g->chain_children = (char *[]){g->run, NULL};
    register_run(f, g);
    register_run(f, g);
    assert_int_equal(fixture_count(f, "execution"), 1);
    assert_int_equal(fixture_count(f, "task"), 2);
    assert_int_equal(fixture_count(f, "collection_chain"), 1);
}

static void a_run_that_was_made_since_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    fixture_run(f, g->run);
    assert_int_equal(vb_provenance_register_run(f->reg, g, &err), -EEXIST);
    assert_says(&err, "'u/me/r1' has been made since");
    assert_hints(&err, "--extend-run");
    assert_int_equal(fixture_count(f, "dataset_type"), 0); /* nothing is left */
    g->extends_run = true;
    register_run(f, g);
}

static void a_label_has_one_definition_in_a_run(void **state)
{
    fixture *f = *state;
    vb_graph *same = executed_graph(f, "g2", g->run), *other = executed_graph(f, "g3", g->run);
    vb_auto_error err = VB_ERROR_INIT;

    same->extends_run = other->extends_run = true;
    other->tasks[1].definition = (char *)"{\"command\": []}";
    register_run(f, g);
    register_run(f, same);
    assert_int_equal(fixture_count(f, "task"), 2);
    assert_int_equal(fixture_count(f, "execution"), 2);
    assert_int_equal(vb_provenance_register_run(f->reg, other, &err), -EEXIST);
    assert_says(&err, "has task 'join' already");
    assert_hints(&err, "another label");
    assert_int_equal(fixture_count(f, "execution"), 2);
}

static void a_type_that_is_defined_otherwise_is_refused(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    fixture_type(f, "cal", "exposure");
    assert_int_equal(vb_provenance_register_run(f->reg, g, &err), -EEXIST);
    assert_says(&err, "'cal'");
    assert_int_equal(fixture_count(f, "collection"), 0);
}

/* ---- chains ----------------------------------------------------------------------------------------------- */

static void the_run_goes_first_in_its_chain(void **state)
{
    fixture *f = *state;

    fixture_run(f, "old");
    fixture_run(f, "in");
    fixture_run(f, "since");
    fixture_chain(f, "out", "old,since,in");
    g->chain = (char *)"out";
    g->chain_children = (char *[]){g->run, (char *)"old", (char *)"in", NULL};
    register_run(f, g);
    /* What came since the graph was built stands before what the graph knew. */
    check_chain(f, "out", "u/me/r1,since,old,in");
}

static void a_chain_that_has_the_run_stays_as_it_is(void **state)
{
    fixture *f = *state;

    fixture_run(f, g->run);
    fixture_run(f, "mine");
    fixture_chain(f, "out", "mine,u/me/r1");
    g->extends_run = true;
    g->chain = (char *)"out";
    g->chain_children = (char *[]){g->run, NULL};
    register_run(f, g);
    check_chain(f, "out", "mine,u/me/r1");
}

/* ---- a run that is replaced ------------------------------------------------------------------------------- */

static void replace(fixture *f, const char *prune)
{
    static char in[] = "in", *children[] = {NULL, in, NULL};

    children[0] = g->run;
    fixture_type(f, "sum", "exposure");
    fixture_put(f, "sum", "old", "instrument=Cam,exposure=1");
    fixture_run(f, "in");
    fixture_chain(f, "out", "old,in");
    g->chain = (char *)"out";
    g->chain_children = children;
    g->replaced = (char *)"old";
    g->prune_replaced = (char *)prune;
}

static void a_replaced_run_leaves_the_chain(void **state)
{
    static const struct {
        const char *prune;
        int datasets, locations, trash;
    } cases[] = {{NULL, 1, 1, 0}, {"unstore", 1, 0, 1}, {"purge", 0, 0, 1}};

    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        fixture *f;

        fixture_teardown(state);
        assert_int_equal(setup(state), 0);
        f = *state;
        replace(f, cases[i].prune);
        register_run(f, g);
        check_chain(f, "out", "u/me/r1,in");
        assert_int_equal(fixture_count(f, "dataset"), cases[i].datasets);
        assert_int_equal(fixture_count(f, "location"), cases[i].locations);
        assert_int_equal(fixture_count(f, "trash"), cases[i].trash);
        fixture_run(f, "old"); /* is there still */
    }
}

static void a_run_that_another_chain_has_is_not_pruned(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;

    replace(f, "purge");
    fixture_chain(f, "other", "old");
    assert_int_equal(vb_provenance_register_run(f->reg, g, &err), -EBUSY);
    assert_says(&err, "'other'");
    check_chain(f, "out", "old,in");
    assert_int_equal(fixture_count(f, "dataset"), 1);
}

/* ---- blocked ---------------------------------------------------------------------------------------------- */

/* A graph's file with two quanta of make. */
static vb_registry *graph_file(fixture *f)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    const char *path = fixture_path(f, "g.vbg");
    vb_registry *reg = NULL;

    assert_ok(vb_registry_create(path, vb_registry_universe(f->reg), "graph", &reg, &f->err), &f->err);
    vb_registry_close(reg);
    assert_ok(vb_db_open(path, VB_DB_WRITE, &db, &f->err), &f->err);
    assert_ok(vb_db_run(db, "INSERT INTO task VALUES (1, 1, 'make', 0, 1, '{}')", &f->err), &f->err);
    for (int detector = 1; detector <= 2; detector++) {
        vb_autofree char *dataid = vb_format("[\"Cam\",%d,10]", detector);
        vb_uuid uuid = executed_uuid(g->run, "make", dataid);

        assert_ok(vb_sql_exec(db, &f->err, "INSERT INTO quantum VALUES (NULL, ?, 1, ?, 0, 0)", VB_ARGS(&uuid, dataid)),
                  &f->err);
    }
    assert_ok(vb_registry_open(path, VB_ACCESS_IMMUTABLE, &reg, &f->err), &f->err);
    return reg;
}

static void what_cannot_run_is_noted_and_what_ran_stays(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *file = graph_file(f);
    const vb_uuid quanta[] = {executed_uuid(g->run, "make", "[\"Cam\",1,10]"),
                              executed_uuid(g->run, "make", "[\"Cam\",2,10]"), executed_uuid("not", "of", "the graph")};
    vb_auto_executed ran = {0}, blocked = {0};

    g->reg = file;
    executed_raws(f);
    register_run(f, g);
    executed(f, g, "make", "[\"Cam\",1,10]", 1, VB_STATUS_SUCCEEDED);
    assert_ok(vb_provenance_mark_blocked(f->reg, g, quanta, 3, &f->err), &f->err);
    assert_ok(vb_provenance_mark_blocked(f->reg, g, quanta, 3, &f->err), &f->err);
    assert_ok(vb_provenance_mark_blocked(f->reg, g, NULL, 0, &f->err), &f->err);
    assert_int_equal(fixture_count(f, "quantum"), 2);
    assert_int_equal(vb_executed_by_uuid(f->reg, &quanta[0], &ran, &f->err), 1);
    assert_int_equal(ran.status, VB_STATUS_SUCCEEDED);
    assert_int_equal(vb_executed_by_uuid(f->reg, &quanta[1], &blocked, &f->err), 1);
    assert_int_equal(blocked.status, VB_STATUS_BLOCKED);
    assert_int_equal(blocked.attempt, 0);
    assert_string_equal(blocked.task, "make");
}

static void what_was_blocked_may_run_later(void **state)
{
    fixture *f = *state;
    vb_auto(vb_registry_close) vb_registry *file = graph_file(f);
    vb_uuid quantum = executed_uuid(g->run, "make", "[\"Cam\",2,10]");
    vb_auto_executed q = {0};

    g->reg = file;
    register_run(f, g);
    assert_ok(vb_provenance_mark_blocked(f->reg, g, &quantum, 1, &f->err), &f->err);
    executed(f, g, "make", "[\"Cam\",2,10]", 1, VB_STATUS_FAILED);
    assert_int_equal(vb_executed_by_uuid(f->reg, &quantum, &q, &f->err), 1);
    assert_int_equal(q.status, VB_STATUS_FAILED);
    assert_int_equal(q.attempt, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_run_has_its_tasks_in_the_pipelines_order),
        TEST(a_graph_is_registered_once),
        TEST(a_run_that_was_made_since_is_refused),
        TEST(a_label_has_one_definition_in_a_run),
        TEST(a_type_that_is_defined_otherwise_is_refused),
        TEST(the_run_goes_first_in_its_chain),
        TEST(a_chain_that_has_the_run_stays_as_it_is),
        TEST(a_replaced_run_leaves_the_chain),
        TEST(a_run_that_another_chain_has_is_not_pruned),
        TEST(what_cannot_run_is_noted_and_what_ran_stays),
        TEST(what_was_blocked_may_run_later),
    };

    return cmocka_run_group_tests_name("execution", tests, NULL, NULL);
}
