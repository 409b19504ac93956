/* world.h - a survey's registry of any size, for benchmarks: one camera of 112 detectors that looks at twelve tracts.
 *
 * A third of the datasets are `raw` (RUN Cam/raw/all), a third `calexp` and a third `src` (RUNs u/prod/00 to u/prod/09,
 * by visit), and CHAINED u/prod leads to all of them.  Visits are dithered, each detector has its region, patches are
 * 0.17 degrees wide: of 10^6 datasets, some 700 detector regions overlap one patch.  Nothing has a file. */
#ifndef VB_BENCH_WORLD_H
#define VB_BENCH_WORLD_H

#include "registry/dataset.h"
#include "registry/record.h"

enum { WORLD_DETECTORS = 112, WORLD_RUNS = 10, WORLD_TRACTS = 12, WORLD_PATCHES = 100 };

typedef struct world {
    vb_registry *reg;
    int64_t visits;
    double inserted_s, located_s, regions_s; /* how long its making took */
    int64_t inserted, located, regions;
    vb_error *err;
} world;

int64_t world_visits(int64_t datasets); /* that a world of so many has */

/* Fills an empty registry; `datasets` is rounded to whole visits. */
int world_make(world *w, int64_t datasets);

/* The camera alone: instrument, detectors, filters.  In a transaction. */
int world_camera(world *w);

/* Visit and exposure `visit`, with what they lead to; its south-west corner in degrees.  In a transaction. */
int world_visit(world *w, int64_t visit, double west, double south);

/* A data ID of raw (exposure) or of calexp (visit); the caller clears it. */
vb_dataid world_dataid(const vb_group *group, int64_t visit, int64_t detector);

/* Since some moment; with REGISTRY_BENCH_CPU in the environment, of the processors that this process has had. */
double world_seconds(void);

#endif
