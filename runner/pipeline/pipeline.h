/* pipeline.h - pipelines: Rubin's YAML, with our keys that make an ordinary program a task.
 *
 * Loading reads the file and checks what it can tell by itself; resolving, against a registry, gives what a quantum
 * graph is built from.  docs/pipelines.md describes every key. */
#ifndef VB_RUNNER_PIPELINE_PIPELINE_H
#define VB_RUNNER_PIPELINE_PIPELINE_H

#include "registry/base/yaml.h"
#include "registry/graph/spec.h"

typedef struct vb_pipeline vb_pipeline;

/* `source` is FILE, or FILE#labels: tasks and subsets, separated by commas, to which the pipeline is cut. */
int vb_pipeline_load(const char *source, vb_pipeline **out, vb_error *err);
void vb_pipeline_free(vb_pipeline *p);
VB_CLEANUP(vb_pipeline, vb_pipeline_free)

/* One -c of the command line: "LABEL:KEY=VALUE" or "parameters:KEY=VALUE".  -EINVAL for a label or key that is not
 * there. */
int vb_pipeline_override(vb_pipeline *p, const char *text, vb_error *err);

/* Fills spec->tasks, in topological order, with the types of their connections: what the pipeline says once of a
 * dataset type, else what the registry says.  Checks contracts.  -EINVAL, with file, line and column: an unknown
 * dimension, a cycle, an output that two tasks make, an attribute that is said twice and differently, a template word
 * that means nothing. */
int vb_pipeline_resolve(vb_pipeline *p, vb_registry *reg, vb_graph_spec *spec, vb_error *err);

/* The instrument that the pipeline names; NULL: none. */
const char *vb_pipeline_instrument(const vb_pipeline *p);

/* Contracts that could not be evaluated here (they are about Python objects), one sentence each; NULL-terminated. */
char *const *vb_pipeline_unevaluated(const vb_pipeline *p);

#endif
