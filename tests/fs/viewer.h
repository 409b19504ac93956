/* viewer.h - a view asked as a kernel would ask it, but without FUSE: paths are walked by look-ups, directories are
 * read page by page. */
#ifndef VB_TESTS_FS_VIEWER_H
#define VB_TESTS_FS_VIEWER_H

#include "fs/view/job.h"
#include "tests/fs/world.h"

typedef struct viewer {
    vb_stores *stores;
    vb_view *view;
    vb_call call;
} viewer;

/* A browsing view of a registry, with a journal.  With `scratch` (a directory) it is a job's: data/, dimensions/,
 * work/; *job is filled then. */
viewer *viewer_new(fixture *f, vb_registry *reg);
viewer *viewer_new_job(fixture *f, vb_registry *reg, const char *scratch);
void viewer_free(viewer *v);
VB_CLEANUP(viewer, viewer_free)

/* Looks up a path from the root; 0 and the node with one reference of the caller's, or the negative errno of the first
 * look-up that failed.  No symlink is followed. */
int viewer_walk(viewer *v, const char *path, vb_node **out);
void viewer_forget(viewer *v, vb_node *node);

/* 0, or the negative errno: nothing is kept. */
int viewer_try(viewer *v, const char *path);

/* Follows symlinks too, as a kernel does; fails the test where the path leads out of the mount. */
int viewer_follow(viewer *v, const char *path, vb_node **out);

uint64_t viewer_ino(viewer *v, const char *path); /* fails the test where it is not there */
struct stat viewer_stat(viewer *v, const char *path);

/* The names of a directory, sorted, joined by ' '; each call of the class's list() sees the entries before it gone, as
 * a session's does.  Every name listed can be looked up and has the type that was listed, or the test fails.  The
 * caller frees it. */
char *viewer_list(viewer *v, const char *path);

/* What a symlink says; what a file holds, opened and read.  The caller frees them; the test fails where they cannot be
 * had. */
char *viewer_link(viewer *v, const char *path);
char *viewer_read(viewer *v, const char *path);

/* 0 or a negative errno of opening a file with these flags. */
int viewer_open(viewer *v, const char *path, int flags);

/* The value of an extended attribute, or NULL. */
char *viewer_xattr(viewer *v, const char *path, const char *name);

/* Fails the test where the listing of `path` is not `names` ("a b c", sorted). */
#define assert_listing(v, path, names)                         \
    do {                                                       \
        vb_autofree char *listing_ = viewer_list((v), (path)); \
                                                               \
        assert_string_equal(listing_, (names));                \
    } while (0)

#define assert_reads(v, path, text)                            \
    do {                                                       \
        vb_autofree char *content_ = viewer_read((v), (path)); \
                                                               \
        assert_string_equal(content_, (text));                 \
    } while (0)

/* The line of the journal of that kind and path; NULL: none. */
const vb_journal_entry *viewer_journal(viewer *v, vb_journal_kind kind, const char *path);

#endif
