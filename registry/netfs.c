#include "registry/netfs.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* f_type, from linux/magic.h and the file systems' own sources. */
static const uint32_t network[] = {
    0x6969,     /* NFS */
    0x517b,     /* SMB */
    0xff534d42, /* CIFS */
    0xfe534d42, /* SMB 2 and 3 */
    0x0bd00bd0, /* Lustre */
    0x47504653, /* GPFS, Spectrum Scale */
    0x00c36400, /* CephFS */
    0x5346414f, /* AFS (OpenAFS) */
    0x6b414653, /* AFS (the kernel's) */
    0x01021997, /* 9P */
    0x19830326, /* BeeGFS */
    0x20030528, /* OrangeFS, PVFS2 */
    0x564c,     /* NCP */
    0x73757245, /* Coda */
    0xaad7aaea, /* PanFS */
};
static const uint32_t fuse = 0x65735546;

/* FUSE file systems whose bytes are on this machine. */
static const char *const local[] = {"fuseblk",       "fuse.bindfs", "fuse.fuse-overlayfs",
                                    "fuse.mergerfs", "fuse.encfs",  "fuse.gocryptfs",
                                    "fuse.ntfs-3g",  "fuse.ext2fs", "fuse.vbutler"};

/* The type of the mount that a device number belongs to, as /proc/self/mountinfo has it: the field after " - ". */
static bool mount_is_local(dev_t device)
{
    vb_auto(fclose) FILE *table = fopen("/proc/self/mountinfo", "re");
    char line[4096], type[64];
    unsigned major_number, minor_number;

    while (table && fgets(line, sizeof line, table)) {
        const char *dash = strstr(line, " - ");

        if (!dash || sscanf(line, "%*d %*d %u:%u", &major_number, &minor_number) != 2 ||
            sscanf(dash, " - %63s", type) != 1 || makedev(major_number, minor_number) != device)
            continue;
        for (size_t i = 0; i < VB_COUNT(local); i++)
            if (!strcmp(type, local[i]))
                return true;
        return false;
    }
    return false;
}

bool vb_is_network_fs(const char *path)
{
    const char *told = getenv("VBUTLER_NETWORK_FS");
    vb_autofree char *dir = vb_path_dir(path);
    struct statfs fs;
    struct stat st;

    if (told && (!strcmp(told, "0") || !strcmp(told, "1")))
        return *told == '1';
    if (statfs(path, &fs) && statfs(dir, &fs))
        return false;
    for (size_t i = 0; i < VB_COUNT(network); i++)
        if ((uint32_t)fs.f_type == network[i])
            return true;
    if ((uint32_t)fs.f_type != fuse)
        return false;
    return (stat(path, &st) && stat(dir, &st)) || !mount_is_local(st.st_dev);
}
