#include "registry/base/grid.h"

#include "registry/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_IN_MEMORY = 1 << 20 };

struct vb_grid {
    vb_format_kind format;
    bool left;
    char **names;
    int *widths;
    size_t count, at;     /* columns; the next cell of the row */
    int64_t rows, tables; /* of the table; that were begun */
    int64_t objects;      /* JSON: of all tables */
    vb_buf waiting;       /* cells, each with a NUL after it */
    FILE *spill;          /* what came before `waiting` */
    bool failed;
    vb_buf line;
    vb_rows_sink sink;
    void *arg;
};

vb_grid *vb_grid_new(vb_format_kind format, bool left, vb_rows_sink sink, void *arg)
{
    vb_grid *g = VB_NEW(vb_grid);

    g->format = format;
    g->left = left;
    g->sink = sink;
    g->arg = arg;
    return g;
}

static void flush(vb_grid *g, size_t beyond)
{
    if (g->line.len <= beyond)
        return;
    g->sink(g->arg, vb_buf_text(&g->line), g->line.len);
    vb_buf_clear(&g->line);
}

static void forget_columns(vb_grid *g)
{
    for (size_t i = 0; i < g->count; i++)
        free(g->names[i]);
    free(g->names);
    free(g->widths);
    g->names = NULL;
    g->widths = NULL;
    g->count = 0;
}

/* The columns that a terminal gives to UTF-8 text. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void vb_grid_begin(vb_grid *g, const char *const *names, size_t count)
{
    forget_columns(g);
    g->names = vb_alloc((count + 1) * sizeof *g->names);
    g->widths = vb_alloc((count + 1) * sizeof *g->widths);
    g->count = count;
    g->rows = 0;
    for (size_t i = 0; i < count; i++) {
        g->names[i] = vb_strdup(names[i]);
        g->widths[i] = width_of(names[i]);
    }
    if (g->format == VB_FORMAT_CSV) {
        vb_buf_puts(&g->line, g->tables ? "\n" : "");
        for (size_t i = 0; i < count; i++) {
            vb_buf_puts(&g->line, i ? "," : "");
            vb_buf_csv(&g->line, names[i]);
        }
        vb_buf_putc(&g->line, '\n');
    }
    g->tables++;
}

/* ---- cells --------------------------------------------------------------------------------------------------- */

static void wait_for_widths(vb_grid *g, const char *shown)
{
    int width = width_of(shown);

    if (width > g->widths[g->at])
        g->widths[g->at] = width;
    vb_buf_add(&g->waiting, shown, strlen(shown) + 1);
    if (g->waiting.len < WAIT_IN_MEMORY)
        return;
    if (!g->spill)
        g->spill = tmpfile();
    g->failed = g->failed || !g->spill || fwrite(g->waiting.data, 1, g->waiting.len, g->spill) != g->waiting.len;
    vb_buf_clear(&g->waiting);
}

void vb_grid_cell(vb_grid *g, const char *shown, const char *raw, const char *json)
{
    if (g->format == VB_FORMAT_TABLE) {
        wait_for_widths(g, shown);
    } else if (g->format == VB_FORMAT_CSV) {
        if (g->at)
            vb_buf_putc(&g->line, ',');
        vb_buf_csv(&g->line, raw ? raw : shown);
    } else {
        vb_buf_puts(&g->line, g->at ? ", " : g->objects ? ",\n {" : "[\n {");
        vb_buf_json(&g->line, g->names[g->at], strlen(g->names[g->at]));
        vb_buf_puts(&g->line, ": ");
        vb_buf_puts(&g->line, json);
    }
    if (++g->at < g->count)
        return;
    g->at = 0;
    g->rows++;
    g->objects++;
    if (g->format != VB_FORMAT_TABLE) {
        vb_buf_putc(&g->line, g->format == VB_FORMAT_CSV ? '\n' : '}');
        flush(g, BUFSIZ);
    }
}

void vb_grid_text(vb_grid *g, const char *text)
{
    vb_auto_buf json = {0};

    if (text && g->format == VB_FORMAT_JSON)
        vb_buf_json(&json, text, strlen(text));
    vb_grid_cell(g, text ? text : "None", text ? text : "", text ? vb_buf_text(&json) : "null");
}

