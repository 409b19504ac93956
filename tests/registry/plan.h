/* plan.h - quantum graphs of the fixture's world: what they are built from, in few words, and what they hold, as text.
 *
 * Data IDs are told packed, as JSON arrays of their values in the universe's order: ["Cam",1,10] is detector 1 of visit
 * 10. */
#ifndef VB_TESTS_REGISTRY_PLAN_H
#define VB_TESTS_REGISTRY_PLAN_H

#include "registry/graph/graph.h"
#include "tests/registry/fixture.h"

typedef struct plan {
    fixture *f;
    vb_graph_spec spec;
    vb_graph_counts counts; /* of the last graph that was built */
    vb_error err;
} plan;

/* A graph without tasks, from collections "a,b" into RUN "out".  plan_clear() gives back what it holds. */
plan plan_new(fixture *f, const char *inputs);
void plan_clear(plan *p);
#define auto_plan __attribute__((cleanup(plan_clear))) plan

/* A task after the others; connections go to the task that was added last. */
void plan_task(plan *p, const char *label, const char *dimensions);
vb_connection_spec *plan_connect(plan *p, vb_role role, const char *name, const char *type, const char *dimensions);

/* Two tasks: "one" {exposure, detector} makes "post" of "raw"; "two" {visit, detector} makes "cal" of "post". */
void plan_survey(plan *p);
/* A third: "coadd" {patch, band} makes "coadd" of all "cal". */
void plan_coadd(plan *p);

/* Builds the graph into the fixture's file `name`: the result is vb_graph_build()'s, what is wrong in p->err. */
int plan_try(plan *p, const char *name);
vb_graph *plan_build(plan *p, const char *name); /* must succeed; the caller closes it */

/* As text that lives as long as the fixture: the data IDs of a task's quanta, in order, and of the datasets of one
 * connection of a quantum, "[...] [...]". */
const char *plan_quanta(fixture *f, vb_graph *g, const char *label);
const char *plan_edges(fixture *f, vb_graph *g, const char *label, const char *dataid, const char *connection);

/* The quantum of a task and a packed data ID; it is there. */
vb_quantum plan_find(vb_graph *g, const char *label, const char *dataid);

#endif
