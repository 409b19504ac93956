/* Quantum graphs: which quanta there are, and what they read and make. */
#include "registry/calibration.h"
#include "registry/sky/pixels.h"
#include "tests/registry/plan.h"

#include <inttypes.h>

static int setup(void **state)
{
    int r = fixture_setup_world(state);

    if (!r)
        fixture_raws(*state);
    return r;
}

static void refused(plan *p, int code, const char *message)
{
    assert_int_equal(plan_try(p, "refused.vbg"), code);
    assert_says(&p->err, message);
    assert_int_equal(access(fixture_path(p->f, "refused.vbg"), F_OK), -1);
}

/* ---- quanta ---------------------------------------------------------------------------------------------------- */

static void quanta_are_the_distinct_data_ids_of_one_join(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_survey(&p);
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(*state, g, "one"), "[\"Cam\",1,10] [\"Cam\",1,11] [\"Cam\",1,12] "
                                                       "[\"Cam\",2,10] [\"Cam\",2,11] [\"Cam\",2,12]");
    assert_string_equal(plan_quanta(*state, g, "two"), plan_quanta(*state, g, "one"));
    assert_int_equal(p.counts.quanta, 12);
    assert_int_equal(p.counts.tasks, 2);
    assert_int_equal(p.counts.inputs, 6);
    assert_int_equal(p.counts.outputs, 12 + 12); /* with the metadata of each quantum */
    assert_int_equal(p.counts.skipped + p.counts.pruned, 0);
    assert_int_equal(g->nquanta, 12);
}

/* Visit 12 lies 40 degrees from every patch; detector 1 overlaps patch 0 alone, detector 2 patch 1. */
static void spatial_dimensions_are_joined_by_overlap(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_survey(&p);
    plan_coadd(&p);
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(*state, g, "coadd"),
                        "[\"g\",\"map\",0,0] [\"g\",\"map\",0,1] [\"r\",\"map\",0,0] [\"r\",\"map\",0,1]");
    assert_string_equal(plan_quanta(*state, g, "one"), "[\"Cam\",1,10] [\"Cam\",1,11] [\"Cam\",2,10] [\"Cam\",2,11]");
    assert_string_equal(plan_edges(*state, g, "coadd", "[\"g\",\"map\",0,1]", "cal"), "[\"Cam\",2,10]");
    assert_string_equal(plan_edges(*state, g, "coadd", "[\"r\",\"map\",0,0]", "cal"), "[\"Cam\",1,11]");
}

static void data_query_constrains_all_tasks(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_survey(&p);
    p.spec.where = vb_strdup("visit.exposure_time < 60 and detector = 2 and band = 'r'");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(*state, g, "one"), "[\"Cam\",2,11]");
    assert_string_equal(plan_quanta(*state, g, "two"), "[\"Cam\",2,11]");
}

static void inputs_that_exist_constrain_all_tasks(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws,flags");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    fixture_type(f, "flag", "instrument,visit");
    fixture_put(f, "flag", "flags", "instrument=Cam,visit=11");
    plan_survey(&p);
    plan_connect(&p, VB_ROLE_INPUT, "flag", "flag", "visit");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "one"), "[\"Cam\",1,11] [\"Cam\",2,11]");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",2,11]", "flag"), "[\"Cam\",11]");
}

static void task_without_dimensions_has_one_quantum(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_task(&p, "sum", "");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector")->multiple = true;
    plan_connect(&p, VB_ROLE_OUTPUT, "sum", "sum", "");
    p.spec.where = vb_strdup("detector = 1");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(*state, g, "sum"), "[]");
    assert_string_equal(plan_edges(*state, g, "sum", "[]", "raw"), "[\"Cam\",1,10] [\"Cam\",1,11] [\"Cam\",1,12]");
    assert_string_equal(plan_edges(*state, g, "sum", "[]", "sum"), "[]");
}

static void task_that_only_makes_is_constrained_by_records(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_task(&p, "make", "patch");
    plan_connect(&p, VB_ROLE_OUTPUT, "x", "x", "patch");
    p.spec.where = vb_strdup("patch in (1..2)");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(*state, g, "make"), "[\"map\",0,1] [\"map\",0,2]");
}

