/* mounts.h - which mounts this process sees: browsing mounts, and others.
 *
 * Asks the kernel's table (proc(5), mountinfo), not the file systems, whose servers may be gone. */
#ifndef VB_FS_SESSION_MOUNTS_H
#define VB_FS_SESSION_MOUNTS_H

#include <stdbool.h>

/* Calls `each` for every mount until it returns nonzero, which is returned.  `source` is the repository or file that it
 * shows. */
typedef int vb_mount_fn(void *arg, const char *mountpoint, const char *source);
int vb_mounts_each(vb_mount_fn *each, void *arg);

/* Calls `each` for every mount of whatever kind, likewise.  `root` is what of the file system lies at the mount point;
 * mounts of one file system have one `device`. */
typedef struct vb_mount_line {
    const char *device, *root, *mountpoint, *type, *source;
} vb_mount_line;
typedef int vb_mount_line_fn(void *arg, const vb_mount_line *line);
int vb_mounts_each_line(vb_mount_line_fn *each, void *arg);

/* True where one lies at exactly this absolute path. */
bool vb_mounted_at(const char *mountpoint);

#endif
