/* wire.h - what libfuse 3.14 cannot say to the kernel, said on the wire.
 *
 * Passthrough (kernel 6.9, CAP_SYS_ADMIN): READ and WRITE of an open file go to the backing file without us.  libfuse
 * has no call for it before 3.17, but lets us see every reply: the INIT reply gets the flag and max_stack_depth, and an
 * OPEN reply, sent whole, carries the backing id in the field that 3.14's headers call padding.  Source:
 * include/uapi/linux/fuse.h of Linux 6.9, protocol 7.40. */
#ifndef VB_FS_SESSION_WIRE_H
#define VB_FS_SESSION_WIRE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct vb_wire {
    int device;
    bool want_passthrough; /* ask for it, if the kernel offers it */
    bool passthrough;      /* the kernel has been told */
    bool write_back;       /* the kernel holds written pages back */
    uint64_t init_unique;  /* of the INIT request while it is being answered */
    atomic_bool gone;      /* the mount or the connection has ended: some serving thread has seen it */
} vb_wire;

/* Hooks for fuse_session_custom_io(); the session's userdata must be a pointer to a struct whose first member is a
 * vb_wire. */
extern const struct fuse_custom_io vb_wire_io;

/* Whether the request that this thread has read last takes away set-ID bits (FUSE_HANDLE_KILLPRIV_V2). */
bool vb_wire_drops_suid(void);

/* True for a request whose answer may depend on the registry. */
bool vb_wire_asks(const struct fuse_buf *request);

/* Registers a backing file: its id, above 0, or a negative errno (EPERM, ELOOP, EOPNOTSUPP: serve
 * it cached instead). */
int vb_wire_backing_open(vb_wire *w, int fd);
void vb_wire_backing_close(vb_wire *w, int id);

/* Asks the kernel to forget what it does not use of these nodes (protocol 7.45).  False: it does not know how.  Not to
 * be called by a handler. */
bool vb_wire_prune(vb_wire *w, const uint64_t *inos, size_t count);

/* Replies to OPEN and CREATE; `backing_id` 0: cached by the kernel, and kept over the next open. */
void vb_wire_reply_open(fuse_req_t req, uint64_t fh, int backing_id);
void vb_wire_reply_create(fuse_req_t req, const struct fuse_entry_param *entry, uint64_t fh, int backing_id);

#endif
