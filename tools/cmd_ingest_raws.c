#include "fs/ingest/raws.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/rows.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/progress.h"

#include <stdio.h>

static vb_raws_options raws;
static const char *transfer = "copy";
static const char *format_name = "table";
static int64_t processes;

/* With --format csv or json: a row for each dataset that was made. */
static void print_datasets(const vb_raws_report *r, vb_format_kind format)
{
    static const vb_column columns[] = {{"path", NULL},     {"instrument", NULL}, {"exposure", NULL},
                                        {"detector", NULL}, {"type", NULL},       {"id", NULL}};
    vb_auto(vb_rows_end) vb_rows *rows = vb_rows_new(format, columns, VB_COUNT(columns), vb_rows_to_file, stdout);
    char uuid[VB_UUID_TEXT];

    for (size_t i = 0; i < r->ndatasets; i++) {
        vb_rows_text(rows, r->datasets[i].path);
        vb_rows_text(rows, r->datasets[i].instrument);
        vb_rows_int(rows, r->datasets[i].exposure);
        vb_rows_int(rows, r->datasets[i].detector);
        vb_rows_text(rows, r->datasets[i].type);
        vb_rows_text(rows, vb_uuid_format(r->datasets[i].uuid, uuid));
    }
}

static void print_report(const vb_raws_report *r, FILE *out, int64_t begun)
{
    char ingested[32], files[32], exposures[32], detectors[32];

    fprintf(out, "ingested %s of %s (%s, %s) in %.2f s\n",
            vb_thousands(ingested, sizeof ingested, (int64_t)r->ingested),
            vb_plural(files, sizeof files, (int64_t)r->files, "file"),
            vb_plural(exposures, sizeof exposures, (int64_t)r->exposures, "exposure"),
            vb_plural(detectors, sizeof detectors, (int64_t)r->detectors, "detector"),
            (double)(vb_clock_monotonic_ns() - begun) / 1e9);
    if (r->existing)
        fprintf(out, "  %s %s there already\n", vb_thousands(files, sizeof files, (int64_t)r->existing),
                r->existing == 1 ? "was" : "were");
    fflush(out);
    for (size_t i = 0; i < r->nbad; i++)
        fprintf(stderr, "  %s: %s; skipped\n", r->bad[i].path, r->bad[i].error.message);
    for (size_t i = 0; i < r->nbad; i++)
        if (r->bad[i].error.hint) {
            fprintf(stderr, "  %s\n", r->bad[i].error.hint);
            break;
        }
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    __attribute__((cleanup(vb_raws_report_clear))) vb_raws_report report = {0};
    int64_t begun = vb_clock_monotonic_ns();
    vb_format_kind format;
    int r;

    if (vb_transfer_mode_parse(transfer, &raws.transfer, err) < 0 || vb_format_parse(format_name, &format, err) < 0 ||
        (processes < 0 && vb_fail(err, -EINVAL, "--processes: must be positive")))
        return VB_EXIT_USAGE;
    raws.threads = (size_t)processes;
    raws.progress = vb_progress_on_terminal();
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_ingest_raws(repo, argv + 1, &raws, &report, err);
    vb_progress_end();
    if (r < 0)
        return VB_EXIT_FAILED;
    if (format != VB_FORMAT_TABLE)
        print_datasets(&report, format);
    print_report(&report, format == VB_FORMAT_TABLE ? stdout : stderr, begun);
    return report.nbad ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"transfer", 't', VB_OPTION_TEXT, &transfer, "MODE", VB_TRANSFER_MODES " (default copy)"},
    {"processes", 'j', VB_OPTION_INT, &processes, "N",
     "read headers and transfer files with N threads (default: one a processor)"},
    {"output-run", 0, VB_OPTION_TEXT, &raws.run, "RUN", "the RUN that gets the datasets (default INSTRUMENT/raw/all)"},
    {"skip-existing-exposures", 0, VB_OPTION_FLAG, &raws.skip_existing, NULL,
     "leave out datasets that are there already"},
    {"skip-existing", 0, VB_OPTION_FLAG, &raws.skip_existing, NULL, "the same"},
    {"update-records", 0, VB_OPTION_FLAG, &raws.update_records, NULL,
     "let the files change records of exposures that are there"},
    {"fail-fast", 0, VB_OPTION_FLAG, &raws.fail_fast, NULL, "end at the first bad file, with nothing ingested"},
    {"checksum", 0, VB_OPTION_FLAG, &raws.checksum, NULL, "checksum files also where they are only linked"},
    {"no-define-visits", 0, VB_OPTION_FLAG, &raws.no_visits, NULL, "leave visits to define-visits"},
    {"format", 0, VB_OPTION_TEXT, &format_name, "FORMAT",
     "csv or json: list the datasets that were made (default table: only count them)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_ingest_raws = {
    .name = "ingest-raws",
    .arguments = "REPO FILE|DIRECTORY...",
    .summary = "bring an instrument's images into a repository",
    .details = "Reads the headers of FITS files, makes records of their exposures, defines visits with "
               "their regions on the sky, and registers each detector's image as a dataset. Of a directory "
               "all FITS files are taken. Bad files are left out, listed at the end, and make the exit "
               "status 1.",
    .min_args = 2,
    .max_args = -1,
    .options = options,
    .run = run,
};
