/* compile.c - every part of an expression becomes a typed piece of SQL; types that do not go together are refused with
 * the column at which they stand, since SQLite would compare them in silence. */
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/query/piece.h"
#include "registry/sky/pixels.h"
#include "registry/sky/region.h"
#include "registry/time.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const type_names[] = {"nothing", "a truth value", "a number", "text",
                                         "a time",  "a timespan",    "a region", "a UUID"};

void vb_compile_clear(struct piece *p)
{
    vb_buf_free(&p->sql);
    vb_buf_free(&p->end);
    vb_buf_free(&p->region);
}
#define auto_piece __attribute__((cleanup(vb_compile_clear))) struct piece

static int compile(struct compiler *c, const vb_expr *e, struct piece *out);

static int mismatch(struct compiler *c, const vb_expr *at, const struct piece *a, const struct piece *b,
                    const char *what)
{
    return vb_expr_fail(c->err, c->text, at, "%s and %s cannot be %s", type_names[a->type], type_names[b->type], what);
}

static bool comparable(const struct piece *a, const struct piece *b)
{
    return a->type == b->type || a->type == ANY || b->type == ANY;
}

/* GLOB(what, 'pattern'): `*` and `?` only, as in Rubin. */
static int compile_glob(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece what = {0};
    vb_auto_buf pattern = {0};
    int r;

    if (e->count != 2 || e->operands[1]->kind != VB_EXPR_STRING)
        return vb_expr_fail(c->err, c->text, e, "GLOB takes a name and a pattern in quotes");
    r = compile(c, e->operands[0], &what);
    if (r < 0)
        return r;
    if (what.type != TEXT)
        return vb_expr_fail(c->err, c->text, e->operands[0], "GLOB wants text, not %s", type_names[what.type]);
    for (const char *p = e->operands[1]->text; *p; p++)
        vb_buf_puts(&pattern, *p == '[' ? "[[]" : (char[]){*p, 0});
    vb_buf_printf(&out->sql, "(%s GLOB ", vb_buf_text(&what.sql));
    vb_join_bind(c->j, vb_value_text(vb_buf_text(&pattern)), &out->sql);
    vb_buf_putc(&out->sql, ')');
    out->type = BOOLEAN;
    return 0;
}

static int compile_call(struct compiler *c, const vb_expr *e, struct piece *out)
{
    if (!strcmp(e->text, "GLOB"))
        return compile_glob(c, e, out);
    if (!strcmp(e->text, "UUID"))
        return vb_compile_uuid(c, e, out);
    return vb_compile_region(c, e, out);
}

/* (T'a', T'b'): a timespan; NULL leaves a side open. */
static int compile_tuple(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece second = {0};
    struct piece *sides[] = {out, &second};

    for (int i = 0; i < 2; i++) {
        const vb_expr *side = e->operands[i];

        if (side->kind == VB_EXPR_NULL) {
            vb_compile_literal(c, vb_value_int(i ? VB_TIME_MAX : VB_TIME_MIN), TIME, sides[i]);
            continue;
        }
        if (compile(c, side, sides[i]) < 0)
            return -EINVAL;
        if (sides[i]->type != TIME)
            return vb_expr_fail(c->err, c->text, side, "a timespan is (T'begin', T'end'), not %s",
                                type_names[sides[i]->type]);
    }
    vb_buf_puts(&out->end, vb_buf_text(&second.sql));
    out->type = TIMESPAN;
    return 0;
}

/* ---- operators -------------------------------------------------------------------------------------------- */

/* True where all that is selected must satisfy the expression. */
static bool must_hold(const struct compiler *c, const vb_expr *e)
{
    if (e == c->whole)
        return true;
    for (size_t i = 0; c->whole && c->whole->kind == VB_EXPR_AND && i < c->whole->count; i++)
        if (c->whole->operands[i] == e)
            return true;
    return false;
}

/* The records of an element whose regions share a pixel of the overlap table with a region, so that those of the whole
 * sky are not decoded.  Where the condition must hold they are joined, so that nothing else is looked at. */