/* ---- edges ----------------------------------------------------------------------------------------------------- */

/* visit_definition relates the exposure to the visit. */
static void edges_join_what_stands_on_one_row(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_survey(&p);
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_edges(*state, g, "one", "[\"Cam\",1,11]", "raw"), "[\"Cam\",1,11]");
    assert_string_equal(plan_edges(*state, g, "one", "[\"Cam\",1,11]", "post"), "[\"Cam\",1,11]");
    assert_string_equal(plan_edges(*state, g, "two", "[\"Cam\",2,12]", "post"), "[\"Cam\",2,12]");
    assert_string_equal(plan_edges(*state, g, "two", "[\"Cam\",2,12]", "_metadata"), "[\"Cam\",2,12]");
}

static void first_collection_that_has_a_dataset_wins(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "better,raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    int64_t better = fixture_put(f, "raw", "better", "instrument=Cam,detector=1,exposure=11");
    vb_uuid uuid = fixture_uuid(f, better);
    vb_auto_quantum q = {0}, other = {0};

    plan_survey(&p);
    g = plan_build(&p, "g.vbg");
    q = plan_find(g, "one", "[\"Cam\",1,11]");
    other = plan_find(g, "one", "[\"Cam\",1,12]");
    assert_int_equal(q.ninputs, 1);
    assert_memory_equal(&q.inputs[0].dataset.uuid, &uuid, sizeof uuid);
    assert_int_equal(q.inputs[0].dataset.state, VB_DATASET_PRESENT);
    assert_int_equal(other.ninputs, 1);
    assert_int_equal(p.counts.inputs, 6);
}

static void connection_of_one_dataset_has_no_more(void **state)
{
    auto_plan p = plan_new(*state, "raws");

    plan_task(&p, "mosaic", "exposure");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector");
    refused(&p, -EINVAL, "mosaic {instrument: Cam, exposure: 10}: connection 'raw' has 2 datasets of type 'raw'");
    assert_hints(&p.err, "multiple: true");
}

static void quanta_that_lack_inputs_are_left_out(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "some");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    fixture_put(f, "raw", "some", "instrument=Cam,detector=1,exposure=10");
    fixture_put(f, "raw", "some", "instrument=Cam,detector=2,exposure=10");
    fixture_put(f, "raw", "some", "instrument=Cam,detector=1,exposure=11");
    plan_task(&p, "mosaic", "exposure");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector")->multiple = true;
    p.spec.tasks[0].connections[1].minimum = 2;
    plan_connect(&p, VB_ROLE_OUTPUT, "mosaic", "mosaic", "exposure");
    plan_task(&p, "after", "exposure");
    plan_connect(&p, VB_ROLE_INPUT, "mosaic", "mosaic", "exposure");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "mosaic"), "[\"Cam\",10]");
    assert_string_equal(plan_quanta(f, g, "after"), "[\"Cam\",10]");
    assert_int_equal(p.counts.pruned, 2);
    assert_int_equal(p.counts.quanta, 2);
    assert_int_equal(p.counts.outputs, 3); /* mosaic and two metadata of exposure 10 */
}

/* Bug: what a task makes of other dimensions than its own was looked for by columns that it does not have. */
static void outputs_of_other_dimensions_go_with_their_quanta(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "some");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    fixture_put(f, "raw", "some", "instrument=Cam,detector=1,exposure=10");
    fixture_put(f, "raw", "some", "instrument=Cam,detector=2,exposure=10");
    fixture_put(f, "raw", "some", "instrument=Cam,detector=1,exposure=11");
    plan_task(&p, "filter", "exposure");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector")->multiple = true;
    p.spec.tasks[0].connections[1].minimum = 2;
    plan_connect(&p, VB_ROLE_OUTPUT, "flat", "flat", "detector,physical_filter")->multiple = true;
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "filter"), "[\"Cam\",10]");
    assert_string_equal(plan_edges(f, g, "filter", "[\"Cam\",10]", "flat"),
                        "[\"Cam\",1,\"Cam-g\"] [\"Cam\",2,\"Cam-g\"]");
    assert_int_equal(p.counts.outputs, 3);
}

