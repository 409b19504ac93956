/* rows.h - rows of a result as people (table), spreadsheets (csv) and programs (json) want them.
 *
 * A table is aligned, so it is printed at the end; csv and json stream.  JSON is an array of objects whose keys are the
 * column names.  Empty results: a table prints nothing, csv its header, json [].  Not thread-safe. */
#ifndef VB_BASE_ROWS_H
#define VB_BASE_ROWS_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stdint.h>

typedef enum vb_format_kind { VB_FORMAT_TABLE, VB_FORMAT_CSV, VB_FORMAT_JSON } vb_format_kind;

/* "table", "csv" or "json"; -EINVAL and a sentence otherwise. */
int vb_format_parse(const char *text, vb_format_kind *out, vb_error *err);

typedef struct vb_rows vb_rows;

typedef struct vb_column {
    const char *name;
    const char *heading; /* over the table's column; NULL: the name */
} vb_column;

/* `columns` must outlive the rows.  Output goes to `sink`, which gets it piece by piece. */
typedef void (*vb_rows_sink)(void *arg, const char *data, size_t n);
vb_rows *vb_rows_new(vb_format_kind format, const vb_column *columns, size_t count, vb_rows_sink sink, void *arg);

/* The cells of a row, in the columns' order; after the last the row is done. */
void vb_rows_text(vb_rows *rows, const char *text); /* NULL: empty, null in JSON */
void vb_rows_int(vb_rows *rows, int64_t value);
void vb_rows_real(vb_rows *rows, double value, int decimals); /* decimals in the table only; NaN: empty, null */
void vb_rows_bytes(vb_rows *rows, int64_t value);             /* "9.1 MB" in the table, the number elsewhere */

/* Prints what is left and frees.  */
void vb_rows_end(vb_rows *rows);
VB_CLEANUP(vb_rows, vb_rows_end)

/* Sinks: a vb_buf, a FILE. */
void vb_rows_to_buf(void *buf, const char *data, size_t n);
void vb_rows_to_file(void *file, const char *data, size_t n);

#endif
