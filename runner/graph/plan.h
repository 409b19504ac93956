/* plan.h - from what a user asks for (a pipeline, input and output collections, a data query) to a quantum graph file.
 *
 * The collections of a run are as with pipetask's -i, -o, --output-run, --extend-run, --replace-run,
 * --rebase. */
#ifndef VB_RUNNER_GRAPH_PLAN_H
#define VB_RUNNER_GRAPH_PLAN_H

#include "registry/graph/spec.h"

typedef struct vb_plan {
    const char *pipeline;   /* FILE or FILE#labels */
    char *const *config;    /* -c LABEL:KEY=VALUE */
    char *const *inputs;    /* -i; NULL: those of the output chain */
    const char *output;     /* -o: a CHAINED collection */
    const char *output_run; /* --output-run: exactly this RUN */
    bool extend_run, replace_run, rebase;
    const char *prune_replaced; /* "purge", "unstore" or NULL */
    bool skip_existing, clobber_outputs;
    char *const *skip_existing_in;
    const char *where;        /* -d */
    char *const *binds;       /* --bind, "NAME=VALUE"; NULL: none */
    const char *command_line; /* for the graph's own record */
} vb_plan;

/* Builds the graph of a pipeline into `path`. */
int vb_plan_graph(vb_registry *reg, const vb_plan *plan, const char *path, vb_graph_counts *counts, vb_error *err);

/* Builds the graph of one ad-hoc command: one quantum without dimensions, whose task is named after the program. */
int vb_plan_command(vb_registry *reg, const vb_plan *plan, char *const *argv, const char *path, vb_error *err);

#endif
