/* write_handlers.c - FUSE requests that change something: of a job's scratch, and of drafts. */
#include "fs/session/internal.h"
#include "fs/view/draft.h"
#include "fs/view/job.h"
#include "registry/base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void reply(fuse_req_t req, int r)
{
    fuse_reply_err(req, r < 0 ? -r : 0);
}

static void reply_child(fuse_req_t req, int r, vb_node *child)
{
    if (r < 0)
        reply(req, r);
    else
        vb_session_reply_entry(req, child);
}

static void handle_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
    vb_session *s = vb_session_of(req);
    vb_node *dir = vb_session_node(req, parent), *child = NULL;
    struct fuse_entry_param e;
    vb_content content;
    int r = dir->class->create ? dir->class->create(vb_session_call, dir, name, mode, fi->flags, &child, &content)
                               : -EROFS;

    if (r < 0) {
        reply(req, r);
        return;
    }
    vb_session_entry(s, child, &e);
    vb_wire_reply_create(req, &e, (uintptr_t)vb_session_open_handle(s, child, &content),
                         vb_session_backing(s, child, &content));
}

static void handle_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    vb_node *dir = vb_session_node(req, parent), *child = NULL;
    int r = dir->class->make ? dir->class->make(vb_session_call, dir, name, mode, device, &child) : -EROFS;

    reply_child(req, r, child);
}

static void handle_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    handle_mknod(req, parent, name, mode | S_IFDIR, 0);
}

static void handle_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    vb_node *dir = vb_session_node(req, parent), *child = NULL;
    int r = dir->class->symlink ? dir->class->symlink(vb_session_call, dir, name, target, &child) : -EROFS;

    reply_child(req, r, child);
}

static void handle_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    vb_node *dir = vb_session_node(req, parent), *node = vb_session_node(req, ino);
    int r = dir->class->hardlink ? dir->class->hardlink(vb_session_call, node, dir, name) : -EROFS;

    if (!r)
        vb_nodes_ref(vb_session_of(req)->view->nodes, node);
    reply_child(req, r, node);
}

static void handle_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    vb_node *dir = vb_session_node(req, parent);

    reply(req, dir->class->unlink ? dir->class->unlink(vb_session_call, dir, name, false) : -EROFS);
}

static void handle_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    vb_node *dir = vb_session_node(req, parent);

    reply(req, dir->class->unlink ? dir->class->unlink(vb_session_call, dir, name, true) : -EROFS);
}

static void handle_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *to_name,
                          unsigned flags)
{
    vb_node *dir = vb_session_node(req, parent), *to_dir = vb_session_node(req, to);

    reply(req, dir->class->rename ? dir->class->rename(vb_session_call, dir, name, to_dir, to_name, flags) : -EROFS);
}

static void handle_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int valid, struct fuse_file_info *fi)
{
    vb_node *node = vb_session_node(req, ino);
    const vb_content *content = fi ? &((struct handle *)(uintptr_t)fi->fh)->content : NULL;
    unsigned what = (unsigned)valid & ~(unsigned)VB_DROP_SUID;
    int r = -EROFS;

    if (vb_session_call->drop_suid)
        what |= VB_DROP_SUID;
    if (node->class->setattr)
        r = node->class->setattr(vb_session_call, node, st, what, content);

    if (r < 0)
        reply(req, r);
    else
        vb_handle_getattr(req, ino, NULL);
}

/* The program may not look: a failed write fails the attempt, and makes no dataset of a draft. */
static int fault(fuse_req_t req, fuse_ino_t ino, const char *what, int error)
{
    vb_autofree char *message = vb_format("%s: %s", what, strerror(error));
    vb_view *view = vb_session_of(req)->view;

    vb_job_note_fault(vb_session_call, message);
    if (view->drafts)
        vb_drafts_wrote(view->drafts, ino, true);
    return -error;
}

static void handle_write(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t offset,
                         struct fuse_file_info *fi)
{
    struct handle *h = (struct handle *)(uintptr_t)fi->fh;
    struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
    ssize_t n;

    out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    out.buf[0].fd = h->content.fd;
    out.buf[0].pos = offset;
    n = fuse_buf_copy(&out, in, 0);
    if (n < 0) {
        reply(req, fault(req, ino, "writing an output", (int)-n));
        return;
    }
    if (vb_session_call->drop_suid)
        vb_scratch_drop_suid(h->content.fd);
    if (vb_session_call->view->drafts)
        vb_drafts_wrote(vb_session_call->view->drafts, ino, false);
    fuse_reply_write(req, (size_t)n);
}

static void handle_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    int fd = ((struct handle *)(uintptr_t)fi->fh)->content.fd;

    if (fd >= 0 && (datasync ? fdatasync(fd) : fsync(fd)))
        reply(req, fault(req, ino, "writing an output to disk", errno));
    else
        reply(req, 0);
}

