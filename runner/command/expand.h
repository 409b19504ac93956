/* expand.h - a quantum's command line, from its task's definition. */
#ifndef VB_RUNNER_COMMAND_EXPAND_H
#define VB_RUNNER_COMMAND_EXPAND_H

#include "registry/graph/graph.h"

#include <jansson.h>

/* What the fields of a command stand for. */
typedef struct vb_expansion {
    vb_graph *graph;
    const vb_quantum *quantum;
    const json_t *definition;
    char *const *input_names;  /* a path below work/ for each edge of quantum->inputs; NULL: that one is not there */
    char *const *output_names; /* the same for quantum->outputs */
    int cpus;
    int work; /* the directory behind work/: list files are written there */
    /* Further files of each edge of quantum->inputs, whose dataset is in several: NULL-terminated, by the names of
     * their components; NULL: there are none, or (the whole) of no edge. */
    char **const *more_names;
} vb_expansion;

/* *argv is NULL-terminated; the caller frees it with vb_strv_free().  A sub-list of the command is spliced in, or
 * vanishes where a connection that it names has no dataset. */
int vb_expand_command(const vb_expansion *e, char ***argv, vb_error *err);

#endif
