/* executions.h - the directories of all executions into one RUN (rundir.h): for what changes or removes the run. */
#ifndef VB_RUNNER_RUN_EXECUTIONS_H
#define VB_RUNNER_RUN_EXECUTIONS_H

#include "registry/repo.h"

typedef struct vb_executions vb_executions;

/* Locks them, so that nobody executes into the run meanwhile; -EBUSY where somebody does. */
int vb_executions_hold(const vb_repo *repo, const char *run, vb_executions **out, vb_error *err);

/* Moves them away, so that no graph goes on where they ended; vb_executions_release() moves them back. */
int vb_executions_move_away(vb_executions *e, vb_error *err);

/* Removes what was moved away. */
void vb_executions_discard(vb_executions *e);

/* Lets go of them. */
void vb_executions_release(vb_executions *e);
VB_CLEANUP(vb_executions, vb_executions_release)

#endif
