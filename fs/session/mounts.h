/* mounts.h - which file systems of ours this process sees. */
#ifndef VB_FS_SESSION_MOUNTS_H
#define VB_FS_SESSION_MOUNTS_H

#include <stdbool.h>

/* True where a file system of vbutler is mounted at exactly this absolute path.  Asks the kernel's table (proc(5),
 * mountinfo), not the file system, whose server may be gone. */
bool vb_mounted_at(const char *mountpoint);

#endif
