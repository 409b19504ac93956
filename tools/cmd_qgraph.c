#include "tools/commands.h"
#include "tools/graph_options.h"

#include "registry/base/mem.h"

#include <stdio.h>

static const char *file;

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_graph_options_plan(true, err);

    if (r < 0 || !file) {
        if (!r)
            vb_fail(err, -EINVAL, "where to? give --save-qgraph FILE (-q)");
        return VB_EXIT_USAGE;
    }
    r = vb_graph_options_repo(&repo, err);
    if (!r)
        r = vb_graph_options_source(repo, &reg, err);
    if (!r)
        r = vb_graph_options_build(reg, file, err);
    if (!r)
        printf("%s\n", file);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    VB_OPTION_REPO,      VB_OPTIONS_COLLECTIONS,
    VB_OPTIONS_PIPELINE, {"save-qgraph", 'q', VB_OPTION_TEXT, &file, "FILE", "the graph file to write"},
    VB_OPTION_END,
};

const vb_command vb_cmd_qgraph = {
    .name = "qgraph",
    .arguments = "",
    .summary = "build a quantum graph from a pipeline",
    .details =
        "Finds what there is to do: a quantum for every combination of data that a task of the pipeline can work on, with the datasets "
        "that it reads and writes. The file is all that a run needs. Nothing is registered in the repository.",
    .max_args = 0,
    .options = options,
    .run = run,
};
