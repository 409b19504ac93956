/* job_internal.h - what job.c (what is laid over) and scratch.c (what lies below) share. */
#ifndef VB_FS_VIEW_JOB_INTERNAL_H
#define VB_FS_VIEW_JOB_INTERNAL_H

#include "fs/view/job.h"

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
    int fd;               /* O_PATH, or for reading and writing where the session created it; -1: not made yet */
    struct overlay *over; /* NULL: nothing is laid over */
    char *path;           /* below the mount, as it was when the node was made: for the journal */
    bool below_in;        /* work/in: what is missing there is missing beside inputs */
};

extern const vb_node_class vb_scratch_class;

/* The node of a directory that is laid over. */
vb_node *vb_scratch_overlay_node(vb_call *c, vb_node *dir, const char *name, struct overlay *over);

/* Looks into what is laid over: 0 and the child, -ENOENT where there is nothing of that name. */
int vb_overlay_lookup(vb_call *c, vb_node *dir, struct overlay *over, const char *name, vb_node **child);

bool vb_overlay_has(const struct overlay *over, const char *name);
void vb_overlay_list(vb_call *c, struct overlay *over, vb_listing *l);

#endif
