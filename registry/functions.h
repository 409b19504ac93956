/* functions.h - the SQL functions of ours that every connection knows.
 *
 *   vb_uuid()                a new UUID (version 7), 16 bytes
 *   vb_overlaps(a, b)        1 where two encoded regions overlap, 0 where not or where either is null
 *   vb_pixels(region, system, level)    a table: pixel_table.h
 *
 * All are innocuous: they read nothing but their arguments. */
#ifndef VB_REGISTRY_FUNCTIONS_H
#define VB_REGISTRY_FUNCTIONS_H

#include "registry/base/error.h"

#include <sqlite3.h>

int vb_functions_register(sqlite3 *db, vb_error *err);

#endif
