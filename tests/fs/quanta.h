/* quanta.h - a quantum graph of the small survey, and receipts as its quanta would leave them.
 *
 *     calibrate  {exposure, detector}   reads raw; makes cal
 *     mosaic     {exposure}             reads cal of all detectors; makes mosaic
 *
 * Each has its _log and _metadata; packages and calibrate_files, mosaic_files are made once. */
#ifndef VB_TESTS_FS_QUANTA_H
#define VB_TESTS_FS_QUANTA_H

#include "registry/graph/graph.h"
#include "registry/provenance.h"
#include "tests/fs/world.h"

typedef struct quanta_plan {
    const char *run;     /* the output run */
    const char *chain;   /* NULL: none */
    const char *where;   /* NULL: all exposures */
    const char *command; /* of calibrate: a JSON list; NULL: ["true"] */
    bool extends, clobber;
} quanta_plan;

/* Builds a graph into the fixture's file `name` and opens it; raws must be there. */
vb_graph *quanta_graph(fixture *f, const char *name, quanta_plan plan);

/* A quantum by its label and data ID ("exposure=101 detector=2"); fails the test where there is none. */
vb_quantum quanta_find(vb_graph *g, fixture *f, const char *label, const char *values);

/* What an attempt says of itself.  A success has its outputs, whose artifacts are written ("LABEL PATH"), unless
 * `without_files`; a failure has a log. */
vb_receipt *quanta_receipt(fixture *f, vb_graph *g, const vb_quantum *q, int attempt, vb_status status,
                           bool without_files);

/* Registers the run and merges an attempt of a quantum: the short way to an executed one. */
void quanta_execute(fixture *f, vb_graph *g, const char *label, const char *values, int attempt, vb_status status);

#endif
