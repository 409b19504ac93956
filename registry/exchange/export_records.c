/* export_records.c - the dimension records of an export. */
#include "registry/base/mem.h"
#include "registry/exchange/exporting.h"
#include "registry/exchange/yaml_out.h"
#include "registry/record.h"
#include "registry/schema.h"
#include "registry/sky/base64.h"

#include <inttypes.h>
#include <string.h>

enum kind { VALUE, BOOL, HASH, REGION, BEGIN, END };

/* A column of an element's table, and its key in an export. */
struct column {
    const char *name, *key;
    enum kind kind;
};

static enum kind kind_of(const vb_element *e, const char *name)
{
    const vb_field *field = vb_element_field(e, name);

    if (field && field->type == VB_FIELD_BOOL)
        return BOOL;
    if (field && field->type == VB_FIELD_HASH)
        return HASH;
    if (!field && e->spatial >= 0 && !strcmp(name, "region"))
        return REGION;
    if (!field && e->temporal >= 0 && !strcmp(name, "timespan_begin"))
        return BEGIN;
    return !field && e->temporal >= 0 && !strcmp(name, "timespan_end") ? END : VALUE;
}

static void add_region(vb_exporting *x, const void *bytes, size_t n)
{
    static const struct {
        char type;
        const char *class;
    } classes[] = {{'p', "ConvexPolygon"}, {'c', "Circle"},      {'b', "Box"},
                   {'e', "Ellipse"},       {'u', "UnionRegion"}, {'i', "IntersectionRegion"}};
    const char *class = "Region";

    for (size_t i = 0; i < VB_COUNT(classes); i++)
        if (n && *(const char *)bytes == classes[i].type)
            class = classes[i].class;
    vb_buf_printf(&x->text, "!<lsst.sphgeom.%s>\n      encoded: ", class);
    vb_buf_hex(&x->text, bytes, n);
}

static void add_value(vb_exporting *x, const struct column *c, vb_stmt *s, int i)
{
    vb_auto_value v = vb_col_value(s, i);

    switch (v.kind) {
    case VB_NULL: vb_buf_puts(&x->text, "null"); break;
    case VB_INT:
        if (c->kind == BOOL)
            vb_buf_puts(&x->text, v.i ? "true" : "false");
        else if (c->kind == BEGIN || c->kind == END)
            vb_yaml_put_time(&x->text, v.i, c->kind == BEGIN ? VB_TIME_MIN : VB_TIME_MAX);
        else
            vb_buf_printf(&x->text, "%" PRId64, v.i);
        break;
    case VB_REAL: vb_yaml_put_double(&x->text, v.d); break;
    case VB_TEXT: vb_yaml_put_text(&x->text, v.text); break;
    case VB_BYTES:
        if (c->kind == REGION) {
            add_region(x, v.bytes, v.len);
        } else {
            vb_buf_puts(&x->text, "!!binary |\n      ");
            vb_base64_encode(v.bytes, v.len, &x->text);
        }
        break;
    }
}

/* No region, no timespan: no key.  A timespan that begins after it ends is empty, which times do not say. */
static bool is_left_out(const struct column *c, vb_stmt *s, int i)
{
    return c->kind >= REGION && vb_col_null(s, i);
}

static bool is_empty_timespan(const struct column *c, vb_stmt *s, int i)
{
    return c->kind == BEGIN && !vb_col_null(s, i) && vb_col_int(s, i) > vb_col_int(s, i + 1);
}

static void add_record(vb_exporting *x, const struct column *columns, int n, vb_stmt *s)
{
    const char *before = "  - ";

    for (int i = 0; i < n; i++) {
        if (is_left_out(&columns[i], s, i))
            continue;
        vb_buf_puts(&x->text, before);
        before = "    ";
        if (is_empty_timespan(&columns[i], s, i)) {
            vb_buf_puts(&x->text, "timespan: !lsst.daf.butler.Timespan 'EMPTY'\n");
            i++; /* the end */
            continue;
        }
        vb_buf_printf(&x->text, "%s: ", columns[i].key);
        add_value(x, &columns[i], s, i);
        vb_buf_putc(&x->text, '\n');
    }
    x->report->records++;
}

static const char *key_of(const vb_element *e, const char *column, enum kind kind)
{
    if (kind == BEGIN || kind == END)
        return kind == BEGIN ? "datetime_begin" : "datetime_end";
    return e->is_dimension && !strcmp(column, e->name) ? e->keys[0].name : column;
}

static int write_element(vb_exporting *x, const vb_element *e)
{
    vb_auto_record shape = vb_record_new(x->reg, e);
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int n = vb_record_columns(&shape), r;
    vb_autofree struct column *columns = vb_alloc(((size_t)n + 1) * sizeof *columns);
    vb_auto_buf sql = {0};
    bool first = true;

    vb_buf_puts(&sql, "SELECT ");
    for (int i = 0; i < n; i++) {
        const char *name = vb_record_column(&shape, i);
        enum kind kind = kind_of(e, name);

        columns[i] = (struct column){name, key_of(e, name, kind), kind};
        vb_buf_puts(&sql, i ? ", e." : "e.");
        vb_sql_name(&sql, name);
    }
    vb_buf_puts(&sql, " FROM temp.chosen_record x CROSS JOIN ");
    vb_schema_table(&sql, e);
    vb_buf_puts(&sql, " e ON e._id = x.id WHERE x.element = ? ORDER BY x.id");
    r = vb_sql(x->reg->db, &s, x->err, vb_buf_text(&sql), VB_ARGS(e->index));
    while (!r && (r = vb_stmt_step(s, x->err)) > 0) {
        if (first)
            vb_buf_printf(&x->text, "- type: dimension\n  element: %s\n  records:\n", e->name);
        first = false;
        add_record(x, columns, n, s);
        r = vb_export_flush(x, 1 << 16);
    }
    return r;
}

int vb_export_records(vb_exporting *x)
{
    const vb_universe *u = x->reg->universe;
    int r = 0;

    for (int i = 0; !r && i < vb_universe_count(u); i++)
        if (vb_universe_at(u, i)->has_table && !vb_universe_at(u, i)->is_skypix)
            r = write_element(x, vb_universe_at(u, i));
    return r;
}
