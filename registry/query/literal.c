/* literal.c - the values of an expression: numbers, text, times, UUIDs, regions, and what binds stand for. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"
#include "registry/query/piece.h"
#include "registry/query/timeliteral.h"
#include "registry/sky/region.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

const vb_bind *vb_compile_find_bind(const struct compiler *c, const vb_expr *e)
{
    for (size_t i = 0; c->binds && i < c->binds->count; i++)
        if (!strcmp(c->binds->items[i].name, e->text))
            return &c->binds->items[i];
    vb_expr_fail(c->err, c->text, e, "no value is given for ':%s'", e->text);
    return NULL;
}

void vb_compile_literal(struct compiler *c, vb_value value, sql_type type, struct piece *out)
{
    vb_join_bind(c->j, value, &out->sql);
    out->type = type;
}

sql_type vb_compile_type(const vb_bind *bind, size_t i)
{
    const vb_value *v = &bind->values[i];

    if (bind->times && bind->times[i])
        return TIME;
    if (v->kind == VB_BYTES && v->len == sizeof(vb_uuid))
        return UUID;
    return v->kind == VB_TEXT ? TEXT : v->kind == VB_INT || v->kind == VB_REAL ? NUMBER : ANY;
}

int vb_compile_uuid(struct compiler *c, const vb_expr *e, struct piece *out)
{
    vb_uuid uuid;

    if (e->count != 1 || e->operands[0]->kind != VB_EXPR_STRING || !vb_uuid_parse(e->operands[0]->text, &uuid))
        return vb_expr_fail(c->err, c->text, e, "UUID takes 32 hexadecimal digits in quotes, with dashes or without");
    vb_compile_literal(c, vb_value_bytes(uuid.bytes, sizeof uuid.bytes), UUID, out);
    return 0;
}

int vb_compile_value(struct compiler *c, const vb_expr *e, struct piece *out)
{
    vb_auto_error why = VB_ERROR_INIT;
    const vb_bind *bind;
    int64_t time;

    switch (e->kind) {
    case VB_EXPR_INT: /* as text: a list may have more of them than SQLite has parameters */
        vb_buf_printf(&out->sql, "%" PRId64, e->integer);
        out->type = NUMBER;
        return 0;
    case VB_EXPR_REAL: vb_compile_literal(c, vb_value_real(e->real), NUMBER, out); return 0;
    case VB_EXPR_STRING: vb_compile_literal(c, vb_value_text(e->text), TEXT, out); return 0;
    case VB_EXPR_NULL: vb_buf_puts(&out->sql, "NULL"); return 0;
    case VB_EXPR_TIME:
        if (vb_time_literal(e->text, &time, &why) < 0)
            return vb_expr_fail(c->err, c->text, e, "%s", why.message);
        vb_compile_literal(c, vb_value_int(time), TIME, out);
        return 0;
    default: break;
    }
    bind = vb_compile_find_bind(c, e);
    if (!bind)
        return -EINVAL;
    if (bind->count != 1)
        return vb_expr_fail(c->err, c->text, e, "':%s' is a list: it can only follow IN", e->text);
    vb_compile_literal(c, vb_value_copy(&bind->values[0]), vb_compile_type(bind, 0), out);
    return 0;
}

/* The numbers of a region's call: literals, perhaps negated. */
static int call_numbers(struct compiler *c, const vb_expr *call, double *out)
{
    for (size_t i = 0; i < call->count; i++) {
        const vb_expr *e = call->operands[i];
        bool negative = e->kind == VB_EXPR_NEGATE;

        if (negative)
            e = e->operands[0];
        if (e->kind != VB_EXPR_INT && e->kind != VB_EXPR_REAL)
            return vb_expr_fail(c->err, c->text, e, "%s takes numbers in degrees", call->text);
        out[i] = (e->kind == VB_EXPR_INT ? (double)e->integer : e->real) * (negative ? -1 : 1);
    }
    return 0;
}

enum { VB_MAX_POINTS = 64 };

