/* executions.h - the directories of all executions into some RUNs (rundir.h): for what changes or removes these runs. */
#ifndef VB_RUNNER_RUN_EXECUTIONS_H
#define VB_RUNNER_RUN_EXECUTIONS_H

#include "registry/repo.h"

typedef struct vb_executions vb_executions;

/* Locks them, so that nobody executes into the runs meanwhile; -EBUSY, and the run, the process and the directory are
 * named, where somebody does. */
int vb_executions_hold(const vb_repo *repo, char *const *runs, vb_executions **out, vb_error *err);

/* The files below the root that their attempts have named, and that the registry does not have: of receipts that were
 * never merged, and of attempts that died.  The caller frees *paths with vb_strv_free(); NULL: none. */
int vb_executions_unmerged(const vb_executions *e, vb_registry *reg, char ***paths, vb_error *err);

/* Moves them away, so that no graph goes on where they ended; vb_executions_release() moves them back. */
int vb_executions_move_away(vb_executions *e, vb_error *err);

/* Removes what was moved away. */
void vb_executions_discard(vb_executions *e);

/* Lets go of them. */
void vb_executions_release(vb_executions *e);
VB_CLEANUP(vb_executions, vb_executions_release)

/* What somebody has moved away who was killed before he was done: back where the registry has the run, and removed where
 * it has not. */
int vb_executions_settle(const vb_repo *repo, vb_error *err);

#endif
