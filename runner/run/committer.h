/* committer.h - the thread that makes attempts count: one sync for many, then their links, then one transaction.
 *
 * Attempts are taken in the order in which they were handed over.  So a quantum's receipt never counts before those of
 * what it has read, whenever the runner is killed. */
#ifndef VB_RUNNER_RUN_COMMITTER_H
#define VB_RUNNER_RUN_COMMITTER_H

#include "runner/run/attempt.h"

typedef struct vb_committer vb_committer;

/* The registry is the committer's until it is closed. */
vb_committer *vb_committer_start(vb_site *site, vb_registry *reg, const vb_graph *g);

/* Hands over a receipt that was noted in its attempt's file. */
void vb_committer_add(vb_committer *c, vb_receipt *receipt);

/* Commits what is left and ends the thread.  Negative where receipts could not be committed or merged: from the first
 * that could not be committed on none is, nor merged, and the next execution of the graph makes them again; what was
 * committed will be merged then. */
int vb_committer_stop(vb_committer *c, vb_error *err);

/* Merges receipts into the registry, in one transaction.  One whose datasets the run has already, by another graph, is
 * merged as failed, and its artifacts are withdrawn; how many were, or negative. */
int vb_merge_receipts(const vb_site *site, vb_registry *reg, const vb_graph *g, vb_receipt *const *receipts,
                      size_t count, vb_error *err);

#endif
