/* scratch_names.c - what is made, linked, renamed and taken away in a job's scratch.
 *
 * Files belong to who asked for them: where root serves a task that has become another user, they are given to him. Who
 * may make device files may make them here; they are opened neither here (the mount is nodev) nor, when they are kept,
 * by others (the directory is 0700), and no output may be one. */
#include "fs/view/job_internal.h"

#include <fcntl.h>
#include <stdio.h>

/* Refuses to change what is laid over, or is a dataset. */
static int refuse_fixed(vb_call *c, const struct scratch *s, const char *name)
{
    int r = s->draft ? vb_draft_lookup(c, s->draft, name, NULL) : vb_overlay_has(s->over, name);

    if (r <= 0)
        return r;
    vb_scratch_touch(c, s, name, VB_JOURNAL_FILE, VB_TOUCH_DENIED);
    return -EROFS;
}

/* The directory in which something is to be made: its descriptor, or a negative errno. */
static int prepare(vb_call *c, struct scratch *s, const char *name)
{
    int below, r = s->draft ? vb_draft_may_name(c, s->draft, name) : refuse_fixed(c, s, name);

    if (r < 0)
        return r;
    below = vb_scratch_dir(c, s, true);
    return below < 0 ? -EIO : below;
}

/* Gives what was made to the asking user; in a directory with the set-group-ID bit the group has been inherited.
 * chown() takes away set-ID bits, so files get their mode again. */
static int give(const vb_call *c, int below, const char *name, mode_t mode)
{
    struct stat dir;
    bool keep_group;

    if (geteuid() || (c->uid == geteuid() && c->gid == getegid()))
        return 0;
    if (fstat(below, &dir))
        return -errno;
    keep_group = dir.st_mode & S_ISGID;
    if (fchownat(below, name, c->uid, keep_group ? (gid_t)-1 : c->gid, AT_SYMLINK_NOFOLLOW))
        return -errno;
    if (mode & (S_ISUID | S_ISGID) && !S_ISDIR(mode) && fchmodat(below, name, mode & 07777, 0))
        return -errno;
    return 0;
}

/* A file that is there is opened, unless it must be new. */
static int create_at(vb_call *c, int below, const char *name, mode_t mode, int flags)
{
    int how = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, fd;

    fd = openat(below, name, how | O_CREAT | O_EXCL, mode);
    if (fd >= 0) {
        int r = give(c, below, name, mode);

        if (r < 0) {
            close(fd);
            unlinkat(below, name, 0);
        }
        return r < 0 ? r : fd;
    }
    if (errno != EEXIST || flags & O_EXCL)
        return -errno;
    fd = openat(below, name, how | (flags & O_TRUNC));
    return fd < 0 ? -errno : fd;
}

/* A file without a name: linkat(2) may give it one. */
static int create_nameless(vb_call *c, int below, mode_t mode, int flags)
{
    int fd = openat(below, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | (flags & O_EXCL), mode);

    if (fd < 0)
        return -errno;
    if (!geteuid() && (c->uid != geteuid() || c->gid != getegid()) &&
        (fchown(fd, c->uid, c->gid) || fchmod(fd, mode & 07777))) {
        close(fd);
        return -EPERM;
    }
    return fd;
}

