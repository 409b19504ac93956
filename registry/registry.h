/* registry.h - an open registry: what exists.
 *
 * A handle is one SQLite connection with its dimension universe and what it remembers of collections and dataset types.
 * It belongs to one thread at a time; distinct handles are independent, also in one process.  The same handle reads a
 * repository's registry, a snapshot and a graph: they have one schema. */
#ifndef VB_REGISTRY_REGISTRY_H
#define VB_REGISTRY_REGISTRY_H

#include "registry/base/error.h"
#include "registry/txn.h"
#include "registry/universe.h"

#include <stdbool.h>

typedef struct vb_registry vb_registry;

typedef enum vb_access {
    VB_ACCESS_READ,      /* live: sees the commits of others after vb_registry_refresh() */
    VB_ACCESS_IMMUTABLE, /* a snapshot or graph: nobody changes the file */
    VB_ACCESS_WRITE,
} vb_access;

/* -ENOENT; -EINVAL where the file is no registry, or of a newer schema. */
int vb_registry_open(const char *path, vb_access access, vb_registry **out, vb_error *err);

/* Makes a new file with the tables of `universe` and opens it for writing; -EEXIST where there is one.  `format` is
 * "registry", "snapshot" or "graph".  A registry keeps a write-ahead log; the others, which are written once, keep no
 * journal while they are made. */
int vb_registry_create(const char *path, const vb_universe *universe, const char *format, vb_registry **out,
                       vb_error *err);

void vb_registry_close(vb_registry *reg);
VB_CLEANUP(vb_registry, vb_registry_close)

/* Reads through a small cache of the handle's own (8 MiB) in place of a map of the file: for a process that stays, with
 * many handles. */
int vb_registry_spare_memory(vb_registry *reg, vb_error *err);

vb_universe *vb_registry_universe(vb_registry *reg);
const char *vb_registry_path(const vb_registry *reg);
const char *vb_registry_format(const vb_registry *reg); /* "registry", "snapshot", "graph" */

/* 1 where another connection has committed since the last call: what was looked up before may be stale, and pointers
 * into the handle (collections, dataset types) are void.  0 otherwise. */
int vb_registry_refresh(vb_registry *reg, vb_error *err);

/* What is looked up until the end is of one state of the file, and takes its lock once: for a request that asks several
 * things.  The handle is refreshed first.  Nothing may be written. */
int vb_registry_look_begin(vb_registry *reg, vb_error *err);
void vb_registry_look_end(vb_registry *reg);

/* Begins a transaction (or a savepoint in one); the outermost refreshes the handle. */
int vb_registry_begin(vb_registry *reg, vb_txn *txn, vb_error *err);

/* A value of the file's `meta` table; *out is NULL where there is none; the caller frees it. */
int vb_registry_meta(vb_registry *reg, const char *key, char **out, vb_error *err);
int vb_registry_set_meta(vb_registry *reg, const char *key, const char *value, vb_error *err);

#endif
