/* wal.h - a private copy of an SQLite file that is in WAL mode.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_WAL_H
#define VB_REGISTRY_GEN3_WAL_H

#include "registry/base/error.h"

#include <stdbool.h>

/* True for a file in WAL mode. */
bool vb_gen3_wal_mode(const char *path);

/* True where somebody has the file open, or has left its log: then only a copy shows all of it. */
bool vb_gen3_wal_in_use(const char *path);

/* Copies one state of the file, with its log, to `copy`, a name in a private directory: a file with a rollback journal.
 * Writers go on meanwhile; nothing is written beside `path`, but locks are taken as a reader's.  -EBUSY where they
 * cannot be had for a minute. */
int vb_gen3_wal_copy(const char *path, const char *copy, vb_error *err);

#endif
