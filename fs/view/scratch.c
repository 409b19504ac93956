/* scratch.c - the writable part of a job's view: real files of one directory, under what is laid over it.
 *
 * A node holds its file by descriptor, so renames do not matter to it, and the inode number of the file below cannot
 * come again while the kernel knows the node.  Nothing here follows a symlink: the kernel does, in
 * the job's namespace. */
#include "fs/view/job_internal.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static void scratch_free(void *data)
{
    struct scratch *s = data;

    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s);
}

static struct scratch *new_scratch(const vb_node *dir, const char *name, int fd, struct overlay *over)
{
    const struct scratch *parent = dir->class == &vb_scratch_class ? dir->data : NULL;
    struct scratch *s = VB_NEW(struct scratch);

    s->fd = fd;
    s->over = over;
    s->path = parent ? vb_path_join(parent->path, name) : vb_strdup(name);
    s->below_in = (parent && parent->below_in) || (over && !strcmp(over->path, "in"));
    return s;
}

vb_node *vb_scratch_overlay_node(vb_call *c, vb_node *dir, const char *name, struct overlay *over)
{
    int fd = -1;

    if (!*over->path)
        fd = openat(c->view->job->scratch, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return vb_nodes_path(c->view->nodes, dir, name, &vb_scratch_class, new_scratch(dir, name, fd, over));
}

static vb_node *file_node(vb_call *c, const vb_node *dir, const char *name, int fd, const struct stat *st)
{
    return vb_nodes_row(c->view->nodes, VB_INO_SCRATCH, (int64_t)st->st_ino, &vb_scratch_class,
                        new_scratch(dir, name, fd, NULL));
}

static void touch(vb_call *c, const struct scratch *s, const char *name, vb_journal_kind kind, unsigned bits)
{
    vb_autofree char *path = NULL;

    if (!c->journal)
        return;
    path = name ? vb_path_join(s->path, name) : vb_strdup(s->path);
    vb_journal_touch(c->journal, kind, path, 0, bits);
}

/* The descriptor of a directory below: -1 while nothing was made in it; with `make` it is made. */
static int dir_fd(vb_call *c, struct scratch *s, bool make)
{
    if (s->fd >= 0 || !s->over)
        return s->fd;
    if (make && vb_mkdirs(c->view->job->scratch, s->over->path, 0755, NULL) < 0)
        return -1;
    s->fd = openat(c->view->job->scratch, s->over->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return s->fd;
}

/* The path by which a held file can be opened again, changed and linked. */
static const char *held(const struct scratch *s, char buf[32])
{
    snprintf(buf, 32, "/proc/self/fd/%d", s->fd);
    return buf;
}

/* A failing write below an output: the attempt must not succeed (FS.md, 24). */
static int fault(vb_call *c, const struct scratch *s, const char *name, const char *what, int error)
{
    if (error == ENOSPC || error == EIO || error == EDQUOT) {
        vb_autofree char *message = vb_format("%s %s/%s: %s", what, s->path, name ? name : "", strerror(error));

        vb_job_note_fault(c, message);
    }
    return -error;
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static int scratch_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    struct scratch *s = dir->data;
    struct stat st;
    int fd, r = s->over ? vb_overlay_lookup(c, dir, s->over, name, child) : -ENOENT;

    if (r != -ENOENT)
        return r;
    fd = dir_fd(c, s, false);
    fd = fd < 0 ? -1 : openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        touch(c, s, name, s->below_in ? VB_JOURNAL_MISSING : VB_JOURNAL_SCRATCH, VB_TOUCH_MISSING);
        return -ENOENT;
    }
    if (fstat(fd, &st)) {
        close(fd);
        return -errno;
    }
    *child = file_node(c, dir, name, fd, &st);
    return 0;
}

static int scratch_attr(vb_call *c, vb_node *node, struct stat *st)
{
    struct scratch *s = node->data;
    struct stat below;

    if (dir_fd(c, s, false) < 0) {
        st->st_mode = S_IFDIR | 0755;
        st->st_nlink = 2;
        return 0;
    }
    if (fstat(s->fd, &below))
        return -errno;
    below.st_ino = st->st_ino;
    if (getuid()) { /* ids that the job's namespace does not map never leave the server */
        below.st_uid = st->st_uid;
        below.st_gid = st->st_gid;
    }
    *st = below;
    return 0;
}

static int scratch_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    struct scratch *s = dir->data;
    int fd = dir_fd(c, s, false);
    struct dirent *entry;
    DIR *stream;

    touch(c, s, NULL, VB_JOURNAL_SCRATCH, VB_TOUCH_LISTED);
    if (s->over)
        vb_overlay_list(c, s->over, l);
    l->done = true;
    fd = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    stream = fd < 0 ? NULL : fdopendir(fd);
    while (stream && (entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && !vb_overlay_has(s->over, entry->d_name))
            vb_listing_add(l, entry->d_name, DTTOIF(entry->d_type), entry->d_ino);
    if (stream)
        closedir(stream);
    return 0;
}

static int scratch_link(vb_call *c, vb_node *node, vb_buf *target)
{
    struct scratch *s = node->data;
    char path[4096];
    ssize_t n = readlinkat(s->fd, "", path, sizeof path);

    if (n < 0)
        return -errno;
    vb_buf_add(target, path, (size_t)n);
    return 0;
}

/* Opened for reading too where it can be: the kernel fills partly written pages, and all handles of an inode share one
 * backing file. */
static int reopen(const struct scratch *s, int flags)
{
    char path[32];
    int rest = flags & (O_TRUNC | O_APPEND),
        fd = open(held(s, path), O_RDWR | rest | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EISDIR || errno == ETXTBSY))
        fd = open(path, (flags & O_ACCMODE) | rest | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd;
}

static int scratch_open(vb_call *c, vb_node *node, int flags, vb_content *out)
{
    struct scratch *s = node->data;
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    struct stat st;
    int fd = reopen(s, flags & ~O_APPEND);

    if (fd < 0)
        return fault(c, s, NULL, "opening", errno);
    if (fstat(fd, &st)) {
        close(fd);
        return -EIO;
    }
    touch(c, s, NULL, VB_JOURNAL_SCRATCH, writes ? VB_TOUCH_WRITTEN : VB_TOUCH_READ);
    *out = (vb_content){.fd = fd, .size = st.st_size, .whole = true, .written = writes};
    return 0;
}

static void scratch_closed(vb_call *c, vb_node *node, const vb_content *content)
{
    const struct scratch *s = node->data;

    if (c->view->job)
        vb_job_check_space(c->view->job, content->fd, s->path);
}

/* ---- making and unmaking ------------------------------------------------------------------------------------- */

/* Refuses to change what is laid over. */
static int refuse_overlay(vb_call *c, const struct scratch *s, const char *name)
{
    if (!vb_overlay_has(s->over, name))
        return 0;
    touch(c, s, name, VB_JOURNAL_FILE, VB_TOUCH_DENIED);
    return -EROFS;
}

static int scratch_create(vb_call *c, vb_node *dir, const char *name, mode_t mode, int flags, vb_node **child,
                          vb_content *out)
{
    struct scratch *s = dir->data;
    int below = dir_fd(c, s, true), fd, handle, r = refuse_overlay(c, s, name);
    struct stat st;

    if (r < 0)
        return r;
    if (below < 0)
        return -EIO;
    fd = openat(below, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (flags & (O_EXCL | O_TRUNC)), mode);
    if (fd < 0)
        return fault(c, s, name, "creating", errno);
    handle = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (handle < 0 || fstat(fd, &st)) {
        close(fd);
        return -EMFILE;
    }
    touch(c, s, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    *child = file_node(c, dir, name, fd, &st);
    *out = (vb_content){.fd = handle, .size = st.st_size, .whole = true, .written = true};
    return 0;
}

/* After something was made: its node. */
static int made(vb_call *c, vb_node *dir, const char *name, vb_node **child)
{
    struct scratch *s = dir->data;
    struct stat st;
    int fd = openat(s->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return -EIO;
    }
    touch(c, s, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    *child = file_node(c, dir, name, fd, &st);
    return 0;
}

static int scratch_make(vb_call *c, vb_node *dir, const char *name, mode_t mode, dev_t device, vb_node **child)
{
    struct scratch *s = dir->data;
    int below = dir_fd(c, s, true), r = refuse_overlay(c, s, name);

    if (r < 0)
        return r;
    if (below < 0)
        return -EIO;
    if (S_ISBLK(mode) || S_ISCHR(mode))
        return -EPERM;
    r = S_ISDIR(mode) ? mkdirat(below, name, mode & 07777) : mknodat(below, name, mode, device);
    return r ? fault(c, s, name, "making", errno) : made(c, dir, name, child);
}

static int scratch_symlink(vb_call *c, vb_node *dir, const char *name, const char *target, vb_node **child)
{
    struct scratch *s = dir->data;
    int below = dir_fd(c, s, true), r = refuse_overlay(c, s, name);

    if (r < 0)
        return r;
    if (below < 0)
        return -EIO;
    return symlinkat(target, below, name) ? fault(c, s, name, "linking", errno) : made(c, dir, name, child);
}

static int scratch_hardlink(vb_call *c, vb_node *node, vb_node *dir, const char *name)
{
    const struct scratch *from = node->data;
    struct scratch *s = dir->data;
    int below, r;
    char path[32];

    if (node->class != &vb_scratch_class)
        return -EXDEV; /* an input, or a file of the pipeline: no alias of an artifact */
    r = refuse_overlay(c, s, name);
    below = dir_fd(c, s, true);
    if (r < 0 || below < 0)
        return r < 0 ? r : -EIO;
    touch(c, s, name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    return linkat(AT_FDCWD, held(from, path), below, name, AT_SYMLINK_FOLLOW) ? fault(c, s, name, "linking", errno) : 0;
}

static int scratch_unlink(vb_call *c, vb_node *dir, const char *name, bool directory)
{
    struct scratch *s = dir->data;
    int below = dir_fd(c, s, false), r = refuse_overlay(c, s, name);

    if (r < 0 || below < 0)
        return r < 0 ? r : -ENOENT;
    return unlinkat(below, name, directory ? AT_REMOVEDIR : 0) ? -errno : 0;
}

static int scratch_rename(vb_call *c, vb_node *dir, const char *name, vb_node *to_dir, const char *to_name,
                          unsigned flags)
{
    struct scratch *from = dir->data, *to = to_dir->data;
    int from_fd = dir_fd(c, from, false), to_fd, r;

    if (to_dir->class != &vb_scratch_class)
        return -EROFS;
    r = refuse_overlay(c, from, name);
    if (!r)
        r = refuse_overlay(c, to, to_name);
    to_fd = r < 0 ? -1 : dir_fd(c, to, true);
    if (r < 0 || from_fd < 0 || to_fd < 0)
        return r < 0 ? r : from_fd < 0 ? -ENOENT : -EIO;
    if (renameat2(from_fd, name, to_fd, to_name, flags))
        return fault(c, to, to_name, "renaming", errno);
    touch(c, to, to_name, VB_JOURNAL_SCRATCH, VB_TOUCH_WRITTEN);
    return 0;
}

/* ---- changing ------------------------------------------------------------------------------------------------ */

static struct timespec time_to_set(const struct stat *st, bool access, unsigned valid)
{
    unsigned set = access ? VB_SET_ATIME : VB_SET_MTIME, now = access ? VB_SET_ATIME_NOW : VB_SET_MTIME_NOW;

    if (valid & now)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    if (!(valid & set))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return access ? st->st_atim : st->st_mtim;
}

static int scratch_setattr(vb_call *c, vb_node *node, const struct stat *st, unsigned valid,
                           const vb_content *open_file)
{
    struct scratch *s = node->data;
    struct timespec times[2] = {time_to_set(st, true, valid), time_to_set(st, false, valid)};
    char path[32];

    if (dir_fd(c, s, true) < 0)
        return -EIO;
    held(s, path);
    if (valid & VB_SET_MODE && chmod(path, st->st_mode & 07777))
        return -errno;
    if (valid & (VB_SET_UID | VB_SET_GID) &&
        chown(path, valid & VB_SET_UID ? st->st_uid : (uid_t)-1, valid & VB_SET_GID ? st->st_gid : (gid_t)-1))
        return -errno;
    if (valid & VB_SET_SIZE &&
        (open_file && open_file->fd >= 0 ? ftruncate(open_file->fd, st->st_size) : truncate(path, st->st_size)))
        return fault(c, s, NULL, "truncating", errno);
    if (valid & (VB_SET_ATIME | VB_SET_MTIME | VB_SET_ATIME_NOW | VB_SET_MTIME_NOW) &&
        utimensat(AT_FDCWD, path, times, 0))
        return -errno;
    return 0;
}

static int scratch_xattr(vb_call *c, vb_node *node, const char *name, vb_buf *value)
{
    const struct scratch *s = node->data;
    char path[32], bytes[65536];
    ssize_t n;

    if (s->fd < 0)
        return -ENODATA;
    n = getxattr(held(s, path), name, bytes, sizeof bytes);
    if (n < 0)
        return -errno;
    vb_buf_add(value, bytes, (size_t)n);
    return 0;
}

static int scratch_xattrs(vb_call *c, vb_node *node, vb_buf *names)
{
    const struct scratch *s = node->data;
    char path[32], bytes[65536];
    ssize_t n = s->fd < 0 ? 0 : listxattr(held(s, path), bytes, sizeof bytes);

    if (n < 0)
        return -errno;
    vb_buf_add(names, bytes, (size_t)n);
    return 0;
}

static int scratch_setxattr(vb_call *c, vb_node *node, const char *name, const void *value, size_t n, int flags)
{
    struct scratch *s = node->data;
    char path[32];

    return dir_fd(c, s, true) < 0 ? -EIO : setxattr(held(s, path), name, value, n, flags) ? -errno : 0;
}

static int scratch_removexattr(vb_call *c, vb_node *node, const char *name)
{
    const struct scratch *s = node->data;
    char path[32];

    return s->fd < 0 ? -ENODATA : removexattr(held(s, path), name) ? -errno : 0;
}

const vb_node_class vb_scratch_class = {
    .name = "scratch",
    .lookup = scratch_lookup,
    .list = scratch_list,
    .attr = scratch_attr,
    .link = scratch_link,
    .open = scratch_open,
    .xattrs = scratch_xattrs,
    .xattr = scratch_xattr,
    .free = scratch_free,
    .create = scratch_create,
    .make = scratch_make,
    .symlink = scratch_symlink,
    .hardlink = scratch_hardlink,
    .unlink = scratch_unlink,
    .rename = scratch_rename,
    .setattr = scratch_setattr,
    .closed = scratch_closed,
    .setxattr = scratch_setxattr,
    .removexattr = scratch_removexattr,
};
