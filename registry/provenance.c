#include "registry/provenance.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#include <inttypes.h>
#include <string.h>

#define EXECUTED_COLUMNS                                                                               \
    "SELECT q.id, q.uuid, c.name, t.label, g.dimensions, q.dataid, q.status, q.attempt FROM quantum q" \
    " JOIN task t ON t.id = q.task_id JOIN collection c ON c.id = t.run_id"                            \
    " JOIN dataid_group g ON g.id = t.group_id"

void vb_executed_clear(vb_executed *q)
{
    free(q->run);
    free(q->task);
    vb_dataid_clear(&q->dataid);
    *q = (vb_executed){0};
}

static int conform_key(vb_registry *reg, const char *key, const vb_group **out, vb_error *err)
{
    char **names = vb_split(key, ',', NULL);
    int r = vb_universe_conform_names(vb_registry_universe(reg), names, out, err);

    vb_strv_free(names);
    return r;
}

static int read_executed(vb_registry *reg, vb_stmt *s, vb_executed *out, vb_error *err)
{
    const vb_group *group;
    int r = conform_key(reg, vb_col_text(s, 4), &group, err);

    *out = (vb_executed){0};
    if (!r)
        r = vb_dataid_unpack(group, vb_col_text(s, 5), &out->dataid, err);
    if (r < 0)
        return r;
    out->id = vb_col_int(s, 0);
    out->uuid = vb_col_uuid(s, 1);
    out->run = vb_strdup(vb_col_text(s, 2));
    out->task = vb_strdup(vb_col_text(s, 3));
    out->status = (vb_status)vb_col_int(s, 6);
    out->attempt = (int)vb_col_int(s, 7);
    return 1;
}

static int one_executed(vb_registry *reg, vb_executed *out, vb_error *err, const char *sql, const vb_arg *args,
                        size_t count)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, args, count);

    if (!r)
        r = vb_stmt_step(s, err);
    return r <= 0 ? r : read_executed(reg, s, out, err);
}

int vb_executed_by_id(vb_registry *reg, int64_t id, vb_executed *out, vb_error *err)
{
    return one_executed(reg, out, err, EXECUTED_COLUMNS " WHERE q.id = ?", VB_ARGS(id));
}

int vb_executed_by_uuid(vb_registry *reg, const vb_uuid *uuid, vb_executed *out, vb_error *err)
{
    return one_executed(reg, out, err, EXECUTED_COLUMNS " WHERE q.uuid = ?", VB_ARGS(uuid));
}

int vb_executed_find(vb_registry *reg, const char *run, const char *task, const char *packed_dataid, vb_executed *out,
                     vb_error *err)
{
    return one_executed(reg, out, err,
                        EXECUTED_COLUMNS " WHERE c.name = ? AND t.label = ? AND q.dataid = ?"
                                         " ORDER BY q.id DESC LIMIT 1",
                        VB_ARGS(run, task, packed_dataid));
}

int vb_executed_producer(vb_registry *reg, int64_t dataset_id, vb_executed *out, vb_error *err)
{
    return one_executed(reg, out, err,
                        EXECUTED_COLUMNS " WHERE q.id = (SELECT quantum_id FROM quantum_output"
                                         " WHERE dataset_id = ? LIMIT 1)",
                        VB_ARGS(dataset_id));
}

static int each_executed(vb_registry *reg, vb_executed_fn *each, void *arg, vb_error *err, const char *sql,
                         const vb_arg *args, size_t count)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, sql, args, count);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_auto_executed q = {0};

        r = read_executed(reg, s, &q, err);
        if (r > 0)
            r = each(arg, &q);
    }
    return r;
}

int vb_executed_of_task(vb_registry *reg, const char *run, const char *task, int64_t after, size_t limit,
                        vb_executed_fn *each, void *arg, vb_error *err)
{
    /* Of quanta with one data ID (a run that was extended) the last is shown. */
    return each_executed(reg, each, arg, err,
                         EXECUTED_COLUMNS " WHERE c.name = ? AND t.label = ? AND q.id > ? AND NOT EXISTS"
                                          " (SELECT 1 FROM quantum n WHERE n.task_id = q.task_id AND"
                                          " n.dataid = q.dataid AND n.id > q.id) ORDER BY q.id LIMIT ?",
                         VB_ARGS(run, task, after, limit));
}

