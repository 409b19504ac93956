#include "registry/gen3/source.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/sky/base64.h"
#include "registry/time.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN = 60 };

void vb_gen3_source_close(vb_gen3_source *s)
{
    free(s->name);
    s->class->close(s);
}

int vb_gen3_columns(vb_gen3_source *s, const char *table, char ***out, vb_error *err)
{
    return s->class->columns(s, table, out, err);
}

int vb_gen3_query(vb_gen3_source *s, const char *table, const char *sql, vb_gen3_rows **out, vb_error *err)
{
    int r = s->class->query(s, sql, out, err);

    if (r < 0)
        return r;
    (*out)->source = s;
    (*out)->what = vb_strdup(table);
    return 0;
}

int vb_gen3_next(vb_gen3_rows *rows, vb_error *err)
{
    return rows->source->class->next(rows, err);
}

void vb_gen3_rows_done(vb_gen3_rows *rows)
{
    free(rows->what);
    rows->source->class->done(rows);
}

static vb_gen3_cell cell_of(vb_gen3_rows *rows, int i)
{
    vb_gen3_cell c = {0};

    rows->source->class->cell(rows, i, &c);
    return c;
}

static int wrong(vb_gen3_rows *rows, const vb_gen3_cell *c, const char *column, const char *wanted, vb_error *err)
{
    const char *table = rows->what, *name = rows->source->name;

    switch (c->kind) {
    case VB_NULL: return vb_fail(err, -EINVAL, "%s: %s.%s is null, where %s is needed", name, table, column, wanted);
    case VB_INT:
        return vb_fail(err, -EINVAL, "%s: %s.%s is %" PRId64 ", which is not %s", name, table, column, c->i, wanted);
    case VB_REAL: return vb_fail(err, -EINVAL, "%s: %s.%s is %g, which is not %s", name, table, column, c->d, wanted);
    case VB_TEXT:
        if (vb_utf8_valid(c->data, c->len))
            return vb_fail(err, -EINVAL, "%s: %s.%s is '%.*s', which is not %s", name, table, column, SHOWN,
                           (const char *)c->data, wanted);
        break;
    case VB_BYTES: break;
    }
    return vb_fail(err, -EINVAL, "%s: %s.%s has %zu bytes that are not %s", name, table, column, c->len, wanted);
}

bool vb_gen3_null(vb_gen3_rows *rows, int i)
{
    return cell_of(rows, i).kind == VB_NULL;
}

int vb_gen3_int(vb_gen3_rows *rows, int i, const char *column, int64_t *out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);

    if (c.kind != VB_INT)
        return wrong(rows, &c, column, "an integer", err);
    *out = c.i;
    return 0;
}

static bool is_text(const vb_gen3_cell *c)
{
    return c->kind == VB_TEXT && !memchr(c->data, 0, c->len) && vb_utf8_valid(c->data, c->len);
}

int vb_gen3_text(vb_gen3_rows *rows, int i, const char *column, const char **out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);

    if (!is_text(&c))
        return wrong(rows, &c, column, "text", err);
    *out = c.data;
    return 0;
}

int vb_gen3_text_or_null(vb_gen3_rows *rows, int i, const char *column, char **out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);

    *out = NULL;
    if (c.kind == VB_NULL)
        return 0;
    if (!is_text(&c))
        return wrong(rows, &c, column, "text", err);
    *out = vb_strdup(c.data);
    return 0;
}

int vb_gen3_uuid(vb_gen3_rows *rows, int i, const char *column, vb_uuid *out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);

    if (c.kind == VB_BYTES && c.len == sizeof out->bytes) {
        memcpy(out->bytes, c.data, c.len);
        return 0;
    }
    if (is_text(&c) && vb_uuid_parse(c.data, out))
        return 0;
    return wrong(rows, &c, column, "a UUID", err);
}

int vb_gen3_time(vb_gen3_rows *rows, int i, const char *column, int64_t *out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);

    if (c.kind == VB_INT) {
        *out = c.i;
        return 0;
    }
    if (is_text(&c) && !vb_time_parse_iso(c.data, VB_SCALE_UTC, out, NULL))
        return 0;
    return wrong(rows, &c, column, "a time", err);
}

int vb_gen3_bytes(vb_gen3_rows *rows, int i, const char *column, vb_value *out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);
    vb_autofree uint8_t *bytes = NULL;
    ssize_t n;

    *out = (vb_value){0};
    if (c.kind == VB_NULL)
        return 0;
    if (c.kind == VB_BYTES) {
        *out = vb_value_bytes(c.data, c.len);
        return 0;
    }
    if (c.kind != VB_TEXT)
        return wrong(rows, &c, column, "bytes or base64", err);
    bytes = vb_alloc(VB_BASE64_BYTES(c.len) + 1);
    n = vb_base64_decode(c.data, c.len, bytes);
    if (n < 0)
        return wrong(rows, &c, column, "base64", err);
    *out = vb_value_bytes(bytes, (size_t)n);
    return 0;
}

int vb_gen3_field(vb_gen3_rows *rows, int i, const char *column, vb_field_type type, vb_value *out, vb_error *err)
{
    vb_gen3_cell c = cell_of(rows, i);

    *out = (vb_value){0};
    if (c.kind == VB_NULL)
        return 0;
    switch (type) {
    case VB_FIELD_HASH: return vb_gen3_bytes(rows, i, column, out, err);
    case VB_FIELD_STRING:
        if (!is_text(&c))
            return wrong(rows, &c, column, "text", err);
        *out = vb_value_text(c.data);
        return 0;
    case VB_FIELD_FLOAT:
        if (c.kind != VB_REAL && c.kind != VB_INT)
            return wrong(rows, &c, column, "a number", err);
        *out = vb_value_real(c.kind == VB_REAL ? c.d : (double)c.i);
        return 0;
    case VB_FIELD_BOOL:
        if (c.kind != VB_INT || (c.i & ~1))
            return wrong(rows, &c, column, "0 or 1", err);
        break;
    case VB_FIELD_INT:
        if (c.kind != VB_INT)
            return wrong(rows, &c, column, "an integer", err);
        break;
    }
    *out = vb_value_int(c.i);
    return 0;
}

/* A range that is unbounded has the ends that the two columns would have; an empty one the two that say so. */
void vb_gen3_timespan_sql(const vb_gen3_source *s, const char *prefix, vb_buf *sql)
{
    if (!s->class->ranges) {
        vb_buf_printf(sql, "%stimespan_begin, %stimespan_end", prefix, prefix);
        return;
    }
    vb_buf_printf(sql,
                  "CASE WHEN isempty(%stimespan) THEN %" PRId64 " WHEN %stimespan IS NULL THEN NULL"
                  " ELSE coalesce(lower(%stimespan), %" PRId64 ") END, ",
                  prefix, VB_TIME_MAX, prefix, prefix, VB_TIME_MIN);
    vb_buf_printf(sql,
                  "CASE WHEN isempty(%stimespan) THEN %" PRId64 " WHEN %stimespan IS NULL THEN NULL"
                  " ELSE coalesce(upper(%stimespan), %" PRId64 ") END",
                  prefix, VB_TIME_MIN, prefix, prefix, VB_TIME_MAX);
}
