#include "registry/report.h"

#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/provenance.h"

#include <math.h>
#include <string.h>

/* The attempt that counts of each quantum of run ?1; of quanta with one data ID the last. */
#define COUNTED                                                                         \
    " FROM task t JOIN collection c ON c.id = t.run_id AND c.name = ?1"                 \
    " JOIN quantum q ON q.task_id = t.id AND NOT EXISTS (SELECT 1 FROM quantum n WHERE" \
    " n.task_id = q.task_id AND n.dataid = q.dataid AND n.id > q.id)"                   \
    " LEFT JOIN attempt a ON a.quantum_id = q.id AND a.number = q.attempt"

enum { EXAMPLES = 3 };

static int has_tasks(vb_registry *reg, const vb_collection *c, vb_error *err)
{
    int64_t tasks = 0;
    int r = vb_sql_int(reg->db, &tasks, err, "SELECT count(*) FROM task WHERE run_id = ?", VB_ARGS(c->id));

    return r < 0 ? r : tasks > 0;
}

static int no_quanta(vb_registry *reg, const vb_collection *c, vb_error *err)
{
    char **runs = NULL;

    vb_fail(err, -ENOENT, "collection '%s' (%s) holds no executed quanta", c->name, vb_collection_type_name(c->type));
    if (!vb_provenance_runs(reg, &runs, NULL)) {
        const char *last = NULL;

        for (char **name = runs; *name; name++)
            if (vb_starts_with(*name, c->name) || !last)
                last = *name;
        if (last)
            vb_hint(err, "runs have names like '%s'", last);
        vb_strv_free(runs);
    }
    return -ENOENT;
}

int vb_report_find_run(vb_registry *reg, const char *name, char **run, vb_error *err)
{
    char *names[] = {(char *)name, NULL};
    vb_auto_search search = {0};
    const vb_collection *collection;
    int r = vb_collection_find(reg, name, &collection, err);

    if (!r)
        r = vb_search_resolve(reg, names, &search, err);
    for (size_t i = 0; !r && i < search.count; i++) {
        r = has_tasks(reg, search.items[i], err);
        if (r > 0) {
            *run = vb_strdup(search.items[i]->name);
            return 0;
        }
    }
    return r < 0 ? r : no_quanta(reg, collection, err);
}

/* Columns of the statement: what is not known is empty. */
static void put_bytes(vb_rows *rows, vb_stmt *s, int i)
{
    if (vb_col_null(s, i))
        vb_rows_real(rows, (double)NAN, 0);
    else
        vb_rows_bytes(rows, vb_col_int(s, i));
}

static void put_real(vb_rows *rows, vb_stmt *s, int i, int decimals)
{
    vb_rows_real(rows, vb_col_null(s, i) ? (double)NAN : vb_col_real(s, i), decimals);
}

/* ---- tasks ------------------------------------------------------------------------------------------------ */

int vb_report_tasks(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                    vb_error *err)
{
    static const vb_column columns[] = {{"task"},  {"count"}, {"failed"}, {"blocked"}, {"max"},    {"mean"},
                                        {"total"}, {"cpu"},   {"peak"},   {"read"},    {"written"}};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto(vb_rows_end) vb_rows *rows = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT t.label, count(*), sum(q.status = 2), sum(q.status = 3), max(a.wall), avg(a.wall),"
                   " sum(a.wall), sum(a.cpu), max(a.memory), sum(a.bytes_read), sum(a.bytes_written)" COUNTED
                   " GROUP BY t.id ORDER BY t.position",
                   VB_ARGS(run));

    if (r < 0)
        return r;
    rows = vb_rows_new(format, columns, VB_COUNT(columns), sink, arg);
    while ((r = vb_stmt_step(s, err)) > 0) {
        vb_rows_text(rows, vb_col_text(s, 0));
        for (int i = 1; i <= 3; i++)
            vb_rows_int(rows, vb_col_int(s, i));
        for (int i = 4; i <= 7; i++)
            put_real(rows, s, i, i < 6 ? 2 : 1);
        for (int i = 8; i <= 10; i++)
            put_bytes(rows, s, i);
    }
    return r;
}

/* ---- quanta ----------------------------------------------------------------------------------------------- */

static void quantum_row(vb_registry *reg, vb_stmt *s, vb_rows *rows)
{
    vb_auto_executed q = {0};
    vb_auto_buf dataid = {0};
    char uuid[VB_UUID_TEXT], iso[28];

    if (vb_executed_by_id(reg, vb_col_int(s, 0), &q, NULL) > 0)
        vb_dataid_print(&q.dataid, &dataid);
    vb_rows_text(rows, vb_col_text(s, 1));
    vb_rows_text(rows, vb_buf_text(&dataid));
    vb_rows_text(rows, vb_uuid_format(vb_col_uuid(s, 2), uuid));
    vb_rows_text(rows, vb_status_name((vb_status)vb_col_int(s, 3)));
    vb_rows_int(rows, vb_col_int(s, 4));
    vb_rows_text(rows, vb_col_text(s, 5));
    vb_rows_text(rows, vb_col_null(s, 6) ? NULL : vb_clock_iso(vb_col_int(s, 6), iso));
    for (int i = 7; i <= 8; i++)
        put_real(rows, s, i, 3);
    for (int i = 9; i <= 11; i++)
        put_bytes(rows, s, i);
    vb_rows_text(rows, vb_col_text(s, 12));
    vb_rows_text(rows, vb_col_text(s, 13));
}

