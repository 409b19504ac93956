#include "registry/base/rows.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

struct cell {
    char *text;
    bool right;
};

struct vb_rows {
    vb_format_kind format;
    const vb_column *columns;
    size_t count, at; /* at: the next cell of the row */
    int64_t rows;
    struct cell *cells; /* table: all of them */
    size_t ncells, cap;
    vb_buf line;
    vb_rows_sink sink;
    void *arg;
};

int vb_format_parse(const char *text, vb_format_kind *out, vb_error *err)
{
    static const char *const names[] = {"table", "csv", "json"};

    for (size_t i = 0; i < VB_COUNT(names); i++)
        if (!strcmp(text, names[i])) {
            *out = (vb_format_kind)i;
            return 0;
        }
    return vb_fail(err, -EINVAL, "--format %s: the formats are table, csv and json", text);
}

static void flush(vb_rows *rows)
{
    rows->sink(rows->arg, vb_buf_text(&rows->line), rows->line.len);
    vb_buf_clear(&rows->line);
}

vb_rows *vb_rows_new(vb_format_kind format, const vb_column *columns, size_t count, vb_rows_sink sink, void *arg)
{
    vb_rows *rows = VB_NEW(vb_rows);

    rows->format = format;
    rows->columns = columns;
    rows->count = count;
    rows->sink = sink;
    rows->arg = arg;
    if (format == VB_FORMAT_CSV) {
        for (size_t i = 0; i < count; i++) {
            vb_buf_separate(&rows->line, ",");
            vb_buf_csv(&rows->line, columns[i].name);
        }
        vb_buf_putc(&rows->line, '\n');
        flush(rows);
    } else if (format == VB_FORMAT_JSON) {
        vb_buf_putc(&rows->line, '[');
    }
    return rows;
}

/* One cell: as it stands in the table and in CSV, and as JSON. */
static void add(vb_rows *rows, const char *shown, const char *raw, const char *json, bool right)
{
    if (rows->format == VB_FORMAT_TABLE) {
        *VB_PUSH(rows->cells, rows->ncells, rows->cap) = (struct cell){vb_strdup(shown), right};
    } else if (rows->format == VB_FORMAT_CSV) {
        if (rows->at)
            vb_buf_putc(&rows->line, ',');
        vb_buf_csv(&rows->line, raw);
    } else {
        vb_buf_puts(&rows->line, rows->at ? ", " : rows->rows ? ",\n {" : "\n {");
        vb_buf_json(&rows->line, rows->columns[rows->at].name, strlen(rows->columns[rows->at].name));
        vb_buf_puts(&rows->line, ": ");
        vb_buf_puts(&rows->line, json);
    }
    if (++rows->at < rows->count)
        return;
    rows->at = 0;
    rows->rows++;
    if (rows->format != VB_FORMAT_TABLE) {
        vb_buf_putc(&rows->line, rows->format == VB_FORMAT_CSV ? '\n' : '}');
        flush(rows);
    }
}

void vb_rows_text(vb_rows *rows, const char *text)
{
    vb_auto_buf json = {0};

    if (text)
        vb_buf_json(&json, text, strlen(text));
    add(rows, text ? text : "", text ? text : "", text ? vb_buf_text(&json) : "null", false);
}

void vb_rows_int(vb_rows *rows, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, value);
    add(rows, text, text, text, true);
}

void vb_rows_real(vb_rows *rows, double value, int decimals)
{
    char shown[64], raw[64];

    if (!isfinite(value)) {
        add(rows, "", "", "null", true);
        return;
    }
    snprintf(shown, sizeof shown, "%.*f", decimals, value);
    snprintf(raw, sizeof raw, "%.9g", value);
    add(rows, shown, raw, raw, true);
}

void vb_rows_bytes(vb_rows *rows, int64_t value)
{
    char shown[32], raw[32];

    snprintf(raw, sizeof raw, "%" PRId64, value);
    add(rows, vb_bytes(shown, sizeof shown, value), raw, raw, true);
}

/* The columns that a terminal gives to UTF-8 text. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void pad(vb_rows *rows, const char *text, int width, bool right, bool last)
{
    int gap = width - width_of(text);

    if (right)
        vb_buf_printf(&rows->line, "%*s", gap, "");
    vb_buf_puts(&rows->line, text);
    if (!right && !last)
        vb_buf_printf(&rows->line, "%*s", gap, "");
    vb_buf_puts(&rows->line, last ? "\n" : "  ");
}

static const char *heading(const vb_column *column)
{
    return column->heading ? column->heading : column->name;
}

static void print_table(vb_rows *rows)
{
    size_t n = rows->count;
    vb_autofree int *widths = vb_alloc(n * sizeof *widths);

    for (size_t i = 0; i < n; i++)
        widths[i] = width_of(heading(&rows->columns[i]));
    for (size_t i = 0; i < rows->ncells; i++) {
        int width = width_of(rows->cells[i].text);

        if (width > widths[i % n])
            widths[i % n] = width;
    }
    for (size_t i = 0; i < n && rows->ncells; i++)
        pad(rows, heading(&rows->columns[i]), widths[i], rows->cells[i].right, i + 1 == n);
    for (size_t i = 0; i < rows->ncells; i++) {
        pad(rows, rows->cells[i].text, widths[i % n], rows->cells[i].right, i % n + 1 == n);
        free(rows->cells[i].text);
    }
    flush(rows);
}

void vb_rows_end(vb_rows *rows)
{
    if (rows->format == VB_FORMAT_TABLE) {
        print_table(rows);
    } else if (rows->format == VB_FORMAT_JSON) {
        vb_buf_puts(&rows->line, rows->rows ? "\n]\n" : "]\n");
        flush(rows);
    }
    free(rows->cells);
    vb_buf_free(&rows->line);
    free(rows);
}

void vb_rows_to_buf(void *buf, const char *data, size_t n)
{
    vb_buf_add(buf, data, n);
}

void vb_rows_to_file(void *file, const char *data, size_t n)
{
    fwrite(data, 1, n, file);
}
