/* Quantum graphs, read; and what a run that is there already changes. */
#include "tests/registry/plan.h"

#include <inttypes.h>
#include <stdlib.h>

static int setup(void **state)
{
    int r = fixture_setup_world(state);

    if (!r)
        fixture_raws(*state);
    return r;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void what_is_no_graph_is_not_opened(void **state)
{
    fixture *f = *state;
    vb_auto_error err = VB_ERROR_INIT;
    vb_graph *g = NULL;

    assert_int_equal(vb_graph_open(f->path, &g, &err), -EINVAL);
    assert_int_equal(vb_graph_open(fixture_path(f, "none.vbg"), &g, &err), -ENOENT);
    fixture_write(f, "text.vbg", "no SQLite file\n");
    assert_int_equal(vb_graph_open(fixture_path(f, "text.vbg"), &g, &err), -EINVAL);
    assert_null(g);
}

static void graph_knows_what_it_was_asked_for(void **state)
{
    auto_plan p = plan_new(*state, "raws,more");
    vb_auto(vb_graph_close) vb_graph *g = NULL, *plain = NULL;

    fixture_run(*state, "more");
    plan_survey(&p);
    plain = plan_build(&p, "plain.vbg");
    p.spec.chain = vb_strdup("chain");
    p.spec.chain_children = vb_split("out,raws", ',', NULL);
    p.spec.command = vb_strdup("vbutler run");
    p.spec.replaced = vb_strdup("older");
    p.spec.prune_replaced = vb_strdup("purge");
    p.spec.extends_run = p.spec.clobber_outputs = true;
    g = plan_build(&p, "g.vbg");
    assert_string_equal(g->run, "out");
    assert_string_equal(g->chain, "chain");
    assert_string_equal(g->chain_children[1], "raws");
    assert_string_equal(g->inputs[0], "raws");
    assert_string_equal(g->inputs[1], "more");
    assert_null(g->inputs[2]);
    assert_string_equal(g->command, "vbutler run");
    assert_string_equal(g->replaced, "older");
    assert_string_equal(g->prune_replaced, "purge");
    assert_true(g->extends_run && g->clobber_outputs);
    assert_null(plain->chain);
    assert_null(plain->command);
    assert_false(plain->extends_run || plain->clobber_outputs);
    assert_string_not_equal(g->id, plain->id);
}

static void tasks_have_their_connections(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    const vb_task *two;

    plan_survey(&p);
    free(p.spec.tasks[1].definition);
    p.spec.tasks[1].definition = vb_strdup("{\"command\": [\"two\"]}");
    p.spec.tasks[1].connections[1].multiple = true;
    p.spec.tasks[1].connections[1].minimum = 0;
    g = plan_build(&p, "g.vbg");
    assert_int_equal(g->ntasks, 2);
    assert_string_equal(g->tasks[0].label, "one");
    two = &g->tasks[1];
    assert_ptr_equal(vb_graph_task(g, two->id), two);
    assert_null(vb_graph_task(g, 1000));
    assert_string_equal(two->definition, "{\"command\": [\"two\"]}");
    assert_string_equal(two->group->key, "instrument,detector,visit");
    assert_int_equal(two->count, 3);
    assert_int_equal(two->connections[0].role, VB_ROLE_METADATA);
    assert_int_equal(two->connections[1].role, VB_ROLE_INPUT);
    assert_string_equal(two->connections[1].name, "post");
    assert_string_equal(two->connections[1].type->name, "post");
    assert_true(two->connections[1].multiple);
    assert_int_equal(two->connections[1].minimum, 0);
    assert_false(two->connections[2].multiple);
}

/* It answers what a registry does, of all that its data IDs speak of. */
static void graph_is_a_registry(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_quantum q = {0};
    vb_auto_record visit = {0}, detector = {0};
    vb_auto_region region = {0};
    const vb_collection *raws;

    plan_survey(&p);
    p.spec.where = vb_strdup("visit = 10");
    g = plan_build(&p, "g.vbg");
    q = plan_find(g, "two", "[\"Cam\",2,10]");
    assert_int_equal(vb_record_find(g->reg, vb_universe_find(vb_registry_universe(g->reg), "visit"), &q.dataid, &visit,
                                    &p.err),
                     1);
    assert_string_equal(vb_record_value(&visit, "name")->text, "V10");
    assert_int_equal(vb_record_find(g->reg, vb_universe_find(vb_registry_universe(g->reg), "detector"), &q.dataid,
                                    &detector, &p.err),
                     1);
    assert_int_equal(vb_dataid_region(g->reg, &q.dataid, &region, &p.err), 1);
    assert_ok(vb_collection_find(g->reg, "raws", &raws, &p.err), &p.err);
    assert_string_equal(vb_registry_format(g->reg), "graph");
}

static void file_appears_whole_or_not_at_all(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_buf text = {0};

    fixture_write(f, "g.vbg", "what was there");
    plan_survey(&p);
    p.spec.where = vb_strdup("visit = 99");
    assert_int_equal(plan_try(&p, "g.vbg"), -ENODATA);
    assert_ok(vb_read_file(AT_FDCWD, fixture_path(f, "g.vbg"), 1000, &text, &f->err), &f->err);
    assert_string_equal(text.data, "what was there");
    p.spec.where[strlen("visit = ")] = '1';
    p.spec.where[strlen("visit = 1")] = '0';
    g = plan_build(&p, "g.vbg");
    assert_int_equal(g->nquanta, 4);
}

/* ---- quanta ------------------------------------------------------------------------------------------------------ */

static void quantum_is_found_and_printed(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_quantum q = {0}, again = {0}, none = {0};
    vb_auto_buf text = {0};

    plan_survey(&p);
    g = plan_build(&p, "g.vbg");
    q = plan_find(g, "two", "[\"Cam\",2,11]");
    vb_quantum_print(&q, &text);
    assert_string_equal(text.data, "two {instrument: Cam, detector: 2, visit: 11}");
    assert_ok(vb_graph_quantum(g, q.id, &again, &p.err), &p.err);
    assert_memory_equal(&again.uuid, &q.uuid, sizeof q.uuid);
    assert_int_equal(vb_graph_quantum(g, 1000, &none, &p.err), -ENOENT);
    assert_says(&p.err, "no quantum number 1000");
}

struct pairs {
    vb_graph *graph;
    int count;
};

/* The producer makes what the consumer reads. */
static int check_pair(void *arg, int64_t consumer, int64_t producer)
{
    struct pairs *p = arg;
    vb_auto_quantum reads = {0}, makes = {0};
    bool found = false;

    assert_int_equal(vb_graph_quantum(p->graph, consumer, &reads, NULL), 0);
    assert_int_equal(vb_graph_quantum(p->graph, producer, &makes, NULL), 0);
    for (size_t i = 0; i < reads.ninputs; i++)
        for (size_t k = 0; k < makes.noutputs; k++)
            found = found || reads.inputs[i].dataset.id == makes.outputs[k].dataset.id;
    assert_true(found);
    p->count++;
    return 0;
}

static int stop_at_once(void *arg, int64_t consumer, int64_t producer)
{
    ++*(int *)arg;
    return -ECANCELED;
}

static void dependencies_are_pairs_of_quanta(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    struct pairs pairs = {0};
    int n = 0;

    plan_survey(&p);
    plan_coadd(&p);
    g = plan_build(&p, "g.vbg");
    pairs.graph = g;
    assert_ok(vb_graph_each_dependency(g, check_pair, &pairs, &p.err), &p.err);
    assert_int_equal(pairs.count, 4 + 4);
    assert_int_equal(vb_graph_each_dependency(g, stop_at_once, &n, &p.err), -ECANCELED);
    assert_int_equal(n, 1);
}

static void producer_is_the_quantum_that_makes_it(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_quantum one = {0}, two = {0};
    int64_t id = -1;
    vb_uuid uuid;

    plan_survey(&p);
    g = plan_build(&p, "g.vbg");
    one = plan_find(g, "one", "[\"Cam\",2,11]");
    two = plan_find(g, "two", "[\"Cam\",2,11]");
    assert_int_equal(two.inputs[0].dataset.state, VB_DATASET_PREDICTED);
    assert_int_equal(vb_graph_producer(g, two.inputs[0].dataset.id, &id, &uuid, &p.err), 1);
    assert_int_equal(id, one.id);
    assert_memory_equal(&uuid, &one.uuid, sizeof uuid);
    assert_int_equal(vb_graph_producer(g, one.inputs[0].dataset.id, &id, &uuid, &p.err), 0);
}

static void init_outputs_are_made_once(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_dataset *all = NULL;
    size_t n = 0;

    plan_survey(&p);
    plan_connect(&p, VB_ROLE_INIT_OUTPUT, "_files", "two_files", "");
    plan_connect(&p, VB_ROLE_INIT_OUTPUT, "_packages", "packages", "");
    g = plan_build(&p, "g.vbg");
    assert_ok(vb_graph_init_outputs(g, &all, &n, &p.err), &p.err);
    assert_int_equal(n, 2);
    assert_string_equal(all[0].type->name, "two_files");
    assert_string_equal(all[1].type->name, "packages");
    for (size_t i = 0; i < n; i++)
        vb_dataset_clear(&all[i]);
    free(all);
    assert_int_equal(p.counts.outputs, 24 + 2);
}

/* ---- runs that are there ------------------------------------------------------------------------------------------ */

/* "post" of detector 1 of exposure 10, made before in the output run; its row. */
static int64_t put_output(fixture *f)
{
    fixture_type(f, "post", "instrument,detector,exposure");
    return fixture_put(f, "post", "out", "instrument=Cam,detector=1,exposure=10");
}

static void outputs_that_are_there_block_the_build(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    put_output(f);
    plan_survey(&p);
    p.spec.extends_run = true;
    assert_int_equal(plan_try(&p, "g.vbg"), -EEXIST);
    assert_says(&p.err, "run 'out' has post {instrument: Cam, detector: 1, exposure: 10} already");
    assert_hints(&p.err, "--skip-existing");
    p.spec.clobber_outputs = true;
    g = plan_build(&p, "g.vbg");
    assert_int_equal(g->nquanta, 12);
}

static void outputs_of_other_quanta_do_not_block(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    put_output(f);
    plan_survey(&p);
    p.spec.where = vb_strdup("visit = 11");
    g = plan_build(&p, "g.vbg");
    assert_int_equal(g->nquanta, 4);
}

/* A quantum is done where its metadata are; what it made keeps its UUID, and is read. */
static void quanta_that_are_done_are_skipped(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_quantum q = {0};
    vb_uuid uuid = fixture_uuid(f, put_output(f));

    fixture_type(f, "one_metadata", "instrument,detector,exposure");
    fixture_put(f, "one_metadata", "out", "instrument=Cam,detector=1,exposure=10");
    plan_survey(&p);
    p.spec.skip_existing_in = vb_split("out", ',', NULL);
    g = plan_build(&p, "g.vbg");
    assert_int_equal(p.counts.skipped, 1);
    assert_int_equal(p.counts.quanta, 11);
    assert_null(strstr(plan_quanta(f, g, "one"), "[\"Cam\",1,10]"));
    q = plan_find(g, "two", "[\"Cam\",1,10]");
    assert_int_equal(q.ninputs, 1);
    assert_memory_equal(&q.inputs[0].dataset.uuid, &uuid, sizeof uuid);
    assert_int_equal(q.inputs[0].dataset.state, VB_DATASET_PRESENT);
}

/* ---- instruments -------------------------------------------------------------------------------------------------- */

static void put_second_camera(fixture *f)
{
    fixture_record(f, "instrument", "instrument=Cam2,visit_max=9,exposure_max=9,detector_max=9,class_name=x", NULL);
    fixture_record(f, "detector", "instrument=Cam2,detector=1,full_name=A,purpose=SCIENCE", NULL);
    fixture_record(f, "physical_filter", "instrument=Cam2,physical_filter=g2,band=g", NULL);
    fixture_record(f, "day_obs", "instrument=Cam2,day_obs=20200101", NULL);
    fixture_record(f, "group", "instrument=Cam2,group=1", NULL);
    fixture_record(f, "exposure",
                   "instrument=Cam2,exposure=10,day_obs=20200101,group=1,physical_filter=g2,obs_id=x,exposure_time=1,"
                   "dark_time=0,observation_type=science,observation_reason=x,seq_num=1,target_name=T,has_simulated=0,"
                   "can_see_sky=1,timespan_begin=1,timespan_end=2",
                   NULL);
    fixture_put(f, "raw", "raws", "instrument=Cam2,detector=1,exposure=10");
}

/* The same exposure number means different things in two instruments. */
static void several_instruments_are_to_be_chosen_from(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL, *both = NULL;

    put_second_camera(f);
    plan_task(&p, "one", "exposure,detector");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector");
    assert_int_equal(plan_try(&p, "g.vbg"), -EINVAL);
    assert_says(&p.err, "several values of instrument ('Cam', 'Cam2')");
    assert_hints(&p.err, "instrument=...");
    p.spec.where = vb_strdup("instrument = 'Cam2'");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "one"), "[\"Cam2\",1,10]");
    free(p.spec.where);
    p.spec.where = vb_strdup("instrument in ('Cam', 'Cam2') and exposure = 10 and detector = 1");
    both = plan_build(&p, "both.vbg");
    assert_string_equal(plan_quanta(f, both, "one"), "[\"Cam\",1,10] [\"Cam2\",1,10]");
}

