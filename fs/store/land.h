/* land.h - bytes of a store into a file, checked as they come.  Internal to fs/store. */
#ifndef VB_FS_STORE_LAND_H
#define VB_FS_STORE_LAND_H

#include "fs/store/class.h"
#include "registry/dataset.h"

/* Copies an object into the file `to`, and holds it against the location's size and checksum; where those differ it is
 * read once more from the start.  Bytes that `to` has already are taken for the object's first ones where there is a
 * checksum to prove it; else it is emptied first.  *hash: of what came; may be NULL. */
int vb_store_land(const vb_store_class *class, void *store, const char *path, const vb_location *location, int to,
                  int64_t deadline, vb_hash *hash, vb_error *err);

#endif
