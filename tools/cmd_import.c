#include "fs/exchange/import.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>

static const char *transfer = "copy", *export_file = "export.yaml";
static vb_import_options wanted;
static char **skip_dimensions;
static int64_t processes;

static void print_report(const vb_import_report *report, const char *repo, double seconds)
{
    char datasets[32], records[32];

    printf("imported %s and %s into %s in %.2f s\n",
           vb_plural(datasets, sizeof datasets, (int64_t)report->datasets, "dataset"),
           vb_plural(records, sizeof records, (int64_t)report->records, "dimension record"), repo, seconds);
    printf("  dataset types %zu, collections %zu, associations %zu\n", report->types, report->collections,
           report->associated);
    if (report->datasets_there || report->records_there)
        printf("  there already: datasets %zu, dimension records %zu\n", report->datasets_there, report->records_there);
    if (report->nmissing)
        printf("  left out, for their artifacts are not there: %s\n",
               vb_plural(datasets, sizeof datasets, (int64_t)report->nmissing, "dataset"));
    for (size_t i = 0; i < report->nmissing; i++)
        printf("    %s\n", report->missing[i]);
    for (char **remark = report->remarks; remark && *remark; remark++)
        vb_log(VB_WARNING, "%s", *remark);
}

/* The file is in the directory, or in the current one. */
static char *find_file(const char *directory)
{
    char *path = vb_path_join(directory, export_file);

    if (!access(path, F_OK) || access(export_file, F_OK))
        return path;
    free(path);
    return vb_path_join(".", export_file);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_autofree char *file = find_file(argv[1]);
    vb_import_report report = {0};
    int64_t begun = vb_clock_monotonic_ns();
    int r;

    if (vb_transfer_mode_parse(transfer, &wanted.transfer, err) < 0 ||
        (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    wanted.threads = (size_t)processes;
    wanted.skip_elements = skip_dimensions;
    wanted.progress = vb_progress_on_terminal();
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_import(repo, argv[1], file, &wanted, &report, err);
    vb_progress_end();
    if (!r)
        print_report(&report, argv[0], (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    vb_import_report_clear(&report);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE", VB_TRANSFER_MODES " (default copy)"},
    {"export-file", 0, VB_OPTION_TEXT, &export_file, "FILE", "the YAML, in DIRECTORY (default export.yaml)"},
    {"skip-dimensions", 's', VB_OPTION_LIST, &skip_dimensions, "ELEMENT,...", "leave out their dimension records"},
    {"skip-missing", 0, VB_OPTION_FLAG, &wanted.skip_missing, NULL, "leave out, and list, datasets without artifact"},
    {"checksum", 0, VB_OPTION_FLAG, &wanted.checksum, NULL, "checksum files also where they are only linked"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "transfer files with N threads (default: one a processor)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_import = {
    .name = "import",
    .arguments = "REPO DIRECTORY",
    .summary = "bring what another repository has exported into this one",
    .details =
        "DIRECTORY has export.yaml, as butler or vbutler exported it, and the artifacts that it names. Dimension "
        "records, dataset types, collections, datasets and associations are imported, or nothing is; what is "
        "there already stays as it is. Exports of older dimension universes are brought up to that of REPO.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
