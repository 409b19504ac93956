#include "registry/receipt.h"

#include "registry/base/clock.h"
#include "registry/base/json.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/time.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *name;
} touches[] = {
    {VB_TOUCH_DECLARED, "declared"}, {VB_TOUCH_MISSING, "missing"}, {VB_TOUCH_LOOKUP, "lookup"},
    {VB_TOUCH_LISTED, "listed"},     {VB_TOUCH_READ, "read"},       {VB_TOUCH_WRITTEN, "written"},
    {VB_TOUCH_EXECUTED, "executed"}, {VB_TOUCH_DENIED, "denied"},   {VB_TOUCH_STAGED, "staged"},
};

static const char *const statuses[] = {NULL, "succeeded", "failed", "blocked", "aborted"};

json_t *vb_touch_json(unsigned touch)
{
    json_t *names = json_array();

    for (size_t i = 0; i < VB_COUNT(touches); i++)
        if (touch & touches[i].bit)
            json_array_append_new(names, json_string(touches[i].name));
    return names;
}

unsigned vb_touch_from_json(const json_t *names)
{
    unsigned touch = 0;
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
        for (size_t k = 0; k < VB_COUNT(touches); k++)
            if (json_is_string(name) && !strcmp(json_string_value(name), touches[k].name))
                touch |= touches[k].bit;
    return touch;
}

const char *vb_status_name(vb_status status)
{
    return status >= VB_STATUS_SUCCEEDED && status <= VB_STATUS_ABORTED ? statuses[status] : "unknown";
}

bool vb_status_parse(const char *name, vb_status *out)
{
    for (size_t i = 1; name && i < VB_COUNT(statuses); i++)
        if (!strcmp(name, statuses[i])) {
            *out = (vb_status)i;
            return true;
        }
    return false;
}

vb_receipt *vb_receipt_new(void)
{
    vb_receipt *r = VB_NEW(vb_receipt);

    r->details = json_object();
    return r;
}

