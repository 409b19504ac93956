/* table.h - tables of text: CSV (RFC 4180), and ECSV as astropy writes it.
 *
 * The first line names the columns.  Lines that begin with '#' are skipped, but for what ECSV's say of the
 * delimiter, which is otherwise a comma, or a tab where the names have tabs and no comma.  A table owns its
 * text. */
#ifndef VB_FS_INGEST_TABLE_H
#define VB_FS_INGEST_TABLE_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stddef.h>

typedef struct vb_table {
    char *name; /* of the file, for messages */
    vb_buf text;
    char **columns;
    size_t ncolumns;
    char **cells;  /* row by row */
    size_t *lines; /* of each row, from 1 */
    size_t nrows;
} vb_table;

/* -EINVAL, with the line, for a row that has not as many cells as there are columns, a name that is there
 * twice, a quote that does not end. */
int vb_table_parse(const char *name, const char *text, size_t n, vb_table *out, vb_error *err);
int vb_table_read(const char *path, vb_table *out, vb_error *err);
void vb_table_clear(vb_table *t);

static inline char *vb_table_cell(const vb_table *t, size_t row, size_t column)
{
    return t->cells[row * t->ncolumns + column];
}

#endif