static void graph_of_which_nothing_is_left_is_refused(void **state)
{
    auto_plan p = plan_new(*state, "raws");

    plan_task(&p, "mosaic", "exposure");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector")->multiple = true;
    p.spec.tasks[0].connections[1].minimum = 3;
    refused(&p, -ENODATA, "no quantum is left");
}

/* ---- prerequisites --------------------------------------------------------------------------------------------- */

static vb_connection_spec *with_prerequisite(plan *p, const char *type, const char *dimensions)
{
    plan_task(p, "two", "visit,detector");
    plan_connect(p, VB_ROLE_INPUT, "image", "image", "visit,detector");
    return plan_connect(p, VB_ROLE_PREREQUISITE, "pre", type, dimensions);
}

/* Images of detector 1 of visits 10 and 11. */
static void put_images(fixture *f)
{
    fixture_type(f, "image", "instrument,detector,visit");
    fixture_put(f, "image", "images", "instrument=Cam,detector=1,visit=10");
    fixture_put(f, "image", "images", "instrument=Cam,detector=1,visit=11");
}

static void prerequisite_is_that_of_the_quantums_data_id(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,new,old");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_quantum q = {0};
    vb_uuid uuid;

    put_images(f);
    fixture_type(f, "bias", "instrument,detector");
    uuid = fixture_uuid(f, fixture_put(f, "bias", "new", "instrument=Cam,detector=1"));
    fixture_put(f, "bias", "old", "instrument=Cam,detector=1");
    fixture_put(f, "bias", "old", "instrument=Cam,detector=2");
    with_prerequisite(&p, "bias", "instrument,detector");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,11]", "pre"), "[\"Cam\",1]");
    q = plan_find(g, "two", "[\"Cam\",1,11]");
    for (size_t i = 0; i < q.ninputs; i++)
        if (q.inputs[i].connection->role == VB_ROLE_PREREQUISITE)
            assert_memory_equal(&q.inputs[i].dataset.uuid, &uuid, sizeof uuid);
}

static void prerequisite_may_have_implied_dimensions(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,flats");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    put_images(f);
    fixture_type(f, "flat", "instrument,detector,physical_filter");
    fixture_put(f, "flat", "flats", "instrument=Cam,detector=1,physical_filter=Cam-g");
    fixture_put(f, "flat", "flats", "instrument=Cam,detector=1,physical_filter=Cam-r");
    with_prerequisite(&p, "flat", "detector,physical_filter");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,10]", "pre"), "[\"Cam\",1,\"Cam-g\"]");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,11]", "pre"), "[\"Cam\",1,\"Cam-r\"]");
}

/* Bug: nothing related the band to the visit, and every quantum read what there was of all bands. */
static void prerequisite_of_a_band_is_that_of_the_visit(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,bands");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    put_images(f);
    fixture_type(f, "table", "band");
    fixture_put(f, "table", "bands", "band=g");
    fixture_put(f, "table", "bands", "band=r");
    with_prerequisite(&p, "table", "band");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,10]", "pre"), "[\"g\"]");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,11]", "pre"), "[\"r\"]");
}

static void prerequisites_below_the_minimum_are_refused(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_connection_spec *pre;

    put_images(f);
    fixture_type(f, "bias", "instrument,detector");
    pre = with_prerequisite(&p, "bias", "instrument,detector");
    refused(&p, -ENODATA, "two {instrument: Cam, detector: 1, visit: 10}: prerequisite 'pre' needs at least 1");
    pre->minimum = 0;
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,10]", "pre"), "");
}

static void prerequisite_of_a_dimension_that_the_task_lacks_is_refused(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images");

    put_images(f);
    with_prerequisite(&p, "map", "skymap");
    refused(&p, -EINVAL, "dataset type 'map' has dimension 'skymap', which the task does not have");
}