int vb_scratch_create(vb_call *c, vb_node *dir, const char *name, mode_t mode, int flags, vb_node **child,
                      vb_content *out)
{
    struct scratch *s = dir->data;
    bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    int below = prepare(c, s, nameless ? "" : name), fd, handle;
    struct stat st;

    if (below < 0)
        return below;
    fd = nameless ? create_nameless(c, below, mode, flags) : create_at(c, below, name, mode, flags);
    if (fd < 0)
        return vb_scratch_fault(c, s, name, "creating", -fd);
    handle = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (handle < 0 || fstat(fd, &st)) {
        close(fd);
        return -EMFILE;
    }
    if (!nameless)
        vb_scratch_touch(c, s, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    *child = vb_scratch_file_node(c, dir, name, fd, &st);
    if (c->view->drafts)
        vb_drafts_opened(c->view->drafts, (*child)->ino, !st.st_size);
    if (s->draft && !nameless)
        vb_drafts_named(c, s->draft, name, (*child)->ino);
    *out = (vb_content){.fd = handle,
                        .size = st.st_size,
                        .whole = true,
                        .written = true,
                        .served = vb_scratch_served(c, &st)};
    return 0;
}

/* After something was made: its node. */
static int made(vb_call *c, vb_node *dir, const char *name, mode_t mode, vb_node **child)
{
    struct scratch *s = dir->data;
    int fd, r = give(c, s->fd, name, mode);
    struct stat st;

    if (r < 0) {
        unlinkat(s->fd, name, S_ISDIR(mode) ? AT_REMOVEDIR : 0);
        return r;
    }
    fd = openat(s->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return -EIO;
    }
    vb_scratch_touch(c, s, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    *child = vb_scratch_file_node(c, dir, name, fd, &st);
    return 0;
}

int vb_scratch_make(vb_call *c, vb_node *dir, const char *name, mode_t mode, dev_t device, vb_node **child)
{
    struct scratch *s = dir->data;
    int below = prepare(c, s, name), r;

    if (below < 0)
        return below;
    r = S_ISDIR(mode) ? mkdirat(below, name, mode & 07777) : mknodat(below, name, mode, device);
    return r ? vb_scratch_fault(c, s, name, "making", errno) : made(c, dir, name, mode, child);
}

int vb_scratch_symlink(vb_call *c, vb_node *dir, const char *name, const char *target, vb_node **child)
{
    struct scratch *s = dir->data;
    int below = prepare(c, s, name);

    if (below < 0)
        return below;
    return symlinkat(target, below, name) ? vb_scratch_fault(c, s, name, "linking", errno)
                                          : made(c, dir, name, S_IFLNK, child);
}

int vb_scratch_hardlink(vb_call *c, vb_node *node, vb_node *dir, const char *name)
{
    const struct scratch *from = node->data;
    struct scratch *s = dir->data;
    char path[32];
    int below, r;

    if (node->class != &vb_scratch_class || (c->view->drafts && vb_drafts_sealed(c->view->drafts, node->ino)))
        return -EXDEV; /* an input, a dataset, or a file of the pipeline: no alias of an artifact */
    below = prepare(c, s, name);
    if (below < 0)
        return below;
    if (linkat(AT_FDCWD, vb_scratch_held(from, path), below, name, AT_SYMLINK_FOLLOW))
        return vb_scratch_fault(c, s, name, "linking", errno);
    vb_scratch_touch(c, s, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    if (!s->draft)
        return 0;
    r = vb_drafts_named(c, s->draft, name, node->ino);
    if (r < 0)
        unlinkat(below, name, 0);
    return r;
}

int vb_scratch_unlink(vb_call *c, vb_node *dir, const char *name, bool directory)
{
    struct scratch *s = dir->data;
    int below = vb_scratch_dir(c, s, false), r = refuse_fixed(c, s, name);

    if (r < 0 || below < 0)
        return r < 0 ? r : -ENOENT;
    return unlinkat(below, name, directory ? AT_REMOVEDIR : 0) ? -errno : 0;
}

/* What has got a name in a draft may be the dataset now. */
static int renamed(vb_call *c, const struct scratch *dir, int fd, const char *name)
{
    struct stat st;

    if (!dir->draft || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return 0;
    return vb_drafts_named(c, dir->draft, name, vb_ino(VB_INO_SCRATCH, (int64_t)st.st_ino));
}

int vb_scratch_rename(vb_call *c, vb_node *dir, const char *name, vb_node *to_dir, const char *to_name, unsigned flags)
{
    struct scratch *from = dir->data, *to = to_dir->data;
    int from_fd = vb_scratch_dir(c, from, false), to_fd, r;

    if (to_dir->class != &vb_scratch_class)
        return -EROFS;
    r = refuse_fixed(c, from, name);
    if (r < 0 || from_fd < 0)
        return r < 0 ? r : -ENOENT;
    to_fd = prepare(c, to, to_name);
    if (to_fd < 0)
        return to_fd;
    if (renameat2(from_fd, name, to_fd, to_name, flags))
        return vb_scratch_fault(c, to, to_name, "renaming", errno);
    vb_scratch_touch(c, to, to_name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    if (flags & RENAME_EXCHANGE)
        vb_scratch_touch(c, from, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    r = renamed(c, to, to_fd, to_name);
    if (r < 0) /* it has its old name again */
        renameat2(to_fd, to_name, from_fd, name, flags & RENAME_EXCHANGE ? flags : RENAME_NOREPLACE);
    else if (flags & RENAME_EXCHANGE)
        renamed(c, from, from_fd, name);
    return r;
}
