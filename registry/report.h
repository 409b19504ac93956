/* report.h - what a run cost and where it failed: the tables that `vbutler report` prints and that a mount shows as
 * files.
 *
 * Every number states its population: `count` is quanta, not attempts; times and memory are those of the attempt that
 * counts (the one that succeeded, else the last).  docs/reports.md describes each column; the column
 * names are stable. */
#ifndef VB_REGISTRY_REPORT_H
#define VB_REGISTRY_REPORT_H

#include "registry/base/rows.h"
#include "registry/registry.h"

/* One row a task, in the pipeline's order: task, count, failed, blocked, max, mean, total (wall seconds), cpu
 * (seconds), peak (bytes), read, written (bytes). */
int vb_report_tasks(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                    vb_error *err);

/* One row a quantum: task, dataid, quantum, status, attempts, host, started, wall, cpu, memory, read, written, capture,
 * message. */
int vb_report_quanta(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                     vb_error *err);

/* One row: run, quanta, succeeded, failed, blocked, aborted, attempts, started, ended, wall, cpu, read, written. */
int vb_report_summary(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                      vb_error *err);

/* Text: failures by task and message, with data IDs as examples. */
int vb_report_failures(vb_registry *reg, const char *run, vb_buf *out, vb_error *err);

/* The run that a name means: itself, or the first of a chain's that has quanta, which is the latest.  -ENOENT, with a
 * hint, where there is none.  The caller frees *run. */
int vb_report_find_run(vb_registry *reg, const char *name, char **run, vb_error *err);

#endif
