#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/report.h"
#include "runner/run/run.h"
#include "tools/commands.h"
#include "tools/graph_options.h"
#include "tools/run_options.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *graph, *save;

/* Builds the graph of -p into a temporary file of the repository; the run keeps its own copy. */
static int build(const vb_repo *repo, char **path, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_graph_options_source(repo, &reg, err);

    if (r < 0)
        return r;
    *path = save ? vb_strdup(save) : vb_format("%s/.vbutler/runs/.new.%d.vbg", repo->root, (int)getpid());
    return vb_graph_options_build(reg, *path, err);
}

static int print_report(const vb_repo *repo, const char *run_name, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);

    return r < 0 ? r : vb_report_tasks(reg, run_name, VB_FORMAT_TABLE, vb_rows_to_file, stdout, err);
}

static int conclude(const vb_repo *repo, const vb_outcome *o, vb_error *err)
{
    const vb_counts *c = &o->counts;

    if (c->before)
        vb_log(VB_INFO, "%" PRId64 " of %" PRId64 " quanta had been done before", c->before, c->total);
    if (print_report(repo, o->run, err) < 0)
        return VB_EXIT_FAILED;
    printf("run: %s\n", o->run);
    fflush(stdout); /* what follows comes after it, wherever both go */
    if (c->succeeded == c->total)
        return VB_EXIT_OK;
    vb_log(VB_ERROR,
           "%" PRId64 " of %" PRId64 " quanta succeeded, %" PRId64 " failed, %" PRId64 " are blocked, %" PRId64
           " were not run",
           c->succeeded, c->total, c->failed, c->blocked, c->total - c->succeeded - c->failed - c->blocked);
    vb_log(VB_INFO, "to run what is missing: vbutler run -b %s -g %s", vb_graph_opt.repo, o->graph_file);
    return o->interrupted ? 130 : VB_EXIT_FAILED;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_autofree char *file = NULL;
    vb_outcome outcome = {0};
    int r = vb_graph_options_plan(!graph, err), status;

    signal(SIGPIPE, SIG_IGN); /* where nobody reads what is printed the run goes on */
    if (!r && graph && vb_graph_opt.plan.pipeline)
        r = vb_fail(err, -EINVAL, "--qgraph and --pipeline exclude each other");
    if (!r)
        r = vb_run_options_check(err);
    if (r < 0)
        return VB_EXIT_USAGE;
    r = vb_graph_options_repo(&repo, err);
    if (!r && graph)
        file = vb_strdup(graph);
    else if (!r)
        r = build(repo, &file, err);
    if (!r)
        r = vb_run_graph(repo, file, &vb_run_opt, &outcome, err);
    if (file && !graph && !save)
        unlink(file);
    status = r < 0 ? VB_EXIT_FAILED : conclude(repo, &outcome, err);
    vb_outcome_clear(&outcome);
    return status;
}

static const vb_option options[] = {
    VB_OPTION_REPO,
    {"qgraph", 'g', VB_OPTION_TEXT, &graph, "FILE",
     "a graph that was built before; what is done of it is not done again"},
    VB_OPTIONS_COLLECTIONS,
    VB_OPTIONS_PIPELINE,
    {"save-qgraph", 'q', VB_OPTION_TEXT, &save, "FILE", "with --pipeline: keep the graph in FILE too"},
    VB_OPTIONS_RUN,
    VB_OPTION_END,
};

const vb_command vb_cmd_run = {
    .name = "run",
    .arguments = "",
    .summary = "run a pipeline, or a quantum graph",
    .details =
        "Every quantum runs in a file system of its own, which shows it its inputs, keeps what it writes, and notes what it touches. "
        "What succeeds is committed to the repository at once; a run that was broken off goes on where it ended. The exit status is 0 "
        "where all quanta have succeeded, 1 where some have not, 130 after an interrupt.",
    .max_args = 0,
    .options = options,
    .run = run,
};
