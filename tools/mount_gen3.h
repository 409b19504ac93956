/* mount_gen3.h - what a mount of a Gen3 repository shows: a private snapshot of its registry. */
#ifndef VB_TOOLS_MOUNT_GEN3_H
#define VB_TOOLS_MOUNT_GEN3_H

#include "registry/base/error.h"

/* Makes the snapshot in a directory of its own below TMPDIR; *file is the caller's.  `collections` and `where` may be
 * NULL.  A signal that ends the process takes the snapshot away too. */
int vb_mount_gen3_snapshot(const char *path, char *const *collections, const char *where, char **file, vb_error *err);

/* Takes the names away; who has opened the file keeps it. */
void vb_mount_gen3_unlink(const char *file);

#endif
