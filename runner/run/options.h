/* options.h - how a run is to be executed. */
#ifndef VB_RUNNER_RUN_OPTIONS_H
#define VB_RUNNER_RUN_OPTIONS_H

#include <stdbool.h>

typedef enum vb_durability {
    VB_DURABILITY_GROUP,   /* one sync for all quanta that ended within 200 ms; dependants may start before it */
    VB_DURABILITY_QUANTUM, /* each attempt is synced before it counts */
} vb_durability;

typedef struct vb_run_options {
    int processes; /* -j: quanta at a time */
    vb_durability durability;
    bool fail_fast;    /* start nothing more after the first failure */
    bool keep_scratch; /* of attempts that succeeded too */
    bool no_progress;
    char *const
        *exec_inputs; /* of an ad-hoc command: the collections whose datasets stand in in/TYPE/; NULL: a pipeline */
} vb_run_options;

#endif
