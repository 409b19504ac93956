/* reports.c - reports/RUN/: statistics are files. */
#include "fs/view/names.h"
#include "fs/view/runs.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/report.h"

#include <string.h>

static const struct report {
    const char *name;
    int (*rows)(vb_registry *, const char *, vb_format_kind, vb_rows_sink, void *, vb_error *);
    vb_format_kind format;
} reports[] = {
    {"summary.csv", vb_report_summary, VB_FORMAT_CSV}, {"tasks.csv", vb_report_tasks, VB_FORMAT_CSV},
    {"tasks.json", vb_report_tasks, VB_FORMAT_JSON},   {"tasks.txt", vb_report_tasks, VB_FORMAT_TABLE},
    {"quanta.csv", vb_report_quanta, VB_FORMAT_CSV},   {"failures.txt", NULL, VB_FORMAT_TABLE},
};

static int lookup_report(vb_call *c, vb_node *dir, const char *run, const char *name, vb_node **child)
{
    for (size_t i = 0; i < VB_COUNT(reports); i++) {
        vb_auto_buf text = {0};
        int r;

        if (strcmp(name, reports[i].name))
            continue;
        r = reports[i].rows ? reports[i].rows(c->reg, run, reports[i].format, vb_rows_to_buf, &text, NULL)
                            : vb_report_failures(c->reg, run, &text, NULL);
        if (r < 0)
            return r;
        *child = vb_view_text(c, dir, name, &text);
        return 0;
    }
    return -ENOENT;
}

static int list_reports(vb_call *c, const char *run, vb_listing *l)
{
    for (size_t i = 0; i < VB_COUNT(reports); i++)
        vb_listing_add(l, reports[i].name, S_IFREG, 0);
    return 0;
}

static int reports_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    return vb_runs_lookup(c, dir, name, child, lookup_report);
}

static int reports_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    return vb_runs_list(c, dir, l, list_reports);
}

static const vb_node_class reports_class = {.name = "reports",
                                            .type = S_IFDIR,
                                            .lookup = reports_lookup,
                                            .list = reports_list,
                                            .free = free};

const vb_branch vb_branch_reports = {"reports", &reports_class};
