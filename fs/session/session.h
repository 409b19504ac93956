/* session.h - one FUSE mount of one view.
 *
 * A job's session is served by one thread, from outside the job's mount namespace; a browsing mount by several.
 * Handlers fetch the node, check, call the view, reply; they never abort, and what fails is a negative errno to the
 * program. */
#ifndef VB_FS_SESSION_SESSION_H
#define VB_FS_SESSION_SESSION_H

#include "fs/view/view.h"

#include <stdbool.h>

typedef struct vb_session vb_session;

typedef struct vb_session_options {
    bool passthrough; /* ask for it; without the right to it the session is served cached */
    bool writable;    /* there is scratch below: a job's, or drafts of datasets (fs/view/draft.h) */
    double timeout;   /* how long the kernel may keep names and attributes, in seconds; a large number for what never
                         changes */
} vb_session_options;

enum { VB_FOR_EVER = 1000000000 };

/* `device` is an open /dev/fuse whose mount is there or about to be; the session owns it from here on,
 * also on failure. */
int vb_session_new(vb_view *view, int device, const vb_session_options *options, vb_session **out, vb_error *err);

/* Mounts at `mountpoint` by itself (for an ordinary user through fusermount3) and makes the session.  `source` is what
 * `mount` shows. */
int vb_session_mount(vb_view *view, const char *mountpoint, const char *source, bool allow_other,
                     const vb_session_options *options, vb_session **out, vb_error *err);

void vb_session_free(vb_session *s);
VB_CLEANUP(vb_session, vb_session_free)

/* Something else that the serving thread waits for: called when `fd` can be read or has ended; false: no more. */
typedef struct vb_session_watch {
    int fd; /* -1: not watched any more */
    bool (*ready)(void *arg);
    void *arg;
} vb_session_watch;

/* Serves until the mount is gone (0), or until every watch has ended and `until_watches_end` is set.  May be called
 * from several threads at once, each with a vb_call of its own, where there are no watches. */
int vb_session_serve(vb_session *s, vb_call *call, vb_session_watch *watches, size_t count, bool until_watches_end,
                     vb_error *err);

/* Has the kernel forget nodes that it does not use where it keeps more than `keep`, until the session is gone: for a
 * thread of its own.  A kernel that cannot be asked (before 6.18) forgets when its own memory is short. */
void vb_session_prune(vb_session *s, size_t keep);

/* True once the mount or the connection has ended. */
bool vb_session_gone(const vb_session *s);

/* Asks serving threads to return; for a signal handler's thread. */
void vb_session_stop(vb_session *s);

/* "passthrough", or "cached (why)". */
const char *vb_session_data_path(const vb_session *s);

#endif
