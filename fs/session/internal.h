/* internal.h - what session.c and the handlers share. */
#ifndef VB_FS_SESSION_INTERNAL_H
#define VB_FS_SESSION_INTERNAL_H

#include "fs/session/session.h"
#include "fs/session/wire.h"

/* An open file or directory. */
struct handle {
    vb_node *node;
    vb_content content;
    vb_listing listing;             /* of a directory */
    struct handle *next, *previous; /* all of the session: some RELEASEs never come */
};

struct vb_session {
    vb_wire wire; /* first: libfuse's userdata */
    struct fuse_session *fuse;
    vb_view *view;
    vb_session_options options;
    char *mountpoint;             /* of a browsing mount */
    pthread_mutex_t handles_lock; /* guards handles, and open_mode, open_count, backing_id of the nodes */
    struct handle *handles;
    const char *data_path;
    pthread_mutex_t parked_lock; /* guards parked */
    struct parked *parked;       /* requests that wait for remote work: park.h */
    atomic_int parked_count;
    int wake; /* an eventfd: one of them can go on */
};

extern const struct fuse_lowlevel_ops vb_session_read_ops;

/* Adds those that change something; `flush`: close() is told of. */
void vb_session_add_write_handlers(struct fuse_lowlevel_ops *ops, bool flush);

/* The call of the thread that serves. */
extern __thread vb_call *vb_session_call;

vb_node *vb_session_node(fuse_req_t req, fuse_ino_t ino);
vb_session *vb_session_of(fuse_req_t req);

/* Replies an entry for a node that has a reference for it. */
void vb_session_reply_entry(fuse_req_t req, vb_node *node);
void vb_session_entry(vb_session *s, vb_node *node, struct fuse_entry_param *e);

struct handle *vb_session_open_handle(vb_session *s, vb_node *node, const vb_content *content);
void vb_session_close_handle(vb_session *s, struct handle *h);

/* Decides once for all handles of a node whether the kernel reads the backing file by itself; the backing id, or 0. */
int vb_session_backing(vb_session *s, vb_node *node, const vb_content *content);

/* Answers a FUSE_STATX; false: it is another request. */
bool vb_session_statx(vb_session *s, const struct fuse_buf *buf);

void vb_handle_init(void *userdata, struct fuse_conn_info *conn);
void vb_handle_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

#endif
