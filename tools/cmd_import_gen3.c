/* cmd_import_gen3.c - a Gen3 repository of Rubin's into one of ours. */
#include "fs/gen3/import.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"
#include "tools/sweep.h"

#include <stdio.h>

static vb_gen3_import_options import;
static const char *transfer = "direct";
static char **collections;
static int64_t processes;

static void print_report(const vb_gen3_import_report *report, double seconds)
{
    const vb_gen3_counts *c = &report->counts;
    char datasets[32], collection_count[32], records[32], types[32], members[32];

    printf("imported %s in %s, of %s, in %.2f s\n",
           vb_plural(datasets, sizeof datasets, (int64_t)c->datasets, "dataset"),
           vb_plural(collection_count, sizeof collection_count, (int64_t)c->collections, "collection"),
           vb_plural(types, sizeof types, (int64_t)c->types, "dataset type"), seconds);
    printf("  %s were new; %s\n", vb_plural(records, sizeof records, (int64_t)c->records, "dimension record"),
           vb_plural(members, sizeof members, (int64_t)c->members, "association"));
    if (c->existing)
        printf("  %s %s there already\n", vb_thousands(datasets, sizeof datasets, (int64_t)c->existing),
               c->existing == 1 ? "dataset was" : "datasets were");
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_gen3_import_report report;
    int64_t begun = vb_clock_monotonic_ns();
    int r;

    if (vb_transfer_mode_parse(transfer, &import.transfer, err) < 0 ||
        (import.transfer == VB_TRANSFER_MOVE &&
         vb_fail(err, -EINVAL, "--transfer move: would take artifacts away from the Gen3 repository")) ||
        (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    import.collections = collections;
    import.threads = (size_t)processes;
    import.progress = vb_progress_on_terminal();
    vb_sweep_on_signals(true);
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_gen3_import(repo, argv[1], &import, &report, err);
    vb_progress_end();
    if (r < 0)
        return VB_EXIT_FAILED;
    print_report(&report, (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"collections", 0, VB_OPTION_LIST, &collections, "NAME,...",
     "only what these hold (globs too) and what their chains lead to"},
    {"where", 0, VB_OPTION_TEXT, &import.where, "EXPRESSION", "only datasets of which this holds"},
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE",
     "copy, link, hardlink, symlink, relsymlink, direct or auto (default direct)"},
    {"checksum", 0, VB_OPTION_FLAG, &import.checksum, NULL, "checksum files also where they are only linked"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "transfer files with N threads (default: one a processor)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_import_gen3 = {
    .name = "import-gen3",
    .arguments = "REPO GEN3_REPO",
    .summary = "bring a Gen3 repository of Rubin's, or a part of it, into a repository",
    .details = "Reads butler.yaml and the registry that it names; nothing is written to GEN3_REPO. Dimension records, "
               "collections, dataset types, datasets, tags and certifications come over as they are, with their "
               "UUIDs. With --transfer direct its artifacts stay where they are. What is there already and is the "
               "same is left alone, so an import may be repeated; what differs is an error. All or nothing.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
