/* mounts.h - which browsing mounts this process sees.
 *
 * Asks the kernel's table (proc(5), mountinfo), not the file systems, whose servers may be gone. */
#ifndef VB_FS_SESSION_MOUNTS_H
#define VB_FS_SESSION_MOUNTS_H

#include <stdbool.h>

/* Calls `each` for every mount until it returns nonzero, which is returned.  `source` is the repository or file that it
 * shows. */
typedef int vb_mount_fn(void *arg, const char *mountpoint, const char *source);
int vb_mounts_each(vb_mount_fn *each, void *arg);

/* True where one lies at exactly this absolute path. */
bool vb_mounted_at(const char *mountpoint);

#endif
