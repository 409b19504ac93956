#include "fs/ingest/visits.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>

static char **collections;
static int64_t processes;

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_define_report report = {0};
    char visits[32], raws[32];
    int r;

    if (processes < 0) {
        vb_fail(err, -EINVAL, "--processes: must be positive");
        return VB_EXIT_USAGE;
    }
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_define_visits(repo, argv[1], collections, (size_t)processes, vb_progress_on_terminal(), &report, err);
    vb_progress_end();
    if (r < 0)
        return VB_EXIT_FAILED;
    printf("defined %s (of %s)\n", vb_plural(visits, sizeof visits, (int64_t)report.visits, "visit"),
           vb_plural(raws, sizeof raws, (int64_t)report.raws, "raw"));
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"collections", 0, VB_OPTION_LIST, &collections, "COLLECTIONS", "where the raws are (default INSTRUMENT/raw/all)"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "read headers with N threads (default: one a processor)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_define_visits = {
    .name = "define-visits",
    .arguments = "REPO INSTRUMENT",
    .summary = "make visits of an instrument's exposures",
    .details = "Each exposure of the sky becomes a visit by itself (visit system 0, one-to-one), whose "
               "region is the hull of its detectors'. ingest-raws does that already; this is for raws that "
               "came otherwise. What is defined stays as it is.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
