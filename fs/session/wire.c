#include "fs/session/wire.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* What Debian 12's <linux/fuse.h> (7.38) does not name. */
enum {
    INIT_EXT = 1 << 30,             /* flags: flags2 is valid */
    PASSTHROUGH_2 = 1 << (37 - 32), /* flags2 */
    KILLPRIV_V2 = 1 << 28,          /* flags: no getxattr(security.capability) before each write */
    OPEN_PASSTHROUGH = 1 << 7,      /* open flags */
    STACK_DEPTH = 2,                /* backing files may lie on an overlayfs */
    TMPFILE = 51,                   /* opcode */
    NOTIFY_PRUNE = 9,               /* a notification, of Linux 6.18 */
};

/* What follows its header; then come the numbers of the nodes. */
struct prune_out {
    uint32_t count, padding;
    uint64_t spare;
};

static __thread bool drops_suid;

/* Whether a request takes away set-ID bits: libfuse does not tell. */
static bool sees_drop(const struct fuse_in_header *header, size_t n)
{
    const void *body = header + 1;

    if (header->opcode == FUSE_WRITE && n >= sizeof *header + sizeof(struct fuse_write_in))
        return ((const struct fuse_write_in *)body)->write_flags & FUSE_WRITE_KILL_SUIDGID;
    if (header->opcode == FUSE_OPEN && n >= sizeof *header + sizeof(struct fuse_open_in))
        return ((const struct fuse_open_in *)body)->open_flags & FUSE_OPEN_KILL_SUIDGID;
    if (header->opcode == FUSE_CREATE && n >= sizeof *header + sizeof(struct fuse_create_in))
        return ((const struct fuse_create_in *)body)->open_flags & FUSE_OPEN_KILL_SUIDGID;
    if (header->opcode == FUSE_SETATTR && n >= sizeof *header + sizeof(struct fuse_setattr_in))
        return ((const struct fuse_setattr_in *)body)->valid & FATTR_KILL_SUIDGID;
    return false;
}

bool vb_wire_drops_suid(void)
{
    return drops_suid;
}

struct backing_map {
    int32_t fd;
    uint32_t flags;
    uint64_t padding;
};

#define BACKING_OPEN  _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

static void see_init_request(vb_wire *w, const struct fuse_in_header *header, ssize_t n)
{
    const struct fuse_init_in *init = (const void *)(header + 1);
    bool extended = n >= (ssize_t)(sizeof *header + sizeof *init) && init->flags & INIT_EXT;

    w->init_unique = header->unique;
    w->passthrough = w->want_passthrough && extended && init->flags2 & PASSTHROUGH_2;
}

static ssize_t wire_read(int fd, void *buf, size_t size, void *data)
{
    vb_wire *w = data;
    ssize_t n = read(fd, buf, size);
    struct fuse_in_header *header = buf;

    drops_suid = n >= (ssize_t)sizeof *header && sees_drop(header, (size_t)n);
    if (n < 0 && (errno == ENODEV || errno == ECONNABORTED)) {
        /* Both are the normal end; libfuse prints the second as an error. */
        w->gone = true;
        errno = ENODEV;
    } else if (n >= (ssize_t)sizeof *header && header->opcode == FUSE_INIT) {
        see_init_request(w, header, n);
    } else if (n >= (ssize_t)sizeof *header && header->opcode == TMPFILE) {
        header->opcode = FUSE_CREATE; /* the same request and reply: its flags have O_TMPFILE */
    }
    return n;
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *data)
{
    vb_wire *w = data;
    const struct fuse_out_header *header = iov[0].iov_base;

    if (w->init_unique && header->unique == w->init_unique && count >= 2 &&
        iov[1].iov_len >= sizeof(struct fuse_init_out)) {
        struct fuse_init_out *init = iov[1].iov_base;
        uint32_t *max_stack_depth = &init->flags2 + 1; /* so named in newer headers */

        init->flags |= INIT_EXT | KILLPRIV_V2;
        if (w->passthrough) {
            init->flags &= ~(uint32_t)FUSE_WRITEBACK_CACHE;
            init->flags2 |= PASSTHROUGH_2;
            *max_stack_depth = STACK_DEPTH;
        }
        w->init_unique = 0;
    }
    return writev(fd, iov, count);
}

