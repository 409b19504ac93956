/* mounted.h - a view behind a real mount, at "mnt", served by threads of the test; system calls ask it.  Tests skip
 * where FUSE cannot be had.  A file of the mount is closed before nobody serves it any more: close() would wait. */
#ifndef VB_TESTS_FS_MOUNTED_H
#define VB_TESTS_FS_MOUNTED_H

#include "fs/session/session.h"
#include "fs/view/draft.h"
#include "tests/fs/viewer.h"

#include <pthread.h>

#define RAW    "data/TestCam/raw/all/raw/instrument=TestCam/detector=2"
#define FILE_1 RAW "/exposure=101/raw_TestCam_2_101.fits"

enum { MAX_SERVERS = 3 };

typedef struct server {
    struct mounted *m;
    pthread_t thread;
    vb_registry *reg;
    vb_call call;
    int result;
} server;

/* A mount at "mnt", and who serves it. */
typedef struct mounted {
    fixture *f;
    vb_stores *stores;
    vb_view *view;
    vb_job_view *job;
    vb_session *session;
    vb_journal *journal; /* the first server's */
    bool allow_other;
    vb_drafts *drafts; /* of a mount for writing */
    server servers[MAX_SERVERS];
    int count;
} mounted;

/* cmocka's: the survey with its raws. */
int mounted_setup(void **state);
int mounted_teardown(void **state);

/* A mount step by step: the view, with "scratch" below it for a job; the mount; so many threads that serve it. */
mounted *mounted_prepare(fixture *f, const vb_branch *const *branches, bool job);
void mounted_at(mounted *m, const vb_session_options *options);
void mounted_serve(mounted *m, int n);

/* All of them: a browsing mount. */
mounted *mounted_browse(fixture *f, int servers);

/* A mount for writing, of RUN u/edit. */
mounted *mounted_write(fixture *f, int servers);

/* Waits for the threads, all of which must have come to a good end. */
void mounted_join(mounted *m);

/* Unmounts, and frees. */
void mounted_end(mounted *m);
VB_CLEANUP(mounted, mounted_end)

/* A path of the mount; the fixture's. */
const char *mounted_path(mounted *m, const char *path);

/* What a file holds; the caller frees it. */
char *mounted_read(const char *path);

#endif
