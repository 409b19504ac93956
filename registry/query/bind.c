#include "registry/query/bind.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"
#include "registry/query/expr.h"
#include "registry/query/timeliteral.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_VALUES = 100000 };

static void clear(vb_bind *bind)
{
    for (size_t k = 0; k < bind->count; k++)
        vb_value_clear(&bind->values[k]);
    free(bind->values);
    free(bind->times);
    free(bind->name);
    *bind = (vb_bind){0};
}

void vb_binds_clear(vb_binds *binds)
{
    for (size_t i = 0; i < binds->count; i++)
        clear(&binds->items[i]);
    free(binds->items);
    *binds = (vb_binds){0};
}

static void add_value(vb_bind *bind, vb_value value, bool time)
{
    bind->values = vb_realloc(bind->values, bind->count + 1, sizeof *bind->values);
    bind->times = vb_realloc(bind->times, bind->count + 1, sizeof *bind->times);
    bind->values[bind->count] = value;
    bind->times[bind->count++] = time;
}

/* 1: it is a value and was added; 0: it is none; negative: it is a bad one. */
static int add_literal(vb_bind *bind, const vb_expr *e, vb_error *err)
{
    const vb_expr *inner = e->kind == VB_EXPR_NEGATE ? e->operands[0] : e;
    int64_t time;
    vb_uuid uuid;

    switch (inner->kind) {
    case VB_EXPR_INT: add_value(bind, vb_value_int(inner == e ? e->integer : -inner->integer), false); return 1;
    case VB_EXPR_REAL: add_value(bind, vb_value_real(inner == e ? e->real : -inner->real), false); return 1;
    case VB_EXPR_STRING: add_value(bind, vb_value_text(e->text), false); return inner == e;
    case VB_EXPR_NULL: add_value(bind, (vb_value){0}, false); return 1;
    case VB_EXPR_RANGE:
        if ((e->last - e->integer) / e->step >= MAX_VALUES)
            return vb_fail(err, -E2BIG, "a range of more than %d values", MAX_VALUES);
        for (int64_t i = e->integer; i <= e->last; i += e->step)
            add_value(bind, vb_value_int(i), false);
        return 1;
    case VB_EXPR_TIME:
        if (vb_time_literal(e->text, &time, err) < 0)
            return -EINVAL;
        add_value(bind, vb_value_int(time), true);
        return 1;
    case VB_EXPR_CALL:
        if (strcmp(e->text, "UUID") != 0 || e->count != 1 || e->operands[0]->kind != VB_EXPR_STRING)
            return 0;
        if (!vb_uuid_parse(e->operands[0]->text, &uuid))
            return vb_fail(err, -EINVAL, "'%s' is no UUID", e->operands[0]->text);
        add_value(bind, vb_value_bytes(uuid.bytes, sizeof uuid.bytes), false);
        return 1;
    default: return 0;
    }
}

/* Read as what may follow `x IN`: a list of one or more. */
static int add_values(vb_bind *bind, const char *value, vb_error *err)
{
    vb_autofree char *text = value[0] == '(' ? vb_format("x IN %s", value) : vb_format("x IN (%s)", value);
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    int r = 1;

    if (vb_expr_parse(text, &e, NULL) < 0 || e->kind != VB_EXPR_IN || (value[0] != '(' && e->count != 2))
        return 0;
    for (size_t i = 1; r > 0 && i < e->count; i++)
        r = add_literal(bind, e->operands[i], err);
    return r;
}

int vb_binds_add(vb_binds *binds, const char *text, vb_error *err)
{
    const char *equals = strchr(text, '='), *name = text;
    vb_bind bind = {0};
    int r;

    for (; name != equals && (isalnum((unsigned char)*name) || *name == '_'); name++)
        ;
    if (!equals || name != equals || name == text)
        return vb_fail(err, -EINVAL, "'%s' is no NAME=VALUE", text);
    bind.name = vb_strndup(text, (size_t)(equals - text));
    for (size_t i = 0; i < binds->count; i++)
        if (!strcmp(binds->items[i].name, bind.name)) {
            r = vb_fail(err, -EINVAL, "two values are given for '%s'", bind.name);
            clear(&bind);
            return r;
        }
    r = add_values(&bind, equals + 1, err);
    if (r < 0) {
        vb_error_context(err, "%s", bind.name);
        clear(&bind);
        return r;
    }
    if (!r) {
        vb_autofree char *kept = VB_STEAL(bind.name);

        clear(&bind);
        bind.name = VB_STEAL(kept);
        add_value(&bind, vb_value_text(equals + 1), false);
    }
    *VB_PUSH(binds->items, binds->count, binds->cap) = bind;
    return 0;
}
