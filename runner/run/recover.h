/* recover.h - what earlier executions of a graph have left: receipts to merge, files to sweep.
 * Internal to runner/run. */
#ifndef VB_RUNNER_RUN_RECOVER_H
#define VB_RUNNER_RUN_RECOVER_H

#include "runner/run/attempt.h"
#include "runner/run/schedule.h"

/* Reads every attempt: those that count are published and merged; those that failed are merged; those whose runner died
 * before they counted are swept (their artifacts, their scratch) and merged as aborted.  `schedule` learns of all. */
int vb_recover(vb_site *site, vb_registry *reg, const vb_graph *g, vb_schedule *schedule, vb_error *err);

/* Makes the init-outputs that are missing: packages, LABEL_files; and files/ of the run's directory. */
int vb_make_init_outputs(vb_site *site, vb_registry *reg, vb_graph *g, vb_error *err);

/* The directories that jobs must not see, NULL-terminated; and, where one cannot be covered, why in *unmaskable ("DIR
 * reachable"). */
int vb_find_masks(const vb_site *site, vb_graph *g, vb_registry *shown, char ***masks, vb_buf *unmaskable,
                  vb_error *err);

#endif
