#include "registry/receipt.h"

#include "registry/base/clock.h"
#include "registry/base/json.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/time.h"

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

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, vb_json_text(text));
}

static void put_uuid(json_t *object, const char *key, vb_uuid uuid)
{
    char text[VB_UUID_TEXT];

    put_text(object, key, vb_uuid_format(uuid, text));
}

static json_t *input_json(const vb_receipt_input *in)
{
    json_t *object = json_object();

    put_uuid(object, "dataset", in->dataset);
    put_text(object, "connection", in->connection);
    put_text(object, "type", in->type);
    put_text(object, "dataid", in->dataid);
    json_object_set_new(object, "touch", vb_touch_json(in->touch));
    return object;
}

static json_t *output_json(const vb_receipt_output *out)
{
    json_t *object = json_object();
    char checksum[VB_HASH_TEXT];

    put_uuid(object, "dataset", out->dataset);
    put_text(object, "connection", out->connection);
    put_text(object, "type", out->type);
    put_text(object, "dataid", out->dataid);
    if (!out->path)
        return object;
    put_text(object, "path", out->path);
    json_object_set_new(object, "size", json_integer(out->size));
    json_object_set_new(object, "mtime", json_integer(out->mtime));
    put_text(object, "checksum", vb_hash_format(&out->checksum, checksum));
    return object;
}

/* JSON has no NaN and no infinity. */
static double known(double seconds)
{
    return isfinite(seconds) ? seconds : 0;
}

static json_t *usage_json(const vb_usage *u)
{
    return json_pack("{s:f, s:f, s:f, s:I, s:I, s:I}", "wall", known(u->wall), "cpu_user", known(u->cpu_user),
                     "cpu_system", known(u->cpu_system), "memory", (json_int_t)u->memory, "bytes_read",
                     (json_int_t)u->bytes_read, "bytes_written", (json_int_t)u->bytes_written);
}

char *vb_receipt_write(const vb_receipt *r)
{
    json_t *object = json_object(), *inputs = json_array(), *outputs = json_array();
    char iso[28], *text;

    put_text(object, "format", "vbutler-receipt");
    json_object_set_new(object, "version", json_integer(1));
    put_text(object, "graph", r->graph);
    put_text(object, "run", r->run);
    put_text(object, "task", r->task);
    put_uuid(object, "quantum", r->quantum);
    put_text(object, "dataid", r->dataid);
    json_object_set_new(object, "attempt", json_integer(r->attempt));
    put_text(object, "status", vb_status_name(r->status));
    put_text(object, "message", r->message);
    put_text(object, "capture", r->capture);
    put_text(object, "host", r->host);
    put_text(object, "started", vb_clock_iso(r->started, iso));
    json_object_set_new(object, "started_ns", json_integer(r->started));
    json_object_set_new(object, "usage", usage_json(&r->usage));
    for (size_t i = 0; i < r->ninputs; i++)
        json_array_append_new(inputs, input_json(&r->inputs[i]));
    for (size_t i = 0; i < r->noutputs; i++)
        json_array_append_new(outputs, output_json(&r->outputs[i]));
    json_object_set_new(object, "inputs", inputs);
    json_object_set_new(object, "outputs", outputs);
    json_object_set(object, "details", r->details);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
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
