#include "fs/view/quantum.h"

#include "fs/view/names.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <string.h>

enum { MAX_LOG = 256 << 20 };

const char *const vb_quantum_files[] = {"command", "environment", "io.jsonl", "log", "status.json", "usage.json", NULL};

/* True where a look-up of the data ID gives this quantum: the last one that the run has of it. */
static bool is_last(vb_call *c, const vb_executed *q)
{
    vb_auto_executed last = {0};
    vb_auto_buf packed = {0};

    vb_dataid_pack(&q->dataid, &packed);
    return vb_executed_find(c->reg, q->run, q->task, vb_buf_text(&packed), &last, NULL) > 0 && last.id == q->id;
}

void vb_view_quantum_name(vb_call *c, const vb_executed *q, vb_buf *out)
{
    vb_auto_buf dataid = {0};
    char uuid[VB_UUID_TEXT];

    vb_name_dataid(&dataid, &q->dataid);
    if (dataid.len && !vb_name_is_cut(vb_buf_text(&dataid)) && is_last(c, q))
        vb_buf_puts(out, vb_buf_text(&dataid));
    else
        vb_buf_puts(out, vb_uuid_format(q->uuid, uuid));
}

void vb_view_quantum_path(vb_call *c, const vb_executed *q, vb_buf *out)
{
    vb_buf_puts(out, "provenance/");
    for (const char *p = q->run; *p;) { /* slashes are directories */
        size_t n = strcspn(p, "/");

        vb_name_encode(out, p, n);
        vb_buf_putc(out, '/');
        p += n + (p[n] == '/');
    }
    vb_buf_printf(out, "%s/", q->task);
    vb_view_quantum_name(c, q, out);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static int render_command(const vb_receipt *receipt, vb_buf *out)
{
    const json_t *argv = json_object_get(receipt->details, "command"), *word;
    size_t i;

    json_array_foreach(argv, i, word) {
        if (i)
            vb_buf_putc(out, ' ');
        vb_buf_shell(out, json_string_value(word) ? json_string_value(word) : "?");
    }
    vb_buf_putc(out, '\n');
    return 0;
}

static int render_environment(const vb_receipt *receipt, vb_buf *out)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(receipt->details, "environment"), name, value)
        vb_buf_printf(out, "%s=%s\n", name, json_string_value(value) ? json_string_value(value) : "");
    return 0;
}

static int render_io(const vb_receipt *receipt, vb_buf *out)
{
    json_t *line;
    size_t i;

    json_array_foreach(json_object_get(receipt->details, "io"), i, line) {
        char *text = json_dumps(line, 0);

        vb_buf_printf(out, "%s\n", text);
        free(text);
    }
    return 0;
}

static void add_json(vb_buf *out, json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2));

    vb_buf_printf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

static int render_status(const vb_receipt *receipt, vb_buf *out)
{
    static const char *const kept[] = {"hint", "exit", "data_path", "runner", "scratch", "cwd", "undeclared_outputs"};
    json_t *object = json_object();
    char iso[28], uuid[VB_UUID_TEXT];

    json_object_set_new(object, "status", json_string(vb_status_name(receipt->status)));
    if (receipt->message)
        json_object_set_new(object, "message", json_string(receipt->message));
    json_object_set_new(object, "quantum", json_string(vb_uuid_format(receipt->quantum, uuid)));
    json_object_set_new(object, "attempt", json_integer(receipt->attempt));
    json_object_set_new(object, "graph", json_string(receipt->graph ? receipt->graph : ""));
    json_object_set_new(object, "capture", json_string(receipt->capture));
    if (receipt->host)
        json_object_set_new(object, "host", json_string(receipt->host));
    json_object_set_new(object, "started", json_string(vb_clock_iso(receipt->started, iso)));
    json_object_set_new(object, "ended",
                        json_string(vb_clock_iso(receipt->started + (int64_t)(receipt->usage.wall * 1e9), iso)));
    for (size_t i = 0; i < VB_COUNT(kept); i++) {
        json_t *value = json_object_get(receipt->details, kept[i]);

        if (value)
            json_object_set(object, kept[i], value);
    }
    add_json(out, object);
    return 0;
}

static int render_usage(const vb_receipt *receipt, vb_buf *out)
{
    const vb_usage *u = &receipt->usage;

    add_json(out, json_pack("{s:f, s:f, s:f, s:I, s:I, s:I}", "wall", u->wall, "cpu_user", u->cpu_user, "cpu_system",
                            u->cpu_system, "memory", (json_int_t)u->memory, "bytes_read", (json_int_t)u->bytes_read,
                            "bytes_written", (json_int_t)u->bytes_written));
    return 0;
}

/* ---- log --------------------------------------------------------------------------------------------------- */

/* Log records, Rubin's or ours, as lines: "TIME LEVEL NAME: MESSAGE". */
static void add_records(const json_t *records, vb_buf *out)
{
    const json_t *record;
    size_t i;

    json_array_foreach(records, i, record) {
        const char *time = json_string_value(json_object_get(record, "asctime"));
        const char *level = json_string_value(json_object_get(record, "levelname"));
        const char *name = json_string_value(json_object_get(record, "name"));
        const char *message = json_string_value(json_object_get(record, "message"));

        vb_buf_printf(out, "%s %s %s: %s\n", time ? time : "-", level ? level : "-", name ? name : "-",
                      message ? message : "");
    }
}

/* The log of an attempt that succeeded is a dataset; that of one that did not stands in its receipt. */
static int render_log(vb_call *c, const vb_receipt *receipt, vb_buf *out)
{
    const json_t *kept = json_object_get(receipt->details, "log");
    vb_auto_buf bytes = {0};
    json_t *records;

    if (kept) {
        add_records(kept, out);
        return 0;
    }
    for (size_t i = 0; i < receipt->noutputs; i++) {
        const vb_receipt_output *o = &receipt->outputs[i];
        vb_location location = {.store_id = 1, .path = o->path, .size = -1, .mtime = -1};
        vb_autofree char *path = NULL;

        if (!o->connection || strcmp(o->connection, "_log") || !o->path)
            continue;
        path = vb_stores_path(c->view->stores, &location);
        if (vb_read_file(AT_FDCWD, path, MAX_LOG, &bytes, NULL) < 0)
            return 0; /* pruned: the log is empty, the rest of the provenance stands */
        records = json_loadb(vb_buf_text(&bytes), bytes.len, 0, NULL);
        add_records(records, out);
        json_decref(records);
    }
    return 0;
}

int vb_quantum_render(vb_call *c, const vb_receipt *receipt, const char *name, vb_buf *out)
{
    static const struct {
        const char *name;
        int (*render)(const vb_receipt *, vb_buf *);
    } files[] = {
        {"command", render_command},    {"environment", render_environment}, {"io.jsonl", render_io},
        {"status.json", render_status}, {"usage.json", render_usage},
    };

    if (!strcmp(name, "log"))
        return render_log(c, receipt, out);
    for (size_t i = 0; i < VB_COUNT(files); i++)
        if (!strcmp(name, files[i].name))
            return files[i].render(receipt, out);
    return -ENOENT;
}