void vb_receipt_free(vb_receipt *r)
{
    for (size_t i = 0; i < r->ninputs; i++) {
        free(r->inputs[i].connection);
        free(r->inputs[i].type);
        free(r->inputs[i].dataid);
    }
    for (size_t i = 0; i < r->noutputs; i++) {
        free(r->outputs[i].connection);
        free(r->outputs[i].type);
        free(r->outputs[i].dataid);
        free(r->outputs[i].path);
    }
    free(r->inputs);
    free(r->outputs);
    free(r->graph);
    free(r->run);
    free(r->task);
    free(r->dataid);
    free(r->message);
    free(r->capture);
    free(r->host);
    json_decref(r->details);
    free(r);
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

/* `"key":`, with a comma where something stands before it.  A receipt is written for each attempt and again when it is
 * merged, and mostly as text: a tree of it would take longer than its rows. */
static void put_key(vb_buf *out, const char *key)
{
    char text[32];
    size_t n = strlen(key);

    text[0] = ',';
    text[1] = '"';
    memcpy(text + 2, key, n);
    memcpy(text + 2 + n, "\":", 2);
    if (out->data[out->len - 1] == '{')
        vb_buf_add(out, text + 1, n + 3);
    else
        vb_buf_add(out, text, n + 4);
}

static void put_text(vb_buf *out, const char *key, const char *text)
{
    if (!text)
        return;
    put_key(out, key);
    vb_buf_json(out, text, strlen(text));
}

static void put_uuid(vb_buf *out, const char *key, vb_uuid uuid)
{
    char text[VB_UUID_TEXT + 2] = "\"";

    vb_uuid_format(uuid, text + 1);
    text[VB_UUID_TEXT] = '"';
    put_key(out, key);
    vb_buf_add(out, text, VB_UUID_TEXT + 1);
}

static void put_int(vb_buf *out, const char *key, int64_t i)
{
    put_key(out, key);
    vb_buf_int(out, i);
}

static void put_json(vb_buf *out, const char *key, json_t *json)
{
    vb_autofree char *text = json_dumps(json, JSON_COMPACT);

    put_key(out, key);
    vb_buf_puts(out, text ? text : "null");
}

static void put_touch(vb_buf *out, unsigned touch)
{
    put_key(out, "touch");
    vb_buf_putc(out, '[');
    for (size_t i = 0; i < VB_COUNT(touches); i++)
        if (touch & touches[i].bit) {
            vb_buf_puts(out, out->data[out->len - 1] == '[' ? "\"" : ",\"");
            vb_buf_puts(out, touches[i].name);
            vb_buf_putc(out, '"');
        }
    vb_buf_putc(out, ']');
}

static void put_input(vb_buf *out, const vb_receipt_input *in)
{
    vb_buf_putc(out, '{');
    put_uuid(out, "dataset", in->dataset);
    put_text(out, "connection", in->connection);
    put_text(out, "type", in->type);
    put_text(out, "dataid", in->dataid);
    put_touch(out, in->touch);
    vb_buf_putc(out, '}');
}

static void put_output(vb_buf *out, const vb_receipt_output *o)
{
    char checksum[VB_HASH_TEXT];

    vb_buf_putc(out, '{');
    put_uuid(out, "dataset", o->dataset);
    put_text(out, "connection", o->connection);
    put_text(out, "type", o->type);
    put_text(out, "dataid", o->dataid);
    if (o->path) {
        put_text(out, "path", o->path);
        put_int(out, "size", o->size);
        put_int(out, "mtime", o->mtime);
        put_text(out, "checksum", vb_hash_format(&o->checksum, checksum));
    }
    vb_buf_putc(out, '}');
}

/* JSON has no NaN and no infinity. */
static double known(double seconds)
{
    return isfinite(seconds) ? seconds : 0;
}

static void put_usage(vb_buf *out, const vb_usage *u)
{
    json_t *usage = json_pack("{s:f, s:f, s:f, s:I, s:I, s:I}", "wall", known(u->wall), "cpu_user", known(u->cpu_user),
                              "cpu_system", known(u->cpu_system), "memory", (json_int_t)u->memory, "bytes_read",
                              (json_int_t)u->bytes_read, "bytes_written", (json_int_t)u->bytes_written);

    put_json(out, "usage", usage);
    json_decref(usage);
}

char *vb_receipt_write(const vb_receipt *r)
{
    vb_buf out = {0};
    char iso[28];

    vb_buf_puts(&out, "{\"format\":\"vbutler-receipt\",\"version\":1");
    put_text(&out, "graph", r->graph);
    put_text(&out, "run", r->run);
    put_text(&out, "task", r->task);
    put_uuid(&out, "quantum", r->quantum);
    put_text(&out, "dataid", r->dataid);
    put_int(&out, "attempt", r->attempt);
    put_text(&out, "status", vb_status_name(r->status));
    put_text(&out, "message", r->message);
    put_text(&out, "capture", r->capture);
    put_text(&out, "host", r->host);
    put_text(&out, "started", vb_clock_iso(r->started, iso));
    put_int(&out, "started_ns", r->started);
    put_usage(&out, &r->usage);
    put_key(&out, "inputs");
    vb_buf_putc(&out, '[');
    for (size_t i = 0; i < r->ninputs; i++) {
        vb_buf_puts(&out, i ? "," : "");
        put_input(&out, &r->inputs[i]);
    }
    vb_buf_putc(&out, ']');
    put_key(&out, "outputs");
    vb_buf_putc(&out, '[');
    for (size_t i = 0; i < r->noutputs; i++) {
        vb_buf_puts(&out, i ? "," : "");
        put_output(&out, &r->outputs[i]);
    }
    vb_buf_putc(&out, ']');
    put_json(&out, "details", r->details);
    vb_buf_putc(&out, '}');
    return vb_buf_steal(&out);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static char *take_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? vb_strdup(text) : NULL;
}

static int64_t take_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static double take_real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static bool take_uuid(const json_t *object, const char *key, vb_uuid *out)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && vb_uuid_parse(text, out);
}

