/* migrate.h - files of older schemas become files of this one.
 *
 * Each version has a step to the next, in a table (migrate.c); all steps that a file needs are one transaction, so that
 * it is either of its old version or of this one.  Steps are never changed once released: they are what files of then
 * need. */
#ifndef VB_REGISTRY_MIGRATE_H
#define VB_REGISTRY_MIGRATE_H

#include "registry/base/error.h"

#include <stdint.h>

/* Told before each step: "validity ranges ...". */
typedef void vb_migrate_fn(void *arg, int64_t from, const char *what);

/* Brings a registry, in place, or a snapshot or graph, by a new file in its place, to this version: the number of
 * steps, 0 where it is there already.  With `dry_run` the steps are only told.  -EINVAL for newer versions and for what
 * is no file of ours.  `each` may be NULL. */
int vb_migrate(const char *path, bool dry_run, vb_migrate_fn *each, void *arg, vb_error *err);

#endif
