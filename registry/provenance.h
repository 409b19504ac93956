/* provenance.h - quanta that were executed: what they read, wrote and used; merged from receipts, read for views. */
#ifndef VB_REGISTRY_PROVENANCE_H
#define VB_REGISTRY_PROVENANCE_H

#include "registry/dataset.h"
#include "registry/graph/graph.h"
#include "registry/receipt.h"

/* Prepares a registry for the outputs of a graph: its dataset types, its run, its chain, its tasks.  Idempotent; in a
 * transaction of its own. */
int vb_provenance_register_run(vb_registry *reg, const vb_graph *g, vb_error *err);

/* Merges one attempt: datasets and locations of a success, provenance of any.  Idempotent by (quantum, attempt).  Call
 * it in a transaction, after vb_provenance_register_run(). */
int vb_provenance_merge(vb_registry *reg, const vb_graph *g, const vb_receipt *receipt, vb_error *err);

/* Merges what was made once before any quantum (packages, LABEL_files): only the outputs of the receipt count.  What
 * the run has already is left as it is.  Call it in a transaction. */
int vb_provenance_merge_init(vb_registry *reg, const vb_graph *g, const vb_receipt *receipt, vb_error *err);

/* Notes quanta that cannot run, because what they need was not made.  In a transaction of its own. */
int vb_provenance_mark_blocked(vb_registry *reg, const vb_graph *g, const vb_uuid *quanta, size_t count, vb_error *err);

/* True where the registry has this attempt of the quantum already. */
int vb_provenance_has(vb_registry *reg, const vb_uuid *quantum, int attempt, bool *out, vb_error *err);

/* An executed quantum. */
typedef struct vb_executed {
    int64_t id; /* row id, and so the inode number */
    vb_uuid uuid;
    char *run, *task;
    vb_dataid dataid;
    vb_status status; /* of the attempt that counts: the one that succeeded, else the last */
    int attempt;
} vb_executed;

void vb_executed_clear(vb_executed *q);
#define vb_auto_executed __attribute__((cleanup(vb_executed_clear))) vb_executed

/* 1, 0 where there is none. */
int vb_executed_by_id(vb_registry *reg, int64_t id, vb_executed *out, vb_error *err);
int vb_executed_by_uuid(vb_registry *reg, const vb_uuid *uuid, vb_executed *out, vb_error *err);
int vb_executed_find(vb_registry *reg, const char *run, const char *task, const char *packed_dataid, vb_executed *out,
                     vb_error *err);
int vb_executed_producer(vb_registry *reg, int64_t dataset_id, vb_executed *out, vb_error *err);

/* Listings, by row id after `after`, at most `limit`. */
typedef int vb_executed_fn(void *arg, const vb_executed *q);
int vb_executed_of_task(vb_registry *reg, const char *run, const char *task, int64_t after, size_t limit,
                        vb_executed_fn *each, void *arg, vb_error *err);
int vb_executed_consumers(vb_registry *reg, int64_t dataset_id, int64_t after, size_t limit, vb_executed_fn *each,
                          void *arg, vb_error *err);

/* The labels of the tasks of a run, in the pipeline's order; empty where the run has none. */
int vb_provenance_tasks(vb_registry *reg, const char *run, char ***labels, vb_error *err);

/* The group of a task's data IDs; 1, 0 where there is no such task. */
int vb_provenance_task_group(vb_registry *reg, const char *run, const char *task, const vb_group **out, vb_error *err);

/* The RUN collections that have tasks. */
int vb_provenance_runs(vb_registry *reg, char ***runs, vb_error *err);

/* The datasets of a quantum on one side, with how they were touched. */
typedef struct vb_touched {
    vb_dataset dataset;
    char *connection; /* NULL: none */
    unsigned touch;
} vb_touched;

void vb_touched_free(vb_touched *touched, size_t count);
int vb_executed_inputs(vb_registry *reg, int64_t quantum_id, vb_touched **out, size_t *count, vb_error *err);
int vb_executed_outputs(vb_registry *reg, int64_t quantum_id, vb_touched **out, size_t *count, vb_error *err);

/* The numbers of a quantum's attempts, ascending; the caller frees *out. */
int vb_executed_attempts(vb_registry *reg, int64_t quantum_id, int **out, size_t *count, vb_error *err);

/* The receipt of an attempt (0: the one that counts): 1, 0 where there is none. */
int vb_executed_receipt(vb_registry *reg, int64_t quantum_id, int attempt, vb_receipt **out, vb_error *err);

#endif
