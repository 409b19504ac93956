/* import_values.c - the values of an export file: plain ones, and those with tags of their own. */
#include "fs/exchange/import_internal.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/sky/base64.h"
#include "registry/time.h"

#include <ctype.h>
#include <string.h>

/* Text without white space: base64 stands in lines. */
static int decode_base64(const vb_yaml_node *node, vb_value *out, vb_error *err)
{
    vb_autofree char *text = vb_alloc(node->length + 1);
    vb_autofree uint8_t *bytes = vb_alloc(node->length + 4);
    size_t n = 0;
    ssize_t length;

    for (size_t i = 0; i < node->length; i++)
        if (!isspace((unsigned char)node->text[i]))
            text[n++] = node->text[i];
    length = vb_base64_decode(text, n, bytes);
    if (length < 0)
        return vb_yaml_fail(err, node, "this is no base64");
    *out = vb_value_bytes(bytes, (size_t)length);
    return 0;
}

static int integer(const vb_yaml_node *node, vb_value *out, vb_error *err)
{
    int64_t i;

    if (!vb_yaml_int(node, &i) && !vb_parse_int(node->text, &i))
        return vb_yaml_fail(err, node, "'%s' is no integer", node->text);
    *out = vb_value_int(i);
    return 0;
}

static int number(const vb_yaml_node *node, vb_value *out, vb_error *err)
{
    double d;

    if (!vb_yaml_double(node, &d))
        return vb_yaml_fail(err, node, "'%s' is no number", node->text);
    *out = d == d ? vb_value_real(d) : (vb_value){0};
    return 0;
}

static int boolean(const vb_yaml_node *node, vb_value *out, vb_error *err)
{
    int64_t i;
    bool b;

    if (!vb_yaml_bool(node, &b)) {
        if (!vb_yaml_int(node, &i) || (i & 1) != i)
            return vb_yaml_fail(err, node, "'%s' is neither true nor false", node->text);
        b = i;
    }
    *out = vb_value_int(b);
    return 0;
}

int vb_import_field(const vb_yaml_node *node, vb_field_type type, vb_value *out, vb_error *err)
{
    *out = (vb_value){0};
    if (vb_yaml_is_null(node))
        return 0;
    if (node->kind != VB_YAML_SCALAR)
        return vb_yaml_fail(err, node, "one value is needed here");
    if (strlen(node->text) != node->length)
        return vb_yaml_fail(err, node, "text with a NUL in it");
    switch (type) {
    case VB_FIELD_INT: return integer(node, out, err);
    case VB_FIELD_FLOAT: return number(node, out, err);
    case VB_FIELD_BOOL: return boolean(node, out, err);
    case VB_FIELD_HASH: return decode_base64(node, out, err);
    case VB_FIELD_STRING: break;
    }
    *out = vb_value_text(node->text);
    return 0;
}

/* !<lsst.sphgeom.ConvexPolygon> {encoded: 70...}; also the text alone. */
int vb_import_region(const vb_yaml_node *node, vb_value *out, vb_error *err)
{
    const vb_yaml_node *encoded = node && node->kind == VB_YAML_MAP ? vb_yaml_get(node, "encoded") : node;
    vb_auto_region region = {0};
    vb_auto_buf bytes = {0};
    const char *text = vb_yaml_text(encoded);

    *out = (vb_value){0};
    if (vb_yaml_is_null(node))
        return 0;
    if (!text)
        return vb_yaml_fail(err, node, "a region must have its encoding, as 'encoded'");
    if (vb_region_decode_text(text, encoded->length, &region, err) < 0)
        return vb_error_context(err, "%s:%d:%d", encoded->file, encoded->line, encoded->column);
    vb_region_encode(&region, &bytes);
    *out = vb_value_bytes(bytes.data, bytes.len);
    return 0;
}

/* !butler_time/tai/iso '2014-03-25 09:43:45.055000000'; without a tag, as the oldest files have it, it is UTC. */
int vb_import_time(const vb_yaml_node *node, int64_t unbounded, int64_t *out, vb_error *err)
{
    const char *tag = node && node->tag ? node->tag : "", *text = vb_yaml_text(node);
    vb_timescale scale = strstr(tag, "/tai/") ? VB_SCALE_TAI : VB_SCALE_UTC;

    *out = unbounded;
    if (vb_yaml_is_null(node))
        return 0;
    if (vb_starts_with(tag, "!butler_time/") && strcmp(tag, "!butler_time/tai/iso") &&
        strcmp(tag, "!butler_time/utc/iso") && strcmp(tag, "!butler_time/tai/isot") &&
        strcmp(tag, "!butler_time/utc/isot"))
        return vb_yaml_fail(err, node, "times of the kind '%s' are not known: tai/iso and utc/iso are", tag);
    if (!text)
        return vb_yaml_fail(err, node, "a time is needed here");
    if (vb_time_parse_iso(text, scale, out, err) < 0)
        return vb_error_context(err, "%s:%d:%d", node->file, node->line, node->column);
    return 0;
}

/* !<lsst.daf.butler.Timespan> {begin: ..., end: ...}, or EMPTY. */
int vb_import_timespan(const vb_yaml_node *node, vb_timespan *out, vb_error *err)
{
    const char *text = vb_yaml_text(node);
    int r;

    if (text && !strcmp(text, "EMPTY")) {
        *out = (vb_timespan){VB_TIME_MAX, VB_TIME_MIN};
        return 0;
    }
    if (!node || node->kind != VB_YAML_MAP)
        return vb_yaml_fail(err, node, "a timespan must have begin and end");
    r = vb_import_time(vb_yaml_get(node, "begin"), VB_TIME_MIN, &out->begin, err);
    return r < 0 ? r : vb_import_time(vb_yaml_get(node, "end"), VB_TIME_MAX, &out->end, err);
}
