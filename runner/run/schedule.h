/* schedule.h - which quantum may run next.
 *
 * A quantum is ready when all that make its inputs have succeeded; what depends on one that failed is blocked.
 * Thread-safe. */
#ifndef VB_RUNNER_RUN_SCHEDULE_H
#define VB_RUNNER_RUN_SCHEDULE_H

#include "registry/graph/graph.h"

typedef enum vb_quantum_state {
    VB_WAITING,
    VB_READY,
    VB_RUNNING,
    VB_SUCCEEDED,
    VB_FAILED,
    VB_BLOCKED,
    VB_ABORTED
} vb_quantum_state;

typedef struct vb_counts {
    int64_t total, waiting, ready, running, succeeded, failed, blocked, aborted;
    int64_t before; /* of succeeded: those that had succeeded when the run began */
} vb_counts;

typedef struct vb_schedule vb_schedule;

/* Reads quanta and dependencies. */
int vb_schedule_new(vb_graph *g, vb_schedule **out, vb_error *err);
void vb_schedule_free(vb_schedule *s);
VB_CLEANUP(vb_schedule, vb_schedule_free)

/* Before it starts: a quantum has succeeded already; has had so many attempts. */
void vb_schedule_done_before(vb_schedule *s, const vb_uuid *quantum);
void vb_schedule_attempted(vb_schedule *s, const vb_uuid *quantum, int number);
bool vb_schedule_lacks(vb_schedule *s, const vb_uuid *quantum); /* it is of the graph, and has not succeeded */
void vb_schedule_start(vb_schedule *s);

/* Waits for a quantum that may run: its number in the graph, and the first attempt number to try; false where there is
 * none left, or none may start any more. */
bool vb_schedule_next(vb_schedule *s, int64_t *quantum, int *attempt);

/* The end of one that was given out. */
void vb_schedule_finish(vb_schedule *s, int64_t quantum, vb_quantum_state state);

/* Gives out no more. */
void vb_schedule_stop(vb_schedule *s);

vb_counts vb_schedule_counts(vb_schedule *s);

/* The UUIDs of the quanta in a state; the caller frees *out. */
void vb_schedule_list(vb_schedule *s, vb_quantum_state state, vb_uuid **out, size_t *count);

#endif
