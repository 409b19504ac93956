#include "registry/value.h"

#include "registry/base/json.h"
#include "registry/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

vb_value vb_value_int(int64_t i)
{
    return (vb_value){.kind = VB_INT, .i = i};
}

vb_value vb_value_real(double d)
{
    return (vb_value){.kind = VB_REAL, .d = d};
}

vb_value vb_value_text(const char *text)
{
    if (!text)
        return (vb_value){0};
    return (vb_value){.kind = VB_TEXT, .len = strlen(text), .text = vb_strdup(text)};
}

vb_value vb_value_bytes(const void *bytes, size_t n)
{
    return (vb_value){.kind = VB_BYTES, .len = n, .bytes = vb_memdup(bytes, n)};
}

vb_value vb_value_copy(const vb_value *v)
{
    vb_value copy = *v;

    if (v->kind == VB_TEXT)
        copy.text = vb_strndup(v->text, v->len);
    else if (v->kind == VB_BYTES)
        copy.bytes = vb_memdup(v->bytes, v->len);
    return copy;
}

void vb_value_clear(vb_value *v)
{
    if (v->kind == VB_TEXT)
        free(v->text);
    else if (v->kind == VB_BYTES)
        free(v->bytes);
    *v = (vb_value){0};
}

static int rank(vb_kind kind)
{
    return kind == VB_REAL ? VB_INT : (int)kind;
}

static double number(const vb_value *v)
{
    return v->kind == VB_INT ? (double)v->i : v->d;
}

int vb_value_compare(const vb_value *a, const vb_value *b)
{
    int order = rank(a->kind) - rank(b->kind);
    size_t n = a->len < b->len ? a->len : b->len;

    if (order)
        return order < 0 ? -1 : 1;
    switch (a->kind) {
    case VB_NULL: return 0;
    case VB_INT:
    case VB_REAL:
        if (a->kind == VB_INT && b->kind == VB_INT)
            return (a->i > b->i) - (a->i < b->i);
        return (number(a) > number(b)) - (number(a) < number(b));
    case VB_TEXT:
    case VB_BYTES: break;
    }
    order = memcmp(a->bytes, b->bytes, n);
    return order ? (order > 0) - (order < 0) : (a->len > b->len) - (a->len < b->len);
}

void vb_value_print(const vb_value *v, vb_buf *out)
{
    switch (v->kind) {
    case VB_NULL: break;
    case VB_INT: vb_buf_int(out, v->i); break;
    case VB_REAL: vb_buf_printf(out, "%.15g", v->d); break;
    case VB_TEXT: vb_buf_add(out, v->text, v->len); break;
    case VB_BYTES: vb_buf_hex(out, v->bytes, v->len); break;
    }
}

json_t *vb_value_json(const vb_value *v)
{
    vb_auto_buf hex = {0};
    json_t *json;

    switch (v->kind) {
    case VB_NULL: break;
    case VB_INT: return json_integer(v->i);
    case VB_REAL: return isfinite(v->d) ? json_real(v->d) : json_null();
    case VB_TEXT: json = json_stringn(v->text, v->len); return json ? json : vb_json_text(v->text);
    case VB_BYTES: vb_buf_hex(&hex, v->bytes, v->len); return json_string(vb_buf_text(&hex));
    }
    return json_null();
}