/* ---- why there is none -------------------------------------------------------------------------------------------- */

static void explained(fixture *f, const char *where, bool coadd, const char *message, const char *hint)
{
    auto_plan p = plan_new(f, "raws,flags");

    plan_survey(&p);
    plan_connect(&p, VB_ROLE_INPUT, "flag", "flag", "visit");
    if (coadd)
        plan_coadd(&p);
    p.spec.where = vb_strdup(where);
    assert_int_equal(plan_try(&p, "g.vbg"), -ENODATA);
    assert_says(&p.err, message);
    if (hint)
        assert_hints(&p.err, hint);
}

static void first_constraint_that_leaves_nothing_is_named(void **state)
{
    fixture *f = *state;

    fixture_type(f, "flag", "instrument,visit");
    fixture_run(f, "flags");
    explained(f, "", false, "no quantum: the input collections (raws, flags) hold no 'flag'", "add the collection");
    fixture_put(f, "flag", "flags", "instrument=Cam,visit=12");
    explained(f, "detector = 9", false, "no quantum: of 6 'raw', 0 have detector = 9", NULL);
    explained(f, "detector = 1 and visit = 99 and band = 'g'", false,
              "no quantum: of 6 'raw', 3 have detector = 1, 0 have visit = 99", NULL);
    explained(f, "visit = 10", false, "of 6 'raw', 2 have visit = 10, 0 go with a flag", NULL);
}

