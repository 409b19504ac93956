#include "fs/session/mounts.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "tools/commands.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static bool lazy;

/* An ordinary user's way: the setuid helper. */
static int by_helper(const char *mountpoint)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        if (lazy)
            execlp("fusermount3", "fusermount3", "-u", "-z", mountpoint, NULL);
        else
            execlp("fusermount3", "fusermount3", "-u", mountpoint, NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -EIO;
    return WIFEXITED(status) && !WEXITSTATUS(status)         ? 0
           : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT
                                                             : -EIO;
}

/* The path without asking the file system that lies there: its server may be gone. */
static char *absolute(const char *path)
{
    char *dir, *parent, *full;

    while (strlen(path) > 1 && path[strlen(path) - 1] == '/') {
        char *cut = vb_strndup(path, strlen(path) - 1);

        full = absolute(cut);
        free(cut);
        return full;
    }
    dir = vb_path_dir(path);
    parent = realpath(dir, NULL);
    full = parent ? vb_path_join(parent, vb_path_base(path)) : vb_strdup(path);
    free(dir);
    free(parent);
    return full;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_autofree char *mountpoint = absolute(argv[0]);
    int r;

    if (!vb_mounted_at(mountpoint)) {
        vb_fail(err, -EINVAL, "%s: no vbutler file system is mounted there", argv[0]);
        return VB_EXIT_FAILED;
    }
    r = umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) ? -errno : 0;
    if (r == -EPERM) {
        r = by_helper(mountpoint);
        if (r == -EIO) {
            vb_fail(err, r, "unmounting %s: fusermount3 could not, and has said why above", argv[0]);
            vb_hint(err, "where it is in use, see by whom: fuser -vm %s; or: vbutler umount --lazy %s", argv[0],
                    argv[0]);
            return VB_EXIT_FAILED;
        }
    }
    if (r == -EBUSY) {
        vb_fail(err, r, "%s is in use", argv[0]);
        vb_hint(err, "see by whom: fuser -vm %s; or take it away when they are done: vbutler umount --lazy %s", argv[0],
                argv[0]);
    } else if (r < 0) {
        vb_fail_errno(err, r, "unmounting %s", argv[0]);
    }
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"lazy", 'z', VB_OPTION_FLAG, &lazy, NULL, "out of sight at once; the mount ends when nobody uses it any more"},
    VB_OPTION_END,
};

const vb_command vb_cmd_umount = {
    .name = "umount",
    .arguments = "MOUNTPOINT",
    .summary = "take away a file system that vbutler mount has mounted",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
