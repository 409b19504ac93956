#include "registry/known_task.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/graph/spec.h"

#include <string.h>

void vb_known_tasks_retire(vb_registry *reg)
{
    while (reg->tasks) {
        struct vb_known_task *t = reg->tasks;

        reg->tasks = t->next;
        t->next = reg->retired_tasks;
        reg->retired_tasks = t;
    }
}

void vb_known_tasks_free(vb_registry *reg)
{
    while (reg->retired_tasks) {
        struct vb_known_task *t = reg->retired_tasks;

        reg->retired_tasks = t->next;
        for (size_t i = 0; i < t->count; i++)
            free(t->connections[i].name);
        free(t->connections);
        free(t->label);
        free(t);
    }
}

static int read_connections(vb_registry *reg, struct vb_known_task *t, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT id, name, kind >= ? FROM connection WHERE task_id = ?",
                   VB_ARGS((int)VB_ROLE_OUTPUT, t->id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        *VB_PUSH(t->connections, t->count, t->cap) = (struct vb_known_connection){.id = vb_col_int(s, 0),
                                                                                  .name = vb_strdup(vb_col_text(s, 1)),
                                                                                  .output = vb_col_int(s, 2)};
        r = 0;
    }
    return r;
}

static int learn(vb_registry *reg, const vb_collection *run, const char *label, vb_error *err)
{
    struct vb_known_task *t;
    int64_t id;
    int r = vb_sql_int(reg->db, &id, err, "SELECT id FROM task WHERE run_id = ? AND label = ?",
                       VB_ARGS(run->id, label));

    if (r <= 0)
        return r < 0 ? r : vb_fail(err, -ENOENT, "run '%s' has no task '%s'", run->name, label);
    t = VB_NEW(struct vb_known_task);
    *t = (struct vb_known_task){.id = id, .run_id = run->id, .label = vb_strdup(label), .next = reg->tasks};
    reg->tasks = t;
    return read_connections(reg, t, err);
}

int vb_known_task_find(vb_registry *reg, const vb_collection *run, const char *label, const struct vb_known_task **out,
                       vb_error *err)
{
    int r = 0;

    for (int tries = 0; !r && tries < 2; tries++) {
        for (const struct vb_known_task *t = reg->tasks; t; t = t->next)
            if (t->run_id == run->id && !strcmp(t->label, label)) {
                *out = t;
                return 0;
            }
        r = learn(reg, run, label, err);
    }
    return r;
}

int64_t vb_known_task_connection(const struct vb_known_task *task, const char *name, bool output)
{
    for (size_t i = 0; name && i < task->count; i++)
        if (task->connections[i].output == output && !strcmp(task->connections[i].name, name))
            return task->connections[i].id;
    return 0;
}
