/* scratch_change.c - attributes of a job's scratch files. */
#include "fs/view/job_internal.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

static struct timespec time_to_set(const struct stat *st, bool access, unsigned valid)
{
    unsigned set = access ? VB_SET_ATIME : VB_SET_MTIME, now = access ? VB_SET_ATIME_NOW : VB_SET_MTIME_NOW;

    if (valid & now)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    if (!(valid & set))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return access ? st->st_atim : st->st_mtim;
}

/* A dataset by now; the kernel will soon know. */
static bool is_sealed(const vb_call *c, const vb_node *node)
{
    return c->view->drafts && vb_drafts_sealed(c->view->drafts, node->ino);
}

static void drop_suid(const struct scratch *s)
{
    char path[32];
    vb_autoclose int fd = open(vb_scratch_held(s, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0)
        vb_scratch_drop_suid(fd);
}

int vb_scratch_setattr(vb_call *c, vb_node *node, const struct stat *st, unsigned valid, const vb_content *open_file)
{
    struct scratch *s = node->data;
    struct timespec times[2] = {time_to_set(st, true, valid), time_to_set(st, false, valid)};
    char path[32];

    if (is_sealed(c, node))
        return -EROFS;
    if (vb_scratch_dir(c, s, true) < 0)
        return -EIO;
    vb_scratch_held(s, path);
    if (valid & (VB_SET_UID | VB_SET_GID) &&
        fchownat(s->fd, "", valid & VB_SET_UID ? st->st_uid : (uid_t)-1, valid & VB_SET_GID ? st->st_gid : (gid_t)-1,
                 AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -errno;
    if (valid & VB_SET_MODE && chmod(path, st->st_mode & 07777)) /* after chown(), which takes set-ID bits away */
        return -errno;
    if (valid & VB_SET_SIZE) {
        if (open_file && open_file->fd >= 0 ? ftruncate(open_file->fd, st->st_size) : truncate(path, st->st_size))
            return vb_scratch_fault(c, s, NULL, "truncating", errno);
    }
    if (valid & VB_DROP_SUID)
        drop_suid(s);
    if (valid & (VB_SET_ATIME | VB_SET_MTIME | VB_SET_ATIME_NOW | VB_SET_MTIME_NOW) &&
        utimensat(AT_FDCWD, path, times, 0))
        return -errno;
    return 0;
}

/* The kernel would not heed what they say. */
static bool is_acl(const char *name)
{
    return !strncmp(name, "system.posix_acl", 16);
}

int vb_scratch_xattr(vb_call *c, vb_node *node, const char *name, vb_buf *value)
{
    const struct scratch *s = node->data;
    char path[32], bytes[65536];
    ssize_t n;

    if (is_acl(name))
        return -EOPNOTSUPP;
    if (s->fd < 0)
        return -ENODATA;
    n = getxattr(vb_scratch_held(s, path), name, bytes, sizeof bytes);
    if (n < 0)
        return -errno;
    vb_buf_add(value, bytes, (size_t)n);
    return 0;
}

int vb_scratch_xattrs(vb_call *c, vb_node *node, vb_buf *names)
{
    const struct scratch *s = node->data;
    char path[32], bytes[65536];
    ssize_t n = s->fd < 0 ? 0 : listxattr(vb_scratch_held(s, path), bytes, sizeof bytes);

    if (n < 0)
        return -errno;
    vb_buf_add(names, bytes, (size_t)n);
    return 0;
}

int vb_scratch_setxattr(vb_call *c, vb_node *node, const char *name, const void *value, size_t n, int flags)
{
    struct scratch *s = node->data;
    char path[32];

    if (is_acl(name))
        return -EOPNOTSUPP;
    if (is_sealed(c, node))
        return -EROFS;
    return vb_scratch_dir(c, s, true) < 0                              ? -EIO
           : setxattr(vb_scratch_held(s, path), name, value, n, flags) ? -errno
                                                                       : 0;
}

int vb_scratch_removexattr(vb_call *c, vb_node *node, const char *name)
{
    const struct scratch *s = node->data;
    char path[32];

    if (is_sealed(c, node))
        return -EROFS;
    return s->fd < 0 ? -ENODATA : removexattr(vb_scratch_held(s, path), name) ? -errno : 0;
}
