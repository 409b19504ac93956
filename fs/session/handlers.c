/* handlers.c - FUSE requests that only ask. */
#include "fs/fetch/lazy.h"
#include "fs/session/internal.h"
#include "fs/session/park.h"
#include "fs/view/job.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

vb_session *vb_session_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* The node of a request.  The kernel names only what it was told of; should it not, the root answers with ENOENT or
 * ENOTDIR. */
vb_node *vb_session_node(fuse_req_t req, fuse_ino_t ino)
{
    vb_node *node = vb_nodes_get(vb_session_of(req)->view->nodes, ino);

    return node ? node : vb_nodes_get(vb_session_of(req)->view->nodes, VB_INO_ROOT);
}

static void reply(fuse_req_t req, int r)
{
    fuse_reply_err(req, r < 0 ? -r : 0);
}

void vb_session_entry(vb_session *s, vb_node *node, struct fuse_entry_param *e)
{
    *e = (struct fuse_entry_param){.ino = node->ino,
                                   .entry_timeout = s->options.timeout,
                                   .attr_timeout = s->options.timeout};
    vb_view_attr(vb_session_call, node, &e->attr);
}

void vb_session_reply_entry(fuse_req_t req, vb_node *node)
{
    vb_session *s = vb_session_of(req);
    struct fuse_entry_param e;

    vb_session_entry(s, node, &e);
    if (fuse_reply_entry(req, &e))
        vb_nodes_unref(s->view->nodes, node, 1); /* the request was interrupted: the kernel does not have it */
}

void vb_handle_init(void *userdata, struct fuse_conn_info *conn)
{
    vb_session *s = userdata;
    unsigned wanted = FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                      FUSE_CAP_ATOMIC_O_TRUNC;

    /* Job sessions answer READDIR only, so that stats show as look-ups. */
    conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA);
    conn->want |= wanted & conn->capable;
    if (s->options.writable && !s->wire.passthrough && !s->view->drafts) /* drafts are written through */
        conn->want |= FUSE_CAP_WRITEBACK_CACHE & conn->capable;
    s->wire.write_back = conn->want & FUSE_CAP_WRITEBACK_CACHE;
    /* Reads that wait for a store are among them: they must not keep others from theirs. */
    conn->max_background = 1024;
    conn->congestion_threshold = 768;
}

static void look_up(fuse_req_t req, const struct request *request)
{
    vb_node *child = NULL;
    int r = vb_view_lookup(vb_session_call, request->node, request->name, &child);

    if (r == -EINPROGRESS) {
        vb_park(req, look_up, request);
    } else if (!r) {
        vb_session_reply_entry(req, child);
    } else if (r == -ENOENT) { /* the kernel may remember that there is nothing */
        struct fuse_entry_param e = {.entry_timeout = vb_session_of(req)->options.timeout};

        fuse_reply_entry(req, &e);
    } else {
        reply(req, r);
    }
}

static void handle_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    look_up(req, &(struct request){.node = vb_session_node(req, parent), .name = (char *)name});
}

static void handle_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    vb_nodes *nodes = vb_session_of(req)->view->nodes;
    vb_node *node = vb_nodes_get(nodes, ino);

    if (node)
        vb_nodes_unref(nodes, node, nlookup);
    fuse_reply_none(req);
}

static void handle_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    vb_nodes *nodes = vb_session_of(req)->view->nodes;

    for (size_t i = 0; i < count; i++) {
        vb_node *node = vb_nodes_get(nodes, forgets[i].ino);

        if (node)
            vb_nodes_unref(nodes, node, forgets[i].nlookup);
    }
    fuse_reply_none(req);
}

void vb_handle_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st;

    vb_view_attr(vb_session_call, vb_session_node(req, ino), &st);
    fuse_reply_attr(req, &st, vb_session_of(req)->options.timeout);
}

static void handle_readlink(fuse_req_t req, fuse_ino_t ino)
{
    vb_node *node = vb_session_node(req, ino);
    vb_auto_buf target = {0};
    int r = node->class->link ? node->class->link(vb_session_call, node, &target) : -EINVAL;

    if (r < 0)
        reply(req, r);
    else
        fuse_reply_readlink(req, vb_buf_text(&target));
}

