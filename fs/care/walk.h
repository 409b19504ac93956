/* walk.h - the files of a directory tree, in the order of their paths (by bytes).
 *
 * That order is the registry's, so the two can be compared side by side, with no more in memory than the names of the
 * directories that are open.  Links are files; mounts below the root are not entered. */
#ifndef VB_FS_CARE_WALK_H
#define VB_FS_CARE_WALK_H

#include "registry/base/error.h"

#include <sys/stat.h>

/* `path` is below the root; `st` is the entry's own (links not followed).  What it returns other than 0 ends the walk.
 */
typedef int vb_walk_fn(void *arg, const char *path, const struct stat *st, vb_error *err);

/* Calls `each` for all that is no directory; `skip` (by its path below the root) leaves out an entry of the root. */
int vb_walk(const char *root, bool (*skip)(const char *name), vb_walk_fn *each, void *arg, vb_error *err);

#endif