static int add_pixels(struct compiler *c, const vb_element *element, const vb_region *region, bool join, vb_buf *sql)
{
    enum { MANY = 200 };
    const vb_element *common = vb_universe_common_skypix(vb_registry_universe(c->j->reg));
    vb_auto_ranges pixels = {0};
    vb_auto_buf records = {0};
    const char *name = element->name;
    int r = vb_skypix_envelope(common->system, common->level, region, &pixels, c->err);

    if (r < 0 || pixels.count > MANY || !pixels.count)
        return r;
    /* A table of ranges, each of which is a search: for OR between many SQLite would read the whole of an index. */
    vb_buf_printf(&records, "SELECT %so.record_id FROM (VALUES ", join ? "DISTINCT " : "");
    for (size_t i = 0; i < pixels.count; i++)
        vb_buf_printf(&records, "%s(%" PRIu64 ", %" PRIu64 ")", i ? ", " : "", pixels.items[i].begin,
                      pixels.items[i].end - 1);
    vb_buf_printf(&records, ") AS r CROSS JOIN %s.\"overlap_%s\" AS o ON o.pixel BETWEEN r.column1 AND r.column2",
                  c->j->schema, name);
    if (!join || vb_join_find(c->j, VB_FROM_PICKED, element) >= 0) {
        vb_buf_printf(sql, "e_%s._id IN (%s) AND ", name, records.data);
        return 0;
    }
    vb_join_add(c->j, VB_FROM_PICKED, element, vb_format("(%s) AS k_%s", records.data, name));
    vb_buf_printf(sql, "e_%s._id = k_%s.record_id AND ", name, name);
    return 0;
}

static int add_literal(struct compiler *c, const struct piece *column, const struct piece *literal, bool join,
                       vb_buf *sql)
{
    vb_auto_region region = {0};
    int r = vb_region_decode(literal->region.data, literal->region.len, &region, c->err);

    return r < 0 ? r : add_pixels(c, column->element, &region, join, sql);
}

/* All that may touch a sky pixel: a circle with room for edges that bulge, and for the longitudes and latitudes that
 * boxes are compared with.  False near the poles, where these run far out, and for what is no pixel. */
static bool around_pixel(const vb_element *pixel, int64_t index, vb_region *out)
{
    const double room = 2, polar = 75 * M_PI / 180;
    vb_auto_region region = {0};
    vb_circle circle;

    if (index < 0 || vb_skypix_region(pixel->system, pixel->level, (uint64_t)index, &region, NULL) < 0)
        return false;
    circle = vb_region_bounding_circle(&region);
    return fabs(vb_vec3_lat(circle.center)) < polar && !vb_region_circle(circle.center, room * circle.angle, out, NULL);
}

/* `healpix9 = 1400`: of each element with a region only the records near that pixel. */
static int add_near(struct compiler *c, const vb_expr *e, vb_buf *sql)
{
    const vb_universe *u = vb_registry_universe(c->j->reg);
    const vb_expr *name = e->operands[0], *index = e->operands[1];
    const vb_element *pixel;
    vb_auto_region region = {0};
    int r = 0;

    if (name->kind == VB_EXPR_INT) {
        name = e->operands[1];
        index = e->operands[0];
    }
    pixel = name->kind == VB_EXPR_NAME ? vb_universe_find(u, name->text) : NULL;
    if (!pixel || !pixel->is_skypix || index->kind != VB_EXPR_INT || !must_hold(c, e) || strcmp(e->text, "=") != 0 ||
        !around_pixel(pixel, index->integer, &region))
        return 0;
    for (int f = 0; !r && f < vb_universe_spatial_families(u); f++) {
        const vb_element *element = vb_group_spatial(c->j->group, f);

        if (!element || element->is_skypix)
            continue;
        r = vb_join_element(c->j, element, c->err);
        if (!r)
            r = add_pixels(c, element, &region, true, sql);
    }
    return r;
}

/* `instrument = 'Cam'`: the value is kept beside the condition. */
static void note_value(struct compiler *c, const vb_expr *e, const struct piece *name, const vb_expr *value_is,
                       const struct piece *value)
{
    bool is_value = value_is->kind == VB_EXPR_INT || value_is->kind == VB_EXPR_STRING || value_is->kind == VB_EXPR_BIND;

    if (is_value && name->dimension && !strcmp(e->text, "=") && must_hold(c, e) && !c->j->equal[name->dimension->index])
        c->j->equal[name->dimension->index] = vb_strdup(vb_buf_text(&value->sql));
}

