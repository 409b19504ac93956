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

static struct scratch *new_scratch(const vb_node *dir, const char *name, int fd, struct overlay *over, vb_draft *draft)
{
    const struct scratch *parent = dir->class == &vb_scratch_class ? dir->data : NULL;
    struct scratch *s = VB_NEW(struct scratch);

    s->fd = fd;
    s->over = over;
    s->path = parent ? vb_path_join(parent->path, name) : vb_strdup(name);
    s->draft = draft;
    s->below_in = (parent && parent->below_in) || (over && !strcmp(over->path, "in"));
    return s;
}

vb_node *vb_scratch_overlay_node(vb_call *c, vb_node *dir, const char *name, struct overlay *over)
{
    int fd = -1;

    if (!*over->path)
        fd = openat(c->view->job->scratch, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return vb_nodes_path(c->view->nodes, dir, name, &vb_scratch_class, new_scratch(dir, name, fd, over, NULL));
}

vb_node *vb_scratch_draft_node(vb_call *c, vb_node *dir, const char *name, vb_draft *draft)
{
    return vb_nodes_path(c->view->nodes, dir, name, &vb_scratch_class, new_scratch(dir, name, -1, NULL, draft));
}

vb_node *vb_scratch_file_node(vb_call *c, const vb_node *dir, const char *name, int fd, const struct stat *st)
{
    return vb_nodes_row(c->view->nodes, VB_INO_SCRATCH, (int64_t)st->st_ino, &vb_scratch_class,
                        new_scratch(dir, name, fd, NULL, NULL));
}

void vb_scratch_touch(vb_call *c, const struct scratch *s, const char *name, vb_journal_kind kind, unsigned bits)
{
    vb_autofree char *path = NULL;

    if (!c->journal)
        return;
    path = name ? vb_path_join(s->path, name) : vb_strdup(s->path);
    vb_journal_touch(c->journal, kind, path, 0, bits);
}

/* The descriptor of a directory below: -1 while nothing was made in it; with `make` it is made. */
int vb_scratch_dir(vb_call *c, struct scratch *s, bool make)
{
    if (s->fd < 0 && s->draft) { /* several threads may come here */
        int none = -1, fd = vb_draft_open(c->view->drafts, s->draft, make);

        if (fd >= 0 && !atomic_compare_exchange_strong(&s->fd, &none, fd))
            close(fd);
    }
    if (s->fd >= 0 || !s->over)
        return s->fd;
    if (make && vb_mkdirs(c->view->job->scratch, s->over->path, 0755, NULL) < 0)
        return -1;
    s->fd = openat(c->view->job->scratch, s->over->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return s->fd;
}

/* The path by which a held file can be opened again, changed and linked. */
const char *vb_scratch_held(const struct scratch *s, char buf[32])
{
    snprintf(buf, 32, "/proc/self/fd/%d", s->fd);
    return buf;
}

/* A failing write below an output: the attempt must not succeed. */
int vb_scratch_fault(vb_call *c, const struct scratch *s, const char *name, const char *what, int error)
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

    if (s->draft && (r = vb_draft_lookup(c, s->draft, name, child)))
        return r < 0 ? r : 0;
    if (s->over && r != -ENOENT)
        return r;
    fd = vb_scratch_dir(c, s, false);
    fd = fd < 0 ? -1 : openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        r = vb_scratch_dir(c, s, false) < 0 ? -ENOENT : -errno;
        if (r == -ENOENT)
            vb_scratch_touch(c, s, name, s->below_in ? VB_JOURNAL_MISSING : VB_JOURNAL_SCRATCH, VB_TOUCH_MISSING);
        return r;
    }
    if (fstat(fd, &st)) {
        close(fd);
        return -errno;
    }
    *child = vb_scratch_file_node(c, dir, name, fd, &st);
    return 0;
}

