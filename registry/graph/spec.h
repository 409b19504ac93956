/* spec.h - what a quantum graph is built from: tasks with their connections, input collections, a data query. */
#ifndef VB_REGISTRY_GRAPH_SPEC_H
#define VB_REGISTRY_GRAPH_SPEC_H

#include "registry/collection.h"
#include "registry/dataset_type.h"

typedef enum vb_role {
    VB_ROLE_INPUT = 1,
    VB_ROLE_PREREQUISITE = 2, /* looked up for each quantum; never made by the graph */
    VB_ROLE_OUTPUT = 3,
    VB_ROLE_LOG = 4,         /* LABEL_log */
    VB_ROLE_METADATA = 5,    /* LABEL_metadata: a quantum that has it is done */
    VB_ROLE_INIT_OUTPUT = 6, /* once a run, before any quantum */
} vb_role;

typedef struct vb_connection_spec {
    char *name;
    vb_role role;
    vb_dataset_type type; /* by definition: id and group_id do not matter */
    char *component;      /* of an input: the part that is wanted of it; NULL: all */
    bool multiple;
    int minimum;
} vb_connection_spec;

typedef struct vb_task_spec {
    char *label;
    const vb_group *group;
    vb_connection_spec *connections;
    size_t count, cap;
    char *definition; /* JSON: what the runner needs to run it; the graph keeps it as it is */
} vb_task_spec;

typedef struct vb_graph_spec {
    vb_task_spec *tasks; /* in topological order */
    size_t ntasks, tasks_cap;
    char **inputs;           /* names of collections, in the order of search */
    char *run;               /* the RUN that the outputs go to */
    char *chain;             /* the CHAINED collection that leads to it; NULL: none */
    char **chain_children;   /* of the chain, when execution starts */
    char *where;             /* the data query; NULL: none */
    char **binds;            /* its values of :NAME, "NAME=VALUE"; NULL: none */
    char **skip_existing_in; /* collections in which a quantum's metadata means that it is done; NULL: run all */
    bool extends_run;        /* `run` is there already */
    bool clobber_outputs;    /* outputs that the run has already are made anew */
    char *command;           /* the command line that asked for the graph */
    char *replaced;          /* a run that the chain has no more; NULL */
    char *prune_replaced; /* "purge": its datasets are removed when execution starts; "unstore": their artifacts; NULL:
                             kept */
} vb_graph_spec;

void vb_graph_spec_clear(vb_graph_spec *spec);
#define vb_auto_graph_spec __attribute__((cleanup(vb_graph_spec_clear))) vb_graph_spec

/* What a graph holds. */
typedef struct vb_graph_counts {
    int64_t quanta, tasks;
    int64_t inputs, outputs; /* datasets that exist, datasets that will */
    int64_t skipped, pruned; /* quanta that were done before, quanta that lack inputs */
} vb_graph_counts;

/* Builds the graph of `spec` from a registry into `path`, which appears whole or not at all.  -ENODATA, and which
 * constraint was the first to leave nothing, where there is no quantum; -EEXIST where outputs are there already. */
int vb_graph_build(vb_registry *src, const vb_graph_spec *spec, const char *path, vb_graph_counts *counts,
                   vb_error *err);

#endif
