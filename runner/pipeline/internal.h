/* internal.h - what the parts of runner/pipeline share. */
#ifndef VB_RUNNER_PIPELINE_INTERNAL_H
#define VB_RUNNER_PIPELINE_INTERNAL_H

#include "runner/pipeline/pipeline.h"

struct pipeline_value {
    char *name;
    json_t *value;
};

struct pipeline_values {
    struct pipeline_value *items;
    size_t count, cap;
};

struct pipeline_file {
    char *name;
    char *content; /* read when the pipeline is loaded: the graph carries it */
    size_t length;
};

struct pipeline_connection {
    char *name;
    vb_role role;
    char *type;
    const vb_yaml_node *node; /* for messages */
    char **dimensions;        /* NULL: not said here */
    char *storage_class, *extension;
    char *component;    /* of an input: the part that is wanted of it; NULL: all */
    int is_calibration; /* -1: not said here */
    bool multiple;
    int minimum;
};

struct pipeline_task {
    char *label;
    const vb_yaml_node *node;
    char *class;
    char **dimensions;
    struct pipeline_connection *connections;
    size_t count, cap;
    struct pipeline_file *files;
    size_t nfiles, files_cap;
    struct pipeline_values config;
    const vb_yaml_node *command; /* NULL: a Python task */
    const vb_yaml_node *environment, *resources, *policy;
    bool kept; /* chosen by FILE#labels */
};

struct pipeline_contract {
    char *text, *message;
    const vb_yaml_node *node;
};

struct vb_pipeline {
    vb_yaml *doc;
    char *directory; /* of the file: paths in it are relative to it */
    char *instrument;
    struct pipeline_values parameters;
    struct pipeline_task *tasks;
    size_t count, cap;
    struct pipeline_contract *contracts;
    size_t ncontracts, contracts_cap;
    char **unevaluated;
};

struct pipeline_task *vb_pipeline_task(const vb_pipeline *p, const char *label);
json_t *vb_pipeline_value(const struct pipeline_values *values, const char *name); /* borrowed; NULL: none */
void vb_pipeline_set(struct pipeline_values *values, const char *name, json_t *value);

/* A task's configuration value, "parameters.NAME" replaced by that parameter's; borrowed. */
json_t *vb_pipeline_config(const vb_pipeline *p, const struct pipeline_task *task, const char *key);

/* Cuts the pipeline to labels and subsets. */
int vb_pipeline_select(vb_pipeline *p, const char *labels, vb_error *err);

/* Refuses contracts that do not hold; notes those that cannot be evaluated. */
int vb_pipeline_check_contracts(vb_pipeline *p, vb_error *err);

/* Checks that every word of a task's command means something. */
int vb_pipeline_check_command(const vb_pipeline *p, const struct pipeline_task *task, const vb_group *group,
                              vb_error *err);

/* What the runner needs, as JSON text: the task's part of the graph. */
char *vb_pipeline_definition(const vb_pipeline *p, const struct pipeline_task *task);

#endif