static int scratch_attr(vb_call *c, vb_node *node, struct stat *st)
{
    struct scratch *s = node->data;
    struct stat below;

    if (vb_scratch_dir(c, s, false) < 0) {
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

static int scratch_born(vb_call *c, vb_node *node, struct timespec *out)
{
    struct scratch *s = node->data;
    struct statx stx;

    if (s->fd < 0 || statx(s->fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx))
        return -ENODATA;
    *out = (struct timespec){.tv_sec = stx.stx_btime.tv_sec, .tv_nsec = stx.stx_btime.tv_nsec};
    return stx.stx_mask & STATX_BTIME ? 0 : -ENODATA;
}

/* Among the first entries: a draft of a dataset that somebody else has made is not shown. */
static bool is_listed(const vb_listing *l, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(l->page[i].name, name))
            return true;
    return false;
}

static int scratch_list(vb_call *c, vb_node *dir, vb_listing *l)
{
    struct scratch *s = dir->data;
    int fd = vb_scratch_dir(c, s, false);
    struct dirent *entry;
    size_t fixed;
    DIR *stream;

    vb_scratch_touch(c, s, NULL, VB_JOURNAL_SCRATCH, VB_TOUCH_LISTED);
    if (s->over)
        vb_overlay_list(c, s->over, l);
    if (s->draft)
        vb_draft_list(c, s->draft, l);
    fixed = l->count;
    l->done = true;
    fd = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    stream = fd < 0 ? NULL : fdopendir(fd);
    while (stream && (entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && !vb_overlay_has(s->over, entry->d_name) &&
            !(s->draft && is_listed(l, fixed, entry->d_name)))
            vb_listing_add(l, entry->d_name, DTTOIF(entry->d_type), vb_ino(VB_INO_SCRATCH, (int64_t)entry->d_ino));
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
        fd = open(vb_scratch_held(s, path), O_RDWR | rest | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EISDIR || errno == ETXTBSY))
        fd = open(path, (flags & O_ACCMODE) | rest | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd;
}

static int scratch_open(vb_call *c, vb_node *node, int flags, vb_content *out)
{
    struct scratch *s = node->data;
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    struct stat st;
    int fd, r = writes && c->view->drafts ? vb_drafts_opened(c->view->drafts, node->ino, flags & O_TRUNC) : 0;

    if (r < 0)
        return r;
    fd = reopen(s, flags & ~O_APPEND);
    if (fd < 0 || fstat(fd, &st)) {
        r = fd < 0 ? vb_scratch_fault(c, s, NULL, "opening", errno) : -EIO;
        if (fd >= 0)
            close(fd);
        if (writes && c->view->drafts)
            vb_drafts_closed(c, node->ino);
        return r;
    }
    vb_scratch_touch(c, s, NULL, VB_JOURNAL_SCRATCH, writes ? VB_TOUCH_WRITTEN : VB_TOUCH_READ);
    if (c->drop_suid && flags & O_TRUNC)
        vb_scratch_drop_suid(fd);
    *out = (vb_content){.fd = fd,
                        .size = st.st_size,
                        .whole = true,
                        .written = writes,
                        .served = vb_scratch_served(c, &st)};
    return 0;
}

/* What the kernel writes by itself it writes as the server, who may keep set-ID bits where the task may not; and a
 * mapping outlives the last RELEASE, at which a draft is sealed. */
bool vb_scratch_served(vb_call *c, const struct stat *st)
{
    return c->view->drafts || st->st_mode & (S_ISUID | S_ISGID);
}

void vb_scratch_drop_suid(int fd)
{
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return;
    if (st.st_mode & S_ISUID || (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        fchmod(fd, st.st_mode & 07777 & ~(mode_t)(S_ISUID | (st.st_mode & S_IXGRP ? S_ISGID : 0)));
}

static int scratch_flush(vb_call *c, vb_node *node, const vb_content *content)
{
    return c->view->drafts && content->written ? vb_drafts_flushed(c, node->ino) : 0;
}

static int scratch_sync(vb_call *c, vb_node *node, bool data_only)
{
    struct scratch *s = node->data;
    vb_autoclose int fd = -1;

    if (vb_scratch_dir(c, s, false) < 0)
        return 0;
    fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (data_only ? fdatasync(fd) : fsync(fd)))
        return vb_scratch_fault(c, s, NULL, "writing to disk", errno);
    return 0;
}

static void scratch_closed(vb_call *c, vb_node *node, const vb_content *content)
{
    const struct scratch *s = node->data;

    if (c && c->view->drafts)
        vb_drafts_closed(c, node->ino);
    else if (c && c->view->job)
        vb_job_check_space(c->view->job, content->fd, s->path);
}

const vb_node_class vb_scratch_class = {
    .name = "scratch",
    .lookup = scratch_lookup,
    .list = scratch_list,
    .attr = scratch_attr,
    .born = scratch_born,
    .link = scratch_link,
    .open = scratch_open,
    .xattrs = vb_scratch_xattrs,
    .xattr = vb_scratch_xattr,
    .free = scratch_free,
    .create = vb_scratch_create,
    .make = vb_scratch_make,
    .symlink = vb_scratch_symlink,
    .hardlink = vb_scratch_hardlink,
    .unlink = vb_scratch_unlink,
    .rename = vb_scratch_rename,
    .setattr = vb_scratch_setattr,
    .closed = scratch_closed,
    .flush = scratch_flush,
    .sync = scratch_sync,
    .setxattr = vb_scratch_setxattr,
    .removexattr = vb_scratch_removexattr,
};
