/* graph.h - a quantum graph, read: the one file that a batch node needs.
 *
 * A graph is a registry file whose task, quantum and edge tables are filled (registry/schema.c): its handle answers all
 * that a registry's does, besides the calls below.  The file does not change while it is open. */
#ifndef VB_REGISTRY_GRAPH_GRAPH_H
#define VB_REGISTRY_GRAPH_GRAPH_H

#include "registry/dataset.h"
#include "registry/graph/spec.h"

typedef struct vb_connection {
    int64_t id;
    char *name;
    vb_role role;
    const vb_dataset_type *type; /* the handle's */
    char *component;             /* of an input: the part that is wanted of it; NULL: all */
    bool multiple;
    int minimum;
} vb_connection;

typedef struct vb_task {
    int64_t id;
    char *label;
    const vb_group *group;
    vb_connection *connections; /* in the pipeline's order */
    size_t count, cap;
    char *definition; /* JSON, as the runner gave it to vb_graph_build() */
} vb_task;

typedef struct vb_graph {
    vb_registry *reg;  /* owned */
    char *id;          /* the graph's own UUID */
    char *run, *chain; /* chain may be NULL */
    char **chain_children, **inputs;
    char *command;    /* that asked for the graph; may be NULL */
    char *snapshot;   /* the id of the snapshot that it was built from; NULL: a registry */
    bool extends_run; /* `run` was there when the graph was built */
    bool clobber_outputs;
    char *replaced, *prune_replaced; /* as in vb_graph_spec */
    vb_task *tasks;                  /* in topological order */
    size_t ntasks, tasks_cap;
    int64_t nquanta;
    int64_t run_id; /* of `run` in this file */
} vb_graph;

/* -EINVAL where the file is no graph. */
int vb_graph_open(const char *path, vb_graph **out, vb_error *err);
void vb_graph_close(vb_graph *g);
VB_CLEANUP(vb_graph, vb_graph_close)

const vb_task *vb_graph_task(const vb_graph *g, int64_t task_id); /* NULL: none */

/* One dataset of a quantum, as the graph predicts it. */
typedef struct vb_edge {
    const vb_connection *connection;
    vb_dataset dataset; /* state VB_DATASET_PREDICTED: some quantum makes it */
} vb_edge;

typedef struct vb_quantum {
    int64_t id;
    vb_uuid uuid;
    const vb_task *task;
    vb_dataid dataid;
    vb_edge *inputs, *outputs; /* inputs by connection and data ID; equal dimensions align one to one */
    size_t ninputs, noutputs, inputs_cap, outputs_cap;
} vb_quantum;

void vb_quantum_clear(vb_quantum *q);
#define vb_auto_quantum __attribute__((cleanup(vb_quantum_clear))) vb_quantum

/* "detect {instrument: SimCam, ...}", appended. */
void vb_quantum_print(const vb_quantum *q, vb_buf *out);

int vb_graph_quantum(vb_graph *g, int64_t id, vb_quantum *out, vb_error *err);

/* All quanta in order of their id: (id, task id, uuid). */
typedef int vb_quantum_fn(void *arg, int64_t id, int64_t task_id, vb_uuid uuid);
int vb_graph_each_quantum(vb_graph *g, vb_quantum_fn *each, void *arg, vb_error *err);

/* All pairs (consumer, producer) of quanta, by consumer; a pair may come twice. */
typedef int vb_dependency_fn(void *arg, int64_t consumer, int64_t producer);
int vb_graph_each_dependency(vb_graph *g, vb_dependency_fn *each, void *arg, vb_error *err);

/* The quantum that makes a predicted dataset: 1, 0 where none does. */
int vb_graph_producer(vb_graph *g, int64_t dataset_id, int64_t *quantum_id, vb_uuid *quantum, vb_error *err);

/* Datasets that are made once, before any quantum (packages, LABEL_files); the caller clears and frees *out. */
int vb_graph_init_outputs(vb_graph *g, vb_dataset **out, size_t *count, vb_error *err);

#endif
