/* pixel_table.h - the pixels of a region as an SQL table.
 *
 *     SELECT pixel FROM vb_pixels(REGION, SYSTEM, LEVEL)
 *
 * The numbers of all pixels of 'htm' or 'healpix' (nested) that an encoded region touches, ascending: those of
 * vb_skypix_envelope().  A region that is null has none.  (A table-valued function,
 * https://sqlite.org/vtab.html#tabfunc2; a join takes it from the table that has the region, and looks each pixel up
 * where it is joined to.) */
#ifndef VB_REGISTRY_PIXEL_TABLE_H
#define VB_REGISTRY_PIXEL_TABLE_H

#include "registry/base/error.h"

#include <sqlite3.h>

int vb_pixel_table_register(sqlite3 *db, vb_error *err);

#endif
