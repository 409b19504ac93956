/* grid.h - tables as Rubin's commands print them (astropy's layout), and the same as CSV and JSON.
 *
 *     instrument visit        headings are centred over their columns, as Python's str.center() does;
 *     ---------- ------       cells stand to the right, or all to the left
 *            HSC 900000
 *
 * A grid is one table, or several one after the other with columns of their own: JSON has one array for all, CSV a
 * header before each and an empty line between.  A table needs the widths of all cells before its first line: rows wait
 * in memory, and beyond a megabyte in a temporary file, so that memory does not grow with their number.  CSV and JSON
 * are written as they come.  Not thread-safe. */
#ifndef VB_BASE_GRID_H
#define VB_BASE_GRID_H

#include "registry/base/rows.h"

#include <stdbool.h>

typedef struct vb_grid vb_grid;

/* `left`: cells stand to the left.  Output goes to `sink`, piece by piece. */
vb_grid *vb_grid_new(vb_format_kind format, bool left, vb_rows_sink sink, void *arg);

/* Begins a table; the names are kept. */
void vb_grid_begin(vb_grid *g, const char *const *names, size_t count);

/* The next cell of a row: as it is shown (in the table; in CSV where `raw` is NULL), and as JSON. */
void vb_grid_cell(vb_grid *g, const char *shown, const char *raw, const char *json);
void vb_grid_text(vb_grid *g, const char *text); /* NULL: None, empty, null */
void vb_grid_int(vb_grid *g, int64_t value);
void vb_grid_real(vb_grid *g, double value); /* with as many digits as read back the same, "150.0" */

/* Ends the table; -EIO, -ENOSPC where rows could not wait.  A table without rows prints nothing. */
int vb_grid_end(vb_grid *g, vb_error *err);

/* Ends all (JSON's array) and frees. */
void vb_grid_free(vb_grid *g);
VB_CLEANUP(vb_grid, vb_grid_free)

#endif
