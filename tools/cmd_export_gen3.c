/* cmd_export_gen3.c - a repository of ours as a Gen3 repository of Rubin's. */
#include "fs/gen3/export.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>

static vb_gen3_export_options export;
static const char *transfer = "direct", *repository;
static char **collections;
static int64_t processes;

static void print_report(const char *dir, const vb_gen3_export_report *report, double seconds)
{
    char datasets[32], collection_count[32], types[32];

    printf("exported %s in %s, of %s, to %s in %.2f s\n",
           vb_plural(datasets, sizeof datasets, report->counts.datasets, "dataset"),
           vb_plural(collection_count, sizeof collection_count, report->counts.collections, "collection"),
           vb_plural(types, sizeof types, report->counts.types, "dataset type"), dir, seconds);
    for (char *const *class = report->classes; *class; class ++)
        printf("  storage class %s is not one of Rubin's: butler.yaml defines it\n", *class);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_gen3_export_report report;
    int64_t begun = vb_clock_monotonic_ns();
    int r;

    if (vb_gen3_export_mode_parse(transfer, &export.transfer, err) < 0 ||
        (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    export.what.collections = collections;
    export.threads = (size_t)processes;
    export.progress = vb_progress_on_terminal();
    r = vb_repo_open_source(argv[0], repository, &repo, err);
    if (!r)
        r = vb_gen3_export_repository(repo, argv[1], &export, &report, err);
    vb_progress_end();
    if (r < 0)
        return VB_EXIT_FAILED;
    print_report(argv[1], &report, (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    vb_gen3_export_report_clear(&report);
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"butler-config", 'b', VB_OPTION_TEXT, &repository, "REPO",
     "where a snapshot's artifacts are, if its repository has moved"},
    {"collections", 0, VB_OPTION_LIST, &collections, "NAME,...",
     "only what these hold (globs too) and what their chains lead to"},
    {"where", 0, VB_OPTION_TEXT, &export.what.where, "EXPRESSION", "only datasets of which this holds"},
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE", VB_GEN3_EXPORT_MODES " (default direct)"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "transfer files with N threads (default: one a processor)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_export_gen3 = {
    .name = "export-gen3",
    .arguments = "REPO|SNAPSHOT DIR",
    .summary = "write a repository, or a part of it, as a Gen3 repository of Rubin's",
    .details =
        "DIR, which is not there yet or is empty, gets butler.yaml, gen3.sqlite3 and, unless they stay where they "
        "are, the artifacts under the names that Rubin's file templates give them. Rubin's butler opens it; "
        "'butler transfer-datasets DIR TARGET --transfer-dimensions --register-dataset-types' takes from it "
        "into another repository, and may be repeated. A snapshot is exported from the repository that has its "
        "artifacts. All or nothing.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
