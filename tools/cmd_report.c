#include "registry/base/mem.h"
#include "registry/repo.h"
#include "registry/report.h"
#include "tools/commands.h"

#include <stdio.h>

static const char *format_name = "table";
static bool quanta, failures, summary;

static int print(vb_registry *reg, const char *run_name, vb_format_kind format, vb_error *err)
{
    vb_auto_buf text = {0};
    int r;

    if (quanta)
        return vb_report_quanta(reg, run_name, format, vb_rows_to_file, stdout, err);
    if (summary)
        return vb_report_summary(reg, run_name, format, vb_rows_to_file, stdout, err);
    if (!failures)
        return vb_report_tasks(reg, run_name, format, vb_rows_to_file, stdout, err);
    r = vb_report_failures(reg, run_name, &text, err);
    fputs(vb_buf_text(&text), stdout);
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree char *run_name = NULL;
    vb_format_kind format;
    int r = vb_format_parse(format_name, &format, err);

    if (r < 0)
        return VB_EXIT_USAGE;
    r = vb_repo_open(argv[0], &repo, err);
    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);
    if (!r)
        r = vb_report_find_run(reg, argv[1], &run_name, err);
    if (!r)
        r = print(reg, run_name, format, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    VB_OPTION_FORMAT(&format_name),
    {"quanta", 0, VB_OPTION_FLAG, &quanta, NULL, "a row for every quantum"},
    {"failures", 0, VB_OPTION_FLAG, &failures, NULL, "failures by cause, with data IDs and logs (text)"},
    {"summary", 0, VB_OPTION_FLAG, &summary, NULL, "one row for the whole run"},
    VB_OPTION_END,
};

const vb_command vb_cmd_report = {
    .name = "report",
    .arguments = "REPO RUN",
    .summary = "print what a run cost and where it failed",
    .details =
        "For each task: how many quanta there are, failed and are blocked; the longest, mean and total wall seconds; CPU seconds; the "
        "largest memory of a process; bytes read and written. The numbers are those of the attempts that count. A chain stands for the "
        "latest of its runs.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