/* ---- files --------------------------------------------------------------------------------------------------- */

static void open_file(fuse_req_t req, const struct request *request)
{
    vb_session *s = vb_session_of(req);
    vb_node *node = request->node;
    vb_content content;
    int r = node->class->open ? node->class->open(vb_session_call, node, request->flags, &content) : -EISDIR;

    if (r == -EINPROGRESS) {
        vb_park(req, open_file, request);
        return;
    }
    if (r < 0) {
        reply(req, r);
        return;
    }
    vb_wire_reply_open(req, (uintptr_t)vb_session_open_handle(s, node, &content),
                       vb_session_backing(s, node, &content));
}

static void handle_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    open_file(req, &(struct request){.node = vb_session_node(req, ino), .flags = fi->flags});
}

static void handle_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    vb_session_close_handle(vb_session_of(req), (struct handle *)(uintptr_t)fi->fh);
    reply(req, 0);
}

/* The parts of a content of several segments that a read asks for. */
static void read_segments(fuse_req_t req, const vb_content *content, int64_t offset, int64_t size)
{
    vb_autofree struct fuse_bufvec *v = vb_alloc(sizeof *v + (size_t)content->nsegments * sizeof v->buf[0]);
    int64_t start = 0;

    for (int i = 0; i < content->nsegments; i++) {
        const vb_segment *part = &content->segments[i];
        int64_t from = offset > start ? offset - start : 0, to = offset + size - start;

        if (to > part->length)
            to = part->length;
        if (from < to)
            v->buf[v->count++] = (struct fuse_buf){.size = (size_t)(to - from),
                                                   .flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK,
                                                   .fd = content->fd,
                                                   .pos = part->offset + from};
        start += part->length;
    }
    fuse_reply_data(req, v, 0);
}

/* Bytes of an artifact that comes by block. */
static void read_stream(fuse_req_t req, const struct request *request)
{
    const vb_content *content = &request->handle->content;
    struct fuse_bufvec v = FUSE_BUFVEC_INIT(request->size);
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_stream_read(content->stream, request->offset, (int64_t)request->size, vb_session_call->wait, &err);

    if (r == -EINPROGRESS) {
        vb_park(req, read_stream, request);
    } else if (r < 0) {
        vb_log(VB_WARNING, "%s", err.message);
        vb_job_note_fault(vb_session_call, err.message);
        reply(req, -EIO);
    } else {
        v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
        v.buf[0].fd = content->fd;
        v.buf[0].pos = request->offset;
        fuse_reply_data(req, &v, 0);
    }
}

static void handle_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    const vb_content *content = &((struct handle *)(uintptr_t)fi->fh)->content;
    struct fuse_bufvec v = FUSE_BUFVEC_INIT(size);
    size_t left = offset < content->size ? (size_t)(content->size - offset) : 0;

    if (content->stream) {
        read_stream(req, &(struct request){.node = vb_session_node(req, ino),
                                           .handle = (struct handle *)(uintptr_t)fi->fh,
                                           .size = size,
                                           .offset = offset});
        return;
    }
    if (content->fd < 0) {
        fuse_reply_buf(req, left ? content->text + offset : NULL, left < size ? left : size);
        return;
    }
    if (!content->whole) {
        read_segments(req, content, offset, (int64_t)(left < size ? left : size));
        return;
    }
    v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    v.buf[0].fd = content->fd;
    v.buf[0].pos = offset;
    fuse_reply_data(req, &v, 0);
}

/* ---- directories --------------------------------------------------------------------------------------------- */

static void handle_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    vb_node *node = vb_session_node(req, ino);

    if (!node->class->list) {
        reply(req, -ENOTDIR);
        return;
    }
    fi->fh = (uintptr_t)vb_session_open_handle(vb_session_of(req), node, NULL);
    if (fuse_reply_open(req, fi))
        vb_session_close_handle(vb_session_of(req), (struct handle *)(uintptr_t)fi->fh);
}