static int compile_compare(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece a = {0}, b = {0};
    int r = compile(c, e->operands[0], &a);

    if (!r)
        r = compile(c, e->operands[1], &b);
    if (r < 0)
        return r;
    if (!comparable(&a, &b) || a.type == REGION || a.type == TIMESPAN ||
        (a.type == UUID && strcmp(e->text, "=") != 0 && strcmp(e->text, "!=") != 0))
        return mismatch(c, e->operands[1], &a, &b, "compared");
    note_value(c, e, &a, e->operands[1], &b);
    note_value(c, e, &b, e->operands[0], &a);
    vb_buf_putc(&out->sql, '(');
    r = add_near(c, e, &out->sql);
    vb_buf_printf(&out->sql, "%s %s %s)", vb_buf_text(&a.sql), e->text, vb_buf_text(&b.sql));
    out->type = BOOLEAN;
    return r;
}

static int compile_arithmetic(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece a = {0}, b = {0};
    int r = compile(c, e->operands[0], &a);

    if (!r)
        r = compile(c, e->operands[1], &b);
    if (r < 0)
        return r;
    if (a.type != NUMBER || b.type != NUMBER)
        return mismatch(c, e->operands[1], &a, &b, "reckoned with");
    vb_buf_printf(&out->sql, "(%s %s %s)", vb_buf_text(&a.sql), e->text, vb_buf_text(&b.sql));
    out->type = NUMBER;
    return 0;
}

/* SQL texts in the making: the conditions that AND or OR joins. */
struct texts {
    char **items;
    size_t count, cap;
};

static void texts_clear(struct texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i]);
    free(t->items);
}
#define auto_texts __attribute__((cleanup(texts_clear))) struct texts

/* Joins them two by two: SQLite takes a chain for a tree as deep as it is long, and refuses one of a thousand. */
static void join_texts(char *const *items, size_t count, const char *between, vb_buf *out)
{
    if (count == 1) {
        vb_buf_puts(out, items[0]);
        return;
    }
    vb_buf_putc(out, '(');
    join_texts(items, count / 2, between, out);
    vb_buf_puts(out, between);
    join_texts(items + count / 2, count - count / 2, between, out);
    vb_buf_putc(out, ')');
}

static int compile_condition(struct compiler *c, const vb_expr *e, struct texts *out)
{
    auto_piece operand = {0};
    int r = compile(c, e, &operand);

    if (r < 0)
        return r;
    if (operand.type != BOOLEAN && operand.type != NUMBER)
        return vb_expr_fail(c->err, c->text, e, "expected a condition, not %s", type_names[operand.type]);
    *VB_PUSH(out->items, out->count, out->cap) = vb_buf_steal(&operand.sql);
    return 0;
}

static int compile_joined(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_texts conditions = {0};

    for (size_t i = 0; i < e->count; i++) {
        int r = compile_condition(c, e->operands[i], &conditions);

        if (r < 0)
            return r;
    }
    vb_buf_puts(&out->sql, e->kind == VB_EXPR_NOT ? "(NOT " : "");
    join_texts(conditions.items, conditions.count, e->kind == VB_EXPR_AND ? " AND " : " OR ", &out->sql);
    vb_buf_puts(&out->sql, e->kind == VB_EXPR_NOT ? ")" : "");
    out->type = BOOLEAN;
    return 0;
}

static void add_range(const char *what, const vb_expr *range, struct texts *out)
{
    vb_buf sql = {0};

    vb_buf_printf(&sql, "(%s BETWEEN %" PRId64 " AND %" PRId64, what, range->integer, range->last);
    if (range->step > 1)
        vb_buf_printf(&sql, " AND (%s - %" PRId64 ") %% %" PRId64 " = 0", what, range->integer, range->step);
    vb_buf_putc(&sql, ')');
    *VB_PUSH(out->items, out->count, out->cap) = vb_buf_steal(&sql);
}

/* The values of a bind in a list. */
static int add_bind(struct compiler *c, const vb_expr *item, const struct piece *what, const vb_bind *bind,
                    vb_buf *list)
{
    for (size_t i = 0; i < bind->count; i++) {
        struct piece value = {.type = vb_compile_type(bind, i)};

        if (!comparable(&value, what))
            return mismatch(c, item, what, &value, "compared");
        vb_buf_separate(list, ", ");
        vb_join_bind(c->j, vb_value_copy(&bind->values[i]), list);
    }
    return 0;
}

