/* attempt.h - one attempt of one quantum: its view, its command, its outputs, its receipt.  Internal to runner/run.
 *
 * An attempt is a value of its worker's thread.  Its steps, in order:
 *
 *     prepare   scratch directory, view with the inputs, command line
 *     run       the job in its sandbox, its session served by this thread until no process of it is left
 *     judge     exit status, faults of the session, policies, outputs that are missing
 *     publish   outputs get their final names (an intent file says before which), log and metadata are written
 *     note      the receipt, as a line of the attempt's file; what makes it count is the committer's link */
#ifndef VB_RUNNER_RUN_ATTEMPT_H
#define VB_RUNNER_RUN_ATTEMPT_H

#include "fs/session/session.h"
#include "fs/store/place.h"
#include "fs/view/job.h"
#include "registry/component.h"
#include "registry/graph/graph.h"
#include "registry/receipt.h"
#include "registry/repo.h"
#include "runner/run/log_capture.h"
#include "runner/run/options.h"
#include "runner/run/published.h"
#include "runner/run/rundir.h"
#include "runner/run/slots.h"
#include "runner/sandbox/zygote.h"

#include <stdatomic.h>

/* What all workers share; it does not change while they run, but for `published`. */
typedef struct vb_site {
    const vb_repo *repo;
    int root; /* the repository's directory */
    vb_rundir *dir;
    vb_places *places; /* makes directories of the store */
    vb_zygote *zygote;
    char *mountpoint;     /* NULL: jobs are plain (stage.c) */
    char *host, *capture; /* of every receipt: "complete", or why not */
    bool passthrough;     /* may be asked for */
    vb_published *published;
    vb_slots *slots; /* processors */
    const vb_run_options *options;
} vb_site;

/* A worker's own: handles that belong to one thread. */
typedef struct vb_worker {
    vb_site *site;
    vb_graph *graph;
    vb_registry *repository; /* of an ad-hoc command: its view shows the repository, not the graph; NULL */
    vb_search search;        /* likewise: its -i */
    vb_stores *stores;
    _Atomic pid_t job; /* init of the job that runs; 0: none.  Another thread may kill it. */
    atomic_bool stop;  /* the job was killed because the run is to end */
} vb_worker;

typedef struct vb_attempt {
    vb_worker *worker;
    vb_quantum quantum;
    json_t *definition;
    int number;
    int file;                           /* attempts/QUANTUM.N */
    char *scratch, *work;               /* the working directory, as the runner sees it and as the job does */
    char **input_names, **output_names; /* below work/, by edge */
    char ***more_names;                 /* of inputs that are in several files: the others, NULL-terminated; NULL */
    struct vb_artifact *artifacts;      /* by edge of the outputs, once they are published */
    char **argv, **environment;
    int cpus;
    vb_job_view *job;
    vb_view *view;
    vb_journal *journal;
    vb_log_capture *log;
    vb_job_result result;
    bool timed_out;
    const char *data_path;
    vb_buf notes;        /* warnings for the log: a line each */
    vb_receipt *receipt; /* done: given away */
} vb_attempt;

/* Makes attempt `number` (or the next that is free) of a quantum.  0 where there is a receipt, of success or failure; a
 * negative errno where not even that could be had (no space for the attempt's file). */
int vb_attempt_make(vb_worker *w, int64_t quantum_id, int number, vb_attempt *out, vb_error *err);
void vb_attempt_clear(vb_attempt *a);
#define vb_auto_attempt __attribute__((cleanup(vb_attempt_clear))) vb_attempt

/* ---- the steps, one file each ---- */

int vb_attempt_prepare(vb_attempt *a, vb_error *err);
int vb_attempt_run(vb_attempt *a, vb_error *err);
int vb_attempt_judge(vb_attempt *a, vb_error *err);   /* -ECANCELED, -EIO, ...: why it failed */
int vb_attempt_publish(vb_attempt *a, vb_error *err); /* fills receipt->outputs */
void vb_attempt_describe(vb_attempt *a);              /* fills the rest of the receipt */

/* The files that the job has left beside its outputs: [{"path", "size"}, ...], the caller's. */
json_t *vb_attempt_undeclared_outputs(const vb_attempt *a);

/* The files of an input that the job is given: the part that the connection asks for, where the dataset is in parts and
 * it asks for one, else all of them; sizes are known.  None where the dataset was not made, or its artifact is not
 * held.
 */
int vb_attempt_input_files(const vb_attempt *a, const vb_edge *edge, vb_files *out, vb_error *err);

/* Copies an input, or a file of the pipeline, into the working directory of a plain job. */
int vb_attempt_stage_input(vb_attempt *a, const char *name, const vb_location *location, vb_error *err);
int vb_attempt_stage_file(vb_attempt *a, const char *name, const char *path, vb_error *err);
void vb_attempt_unstage(vb_attempt *a); /* the inputs: what is left is what the job has made */

/* Takes back what was published, and says that nothing was made. */
void vb_attempt_withdraw(vb_attempt *a);

/* Removes the artifacts of a receipt that does not count, and says that nothing was made. */
void vb_receipt_withdraw(const vb_site *site, vb_receipt *receipt);

#endif
