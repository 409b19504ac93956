/* progress.h - one line on a terminal that tells how far a run is; nothing elsewhere.  Internal to runner/run. */
#ifndef VB_RUNNER_RUN_PROGRESS_H
#define VB_RUNNER_RUN_PROGRESS_H

#include "runner/run/schedule.h"

/* Draws the line for these counts; `seconds` since the run began.  The first call makes log lines go above it. */
void vb_run_progress_show(const vb_counts *counts, double seconds);

/* Ends the line.  Where stderr is no terminal this is the only line that is printed. */
void vb_run_progress_end(const vb_counts *counts, double seconds);

#endif