static int read_inputs(vb_receipt *r, const json_t *array, vb_error *err)
{
    const json_t *object;
    size_t i;

    json_array_foreach(array, i, object) {
        vb_receipt_input *in = VB_PUSH(r->inputs, r->ninputs, r->inputs_cap);

        if (!take_uuid(object, "dataset", &in->dataset))
            return vb_fail(err, -EINVAL, "receipt: input %zu has no dataset", i);
        in->connection = take_text(object, "connection");
        in->type = take_text(object, "type");
        in->dataid = take_text(object, "dataid");
        in->touch = vb_touch_from_json(json_object_get(object, "touch"));
    }
    return 0;
}

static int read_outputs(vb_receipt *r, const json_t *array, vb_error *err)
{
    const json_t *object;
    size_t i;

    json_array_foreach(array, i, object) {
        vb_receipt_output *out = VB_PUSH(r->outputs, r->noutputs, r->outputs_cap);
        const char *checksum = json_string_value(json_object_get(object, "checksum"));

        if (!take_uuid(object, "dataset", &out->dataset))
            return vb_fail(err, -EINVAL, "receipt: output %zu has no dataset", i);
        out->connection = take_text(object, "connection");
        out->type = take_text(object, "type");
        out->dataid = take_text(object, "dataid");
        out->path = take_text(object, "path");
        out->size = take_int(object, "size");
        out->mtime = take_int(object, "mtime");
        if (!out->path)
            continue;
        if (!out->type || !out->dataid || !vb_path_is_safe(out->path))
            return vb_fail(err, -EINVAL, "receipt: output %zu has no type, no data ID, or no path below the repository",
                           i);
        if (!checksum || !vb_hash_parse(checksum, &out->checksum))
            return vb_fail(err, -EINVAL, "receipt: output %zu has no checksum", i);
    }
    return 0;
}

static int read_object(vb_receipt *r, const json_t *object, vb_error *err)
{
    const json_t *usage = json_object_get(object, "usage"), *details = json_object_get(object, "details");
    const char *format = json_string_value(json_object_get(object, "format"));
    int64_t attempt = take_int(object, "attempt");
    int status;

    if (!format || strcmp(format, "vbutler-receipt"))
        return vb_fail(err, -EINVAL, "not a receipt");
    if (take_int(object, "version") != 1)
        return vb_fail(err, -EINVAL,
                       "a receipt of another version than 1: use the vbutler that wrote it, or a newer one");
    r->graph = take_text(object, "graph");
    r->run = take_text(object, "run");
    r->task = take_text(object, "task");
    r->dataid = take_text(object, "dataid");
    r->message = take_text(object, "message");
    r->capture = take_text(object, "capture");
    r->host = take_text(object, "host");
    r->attempt = (int)attempt;
    r->started = take_int(object, "started_ns");
    r->usage = (vb_usage){take_real(usage, "wall"),  take_real(usage, "cpu_user"),  take_real(usage, "cpu_system"),
                          take_int(usage, "memory"), take_int(usage, "bytes_read"), take_int(usage, "bytes_written")};
    if (json_is_object(details))
        json_object_update(r->details, (json_t *)details);
    if (!r->run || !r->task || !r->dataid || !r->capture || attempt < 1 || attempt > INT_MAX ||
        !take_uuid(object, "quantum", &r->quantum) ||
        !vb_status_parse(json_string_value(json_object_get(object, "status")), &r->status))
        return vb_fail(err, -EINVAL, "a receipt that is not whole");
    status = read_inputs(r, json_object_get(object, "inputs"), err);
    return status < 0 ? status : read_outputs(r, json_object_get(object, "outputs"), err);
}

int vb_receipt_read(const char *text, size_t n, vb_receipt **out, vb_error *err)
{
    vb_auto(vb_receipt_free) vb_receipt *r = vb_receipt_new();
    json_error_t why;
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    int status = object ? read_object(r, object, err) : vb_fail(err, -EINVAL, "receipt: %s", why.text);

    json_decref(object);
    if (!status)
        *out = VB_STEAL(r);
    return status;
}
