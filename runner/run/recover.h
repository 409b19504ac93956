/* recover.h - what earlier executions of a graph have left: receipts to merge, files to sweep.
 * Internal to runner/run. */
#ifndef VB_RUNNER_RUN_RECOVER_H
#define VB_RUNNER_RUN_RECOVER_H

#include "runner/run/attempt.h"
#include "runner/run/schedule.h"

/* Reads every attempt: those that count are published and merged; those that failed are merged; those whose runner died
 * before they counted are swept (their artifacts, their scratch) and merged as aborted.  The registry is the truth:
 * what it says has succeeded counts, whether the directory knows of it or not, and what it holds is not swept.
 * `schedule` learns of all.  -ESTALE where what counts was pruned. */
int vb_recover(vb_site *site, vb_registry *reg, const vb_graph *g, vb_schedule *schedule, vb_error *err);

#endif
