#include "fs/exchange/export.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/text.h"
#include "registry/storage_class.h"
#include "tools/commands.h"
#include "tools/progress.h"
#include "tools/sweep.h"

#include <stdio.h>

static const char *transfer = "none", *repository;
static vb_export_request wanted = {.file = "export.yaml"};
static char **collections, **types;
static int64_t processes;

static void warn_of_classes(const vb_export_report *report)
{
    for (char **class = report->storage_classes; class && *class; class ++)
        if (!vb_storage_class_is_rubins(*class))
            vb_log(
                VB_WARNING,
                "storage class '%s' does not come with Rubin's butler: importing there fails unless 'storageClasses' "
                "of its butler.yaml defines it",
                *class);
}

/* Rubin's import knows the datasets of its file alone. */
static void warn_of_members(const vb_export_report *report)
{
    for (char **line = report->left_out; line && *line; line++)
        vb_log(
            VB_WARNING,
            "%s left out, since %s has their datasets already, and an import can associate new ones alone; add them there "
            "with 'butler associate' or 'butler certify-calibrations'",
            *line, wanted.target);
}

static void print_report(const vb_export_report *report, const char *directory, double seconds)
{
    char datasets[32], records[32];

    printf("exported %s and %s to %s/%s in %.2f s\n", vb_plural(datasets, sizeof datasets, report->datasets, "dataset"),
           vb_plural(records, sizeof records, report->records, "dimension record"), directory, wanted.file, seconds);
    printf("  dataset types %lld, collections %lld, associations %lld\n", (long long)report->types,
           (long long)report->collections, (long long)report->associations);
    if (report->there)
        printf("  %s has %s of them already: left out\n", wanted.target,
               vb_plural(datasets, sizeof datasets, report->there, "dataset"));
    if (report->without_artifact)
        vb_log(VB_WARNING, "%s without an artifact: left out",
               vb_plural(datasets, sizeof datasets, report->without_artifact, "dataset"));
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_export_report report = {0};
    int64_t begun = vb_clock_monotonic_ns();
    int r;

    if (vb_export_transfer_parse(transfer, &wanted.transfer, err) < 0 ||
        (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    wanted.threads = (size_t)processes;
    wanted.collections = collections;
    wanted.types = types;
    wanted.progress = vb_progress_on_terminal();
    vb_sweep_on_signals(true);
    r = vb_repo_open_source(argv[0], repository, &repo, err);
    if (!r)
        r = vb_export(repo, argv[1], &wanted, &report, err);
    vb_progress_end();
    if (!r) {
        print_report(&report, argv[1], (double)(vb_clock_monotonic_ns() - begun) / 1e9);
        warn_of_classes(&report);
        warn_of_members(&report);
    }
    vb_export_report_clear(&report);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"butler-config", 'b', VB_OPTION_TEXT, &repository, "REPO",
     "where a snapshot's artifacts are, if its repository has moved"},
    {"collections", 0, VB_OPTION_LIST, &collections, "NAME,...",
     "what they hold, and they (names and globs; default all)"},
    {"dataset-types", 0, VB_OPTION_LIST, &types, "TYPE,...", "datasets of these types (names and globs; default all)"},
    {"where", 0, VB_OPTION_TEXT, &wanted.where, "EXPRESSION", "datasets of which it holds (docs/queries.md)"},
    {"for", 0, VB_OPTION_TEXT, &wanted.target, "GEN3", "leave out what that Gen3 repository has; refuse clashes"},
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE", VB_EXPORT_TRANSFERS " (default none)"},
    {"export-file", 0, VB_OPTION_TEXT, &wanted.file, "NAME", "the YAML in DIRECTORY (default export.yaml)"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "transfer files with N threads (default: one a processor)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_export = {
    .name = "export",
    .arguments = "REPO|SNAPSHOT DIRECTORY",
    .summary = "write what a repository has for another one to import",
    .details =
        "DIRECTORY gets export.yaml, in the format that butler import and vbutler import read, and, with "
        "--transfer, the artifacts. Without it paths begin at REPO: import with --transfer direct from there. A snapshot "
        "is exported from the repository that has its artifacts.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
