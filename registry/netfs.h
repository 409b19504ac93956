/* netfs.h - whether a directory lies on a network file system, where shared memory and locks are not to be trusted. */
#ifndef VB_REGISTRY_NETFS_H
#define VB_REGISTRY_NETFS_H

#include <stdbool.h>

/* Asks statfs(2), and for FUSE the mount table: NFS, SMB, Lustre, GPFS, CephFS, AFS, 9P, BeeGFS, OrangeFS, and FUSE but
 * for those that are known to be local.  `path` need not be there: its directory is asked.  VBUTLER_NETWORK_FS=1 or 0
 * in the environment answers for all (a file system that statfs does not tell). */
bool vb_is_network_fs(const char *path);

#endif
