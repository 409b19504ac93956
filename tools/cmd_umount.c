#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "tools/commands.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static bool lazy;

/* A path as /proc/self/mountinfo writes it: spaces and backslashes in octal. */
static char *unescape(const char *text)
{
    vb_buf out = {0};

    for (; *text; text++) {
        if (text[0] == '\\' && text[1] && text[2] && text[3]) {
            vb_buf_putc(&out, (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0')));
            text += 3;
        } else {
            vb_buf_putc(&out, *text);
        }
    }
    return vb_buf_steal(&out);
}

/* True where a file system of ours is mounted there. */
static bool is_ours(const char *mountpoint)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (f && !found && getline(&line, &size, f) > 0) {
        char **words = vb_split(line, ' ', NULL);
        bool ours = strstr(line, " - fuse.vbutler ") != NULL;

        if (ours && vb_strv_count(words) > 4) {
            vb_autofree char *path = unescape(words[4]);

            found = !strcmp(path, mountpoint);
        }
        vb_strv_free(words);
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

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
                                                             : -EBUSY;
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

    if (!is_ours(mountpoint)) {
        vb_fail(err, -EINVAL, "%s: no vbutler file system is mounted there", argv[0]);
        return VB_EXIT_FAILED;
    }
    r = umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) ? -errno : 0;
    if (r == -EPERM)
        r = by_helper(mountpoint);
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