int vb_report_quanta(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                     vb_error *err)
{
    static const vb_column columns[] = {{"task"}, {"dataid"},  {"quantum"}, {"status"}, {"attempts"},
                                        {"host"}, {"started"}, {"wall"},    {"cpu"},    {"memory"},
                                        {"read"}, {"written"}, {"capture"}, {"message"}};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto(vb_rows_end) vb_rows *rows = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT q.id, t.label, q.uuid, q.status, q.attempt, a.host, a.started, a.wall, a.cpu,"
                   " a.memory, a.bytes_read, a.bytes_written, a.capture, a.message" COUNTED
                   " ORDER BY t.position, q.id",
                   VB_ARGS(run));

    if (r < 0)
        return r;
    rows = vb_rows_new(format, columns, VB_COUNT(columns), sink, arg);
    while ((r = vb_stmt_step(s, err)) > 0)
        quantum_row(reg, s, rows);
    return r;
}

/* ---- summary ---------------------------------------------------------------------------------------------- */

int vb_report_summary(vb_registry *reg, const char *run, vb_format_kind format, vb_rows_sink sink, void *arg,
                      vb_error *err)
{
    static const vb_column columns[] = {{"run"},     {"quanta"},   {"succeeded"}, {"failed"}, {"blocked"},
                                        {"aborted"}, {"attempts"}, {"started"},   {"ended"},  {"wall"},
                                        {"cpu"},     {"read"},     {"written"}};
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    vb_auto(vb_rows_end) vb_rows *rows = NULL;
    char iso[28];
    int r = vb_sql(reg->db, &s, err,
                   "SELECT count(*), sum(q.status = 1), sum(q.status = 2), sum(q.status = 3), sum(q.status = 4),"
                   " sum(q.attempt), min(a.started), max(a.started + a.wall * 1e9), sum(a.wall), sum(a.cpu),"
                   " sum(a.bytes_read), sum(a.bytes_written)" COUNTED,
                   VB_ARGS(run));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r < 0)
        return r;
    rows = vb_rows_new(format, columns, VB_COUNT(columns), sink, arg);
    vb_rows_text(rows, run);
    for (int i = 0; i <= 5; i++)
        vb_rows_int(rows, vb_col_int(s, i));
    for (int i = 6; i <= 7; i++)
        vb_rows_text(rows, vb_col_null(s, i) ? NULL : vb_clock_iso(vb_col_int(s, i), iso));
    vb_rows_real(rows, vb_col_real(s, 8), 1);
    vb_rows_real(rows, vb_col_real(s, 9), 1);
    vb_rows_bytes(rows, vb_col_int(s, 10));
    vb_rows_bytes(rows, vb_col_int(s, 11));
    return 0;
}

/* ---- failures --------------------------------------------------------------------------------------------- */

static int add_examples(vb_registry *reg, const char *run, const char *task, const char *message, vb_buf *out,
                        vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT q.id" COUNTED " WHERE t.label = ?2 AND q.status IN (2, 4) AND a.message IS ?3"
                   " ORDER BY q.id LIMIT ?4",
                   VB_ARGS(run, task, message, EXAMPLES));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_auto_executed q = {0};
        char uuid[VB_UUID_TEXT];

        r = vb_executed_by_id(reg, vb_col_int(s, 0), &q, err);
        if (r > 0) {
            vb_buf_puts(out, "    ");
            vb_dataid_print(&q.dataid, out);
            vb_buf_printf(out, "   provenance/%s/%s/%s/log\n", q.run, q.task, vb_uuid_format(q.uuid, uuid));
            r = 0;
        }
    }
    return r;
}

int vb_report_failures(vb_registry *reg, const char *run, vb_buf *out, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err,
                   "SELECT t.label, a.message, count(*)" COUNTED " WHERE q.status IN (2, 4)"
                   " GROUP BY t.id, a.message ORDER BY t.position, count(*) DESC",
                   VB_ARGS(run));

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        char plural[48];

        vb_buf_printf(out, "%s: %s: %s\n", vb_col_text(s, 0),
                      vb_plural(plural, sizeof plural, vb_col_int(s, 2), "quantum"),
                      vb_col_null(s, 1) ? "no message" : vb_col_text(s, 1));
        r = add_examples(reg, run, vb_col_text(s, 0), vb_col_text(s, 1), out, err);
    }
    return r;
}
