/* build.h - what the parts of the graph builder share.  Internal to registry/graph. */
#ifndef VB_REGISTRY_GRAPH_BUILD_H
#define VB_REGISTRY_GRAPH_BUILD_H

#include "registry/graph/spec.h"
#include "registry/internal.h"
#include "registry/query/compile.h"

/* A dataset type of the graph, and the temporary table d_N (dataset_id, data ID) of its datasets. */
struct graph_type {
    const vb_dataset_type *type; /* the graph's */
    int producer;                /* index of the task that makes it; -1: an overall input */
    bool prerequisite, init;
};

struct build {
    vb_registry *src, *graph; /* the graph has the registry attached as src */
    vb_db *db;                /* the graph's */
    const vb_graph_spec *spec;
    vb_search inputs, skip, run;
    vb_binds binds;       /* of the data query */
    const vb_group *dims; /* of the one join: all that tasks and overall inputs have */
    vb_dimset columns;    /* of temp.common */
    int64_t run_id;
    int64_t *task_ids;
    struct graph_type *types;
    size_t ntypes, types_cap;
    vb_error *err;
};

/* The one join: overall inputs that exist, constrained by the data query; for temp.common and for the diagnosis. */
int vb_build_join(struct build *b, const char *text, const vb_expr *where, vb_join *out);

/* Joins the data IDs of an overall input; where the data query speaks of its datasets, those that would be read. */
int vb_build_join_input(struct build *b, vb_join *j, const vb_dataset_type *type, const vb_expr *where);

/* The types that the one join is constrained by, one after the other; NULL after the last. */
const struct graph_type *vb_build_overall_input(const struct build *b, size_t *next);

/* Fill quantum and temp.q_T (quantum_id, data ID) of a task; the d_N; the edges. */
int vb_build_quanta(struct build *b, size_t task, vb_graph_counts *counts);
int vb_build_datasets(struct build *b);
int vb_build_edges(struct build *b, vb_graph_counts *counts);

/* "no quantum": names the first constraint that leaves nothing.  Returns -ENODATA. */
int vb_build_explain_empty(struct build *b);

/* Fills quantum_input for the prerequisites of a task. */
int vb_build_prerequisites(struct build *b, size_t task);

/* Copies the collections, types, dimension records, datasets and locations that the graph's data IDs speak of. */
int vb_build_copy_definitions(struct build *b);
int vb_build_copy_inputs(struct build *b);
int vb_build_copy_records(struct build *b);

/* ---- columns.c: pieces of SQL, appended ---- */

struct graph_type *vb_build_type(struct build *b, const char *name);
int vb_build_run(struct build *b, const vb_buf *sql);

/* PREFIX"instrument", PREFIX"detector", ... */
void vb_build_columns(const struct build *b, vb_dimset dims, const char *prefix, vb_buf *sql);
/* "instrument" TEXT NOT NULL, ... */
void vb_build_definitions(const struct build *b, vb_dimset dims, vb_buf *sql);
/* LEFT."x" = RIGHT."x" AND ...; 1 for no dimensions */
void vb_build_equal(const struct build *b, vb_dimset dims, const char *left, const char *right, vb_buf *sql);
/* json_array(PREFIX"instrument", ...): the packed data ID */
void vb_build_packed(const struct build *b, vb_dimset dims, const char *prefix, vb_buf *sql);

/* A packed data ID for people. */
void vb_build_print(const vb_group *group, const char *packed, vb_buf *out);

/* CREATE TEMP TABLE name (id INTEGER PRIMARY KEY, dims, UNIQUE (dims)) */
int vb_build_keyed_table(struct build *b, const char *name, const char *id, vb_dimset dims);

/* True where the registry has the member table of a type's dimensions: a type that is new to it may not. */
int vb_build_src_has_group(struct build *b, const vb_dataset_type *type, bool *out);

#endif
