#include "fs/exchange/retrieve.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>

static vb_query query = {.limit = -1};
static vb_retrieve_request wanted = {.query = &query};
static char **types, **binds;
static const char *transfer = "copy";
static bool preserve = true;
static int64_t processes;

static void print_report(const vb_retrieve_report *report, const char *directory, double seconds)
{
    char artifacts[32], bytes[32], datasets[32];

    printf("retrieved %s (%s) into %s in %.2f s\n",
           vb_plural(artifacts, sizeof artifacts, report->artifacts, "artifact"),
           vb_bytes(bytes, sizeof bytes, report->bytes), directory, seconds);
    if (report->there)
        printf("  %s there already\n", vb_plural(artifacts, sizeof artifacts, report->there, "artifact"));
    if (report->without_artifact)
        vb_log(VB_WARNING, "%s without an artifact: left out",
               vb_plural(datasets, sizeof datasets, report->without_artifact, "dataset"));
    if (!report->datasets)
        fprintf(stderr, "nothing found\n");
}

static int open_and_retrieve(char **argv, vb_retrieve_report *report, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    int r = vb_repo_open(argv[0], &repo, err);

    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);
    return r < 0 ? r : vb_retrieve(repo, reg, argv[1], &wanted, report, err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_binds values = {0};
    vb_retrieve_report report = {0};
    int64_t begun = vb_clock_monotonic_ns();
    int r = vb_retrieve_transfer_parse(transfer, &wanted.transfer, err);

    for (char **bind = binds; !r && bind && *bind; bind++) {
        r = vb_binds_add(&values, *bind, err);
        if (r < 0)
            vb_error_context(err, "--bind");
    }
    if (!r && processes < 0)
        r = vb_fail(err, -EINVAL, "--processes: must be positive");
    if (r < 0) {
        vb_binds_clear(&values);
        return VB_EXIT_USAGE;
    }
    query.binds = &values;
    wanted.types = types;
    wanted.flat = !preserve;
    wanted.threads = (size_t)processes;
    wanted.progress = vb_progress_on_terminal();
    r = open_and_retrieve(argv, &report, err);
    vb_progress_end();
    if (!r || report.artifacts)
        print_report(&report, argv[1], (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    vb_binds_clear(&values);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"dataset-type", 'd', VB_OPTION_LIST, &types, "TYPE,...", "datasets of these types (names and globs; default all)"},
    {"collections", 0, VB_OPTION_LIST, &query.collections, "COLL,...",
     "collections to search, in this order; names or globs (all)"},
    {"where", 0, VB_OPTION_TEXT, &query.where, "WHERE", "select by an expression: visit > 100"},
    {"bind", 0, VB_OPTION_REPEAT, &binds, "NAME=VALUE", "a value for :NAME in --where; may be given again"},
    {"find-first", 0, VB_OPTION_FLAG, &query.find_first, NULL,
     "of each data ID only the dataset of the first collection that has one"},
    {"no-find-first", 0, VB_OPTION_NO_FLAG, &query.find_first, NULL, "all of them (the default)"},
    {"order-by", 0, VB_OPTION_LIST, &query.order_by, "KEY,...",
     "which come first under --limit: dimensions and fields: visit,-visit.exposure_time"},
    {"limit", 0, VB_OPTION_INT, &query.limit, "N", "at most so many datasets (all)"},
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE", VB_RETRIEVE_TRANSFERS " (default copy)"},
    {"preserve-path", 0, VB_OPTION_FLAG, &preserve, NULL,
     "keep the paths that artifacts have in their store (default)"},
    {"no-preserve-path", 0, VB_OPTION_NO_FLAG, &preserve, NULL, "put all files into DESTINATION itself"},
    {"clobber", 0, VB_OPTION_FLAG, &wanted.clobber, NULL, "replace files that are there and are not the artifacts"},
    {"no-clobber", 0, VB_OPTION_NO_FLAG, &wanted.clobber, NULL, "refuse to (default)"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N",
     "transfer files with N threads (default: one a processor; 32 where artifacts are remote)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_retrieve_artifacts = {
    .name = "retrieve-artifacts",
    .arguments = "REPO DESTINATION",
    .summary = "copy artifacts into a directory, from wherever they are",
    .details =
        "The artifacts of the datasets that are found become files below DESTINATION. Each is checked as it comes "
        "and gets its name when it is whole; what is there already is left as it is, so that what was broken off "
        "is finished by the same command.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
