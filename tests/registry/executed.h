/* executed.h - a run of two tasks, as a graph and receipts would tell of it: for the tests of provenance.
 *
 *     make  {instrument, detector, exposure}   reads raw; makes cal
 *     join  {instrument, exposure}             reads cal of detectors 1 and 2; makes sum
 *
 * UUIDs follow from names: see executed_uuid().  Artifacts have names only. */
#ifndef VB_TESTS_REGISTRY_EXECUTED_H
#define VB_TESTS_REGISTRY_EXECUTED_H

#include "registry/provenance.h"
#include "tests/registry/fixture.h"

/* A graph in memory, with no file behind it (`reg` is NULL); the fixture owns it.  A test may change it. */
vb_graph *executed_graph(fixture *f, const char *id, const char *run);

/* Of a quantum (of its task's label) or a dataset (of its type); data IDs are packed.  Raws have run "raws". */
vb_uuid executed_uuid(const char *run, const char *name, const char *dataid);

/* Raws of detectors 1 and 2, exposures 10 and 11, in RUN "raws". */
void executed_raws(fixture *f);

/* What an attempt says of itself; the caller frees it.  A success has its output, of 100 bytes, at RUN/TYPE_N; its
 * inputs were read.  It began at second 1000 * attempt, and took 2 s, 1 s of processor, 4096 bytes. */
vb_receipt *executed_receipt(fixture *f, const vb_graph *g, const char *task, const char *dataid, int attempt,
                             vb_status status);

/* Merges it in a transaction of its own, which is undone where it fails. */
int executed_merge(fixture *f, const vb_graph *g, const vb_receipt *r, vb_error *err);

/* Both; a failure ends the test. */
void executed(fixture *f, const vb_graph *g, const char *task, const char *dataid, int attempt, vb_status status);

#endif
