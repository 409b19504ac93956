/* statx.c - FUSE_STATX (opcode 52, kernel 6.6): when a file was made.  libfuse 3.14 does not know it; without an answer
 * statx(2) tells no time of birth.  Source: include/uapi/linux/fuse.h of Linux 6.6, protocol 7.39. */
#include "fs/session/internal.h"

#include <linux/fuse.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

enum { STATX = 52, HAS_BASIC = 0x7ff, HAS_BIRTH = 0x800 };

struct statx_in {
    uint32_t getattr_flags, reserved;
    uint64_t fh;
    uint32_t flags, mask;
};

struct moment {
    int64_t seconds;
    uint32_t ns;
    int32_t reserved;
};

struct statx_out {
    uint64_t valid;
    uint32_t valid_ns, flags;
    uint64_t spare[2];
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, spare_mode;
    uint64_t ino, size, blocks, attributes_mask;
    struct moment accessed, born, changed, modified;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t spare2[14];
};

static struct moment moment(struct timespec t)
{
    return (struct moment){.seconds = t.tv_sec, .ns = (uint32_t)t.tv_nsec};
}

static void fill(struct statx_out *out, const struct stat *st, double timeout)
{
    *out = (struct statx_out){
        .valid = (uint64_t)timeout,
        .valid_ns = (uint32_t)((timeout - (double)(uint64_t)timeout) * 1e9),
        .mask = HAS_BASIC,
        .blksize = (uint32_t)st->st_blksize,
        .nlink = (uint32_t)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mode = (uint16_t)st->st_mode,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .accessed = moment(st->st_atim),
        .changed = moment(st->st_ctim),
        .modified = moment(st->st_mtim),
        .rdev_major = major(st->st_rdev),
        .rdev_minor = minor(st->st_rdev),
    };
}

bool vb_session_statx(vb_session *s, const struct fuse_buf *buf)
{
    const struct fuse_in_header *in = buf->mem;
    struct statx_out body;
    struct fuse_out_header header = {.len = sizeof header + sizeof body};
    struct iovec parts[2] = {{&header, sizeof header}, {&body, sizeof body}};
    struct timespec born;
    struct stat st;
    vb_node *node;

    if (buf->flags & FUSE_BUF_IS_FD || buf->size < sizeof *in + sizeof(struct statx_in) || in->opcode != STATX)
        return false;
    node = vb_nodes_get(s->view->nodes, in->nodeid);
    if (!node)
        return false; /* libfuse says that there is no such call */
    vb_view_attr(vb_session_call, node, &st);
    fill(&body, &st, s->options.timeout);
    if (node->class->born && !node->class->born(vb_session_call, node, &born)) {
        body.mask |= HAS_BIRTH;
        body.born = moment(born);
    }
    header.unique = in->unique;
    if (writev(s->wire.device, parts, 2) < 0)
        return true; /* interrupted: nobody waits for it */
    return true;
}
