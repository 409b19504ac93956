/* job_internal.h - what job.c (what is laid over) and scratch.c (what lies below) share. */
#ifndef VB_FS_VIEW_JOB_INTERNAL_H
#define VB_FS_VIEW_JOB_INTERNAL_H

#include "fs/view/draft.h"
#include "fs/view/job.h"

#include <stdatomic.h>
#include <uthash.h>

typedef enum overlay_kind { OVERLAY_DIR, OVERLAY_INPUT, OVERLAY_FILE } overlay_kind;

struct overlay {
    overlay_kind kind;
    char *name;
    char *path;               /* of a directory: below scratch/, "" for work/ itself */
    struct overlay *children; /* of a directory, by name */
    char *lazy_type; /* of a directory in/TYPE whose datasets are found at its first look-up; NULL: none, or done */
    char *lazy_component; /* of in/TYPE.COMPONENT: only these files; NULL: all */
    vb_dataset dataset;   /* of an input */
    vb_file artifact;     /* likewise: its file, or that of a component */
    char *file;           /* of a file: where its bytes are */
    int64_t size, mtime;
    UT_hash_handle hh;
};

struct declared {
    int64_t dataset_id;
    UT_hash_handle hh;
};

struct vb_job_view {
    int scratch;
    struct overlay *work;
    struct declared *declared;
    const vb_search *types; /* of an ad-hoc command; NULL */
    char *fault;
    int64_t fetched;
};

/* A node of the working directory: a directory that is laid over, a scratch file or directory, or both. */
struct scratch {
    atomic_int fd;        /* O_PATH, or for reading and writing where the session created it; -1: not made yet */
    struct overlay *over; /* NULL: nothing is laid over */
    vb_draft *draft;      /* of a directory in a mount for writing: what becomes a dataset in it; NULL: nothing */
    char *path;           /* below the mount, as it was when the node was made: for the journal */
    bool below_in;        /* work/in: what is missing there is missing beside inputs */
};

extern const vb_node_class vb_scratch_class;

/* The node of a directory that is laid over. */
vb_node *vb_scratch_overlay_node(vb_call *c, vb_node *dir, const char *name, struct overlay *over);

/* The node of a directory in which the datasets of a data ID are drafted (draft.h). */
vb_node *vb_scratch_draft_node(vb_call *c, vb_node *dir, const char *name, vb_draft *draft);

/* ---- scratch.c, for scratch_names.c and scratch_change.c ---- */

/* The node of a file that is there; takes the descriptor. */
vb_node *vb_scratch_file_node(vb_call *c, const vb_node *dir, const char *name, int fd, const struct stat *st);

/* Notes a touch of a node, or of `name` in it. */
void vb_scratch_touch(vb_call *c, const struct scratch *s, const char *name, vb_journal_kind kind, unsigned bits);

/* The descriptor of a directory below: -1 while nothing was made in it; with `make` it is made. */
int vb_scratch_dir(vb_call *c, struct scratch *s, bool make);

/* The path by which a held file can be opened again, changed and linked. */
const char *vb_scratch_held(const struct scratch *s, char buf[32]);

/* -error; a failing write is a fault of the attempt. */
int vb_scratch_fault(vb_call *c, const struct scratch *s, const char *name, const char *what, int error);

/* True for a file whose bytes must go through the server. */
bool vb_scratch_served(vb_call *c, const struct stat *st);

/* ---- scratch_names.c ---- */

int vb_scratch_create(vb_call *c, vb_node *dir, const char *name, mode_t mode, int flags, vb_node **child,
                      vb_content *out);
int vb_scratch_make(vb_call *c, vb_node *dir, const char *name, mode_t mode, dev_t device, vb_node **child);
int vb_scratch_symlink(vb_call *c, vb_node *dir, const char *name, const char *target, vb_node **child);
int vb_scratch_hardlink(vb_call *c, vb_node *node, vb_node *dir, const char *name);
int vb_scratch_unlink(vb_call *c, vb_node *dir, const char *name, bool directory);
int vb_scratch_rename(vb_call *c, vb_node *dir, const char *name, vb_node *to_dir, const char *to_name, unsigned flags);

/* ---- scratch_change.c ---- */

int vb_scratch_setattr(vb_call *c, vb_node *node, const struct stat *st, unsigned valid, const vb_content *open_file);
int vb_scratch_xattr(vb_call *c, vb_node *node, const char *name, vb_buf *value);
int vb_scratch_xattrs(vb_call *c, vb_node *node, vb_buf *names);
int vb_scratch_setxattr(vb_call *c, vb_node *node, const char *name, const void *value, size_t n, int flags);
int vb_scratch_removexattr(vb_call *c, vb_node *node, const char *name);

/* ---- job.c ---- */

/* Looks into what is laid over: 0 and the child, -ENOENT where there is nothing of that name. */
int vb_overlay_lookup(vb_call *c, vb_node *dir, struct overlay *over, const char *name, vb_node **child);

bool vb_overlay_has(const struct overlay *over, const char *name);
void vb_overlay_list(vb_call *c, struct overlay *over, vb_listing *l);

#endif