const struct fuse_custom_io vb_wire_io = {.read = wire_read, .writev = wire_writev};

bool vb_wire_asks(const struct fuse_buf *request)
{
    const struct fuse_in_header *header = request->mem;

    if (request->flags & FUSE_BUF_IS_FD || request->size < sizeof *header)
        return true;
    switch (header->opcode) {
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_GETATTR:
    case FUSE_OPENDIR:
    case FUSE_RELEASEDIR:
    case FUSE_READ:
    case FUSE_RELEASE:
    case FUSE_FLUSH:
    case FUSE_STATFS: return false;
    default: return true;
    }
}

int vb_wire_backing_open(vb_wire *w, int fd)
{
    struct backing_map map = {.fd = fd};
    int id = ioctl(w->device, BACKING_OPEN, &map);

    return id < 0 ? -errno : id;
}

void vb_wire_backing_close(vb_wire *w, int id)
{
    uint32_t number = (uint32_t)id;

    ioctl(w->device, BACKING_CLOSE, &number);
}

bool vb_wire_prune(vb_wire *w, const uint64_t *inos, size_t count)
{
    struct prune_out out = {.count = (uint32_t)count};
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + sizeof out + count * sizeof *inos),
                                     .error = NOTIFY_PRUNE};
    struct iovec parts[] = {{&header, sizeof header}, {&out, sizeof out}, {(void *)inos, count * sizeof *inos}};

    return writev(w->device, parts, 3) >= 0;
}

static struct fuse_open_out open_out(uint64_t fh, int backing_id)
{
    return (struct fuse_open_out){
        .fh = fh,
        .open_flags = backing_id ? OPEN_PASSTHROUGH : FOPEN_KEEP_CACHE,
        .padding = (uint32_t)backing_id,
    };
}

void vb_wire_reply_open(fuse_req_t req, uint64_t fh, int backing_id)
{
    struct fuse_open_out out = open_out(fh, backing_id);

    fuse_reply_buf(req, (const char *)&out, sizeof out);
}

static void split_timeout(double timeout, uint64_t *seconds, uint32_t *ns)
{
    *seconds = (uint64_t)timeout;
    *ns = (uint32_t)((timeout - (double)*seconds) * 1e9);
}

static void entry_out(const struct fuse_entry_param *e, struct fuse_entry_out *out)
{
    const struct stat *st = &e->attr;

    *out = (struct fuse_entry_out){.nodeid = e->ino, .generation = e->generation};
    split_timeout(e->entry_timeout, &out->entry_valid, &out->entry_valid_nsec);
    split_timeout(e->attr_timeout, &out->attr_valid, &out->attr_valid_nsec);
    out->attr = (struct fuse_attr){
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .atime = (uint64_t)st->st_atim.tv_sec,
        .mtime = (uint64_t)st->st_mtim.tv_sec,
        .ctime = (uint64_t)st->st_ctim.tv_sec,
        .atimensec = (uint32_t)st->st_atim.tv_nsec,
        .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
        .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .rdev = (uint32_t)st->st_rdev,
        .blksize = (uint32_t)st->st_blksize,
    };
}

void vb_wire_reply_create(fuse_req_t req, const struct fuse_entry_param *entry, uint64_t fh, int backing_id)
{
    struct {
        struct fuse_entry_out entry;
        struct fuse_open_out open;
    } out = {.open = open_out(fh, backing_id)};

    entry_out(entry, &out.entry);
    fuse_reply_buf(req, (const char *)&out, sizeof out);
}
