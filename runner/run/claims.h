/* claims.h - which files of a repository's store the executions of graphs speak for. */
#ifndef VB_RUNNER_RUN_CLAIMS_H
#define VB_RUNNER_RUN_CLAIMS_H

#include "fs/care/fsck.h"

/* Adds what the attempts of all executions below .vbutler/runs have named: live while a runner holds the execution,
 * unmerged where a receipt counts that the registry does not have, dead where no receipt counts.  A vb_claims_fn. */
int vb_run_claims(const vb_repo *repo, vb_registry *reg, vb_claims *out, vb_error *err);

/* The executions that a runner has left in the middle: their graph files, which `vbutler run -g` goes on with.  The
 * caller frees *graphs with vb_strv_free(); NULL: none. */
int vb_runs_unfinished(const vb_repo *repo, vb_registry *reg, char ***graphs, vb_error *err);

#endif
