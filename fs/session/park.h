/* park.h - requests that wait for remote work.  Internal to fs/session.
 *
 * A thread that serves never waits: a request whose answer needs a store is put aside, and is begun anew when the work
 * is done, by whichever thread serves then.  It is answered with EINTR when its caller is interrupted (the work goes
 * on), and with EIO when the work is overdue.  Who ends the session drops all of them. */
#ifndef VB_FS_SESSION_PARK_H
#define VB_FS_SESSION_PARK_H

#include "fs/session/internal.h"

/* What a request was, to begin it anew. */
struct request {
    vb_node *node;         /* has a reference for it */
    char *name;            /* of a look-up; NULL */
    int flags;             /* of an open */
    struct handle *handle; /* of a read */
    size_t size;
    off_t offset;
};

typedef void vb_resume_fn(fuse_req_t req, const struct request *request);

/* Puts a request aside until what the thread's call has begun is done; `request` is copied. */
void vb_park(fuse_req_t req, vb_resume_fn *resume, const struct request *request);

/* Goes on with what can go on; `woken`: somebody said that there is something. */
void vb_unpark(vb_session *s, bool woken);

/* Answers all with an error: nobody serves any more. */
void vb_park_drop(vb_session *s);

/* How long a thread that serves may sleep, in milliseconds. */
int vb_park_patience(vb_session *s);

#endif
