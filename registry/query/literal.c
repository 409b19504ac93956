/* literal.c - the values of an expression: numbers, text, times, regions, and what binds stand for. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/query/piece.h"
#include "registry/sky/region.h"
#include "registry/time.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void vb_binds_clear(vb_binds *binds)
{
    for (size_t i = 0; i < binds->count; i++) {
        for (size_t k = 0; k < binds->items[i].count; k++)
            vb_value_clear(&binds->items[i].values[k]);
        free(binds->items[i].values);
        free(binds->items[i].name);
    }
    free(binds->items);
    *binds = (vb_binds){0};
}

/* T'...': ISO text, or a number as MJD; a scale after the last '/', or a format before
 * the first ("mjd/58938.5/tai"). */
static int parse_time(struct compiler *c, const vb_expr *e, int64_t *out)
{
    vb_autofree char *copy = vb_strdup(e->text);
    vb_auto_error why = VB_ERROR_INIT;
    char *text = copy, *slash;
    bool number, tai;
    double mjd;
    int r;

    number = vb_starts_with(text, "mjd/");
    if (number)
        text += 4;
    slash = strrchr(text, '/'); /* of a scale, if any */
    tai = slash && !strcmp(slash, "/tai");
    if (slash && (tai || !strcmp(slash, "/utc")))
        *slash = 0;
    number = number || vb_parse_double(text, &mjd);
    if (number && !slash)
        tai = true; /* Rubin: MJD is TAI unless said, ISO is UTC unless said */
    if (number)
        r = vb_parse_double(text, &mjd) ? vb_time_from_mjd(mjd, tai ? VB_SCALE_TAI : VB_SCALE_UTC, out, &why)
                                        : vb_fail(&why, -EINVAL, "'%s' is not a number", text);
    else
        r = vb_time_parse_iso(text, tai ? VB_SCALE_TAI : VB_SCALE_UTC, out, &why);
    return r < 0 ? vb_expr_fail(c->err, c->text, e, "%s", why.message) : 0;
}

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

sql_type vb_compile_type(const vb_value *v)
{
    return v->kind == VB_TEXT ? TEXT : v->kind == VB_INT || v->kind == VB_REAL ? NUMBER : ANY;
}

int vb_compile_value(struct compiler *c, const vb_expr *e, struct piece *out)
{
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
        if (parse_time(c, e, &time) < 0)
            return -EINVAL;
        vb_compile_literal(c, vb_value_int(time), TIME, out);
        return 0;
    default: break;
    }
    bind = vb_compile_find_bind(c, e);
    if (!bind)
        return -EINVAL;
    if (bind->count != 1)
        return vb_expr_fail(c->err, c->text, e, "':%s' is a list: it can only follow IN", e->text);
    vb_compile_literal(c, vb_value_copy(&bind->values[0]), vb_compile_type(&bind->values[0]), out);
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

static int make_region(const char *name, const double *v, size_t n, vb_region *out, vb_error *err)
{
    vb_vec3 points[64];

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

int vb_compile_region(struct compiler *c, const vb_expr *e, struct piece *out)
{
    vb_auto_region region = {0};
    vb_auto_error why = VB_ERROR_INIT;
    vb_autofree double *numbers = vb_alloc((e->count + 1) * sizeof *numbers);
    int r = call_numbers(c, e, numbers);

    if (r < 0)
        return r;
    if (make_region(e->text, numbers, e->count, &region, &why) < 0)
        return vb_expr_fail(c->err, c->text, e, "%s", why.message);
    vb_region_encode(&region, &out->region);
    vb_compile_literal(c, vb_value_bytes(out->region.data, out->region.len), REGION, out);
    return 0;
}