int vb_executed_consumers(vb_registry *reg, int64_t dataset_id, int64_t after, size_t limit, vb_executed_fn *each,
                          void *arg, vb_error *err)
{
    return each_executed(reg, each, arg, err,
                         EXECUTED_COLUMNS " WHERE q.id IN (SELECT quantum_id FROM quantum_input WHERE"
                                          " dataset_id = ? AND touch & ?) AND q.id > ? ORDER BY q.id LIMIT ?",
                         VB_ARGS(dataset_id, (int)VB_TOUCH_USED, after, limit));
}

static int text_column(vb_registry *reg, char ***out, vb_error *err, const char *sql, const vb_arg *args, size_t count)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    char **texts = vb_alloc(sizeof *texts);
    int r = vb_sql(reg->db, &s, err, sql, args, count);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_strv_add(&texts, vb_col_text(s, 0));
        r = 0;
    }
    *out = texts;
    return r;
}

int vb_provenance_tasks(vb_registry *reg, const char *run, char ***labels, vb_error *err)
{
    return text_column(reg, labels, err,
                       "SELECT label FROM task t JOIN collection c ON c.id = t.run_id WHERE c.name = ?"
                       " ORDER BY t.position",
                       VB_ARGS(run));
}

int vb_provenance_runs(vb_registry *reg, char ***runs, vb_error *err)
{
    return text_column(reg, runs, err,
                       "SELECT name FROM collection WHERE id IN (SELECT run_id FROM task) ORDER BY name", VB_NO_ARGS);
}

int vb_provenance_task_group(vb_registry *reg, const char *run, const char *task, const vb_group **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT g.dimensions FROM task t JOIN collection c ON c.id = t.run_id JOIN dataid_group g"
                   " ON g.id = t.group_id WHERE c.name = ? AND t.label = ?",
                   VB_ARGS(run, task));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    r = conform_key(reg, vb_col_text(s, 0), out, err);
    return r < 0 ? r : 1;
}

void vb_touched_free(vb_touched *touched, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vb_dataset_clear(&touched[i].dataset);
        free(touched[i].connection);
    }
    free(touched);
}

static int touched(vb_registry *reg, const char *sql, int64_t quantum_id, vb_touched **out, size_t *count,
                   vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_touched *list = NULL;
    size_t n = 0, cap = 0;
    int r = vb_sql(reg->db, &s, err, sql, VB_ARGS(quantum_id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_touched *t = VB_PUSH(list, n, cap);

        t->touch = (unsigned)vb_col_int(s, 2);
        t->connection = vb_col_null(s, 1) ? NULL : vb_strdup(vb_col_text(s, 1));
        r = vb_dataset_by_id(reg, vb_col_int(s, 0), &t->dataset, err);
        if (!r) /* no row of it: nothing to show */
            free(list[--n].connection);
        r = r < 0 ? r : 0;
    }
    if (r < 0) {
        vb_touched_free(list, n);
        return r;
    }
    *out = list;
    *count = n;
    return 0;
}

int vb_executed_inputs(vb_registry *reg, int64_t quantum_id, vb_touched **out, size_t *count, vb_error *err)
{
    return touched(reg,
                   "SELECT dataset_id, c.name, touch FROM quantum_input LEFT JOIN connection c ON c.id = connection_id"
                   " WHERE quantum_id = ?",
                   quantum_id, out, count, err);
}

int vb_executed_outputs(vb_registry *reg, int64_t quantum_id, vb_touched **out, size_t *count, vb_error *err)
{
    return touched(reg,
                   "SELECT dataset_id, c.name, touch FROM quantum_output LEFT JOIN connection c ON c.id = connection_id"
                   " WHERE quantum_id = ?",
                   quantum_id, out, count, err);
}

int vb_executed_attempts(vb_registry *reg, int64_t quantum_id, int **out, size_t *count, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int *numbers = NULL;
    size_t n = 0, cap = 0;
    int r = vb_sql(reg->db, &s, err, "SELECT number FROM attempt WHERE quantum_id = ? ORDER BY number",
                   VB_ARGS(quantum_id));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        *VB_PUSH(numbers, n, cap) = (int)vb_col_int(s, 0);
        r = 0;
    }
    *out = numbers;
    *count = n;
    return r;
}

int vb_executed_receipt(vb_registry *reg, int64_t quantum_id, int attempt, vb_receipt **out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    const char *text;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT receipt FROM attempt a JOIN quantum q ON q.id = a.quantum_id WHERE q.id = ?1"
                   " AND a.number = CASE ?2 WHEN 0 THEN q.attempt ELSE ?2 END",
                   VB_ARGS(quantum_id, attempt));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r <= 0)
        return r;
    text = vb_col_text(s, 0);
    r = vb_receipt_read(text, strlen(text), out, err);
    return r < 0 ? r : 1;
}
