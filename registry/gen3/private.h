/* private.h - files in private directories, which are gone when they have served: snapshots and copies of registries.
 *
 * A file is made in a directory of its own below TMPDIR (else /var/tmp), and loses its name once it is open. */
#ifndef VB_REGISTRY_GEN3_PRIVATE_H
#define VB_REGISTRY_GEN3_PRIVATE_H

#include "registry/base/error.h"

/* A new private directory, and a name in it; the caller frees *file. */
int vb_gen3_private_file(char **file, vb_error *err);

/* Removes the file with what SQLite has beside it, and the directory; who has the file open keeps it. */
void vb_gen3_private_unlink(const char *file);

/* Removes all that were not removed yet: makes only calls that a signal's handler may make. */
void vb_gen3_private_sweep(void);

#endif
