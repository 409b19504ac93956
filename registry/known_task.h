/* known_task.h - the tasks of runs that a handle remembers, for merging: their numbers, and those of their connections.
 * Internal to this floor. */
#ifndef VB_REGISTRY_KNOWN_TASK_H
#define VB_REGISTRY_KNOWN_TASK_H

#include "registry/internal.h"

struct vb_known_connection {
    int64_t id;
    char *name;
    bool output;
};

struct vb_known_task {
    int64_t id, run_id;
    char *label;
    struct vb_known_connection *connections;
    size_t count, cap;
    struct vb_known_task *next;
};

/* -ENOENT where the run has no such task.  The handle's, until it forgets (vb_registry_forget). */
int vb_known_task_find(vb_registry *reg, const vb_collection *run, const char *label, const struct vb_known_task **out,
                       vb_error *err);

/* 0: none; nor where `name` is NULL. */
int64_t vb_known_task_connection(const struct vb_known_task *task, const char *name, bool output);

#endif