static int make_region(const char *name, const double *v, size_t n, vb_region *out, vb_error *err)
{
    vb_vec3 points[VB_MAX_POINTS];

    if (!strcmp(name, "POINT") && n == 2)
        return vb_region_circle(vb_vec3_from_degrees(v[0], v[1]), 0, out, err);
    if (!strcmp(name, "CIRCLE") && n == 3)
        return vb_region_circle(vb_vec3_from_degrees(v[0], v[1]), v[2] * M_PI / 180, out, err);
    if (!strcmp(name, "BOX") && n == 4)
        return vb_region_box_degrees(v[0] - v[2] / 2, v[0] + v[2] / 2, v[1] - v[3] / 2, v[1] + v[3] / 2, out, err);
    if (strcmp(name, "POLYGON") || n < 6 || n % 2 || n > 2 * VB_COUNT(points))
        return vb_fail(err, -EINVAL,
                       "regions are POINT(ra, dec), CIRCLE(ra, dec, radius), BOX(ra, dec, width, height) and "
                       "POLYGON(ra, dec, ra, dec, ra, dec, ...), in degrees");
    for (size_t i = 0; i < n / 2; i++)
        points[i] = vb_vec3_from_degrees(v[2 * i], v[2 * i + 1]);
    return vb_region_hull(points, n / 2, out, err);
}

/* REGION('CIRCLE ra dec radius'), 'RANGE west east south north', 'POLYGON ra dec ...': IVOA's POS (SODA 1.0, 3.3.1). */
static int make_pos(const char *text, vb_region *out, vb_error *err)
{
    char **words = vb_split(text, ' ', NULL);
    double numbers[2 * VB_MAX_POINTS];
    size_t n = 0, given = vb_strv_count(words);
    bool good = given > 1 && given <= VB_COUNT(numbers);
    int r = -EINVAL;

    for (size_t i = 1; good && i < given; i++)
        good = vb_parse_double(words[i], &numbers[n++]);
    if (!good)
        vb_fail(err, -EINVAL,
                "REGION takes 'CIRCLE ra dec radius', 'RANGE ra1 ra2 dec1 dec2' or 'POLYGON ra dec ra dec ...'"
                ", in degrees");
    else if (!strcasecmp(words[0], "RANGE") && n == 4)
        r = vb_region_box_degrees(numbers[0], numbers[1], numbers[2], numbers[3], out, err);
    else if (!strcasecmp(words[0], "CIRCLE") && n == 3)
        r = make_region("CIRCLE", numbers, n, out, err);
    else if (!strcasecmp(words[0], "POLYGON"))
        r = make_region("POLYGON", numbers, n, out, err);
    else
        vb_fail(err, -EINVAL, "'%s' is no region of IVOA's: CIRCLE of 3 numbers, RANGE of 4, POLYGON of 6 or more",
                text);
    vb_strv_free(words);
    return r;
}

static int compile_pos(struct compiler *c, const vb_expr *e, struct piece *out)
{
    vb_auto_region region = {0};
    vb_auto_error why = VB_ERROR_INIT;

    if (e->count != 1 || e->operands[0]->kind != VB_EXPR_STRING)
        return vb_expr_fail(c->err, c->text, e, "REGION takes one text: REGION('CIRCLE 150.1 2.2 0.5')");
    if (make_pos(e->operands[0]->text, &region, &why) < 0)
        return vb_expr_fail(c->err, c->text, e->operands[0], "%s", why.message);
    vb_region_encode(&region, &out->region);
    vb_compile_literal(c, vb_value_bytes(out->region.data, out->region.len), REGION, out);
    return 0;
}

int vb_compile_region(struct compiler *c, const vb_expr *e, struct piece *out)
{
    vb_auto_region region = {0};
    vb_auto_error why = VB_ERROR_INIT;
    vb_autofree double *numbers = vb_alloc((e->count + 1) * sizeof *numbers);
    int r;

    if (!strcmp(e->text, "REGION"))
        return compile_pos(c, e, out);
    r = call_numbers(c, e, numbers);
    if (r < 0)
        return r;
    if (make_region(e->text, numbers, e->count, &region, &why) < 0)
        return vb_expr_fail(c->err, c->text, e, "%s", why.message);
    vb_region_encode(&region, &out->region);
    vb_compile_literal(c, vb_value_bytes(out->region.data, out->region.len), REGION, out);
    return 0;
}
