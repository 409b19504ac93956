#include "registry/query/print.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"
#include "registry/dataset.h"
#include "registry/sky/region.h"
#include "registry/time.h"

#include <ctype.h>
#include <string.h>

static void print_value(vb_grid *g, vb_stmt *s, int i)
{
    vb_auto_value v = vb_col_value(s, i);
    vb_auto_buf hex = {0};

    switch (v.kind) {
    case VB_NULL: vb_grid_text(g, NULL); break;
    case VB_INT: vb_grid_int(g, v.i); break;
    case VB_REAL: vb_grid_real(g, v.d); break;
    case VB_TEXT: vb_grid_text(g, v.text); break;
    case VB_BYTES: vb_buf_hex(&hex, v.bytes, v.len); vb_grid_text(g, vb_buf_text(&hex));
    }
}

static void print_bool(vb_grid *g, vb_stmt *s, int i)
{
    bool value = vb_col_int(s, i);

    if (vb_col_null(s, i))
        vb_grid_text(g, NULL);
    else
        vb_grid_cell(g, value ? "True" : "False", NULL, value ? "true" : "false");
}

static void print_uuid(vb_grid *g, vb_stmt *s, int i)
{
    char text[VB_UUID_TEXT];

    vb_grid_text(g, vb_uuid_format(vb_col_uuid(s, i), text));
}

/* Elided in the table, as Rubin does; in base64 where programs read it. */
static void print_region(vb_grid *g, vb_stmt *s, int i)
{
    size_t n;
    const void *bytes = vb_col_blob(s, i, &n);
    vb_auto_region region = {0};
    vb_auto_buf text = {0}, json = {0};

    if (!bytes || vb_region_decode(bytes, n, &region, NULL) < 0) {
        vb_grid_text(g, NULL);
        return;
    }
    vb_region_encode_base64(&region, &text);
    vb_buf_json(&json, vb_buf_text(&text), text.len);
    vb_grid_cell(g, "(elided)", vb_buf_text(&text), vb_buf_text(&json));
}

static void print_end(vb_buf *out, int64_t t, bool whole)
{
    size_t before = out->len;
    char *dot;

    vb_time_print(t, out);
    dot = memchr(out->data + before, '.', out->len - before);
    if (dot && whole)
        out->len = (size_t)(dot - out->data), *dot = 0;
}

/* [begin, end) in TAI; whole seconds in the table. */
static void timespan_text(int64_t begin, int64_t end, bool whole, vb_buf *out)
{
    if (begin >= end) {
        vb_buf_puts(out, "(empty)");
        return;
    }
    if (begin <= VB_TIME_MIN) {
        vb_buf_puts(out, "(-∞, ");
    } else {
        vb_buf_puts(out, "[");
        print_end(out, begin, whole);
        vb_buf_puts(out, ", ");
    }
    if (end >= VB_TIME_MAX)
        vb_buf_puts(out, "∞)");
    else
        print_end(out, end, whole), vb_buf_puts(out, ")");
}

static void print_timespan(vb_grid *g, vb_stmt *s, int i)
{
    vb_auto_buf shown = {0}, raw = {0}, json = {0};

    if (vb_col_null(s, i) || vb_col_null(s, i + 1)) {
        vb_grid_text(g, NULL);
        return;
    }
    timespan_text(vb_col_int(s, i), vb_col_int(s, i + 1), true, &shown);
    timespan_text(vb_col_int(s, i), vb_col_int(s, i + 1), false, &raw);
    vb_buf_json(&json, vb_buf_text(&raw), raw.len);
    vb_grid_cell(g, vb_buf_text(&shown), vb_buf_text(&raw), vb_buf_text(&json));
}

/* The address of an artifact that is not on this machine, or lies in a store that is not. */
static char *remote_uri(const char *store, const char *path)
{
    vb_buf uri = {0};

    if (!vb_location_is_remote(path)) {
        vb_buf_puts(&uri, store);
        if (!vb_ends_with(store, "/"))
            vb_buf_putc(&uri, '/');
        vb_percent_encode(&uri, path, false);
        return vb_buf_steal(&uri);
    }
    return vb_strdup(path);
}

/* file:///..., with '%' before what a URI may not have (RFC 3986); a part of a file is its fragment.  NULL where the
 * artifact is not held. */
static void print_uri(vb_grid *g, vb_stmt *s, int i, const char *root)
{
    const char *store = vb_col_text(s, i + 1), *path = vb_col_text(s, i + 2);
    vb_autofree char *at = store && path ? vb_path_join(root ? root : "", strcmp(store, ".") ? store : "") : NULL;
    vb_autofree char *whole = NULL;
    vb_auto_buf uri = {0};

    if (!path) {
        vb_grid_text(g, NULL);
        return;
    }
    if (vb_location_is_remote(path) || (store && vb_location_is_remote(store) && *path != '/')) {
        whole = remote_uri(store, path);
        vb_grid_text(g, whole);
        return;
    }
    while (at && strlen(at) > 1 && vb_ends_with(at, "/"))
        at[strlen(at) - 1] = 0;
    whole = vb_path_join(at ? at : "", path);
    if (whole[0] == '/')
        vb_buf_puts(&uri, "file://");
    for (const char *p = whole; *p; p++)
        if (isalnum((unsigned char)*p) || strchr("/-._~+,=:@!$&'()*", *p) || vb_starts_with(p, "#hdu=") ||
            vb_starts_with(p, "#unzip="))
            vb_buf_putc(&uri, *p);
        else
            vb_buf_printf(&uri, "%%%02X", (unsigned char)*p);
    vb_grid_text(g, vb_buf_text(&uri));
}

static void print_cell(vb_grid *g, const vb_result_column *column, vb_stmt *s, const char *root)
{
    switch (column->kind) {
    case VB_CELL_VALUE:
    case VB_CELL_HASH: print_value(g, s, column->at); break;
    case VB_CELL_BOOL: print_bool(g, s, column->at); break;
    case VB_CELL_UUID: print_uuid(g, s, column->at); break;
    case VB_CELL_REGION: print_region(g, s, column->at); break;
    case VB_CELL_TIMESPAN: print_timespan(g, s, column->at); break;
    case VB_CELL_URI: print_uri(g, s, column->at, root); break;
    }
}

int vb_result_print(vb_result *result, const char *root, vb_grid *grid, int64_t *rows, void (*begun)(void *arg),
                    void *arg, vb_error *err)
{
    size_t n;
    const vb_result_column *columns = vb_result_columns(result, &n);
    vb_autofree const char **names = vb_alloc((n + 1) * sizeof *names);
    int r;

    for (size_t i = 0; i < n; i++)
        names[i] = columns[i].name;
    *rows = 0;
    while ((r = vb_result_step(result, err)) > 0) {
        if (!(*rows)++) {
            if (begun)
                begun(arg);
            vb_grid_begin(grid, names, n);
        }
        for (size_t i = 0; i < n; i++)
            print_cell(grid, &columns[i], vb_result_row(result), root);
    }
    if (*rows) {
        int ended = vb_grid_end(grid, err);

        r = r < 0 ? r : ended;
    }
    return r;
}