/* HTM level 7: detector 1 of visit 10 covers 9.9 to 10.1 degrees, -0.1 to 0.1; the pixel of (50, 0) is far away. */
static void sky_prerequisites_are_those_of_the_region(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,refs");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_quantum q = {0};
    const double places[][2] = {{10, 0.05}, {50, 0.05}, {190, 45}};
    vb_uuid near = {0};

    put_images(f);
    fixture_type(f, "ref", "htm7");
    for (size_t i = 0; i < VB_COUNT(places); i++) {
        vb_autofree char *id = vb_format("htm7=%" PRIu64,
                                         vb_htm_index(7, vb_vec3_from_degrees(places[i][0], places[i][1])));
        vb_uuid uuid = fixture_uuid(f, fixture_put(f, "ref", "refs", id));

        near = i ? near : uuid;
    }
    with_prerequisite(&p, "ref", "htm7")->multiple = true;
    g = plan_build(&p, "g.vbg");
    q = plan_find(g, "two", "[\"Cam\",1,10]");
    assert_int_equal(q.ninputs, 2);
    assert_string_equal(q.inputs[1].connection->name, "pre");
    assert_memory_equal(&q.inputs[1].dataset.uuid, &near, sizeof near);
}

/* HTM level 10 has pixels of a tenth of a degree: the visit reaches from 9.9 to 10.4, the patch from 9.85 to 10.15. */
static void sky_prerequisites_are_those_of_both_regions(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,refs");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_autofree char *expected = NULL;
    const double places[] = {10.02, 10.38};

    put_images(f);
    fixture_type(f, "ref", "htm10");
    for (size_t i = 0; i < VB_COUNT(places); i++) {
        uint64_t pixel = vb_htm_index(10, vb_vec3_from_degrees(places[i], 0.05));
        vb_autofree char *id = vb_format("htm10=%" PRIu64, pixel);

        fixture_put(f, "ref", "refs", id);
        expected = expected ? expected : vb_format("[%" PRIu64 "]", pixel);
    }
    plan_task(&p, "warp", "visit,patch");
    plan_connect(&p, VB_ROLE_INPUT, "image", "image", "visit,detector")->multiple = true;
    plan_connect(&p, VB_ROLE_PREREQUISITE, "pre", "ref", "htm10")->multiple = true;
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_edges(f, g, "warp", "[\"Cam\",\"map\",0,0,10]", "pre"), expected);
}

/* Bug: only what the quantum itself is named by was looked for, and no band was found. */
static void sky_prerequisites_may_have_implied_dimensions(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,refs");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_autofree char *expected = NULL;
    uint64_t pixel = vb_htm_index(7, vb_vec3_from_degrees(10, 0.05));

    put_images(f);
    fixture_type(f, "ref", "htm7,band");
    for (int i = 0; i < 2; i++) {
        vb_autofree char *id = vb_format("htm7=%" PRIu64 ",band=%s", pixel, i ? "r" : "g");

        fixture_put(f, "ref", "refs", id);
    }
    with_prerequisite(&p, "ref", "htm7,band")->multiple = true;
    g = plan_build(&p, "g.vbg");
    expected = vb_format("[\"r\",%" PRIu64 "]", pixel);
    assert_string_equal(plan_edges(f, g, "two", "[\"Cam\",1,11]", "pre"), expected);
}

/* ---- sky pixels ------------------------------------------------------------------------------------------------- */

/* The pixels that the regions of a visit's detectors touch, as the packed data IDs of {instrument, visit, healpix5}. */
static void tell_pixels(fixture *f, int visit, vb_buf *out)
{
    vb_auto_ranges pixels = {0};

    for (int detector = 1; detector <= 2; detector++) {
        vb_autofree char *text = vb_format("instrument=Cam,visit=%d,detector=%d", visit, detector);
        vb_auto_dataid id = fixture_dataid(f, fixture_group(f, "visit,detector"), text);
        vb_auto_region region = {0};

        assert_int_equal(vb_dataid_region(f->reg, &id, &region, &f->err), 1);
        assert_ok(vb_skypix_envelope("healpix", 5, &region, &pixels, &f->err), &f->err);
    }
    for (size_t i = 0; i < pixels.count; i++)
        for (uint64_t pixel = pixels.items[i].begin; pixel < pixels.items[i].end; pixel++) {
            vb_buf_separate(out, " ");
            vb_buf_printf(out, "[\"Cam\",%d,%d]", visit, (int)pixel);
        }
}