static void handle_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    vb_session_close_handle(vb_session_of(req), (struct handle *)(uintptr_t)fi->fh);
    reply(req, 0);
}

/* Makes the entry at `offset` the next one: 1, 0 at the end.  Offsets 0 and 1 are "." and "..".  Within the page that
 * was read last it goes back without reading again: entries that were taken away since would shift the others. */
static int seek_entry(vb_listing *l, uint64_t offset)
{
    int r = 0;

    if (!l->offset || offset < l->offset - l->at) {
        vb_listing_clear(l);
        l->offset = 2;
    } else if (offset < l->offset) {
        l->at -= l->offset - offset;
        l->offset = offset;
    }
    while (!r) {
        if (l->at < l->count && l->offset == offset)
            return 1;
        if (l->at < l->count) {
            l->at++;
            l->offset++;
            continue;
        }
        if (l->done)
            return 0;
        for (size_t i = 0; i < l->count; i++)
            free(l->page[i].name);
        l->count = l->at = 0;
        r = l->dir->class->list(vb_session_call, l->dir, l);
    }
    return r;
}

static size_t add_direntry(fuse_req_t req, char *buf, size_t size, const char *name, mode_t type, uint64_t ino,
                           uint64_t next)
{
    struct stat st = {.st_ino = ino ? ino : 0xffffffff, .st_mode = type};

    return fuse_add_direntry(req, buf, size, name, &st, (off_t)next);
}

static void handle_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    struct handle *h = (struct handle *)(uintptr_t)fi->fh;
    vb_autofree char *buf = vb_alloc(size);
    uint64_t at = (uint64_t)offset;
    size_t used = 0, n;
    int r = 1;

    if (!at) /* a rewind, or the first read */
        vb_listing_clear(&h->listing);
    for (; at < 2; at++, used += n) {
        n = add_direntry(req, buf + used, size - used, at ? ".." : ".", S_IFDIR, at ? 0 : h->node->ino, at + 1);
        if (n > size - used)
            break;
    }
    while (at >= 2 && (r = seek_entry(&h->listing, at)) > 0) {
        const vb_entry *e = &h->listing.page[h->listing.at];

        n = add_direntry(req, buf + used, size - used, e->name, e->type, e->ino, at + 1);
        if (n > size - used)
            break;
        used += n;
        at++;
    }
    if (r < 0 && !used)
        reply(req, r);
    else
        fuse_reply_buf(req, buf, used);
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

static void handle_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};

    fuse_reply_statfs(req, &st);
}

/* The size first, then the bytes: as getxattr and listxattr want it. */
static void reply_xattr(fuse_req_t req, int r, const vb_buf *value, size_t size)
{
    if (r < 0)
        reply(req, r);
    else if (!size)
        fuse_reply_xattr(req, value->len);
    else if (value->len > size)
        reply(req, -ERANGE);
    else
        fuse_reply_buf(req, vb_buf_text(value), value->len);
}

static void handle_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    vb_node *node = vb_session_node(req, ino);
    vb_auto_buf value = {0};

    reply_xattr(req, node->class->xattr ? node->class->xattr(vb_session_call, node, name, &value) : -ENODATA, &value,
                size);
}

static void handle_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    vb_node *node = vb_session_node(req, ino);
    vb_auto_buf names = {0};

    reply_xattr(req, node->class->xattrs ? node->class->xattrs(vb_session_call, node, &names) : 0, &names, size);
}

const struct fuse_lowlevel_ops vb_session_read_ops = {
    .init = vb_handle_init,
    .lookup = handle_lookup,
    .forget = handle_forget,
    .forget_multi = handle_forget_multi,
    .getattr = vb_handle_getattr,
    .readlink = handle_readlink,
    .open = handle_open,
    .read = handle_read,
    .release = handle_release,
    .opendir = handle_opendir,
    .readdir = handle_readdir,
    .releasedir = handle_releasedir,
    .getxattr = handle_getxattr,
    .listxattr = handle_listxattr,
    .statfs = handle_statfs,
};
