/* view.h - the tree of names that one mount shows.
 *
 * A view is put together of branches (data, by-id, dimensions, gen3, provenance, reports) and, inside a job, of its
 * working directory (job.h).  It may be asked from several threads, each with a vb_call of its own.  What its nodes
 * know of a data ID belongs to the registry handle that found it: handles are closed after the view. */
#ifndef VB_FS_VIEW_VIEW_H
#define VB_FS_VIEW_VIEW_H

#include "fs/store/store.h"
#include "fs/view/journal.h"
#include "fs/view/node.h"
#include "registry/component.h"
#include "registry/repo.h"

/* What is done with a dataset that the pipeline did not declare as an input. */
typedef enum vb_policy { VB_POLICY_RECORD, VB_POLICY_WARN, VB_POLICY_FAIL } vb_policy;

typedef struct vb_drafts vb_drafts; /* draft.h */

/* Where a dataset that a graph predicts is, once it was made (in one file): 1, 0 where it was not (yet). */
typedef int vb_locate_fn(void *arg, const vb_dataset *d, vb_location *out);

typedef struct vb_branch {
    const char *name;
    const vb_node_class *class;
} vb_branch;

struct vb_view {
    vb_nodes *nodes;
    vb_stores *stores; /* borrowed */
    int64_t mtime;     /* of all that has no time of its own, nanoseconds since 1970 UTC */
    uid_t uid;
    gid_t gid;
    const vb_branch *const *branches; /* NULL-terminated: what the root shows */
    vb_locate_fn *locate;             /* may be NULL */
    void *locate_arg;
    vb_policy undeclared;
    struct vb_job_view *job;   /* of a job's view; NULL */
    vb_drafts *drafts;         /* of a mount for writing; NULL */
    struct vb_gen3_tree *gen3; /* of a view with that branch (gen3.h); the view's */
};

/* A thread's way into a view. */
struct vb_call {
    vb_view *view;
    vb_registry *reg;
    vb_journal *journal;  /* NULL: nobody asks */
    bool live;            /* the registry may change: it is asked before each request */
    struct vb_wait *wait; /* what needs a store answers -EINPROGRESS, and is asked again (fs/fetch/lazy.h); NULL: it
                             waits */
    uid_t uid;            /* of who asks, for what is made */
    gid_t gid;
    bool drop_suid; /* the request takes away set-ID bits (FUSE_HANDLE_KILLPRIV_V2) */
};

extern const vb_branch vb_branch_data, vb_branch_by_id, vb_branch_dimensions, vb_branch_provenance, vb_branch_reports,
    vb_branch_gen3;

/* What a browsing mount shows. */
extern const vb_branch *const vb_browse_branches[];

/* The same with gen3/: of a repository; view->gen3 must be set. */
extern const vb_branch *const vb_repository_branches[];

/* Makes a view; the stores are borrowed. */
vb_view *vb_view_new(vb_stores *stores, const vb_branch *const *branches);
void vb_view_free(vb_view *view);
VB_CLEANUP(vb_view, vb_view_free)

/* The file system's calls.  A node that is returned has one reference more: vb_nodes_unref() gives it back. */
int vb_view_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child);
void vb_view_attr(vb_call *c, vb_node *node, struct stat *st);

/* ---- for the branches ---- */

/* A file of text that was rendered when it was looked up; takes the text's memory. */
vb_node *vb_view_text(vb_call *c, vb_node *dir, const char *name, vb_buf *text);

/* A symbolic link; `target` is copied. */
vb_node *vb_view_link(vb_call *c, vb_node *dir, const char *name, const char *target);

/* A file of a dataset; takes what *d and *file own. */
vb_node *vb_view_artifact(vb_call *c, vb_dataset *d, vb_file *file);

/* Where a dataset's files are: by the registry, or for a predicted one by view->locate.  One that is whole, or those of
 * its components; none where its artifact is not held.  No artifact is asked. */
int vb_view_files(vb_call *c, const vb_dataset *d, vb_files *out);


/* Asks the artifact for its size where the registry has none: no reply carries a guessed one.  To be called
 * before vb_view_artifact(); -EIO where the artifact does not tell; -EINPROGRESS. */
int vb_view_complete(vb_call *c, vb_location *location);

/* FILE of a dataset, or of one of its components, appended. */
void vb_view_file_name(const vb_dataset *d, const vb_file *file, vb_buf *out);

/* "../../" from a node to the root: one for each component of its path but the last. */
void vb_view_to_root(const vb_node *dir, vb_buf *out);

/* Notes a touch of a dataset that is shown as `name` in `dir`. */
void vb_view_touch_dataset(vb_call *c, const vb_node *dir, const char *name, const vb_dataset *d, unsigned touch);

/* Notes a touch of a path's node, or of `name` in it (NULL: the node itself). */
vb_journal_entry *vb_view_touch(vb_call *c, vb_journal_kind kind, const vb_node *dir, const char *name, unsigned touch);

#endif