/* A task {visit, healpix5} of which no dataset tells the pixels: those of the sky that the visit covers. */
static void sky_pixels_of_a_task_are_those_of_the_regions(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_buf expected = {0};

    plan_task(&p, "shard", "visit,healpix5");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector")->multiple = true;
    plan_connect(&p, VB_ROLE_OUTPUT, "shard", "shard", "visit,healpix5");
    p.spec.where = vb_strdup("visit in (10, 12)");
    tell_pixels(f, 10, &expected);
    tell_pixels(f, 12, &expected);
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "shard"), vb_buf_text(&expected));
}

/* The reference of a pixel goes with the visits that see it, and not with all. */
static void sky_pixels_of_inputs_meet_the_regions(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws,refs");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    vb_auto_buf near = {0}, far = {0};
    char first[64];
    int pixel;

    tell_pixels(f, 10, &near);
    tell_pixels(f, 12, &far);
    assert_int_equal(sscanf(vb_buf_text(&near), "[\"Cam\",10,%d]", &pixel), 1);
    snprintf(first, sizeof first, "healpix5=%d", pixel);
    fixture_type(f, "ref", "healpix5");
    fixture_put(f, "ref", "refs", first);
    fixture_put(f, "ref", "refs", "healpix5=12287"); /* nobody looks there */
    plan_task(&p, "match", "visit,healpix5");
    plan_connect(&p, VB_ROLE_INPUT, "raw", "raw", "exposure,detector")->multiple = true;
    plan_connect(&p, VB_ROLE_INPUT, "ref", "ref", "healpix5");
    plan_connect(&p, VB_ROLE_OUTPUT, "matched", "matched", "visit,healpix5");
    g = plan_build(&p, "g.vbg");
    vb_autofree char *expected = vb_format("[\"Cam\",10,%d] [\"Cam\",11,%d]", pixel, pixel);
    assert_string_equal(plan_quanta(f, g, "match"), expected);
}

/* ---- what a data query says of datasets -------------------------------------------------------------------------- */

static void data_query_may_name_a_dataset(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "better,raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    int64_t better = fixture_put(f, "raw", "better", "instrument=Cam,detector=2,exposure=11");
    char text[VB_UUID_TEXT];

    plan_survey(&p);
    p.spec.where = vb_format("raw.dataset_id = UUID('%s')", vb_uuid_format(fixture_uuid(f, better), text));
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "one"), "[\"Cam\",2,11]");
}

static void data_query_may_ask_when_an_input_came(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_survey(&p);
    p.spec.where = vb_strdup("ingest_date > T'2020-01-01' and raw.run = 'raws' and detector = 1 and visit = 10");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(f, g, "one"), "[\"Cam\",1,10]");
}

static void data_query_of_a_type_that_is_no_input_is_refused(void **state)
{
    auto_plan p = plan_new(*state, "raws");

    plan_survey(&p);
    p.spec.where = vb_strdup("cal.ingest_date > T'2020-01-01'");
    refused(&p, -EINVAL, "'cal' is neither a dimension nor a dataset type that is asked for");
}

static void data_query_may_have_binds(void **state)
{
    auto_plan p = plan_new(*state, "raws");
    vb_auto(vb_graph_close) vb_graph *g = NULL;

    plan_survey(&p);
    vb_strv_add(&p.spec.binds, "visits=(10, 12)");
    vb_strv_add(&p.spec.binds, "d=1");
    p.spec.where = vb_strdup("visit in :visits and detector = :d");
    g = plan_build(&p, "g.vbg");
    assert_string_equal(plan_quanta(*state, g, "one"), "[\"Cam\",1,10] [\"Cam\",1,12]");
}

/* ---- prerequisites that hold for a time: visit v begins at second 1000 v ----------------------------------------- */

/* Certifies a dataset, of a calibration type, from one second to another. */
static void certify(fixture *f, const vb_dataset_type *type, int64_t id, int64_t begin, int64_t end)
{
    vb_dataset d = {.id = id, .type = type};
    vb_timespan span = {begin * 1000000000, end * 1000000000};
    int64_t n;

    assert_ok(vb_select_datasets(f->reg, &d, 1, &f->err), &f->err);
    assert_ok(vb_calibration_certify(f->reg, fixture_collection(f, "calib", VB_CALIBRATION), span, &n, &f->err),
              &f->err);
    assert_int_equal(n, 1);
}

