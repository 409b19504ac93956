/* backup.h - a whole copy of a registry while others write to it. */
#ifndef VB_REGISTRY_BACKUP_H
#define VB_REGISTRY_BACKUP_H

#include "registry/base/error.h"

#include <stdint.h>

/* Told now and then how far a copy is, in pages. */
typedef void vb_backup_fn(void *arg, int64_t done, int64_t total);

/* Copies a registry, also of an older schema, to `path`, which appears whole, synced and checked, or not at all;
 * -EEXIST where it is there. The copy is the registry as it was at one moment.  Writers do not wait for it; the copy
 * follows what they commit meanwhile, and is made in one step where they never pause.  `progress` may be NULL. */
int vb_registry_backup(const char *registry, const char *path, vb_backup_fn *progress, void *arg, vb_error *err);

#endif
