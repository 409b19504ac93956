/* graph_options.h - the options with which qgraph, run and exec say what to build: pipetask's. */
#ifndef VB_TOOLS_GRAPH_OPTIONS_H
#define VB_TOOLS_GRAPH_OPTIONS_H

#include "registry/repo.h"
#include "runner/graph/plan.h"
#include "tools/cli.h"

typedef struct vb_graph_options {
    const char *repo, *snapshot;
    vb_plan plan;
    char **config, **inputs, **skip_existing_in, **binds;
} vb_graph_options;

extern vb_graph_options vb_graph_opt;

/* Rows of an option table, for commands to include. */
#define VB_OPTION_REPO                                                                     \
    {                                                                                      \
        "butler-config", 'b', VB_OPTION_TEXT, &vb_graph_opt.repo, "REPO", "the repository" \
    }
#define VB_OPTIONS_COLLECTIONS                                                                                         \
    {"input",        'i',                                                                                              \
     VB_OPTION_LIST, &vb_graph_opt.inputs,                                                                             \
     "COLL,...",     "collections to read from, in the order of search"},                                              \
        {"snapshot",     0,                                                                                            \
         VB_OPTION_TEXT, &vb_graph_opt.snapshot,                                                                       \
         "FILE",         "look for inputs in this snapshot, and not in the repository's registry"},                    \
        {"output",       'o',                                                                                          \
         VB_OPTION_TEXT, &vb_graph_opt.plan.output,                                                                    \
         "COLL",         "a CHAINED collection to write to: a new run COLL/TIME goes first in it"},                    \
    {                                                                                                                  \
        "output-run", 0, VB_OPTION_TEXT, &vb_graph_opt.plan.output_run, "COLL", "write to exactly this RUN collection" \
    }
#define VB_OPTIONS_PIPELINE                                                                                      \
    {"pipeline",      'p',                                                                                       \
     VB_OPTION_TEXT,  &vb_graph_opt.plan.pipeline,                                                               \
     "FILE[#LABELS]", "the pipeline; with #, only these of its tasks and subsets"},                              \
        {"data-query",   'd',                                                                                    \
         VB_OPTION_TEXT, &vb_graph_opt.plan.where,                                                               \
         "WHERE",        "which data to process: band in ('g','r') and tract=0"},                                \
        {"bind",           0,                                                                                    \
         VB_OPTION_REPEAT, &vb_graph_opt.binds,                                                                  \
         "NAME=VALUE",     "a value for :NAME in --data-query; may be given again"},                             \
        {"config",          'c',                                                                                 \
         VB_OPTION_REPEAT,  &vb_graph_opt.config,                                                                \
         "LABEL:KEY=VALUE", "set a value of a task's config, or of the parameters (parameters:KEY=VALUE)"},      \
        {"extend-run",   0,                                                                                      \
         VB_OPTION_FLAG, &vb_graph_opt.plan.extend_run,                                                          \
         NULL,           "write to the latest run of --output, or to an --output-run that is there"},            \
        {"replace-run",  0,                                                                                      \
         VB_OPTION_FLAG, &vb_graph_opt.plan.replace_run,                                                         \
         NULL,           "take the latest run out of the --output chain, and put the new one in its place"},     \
        {"prune-replaced", 0,                                                                                    \
         VB_OPTION_TEXT,   &vb_graph_opt.plan.prune_replaced,                                                    \
         "MODE",           "with --replace-run: purge the replaced run's datasets, or unstore their artifacts"}, \
        {"rebase",       0,                                                                                      \
         VB_OPTION_FLAG, &vb_graph_opt.plan.rebase,                                                              \
         NULL,           "give an --output chain that is there other inputs"},                                   \
        {"skip-existing",                                                                                        \
         0,                                                                                                      \
         VB_OPTION_FLAG,                                                                                         \
         &vb_graph_opt.plan.skip_existing,                                                                       \
         NULL,                                                                                                   \
         "with --extend-run: leave out quanta whose metadata the run has"},                                      \
        {"skip-existing-in", 0,                                                                                  \
         VB_OPTION_LIST,     &vb_graph_opt.skip_existing_in,                                                     \
         "COLL,...",         "leave out quanta whose metadata one of these collections has"},                    \
    {                                                                                                            \
        "clobber-outputs", 0, VB_OPTION_FLAG, &vb_graph_opt.plan.clobber_outputs, NULL,                          \
            "with --extend-run: outputs that are there are made anew"                                            \
    }

/* The registry that a graph is built from: the repository's, or the snapshot of --snapshot. */
int vb_graph_options_source(const vb_repo *repo, vb_registry **out, vb_error *err);

/* Opens the repository of -b. */
int vb_graph_options_repo(vb_repo **repo, vb_error *err);

/* Completes the plan from the options and checks it; `needs_pipeline`: there must be -p. */
int vb_graph_options_plan(bool needs_pipeline, vb_error *err);

/* Builds the graph of the plan, saying on stderr what it came to. */
int vb_graph_options_build(vb_registry *reg, const char *path, vb_error *err);

/* The whole command line, quoted, for records; the caller frees it. */
char *vb_command_line(void);

#endif