static void calibration_is_that_of_the_time_of_the_visit(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,calib");
    vb_auto(vb_graph_close) vb_graph *g = NULL;
    const vb_dataset_type *bias = fixture_calibration_type(f, "bias", "instrument,detector");
    int64_t early = fixture_put(f, "bias", "old", "instrument=Cam,detector=1"),
            late = fixture_put(f, "bias", "new", "instrument=Cam,detector=1");
    static const struct {
        int visit, early;
    } cases[] = {{10, true}, {11, false}};

    put_images(f);
    certify(f, bias, early, 9000, 10500);
    certify(f, bias, late, 10500, 20000);
    with_prerequisite(&p, "bias", "instrument,detector")->type.is_calibration = true;
    g = plan_build(&p, "g.vbg");
    for (size_t i = 0; i < VB_COUNT(cases); i++) {
        vb_autofree char *id = vb_format("[\"Cam\",1,%d]", cases[i].visit);
        vb_auto_quantum q = plan_find(g, "two", id);
        int found = 0;

        for (size_t k = 0; k < q.ninputs; k++)
            if (q.inputs[k].connection->role == VB_ROLE_PREREQUISITE) {
                assert_int_equal(q.inputs[k].dataset.id, cases[i].early ? early : late);
                found++;
            }
        assert_int_equal(found, 1);
    }
}

static void calibrations_that_do_not_hold_or_are_two_are_refused(void **state)
{
    fixture *f = *state;
    auto_plan p = plan_new(f, "images,calib");
    const vb_dataset_type *bias = fixture_calibration_type(f, "bias", "instrument,detector");
    int64_t early = fixture_put(f, "bias", "old", "instrument=Cam,detector=1"),
            late = fixture_put(f, "bias", "new", "instrument=Cam,detector=1");

    put_images(f);
    certify(f, bias, early, 9000, 10500);
    with_prerequisite(&p, "bias", "instrument,detector")->type.is_calibration = true;
    refused(&p, -ENODATA, "two {instrument: Cam, detector: 1, visit: 11}: prerequisite 'pre' needs at least 1");
    certify(f, bias, late, 11010, 20000); /* visit 11 lasts from 11000 to 11030 */
    certify(f, bias, early, 10500, 11010);
    refused(&p, -EINVAL, "task 'two', prerequisite 'pre': CALIBRATION collection 'calib' has two for [");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(quanta_are_the_distinct_data_ids_of_one_join),
        TEST(spatial_dimensions_are_joined_by_overlap),
        TEST(data_query_constrains_all_tasks),
        TEST(inputs_that_exist_constrain_all_tasks),
        TEST(task_without_dimensions_has_one_quantum),
        TEST(task_that_only_makes_is_constrained_by_records),
        TEST(edges_join_what_stands_on_one_row),
        TEST(first_collection_that_has_a_dataset_wins),
        TEST(connection_of_one_dataset_has_no_more),
        TEST(quanta_that_lack_inputs_are_left_out),
        TEST(outputs_of_other_dimensions_go_with_their_quanta),
        TEST(graph_of_which_nothing_is_left_is_refused),
        TEST(prerequisite_is_that_of_the_quantums_data_id),
        TEST(prerequisite_may_have_implied_dimensions),
        TEST(prerequisite_of_a_band_is_that_of_the_visit),
        TEST(prerequisites_below_the_minimum_are_refused),
        TEST(prerequisite_of_a_dimension_that_the_task_lacks_is_refused),
        TEST(sky_prerequisites_are_those_of_the_region),
        TEST(sky_prerequisites_are_those_of_both_regions),
        TEST(sky_prerequisites_may_have_implied_dimensions),
        TEST(sky_pixels_of_a_task_are_those_of_the_regions),
        TEST(sky_pixels_of_inputs_meet_the_regions),
        TEST(data_query_may_name_a_dataset),
        TEST(data_query_may_ask_when_an_input_came),
        TEST(data_query_of_a_type_that_is_no_input_is_refused),
        TEST(data_query_may_have_binds),
        TEST(calibration_is_that_of_the_time_of_the_visit),
        TEST(calibrations_that_do_not_hold_or_are_two_are_refused),
    };

    return cmocka_run_group_tests_name("quantum graphs", tests, NULL, NULL);
}
