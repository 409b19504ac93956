#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "runner/run/run.h"
#include "tools/commands.h"
#include "tools/graph_options.h"
#include "tools/run_options.h"

#include <stdio.h>
#include <unistd.h>

static int build(const vb_repo *repo, char *const *argv, char **path, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_graph_options_source(repo, &reg, err);

    if (r < 0)
        return r;
    *path = vb_format("%s/.vbutler/runs/.new.%d.vbg", repo->root, (int)getpid());
    return vb_plan_command(reg, &vb_graph_opt.plan, argv, *path, err);
}

static void conclude(const vb_outcome *o)
{
    char datasets[48], bytes[32], files[64];

    if (!o->capture)
        return;
    fprintf(stderr, "read %s (%s), wrote %s%s%s%s, capture %s\n",
            vb_plural(datasets, sizeof datasets, o->datasets_read, "dataset"),
            vb_bytes(bytes, sizeof bytes, o->bytes_read),
            vb_plural(files, sizeof files, o->files_written, "undeclared file"), o->files_written ? " (kept in " : "",
            o->files_written && o->scratch ? o->scratch : "", o->files_written ? ")" : "", o->capture);
    fprintf(stderr, "run: %s\n", o->run);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_autofree char *file = NULL;
    vb_outcome outcome = {0};
    int r = vb_graph_options_plan(false, err), status;

    if (!r && !vb_graph_opt.inputs)
        r = vb_fail(err, -EINVAL, "what may it read? give --input COLL,... (-i)");
    if (!r)
        r = vb_run_options_check(err);
    if (r < 0)
        return VB_EXIT_USAGE;
    vb_run_opt.exec_inputs = vb_graph_opt.inputs;
    vb_run_opt.no_progress = true;
    r = vb_graph_options_repo(&repo, err);
    if (!r)
        r = build(repo, argv, &file, err);
    if (!r)
        r = vb_run_graph(repo, file, &vb_run_opt, &outcome, err);
    if (file)
        unlink(file);
    if (!r)
        conclude(&outcome);
    status = r < 0                      ? VB_EXIT_FAILED
             : outcome.interrupted      ? 130
             : outcome.counts.succeeded ? VB_EXIT_OK
             : outcome.exit_code        ? outcome.exit_code
                                        : VB_EXIT_FAILED;
    vb_outcome_clear(&outcome);
    return status;
}

static const vb_option options[] = {
    VB_OPTION_REPO,
    VB_OPTIONS_COLLECTIONS,
    VB_OPTIONS_RUN,
    VB_OPTION_END,
};

const vb_command vb_cmd_exec = {
    .name = "exec",
    .arguments = "-- COMMAND [ARGUMENT...]",
    .summary = "run one command on the datasets of a repository, and capture what it touches",
    .details =
        "The command's current directory shows the datasets of the --input collections as in/TYPE/FILE, and all of the repository's as "
        "../data/... What it writes stays in its working directory, whose path is printed at the end. Its exit status is ours.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
    .trailing = true,
};