static void handle_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct handle *h = (struct handle *)(uintptr_t)fi->fh;

    reply(req, h->node->class->flush ? h->node->class->flush(vb_session_call, h->node, &h->content) : 0);
}

static void handle_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    vb_node *node = vb_session_node(req, ino);

    reply(req, node->class->sync ? node->class->sync(vb_session_call, node, datasync) : 0);
}

static void handle_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                             struct fuse_file_info *fi)
{
    int fd = ((struct handle *)(uintptr_t)fi->fh)->content.fd;

    if (fd < 0 || !fallocate(fd, mode, offset, length))
        reply(req, fd < 0 ? -EOPNOTSUPP : 0);
    else
        reply(req, errno == EIO ? fault(req, ino, "allocating space of an output", errno) : -errno);
}

/* All of it is data. */
static off_t seek_in_text(const vb_content *content, off_t offset, int whence)
{
    if (offset < 0 || offset >= content->size)
        return -ENXIO;
    return whence == SEEK_HOLE ? (off_t)content->size : offset;
}

/* Where the kernel holds written pages back it does not write them before it asks: what lies below cannot tell holes
 * from what is yet to come.  So it is told that there is no such call, asks no more, and takes all for data. */
static void handle_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
    const vb_content *content = &((struct handle *)(uintptr_t)fi->fh)->content;
    off_t at;

    if (vb_session_of(req)->wire.write_back) {
        reply(req, -ENOSYS);
        return;
    }
    if (content->fd < 0 || !content->whole) {
        at = seek_in_text(content, offset, whence);
    } else {
        at = lseek(content->fd, offset, whence);
        at = at < 0 ? -errno : at;
    }
    if (at < 0)
        reply(req, (int)at);
    else
        fuse_reply_lseek(req, at);
}

/* By the file systems below, which may only have to note that both have the same blocks; otherwise (EXDEV) the kernel
 * copies by itself. */
static void handle_copy(fuse_req_t req, fuse_ino_t from_ino, off_t from_offset, struct fuse_file_info *from_fi,
                        fuse_ino_t to_ino, off_t to_offset, struct fuse_file_info *to_fi, size_t length, int flags)
{
    const vb_content *from = &((struct handle *)(uintptr_t)from_fi->fh)->content,
                     *to = &((struct handle *)(uintptr_t)to_fi->fh)->content;
    ssize_t n;

    if (from->fd < 0 || !from->whole || to->fd < 0) {
        reply(req, -EXDEV);
        return;
    }
    n = copy_file_range(from->fd, &from_offset, to->fd, &to_offset, length, (unsigned)flags);
    if (n < 0) {
        reply(req, errno == ENOSPC || errno == EIO ? fault(req, to_ino, "copying to an output", errno) : -errno);
        return;
    }
    if (vb_session_call->drop_suid)
        vb_scratch_drop_suid(to->fd);
    fuse_reply_write(req, (size_t)n);
}

static void handle_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    vb_node *node = vb_session_node(req, ino);

    reply(req, node->class->setxattr ? node->class->setxattr(vb_session_call, node, name, value, size, flags) : -EROFS);
}

static void handle_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    vb_node *node = vb_session_node(req, ino);

    reply(req, node->class->removexattr ? node->class->removexattr(vb_session_call, node, name) : -EROFS);
}

static void handle_scratch_statfs(fuse_req_t req, fuse_ino_t ino)
{
    const vb_view *view = vb_session_of(req)->view;
    struct statvfs st;

    if (fstatvfs(view->drafts ? vb_drafts_directory(view->drafts) : vb_job_scratch(view->job), &st))
        reply(req, -errno);
    else
        fuse_reply_statfs(req, &st);
}

void vb_session_add_write_handlers(struct fuse_lowlevel_ops *ops, bool flush)
{
    if (flush) /* a request for each close(): only where somebody has something to say */
        ops->flush = handle_flush;
    ops->statfs = handle_scratch_statfs;
    ops->create = handle_create;
    ops->mknod = handle_mknod;
    ops->mkdir = handle_mkdir;
    ops->symlink = handle_symlink;
    ops->link = handle_link;
    ops->unlink = handle_unlink;
    ops->rmdir = handle_rmdir;
    ops->rename = handle_rename;
    ops->setattr = handle_setattr;
    ops->write_buf = handle_write;
    ops->fsync = handle_fsync;
    ops->fsyncdir = handle_fsyncdir;
    ops->fallocate = handle_fallocate;
    ops->copy_file_range = handle_copy;
    ops->lseek = handle_lseek;
    ops->setxattr = handle_setxattr;
    ops->removexattr = handle_removexattr;
}