/* The items of an IN list: single values in one SQL list, ranges beside it. */
static int add_items(struct compiler *c, const vb_expr *e, const struct piece *what, vb_buf *list, struct texts *ranges)
{
    for (size_t i = 1; i < e->count; i++) {
        const vb_expr *item = e->operands[i];
        const vb_bind *bind = item->kind == VB_EXPR_BIND ? vb_compile_find_bind(c, item) : NULL;
        auto_piece value = {0};

        if (item->kind == VB_EXPR_BIND && !bind)
            return -EINVAL;
        if (item->kind == VB_EXPR_RANGE) {
            if (what->type != NUMBER)
                return vb_expr_fail(c->err, c->text, item, "a range of integers beside %s", type_names[what->type]);
            add_range(vb_buf_text(&what->sql), item, ranges);
            continue;
        }
        if (bind) {
            if (add_bind(c, item, what, bind, list) < 0)
                return -EINVAL;
            continue;
        }
        if (compile(c, item, &value) < 0)
            return -EINVAL;
        if (!comparable(&value, what))
            return mismatch(c, item, what, &value, "compared");
        vb_buf_separate(list, ", ");
        vb_buf_puts(list, vb_buf_text(&value.sql));
    }
    return 0;
}

static int compile_in(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece what = {0};
    vb_auto_buf list = {0};
    auto_texts ranges = {0};
    int r = compile(c, e->operands[0], &what);

    if (!r && (what.type == REGION || what.type == TIMESPAN))
        r = vb_expr_fail(c->err, c->text, e->operands[0], "%s cannot be in a list", type_names[what.type]);
    if (!r)
        r = add_items(c, e, &what, &list, &ranges);
    if (r < 0)
        return r;
    if (list.len || !ranges.count)
        *VB_PUSH(ranges.items, ranges.count, ranges.cap) = vb_format("%s IN (%s)", vb_buf_text(&what.sql),
                                                                     vb_buf_text(&list));
    vb_buf_puts(&out->sql, e->kind == VB_EXPR_NOT_IN ? "(NOT (" : "(");
    join_texts(ranges.items, ranges.count, " OR ", &out->sql);
    vb_buf_puts(&out->sql, e->kind == VB_EXPR_NOT_IN ? "))" : ")");
    out->type = BOOLEAN;
    return 0;
}

static int compile_null(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece what = {0};
    int r = compile(c, e->operands[0], &what);

    if (r < 0)
        return r;
    vb_buf_printf(&out->sql, "(%s IS %sNULL)", vb_buf_text(&what.sql), e->kind == VB_EXPR_IS_NULL ? "" : "NOT ");
    out->type = BOOLEAN;
    return 0;
}

static int compile_overlaps(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece a = {0}, b = {0};
    int r = compile(c, e->operands[0], &a);

    if (!r)
        r = compile(c, e->operands[1], &b);
    if (r < 0)
        return r;
    out->type = BOOLEAN;
    vb_buf_putc(&out->sql, '(');
    if (a.type == REGION && b.type == REGION) {
        if (a.element && !b.element)
            r = add_literal(c, &a, &b, must_hold(c, e), &out->sql);
        else if (b.element && !a.element)
            r = add_literal(c, &b, &a, must_hold(c, e), &out->sql);
        vb_buf_printf(&out->sql, "vb_overlaps(%s, %s))", vb_buf_text(&a.sql), vb_buf_text(&b.sql));
        return r;
    }
    if ((a.type != TIMESPAN && a.type != TIME) || (b.type != TIMESPAN && b.type != TIME) ||
        (a.type == TIME && b.type == TIME))
        return mismatch(c, e, &a, &b, "overlapped");
    if (a.type == TIMESPAN && b.type == TIMESPAN)
        vb_buf_printf(&out->sql, "%s < %s AND %s < %s)", vb_buf_text(&a.sql), vb_buf_text(&b.end), vb_buf_text(&b.sql),
                      vb_buf_text(&a.end));
    else if (a.type == TIMESPAN)
        vb_buf_printf(&out->sql, "%s <= %s AND %s < %s)", vb_buf_text(&a.sql), vb_buf_text(&b.sql), vb_buf_text(&b.sql),
                      vb_buf_text(&a.end));
    else
        vb_buf_printf(&out->sql, "%s <= %s AND %s < %s)", vb_buf_text(&b.sql), vb_buf_text(&a.sql), vb_buf_text(&a.sql),
                      vb_buf_text(&b.end));
    return 0;
}

static int compile_negate(struct compiler *c, const vb_expr *e, struct piece *out)
{
    auto_piece operand = {0};
    int r = compile(c, e->operands[0], &operand);

    if (r < 0)
        return r;
    if (operand.type != NUMBER)
        return vb_expr_fail(c->err, c->text, e, "only a number can be negated, not %s", type_names[operand.type]);
    vb_buf_printf(&out->sql, "(- %s)", vb_buf_text(&operand.sql));
    out->type = NUMBER;
    return 0;
}