/* Bug: a visit is told by records, and was said to overlap; what a tract overlaps was counted without a region. */
static void what_lies_too_far_is_named(void **state)
{
    fixture *f = *state;

    fixture_type(f, "flag", "instrument,visit");
    fixture_put(f, "flag", "flags", "instrument=Cam,visit=12");
    explained(f, "tract = 0 and visit = 12", true, "of 6 'raw', 4 overlap tract = 0, 0 have visit = 12", NULL);
    explained(f, "visit = 12 and tract = 0", true, "of 6 'raw', 2 have visit = 12, 0 overlap tract = 0",
              "nearest: tract {skymap: map, tract: 0} lies 38.");
    explained(f, "visit = 12", true, "of 6 'raw', 2 have visit = 12, 2 go with a flag, 0 overlap a patch",
              "nearest: patch {skymap: map, tract: 0, patch: 3} lies 38.");
}

/* Bug: the registry has no table of a type's dimensions until the first such type is registered. */
static void input_of_unknown_dimensions_is_named(void **state)
{
    fixture *f = *state;

    fixture_run(f, "flags");
    explained(f, "", false, "no quantum: the input collections (raws, flags) hold no 'flag'", "add the collection");
}

static void data_query_that_is_wrong_is_shown(void **state)
{
    auto_plan p = plan_new(*state, "raws");

    plan_survey(&p);
    p.spec.where = vb_strdup("vist = 10");
    assert_int_equal(plan_try(&p, "g.vbg"), -EINVAL);
    assert_says(&p.err, "data query: 'vist' is no dimension");
    assert_int_equal(access(fixture_path(*state, "g.vbg"), F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_graph_is_not_opened),
        TEST(graph_knows_what_it_was_asked_for),
        TEST(tasks_have_their_connections),
        TEST(graph_is_a_registry),
        TEST(file_appears_whole_or_not_at_all),
        TEST(quantum_is_found_and_printed),
        TEST(dependencies_are_pairs_of_quanta),
        TEST(producer_is_the_quantum_that_makes_it),
        TEST(init_outputs_are_made_once),
        TEST(outputs_that_are_there_block_the_build),
        TEST(outputs_of_other_quanta_do_not_block),
        TEST(quanta_that_are_done_are_skipped),
        TEST(several_instruments_are_to_be_chosen_from),
        TEST(first_constraint_that_leaves_nothing_is_named),
        TEST(what_lies_too_far_is_named),
        TEST(input_of_unknown_dimensions_is_named),
        TEST(data_query_that_is_wrong_is_shown),
    };

    return cmocka_run_group_tests_name("quantum graphs, read", tests, NULL, NULL);
}