void vb_grid_int(vb_grid *g, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, value);
    vb_grid_cell(g, text, NULL, text);
}

/* As Python's repr(): the fewest digits that read back the same, and a fraction or an exponent. */
static void print_real(char text[64], double value)
{
    int digits = 0;
    char *e;

    do
        snprintf(text, 64, "%.*e", digits, value);
    while (strtod(text, NULL) != value && ++digits < 17);
    e = strchr(text, 'e');
    int exponent = e ? atoi(e + 1) : 0;

    if (exponent >= -4 && exponent < 16) {
        int decimals = digits - exponent;

        snprintf(text, 64, "%.*f", decimals > 1 ? decimals : 1, value);
        return;
    }
    snprintf(e, (size_t)(text + 64 - e), "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
}

void vb_grid_real(vb_grid *g, double value)
{
    char text[64];

    if (!isfinite(value)) {
        vb_grid_cell(g, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf", NULL, "null");
        return;
    }
    print_real(text, value);
    vb_grid_cell(g, text, NULL, text);
}

/* ---- the table ----------------------------------------------------------------------------------------------- */

static void pad(vb_grid *g, int n)
{
    for (; n > 0; n--)
        vb_buf_putc(&g->line, ' ');
}

/* Python's str.center(): of an odd gap the larger half is left where the width is odd. */
static void print_heading(vb_grid *g, size_t i)
{
    int gap = g->widths[i] - width_of(g->names[i]), left = gap / 2 + (gap & g->widths[i] & 1);

    pad(g, left);
    vb_buf_puts(&g->line, g->names[i]);
    pad(g, gap - left);
    vb_buf_putc(&g->line, i + 1 < g->count ? ' ' : '\n');
}

static void print_head(vb_grid *g)
{
    for (size_t i = 0; i < g->count; i++)
        print_heading(g, i);
    for (size_t i = 0; i < g->count; i++) {
        for (int k = 0; k < g->widths[i]; k++)
            vb_buf_putc(&g->line, '-');
        vb_buf_putc(&g->line, i + 1 < g->count ? ' ' : '\n');
    }
}

static void print_cell(vb_grid *g, const char *text)
{
    int gap = g->widths[g->at] - width_of(text);

    pad(g, g->left ? 0 : gap);
    vb_buf_puts(&g->line, text);
    pad(g, g->left ? gap : 0);
    g->at = g->at + 1 < g->count ? g->at + 1 : 0;
    vb_buf_putc(&g->line, g->at ? ' ' : '\n');
    flush(g, BUFSIZ);
}

static void print_waiting(vb_grid *g, vb_buf *cells)
{
    size_t done = 0;

    for (const char *end; done < cells->len && (end = memchr(cells->data + done, 0, cells->len - done));
         done = (size_t)(end - cells->data) + 1)
        print_cell(g, cells->data + done);
}

/* Each piece that was spilled ends with a cell. */
static void print_spilled(vb_grid *g)
{
    vb_autofree char *cell = NULL;
    size_t size = 0;

    rewind(g->spill);
    while (getdelim(&cell, &size, 0, g->spill) > 0)
        print_cell(g, cell);
    g->failed = g->failed || ferror(g->spill);
}

int vb_grid_end(vb_grid *g, vb_error *err)
{
    if (g->format == VB_FORMAT_TABLE && g->rows) {
        print_head(g);
        g->failed = g->failed || (g->spill && fflush(g->spill));
        if (g->spill && !g->failed)
            print_spilled(g);
        print_waiting(g, &g->waiting);
        if (g->spill)
            fclose(g->spill);
        g->spill = NULL;
        vb_buf_clear(&g->waiting);
    }
    flush(g, 0);
    g->at = 0;
    return g->failed ? vb_fail(err, -EIO, "the rows of a large table could not be kept in a temporary file ($TMPDIR)")
                     : 0;
}

void vb_grid_free(vb_grid *g)
{
    if (g->format == VB_FORMAT_JSON)
        vb_buf_puts(&g->line, g->objects ? "\n]\n" : "[]\n");
    flush(g, 0);
    forget_columns(g);
    if (g->spill)
        fclose(g->spill);
    vb_buf_free(&g->waiting);
    vb_buf_free(&g->line);
    free(g);
}
