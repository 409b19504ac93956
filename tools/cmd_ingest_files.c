#include "fs/ingest/files.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>

static vb_files_options files;
static const char *transfer = "copy";
static char **dataid;
static const char *ids = "UNIQUE";
static int64_t processes;

/* "2 datasets in parts of " */
static const char *in_parts(const vb_files_report *report)
{
    static char text[64];
    char count[32];

    snprintf(text, sizeof text, "%s in parts of ",
             vb_plural(count, sizeof count, (int64_t)report->in_parts, "dataset"));
    return text;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_files_report report = {0};
    int64_t begun = vb_clock_monotonic_ns();
    char count[32], there[32];
    int r;

    if (vb_transfer_mode_parse(transfer, &files.transfer, err) < 0 ||
        vb_id_generation_parse(ids, &files.ids, err) < 0 ||
        (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    files.type = argv[1];
    files.run = argv[2];
    files.dataid = dataid;
    files.threads = (size_t)processes;
    files.progress = vb_progress_on_terminal();
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_ingest_files(repo, argv[3], &files, &report, err);
    vb_progress_end();
    if (r < 0)
        return VB_EXIT_FAILED;
    printf("ingested %s as %s%s into %s in %.2f s\n", vb_plural(count, sizeof count, (int64_t)report.ingested, "file"),
           report.in_parts ? in_parts(&report) : "", argv[1], argv[2], (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    if (report.existing)
        printf("  %s %s there already\n", vb_thousands(there, sizeof there, (int64_t)report.existing),
               report.existing == 1 ? "was" : "were");
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE", VB_TRANSFER_MODES " (default copy)"},
    {"data-id", 0, VB_OPTION_LIST, &dataid, "K=V,...", "values that all files share"},
    {"prefix", 0, VB_OPTION_TEXT, &files.prefix, "DIR", "the directory that relative paths of the table begin at"},
    {"id-generation-mode", 0, VB_OPTION_TEXT, &ids, "MODE",
     "UUIDs: UNIQUE (default), or told by DATAID_TYPE or DATAID_TYPE_RUN"},
    {"formatter", 0, VB_OPTION_TEXT, &files.formatter, "NAME", "Rubin's formatter class, kept for exports"},
    {"skip-existing", 0, VB_OPTION_FLAG, &files.skip_existing, NULL, "leave out datasets that are there already"},
    {"checksum", 0, VB_OPTION_FLAG, &files.checksum, NULL, "checksum files also where they are only linked"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N", "transfer files with N threads (default: one a processor)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_ingest_files = {
    .name = "ingest-files",
    .arguments = "REPO TYPE RUN TABLE.csv",
    .summary = "bring files into a repository, with data IDs from a table",
    .details = "The table's first line names its columns: the path (a column path, file or filename, or "
               "else the first), and dimensions of the dataset type. Besides 'detector' a column may be "
               "another key of it, 'detector.full_name'; 'healpix5.ring' holds pixels in ring order, which "
               "are turned into the nested order that the dimension has. A column 'component' makes the rows of one "
               "data ID one dataset in several files, a component each. Lines that begin with '#' are "
               "skipped, so ECSV will do. All files are ingested, or none.",
    .min_args = 4,
    .max_args = 4,
    .options = options,
    .run = run,
};