static int compile(struct compiler *c, const vb_expr *e, struct piece *out)
{
    static int (*const by_kind[])(struct compiler *, const vb_expr *, struct piece *) = {
        [VB_EXPR_INT] = vb_compile_value,
        [VB_EXPR_REAL] = vb_compile_value,
        [VB_EXPR_STRING] = vb_compile_value,
        [VB_EXPR_TIME] = vb_compile_value,
        [VB_EXPR_BIND] = vb_compile_value,
        [VB_EXPR_NULL] = vb_compile_value,
        [VB_EXPR_NAME] = vb_compile_name,
        [VB_EXPR_TUPLE] = compile_tuple,
        [VB_EXPR_CALL] = compile_call,
        [VB_EXPR_NOT] = compile_joined,
        [VB_EXPR_AND] = compile_joined,
        [VB_EXPR_OR] = compile_joined,
        [VB_EXPR_NEGATE] = compile_negate,
        [VB_EXPR_COMPARE] = compile_compare,
        [VB_EXPR_ARITHMETIC] = compile_arithmetic,
        [VB_EXPR_OVERLAPS] = compile_overlaps,
        [VB_EXPR_IN] = compile_in,
        [VB_EXPR_NOT_IN] = compile_in,
        [VB_EXPR_IS_NULL] = compile_null,
        [VB_EXPR_IS_NOT_NULL] = compile_null,
    };

    if (!by_kind[e->kind])
        return vb_expr_fail(c->err, c->text, e, "a range can only stand in a list after IN");
    return by_kind[e->kind](c, e, out);
}

/* SQLite's parser keeps at most three words for each bracket that is open, and a hundred in all. */
static bool too_deep(const vb_buf *sql)
{
    enum { MAX_OPEN = 32 };
    int open = 0, most = 0;

    for (const char *p = vb_buf_text(sql); *p; p++) {
        open += (*p == '(') - (*p == ')');
        most = open > most ? open : most;
    }
    return most > MAX_OPEN;
}

int vb_join_where(vb_join *j, const char *text, const vb_expr *e, const vb_binds *binds, vb_error *err)
{
    struct compiler c = {j, text, binds, err, e};
    auto_piece condition = {0};
    const vb_element *ranged, *tested;
    vb_joined_type *known;
    int r = compile(&c, e, &condition);

    if (r < 0)
        return r;
    if (condition.type != BOOLEAN && condition.type != NUMBER)
        return vb_expr_fail(err, text, e, "expected a condition, not %s", type_names[condition.type]);
    if (too_deep(&condition.sql))
        return vb_expr_fail(err, text, e, "nested too deep");
    vb_buf_puts(vb_join_condition(j), vb_buf_text(&condition.sql));
    vb_name_note(j, text, e);
    ranged = vb_name_ranged(j, text, e);
    if (ranged) {
        vb_buf_separate(&j->ranges[ranged->index], " AND ");
        vb_buf_puts(&j->ranges[ranged->index], vb_buf_text(&condition.sql));
    }
    tested = vb_name_tested(j, text, e);
    if (tested) {
        vb_buf_separate(&j->tests[tested->index], " AND ");
        vb_buf_puts(&j->tests[tested->index], vb_buf_text(&condition.sql));
    }
    known = vb_name_known_rows(&c, e);
    if (known) {
        vb_buf_separate(&known->known, " AND ");
        vb_buf_puts(&known->known, vb_buf_text(&condition.sql));
    }
    return 0;
}

int vb_join_sort_key(vb_join *j, const char *name, vb_buf *sql, vb_error *err)
{
    struct compiler c = {j, name, NULL, err, NULL};
    vb_auto(vb_expr_free) vb_expr *e = NULL;
    auto_piece key = {0};
    int r = vb_expr_parse(name, &e, err);

    if (r < 0)
        return r;
    if (!e || e->kind != VB_EXPR_NAME)
        return vb_fail(err, -EINVAL, "'%s' is no name to sort by: a dimension, or a field like visit.exposure_time",
                       name);
    r = vb_compile_name(&c, e, &key);
    if (r < 0)
        return r;
    if (key.type == REGION)
        return vb_expr_fail(err, name, e, "regions have no order");
    vb_buf_puts(sql, vb_buf_text(&key.sql));
    return 0;
}
