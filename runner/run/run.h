/* run.h - the execution of a quantum graph on this machine. */
#ifndef VB_RUNNER_RUN_RUN_H
#define VB_RUNNER_RUN_RUN_H

#include "registry/repo.h"
#include "runner/run/options.h"
#include "runner/run/schedule.h"

/* What a run came to. */
typedef struct vb_outcome {
    vb_counts counts;
    double wall;      /* seconds */
    bool interrupted; /* by a signal */
    char *run;        /* the RUN collection */
    char *graph_file; /* with which it can be run again */
    /* of an ad-hoc command: */
    int64_t datasets_read, bytes_read; /* bytes: the sizes of those datasets */
    int64_t files_written;
    char *capture, *scratch;
    int exit_code; /* as a shell tells it: 127 not started, 128 + N killed by signal N */
} vb_outcome;

void vb_outcome_clear(vb_outcome *o);

/* Executes what is missing of a graph.  Failures of quanta are printed as they come and counted; negative only where
 * the run itself could not be done.  SIGINT and SIGTERM end it in order; a second one at once. */
int vb_run_graph(const vb_repo *repo, const char *graph_file, const vb_run_options *options, vb_outcome *out,
                 vb_error *err);

#endif
