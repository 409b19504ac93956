/* draft_internal.h - what draft.c (mounts and their drafts), draft_made.c (directories that were made) and
 * draft_files.c (files by inode number, and how they become datasets) share. */
#ifndef VB_FS_VIEW_DRAFT_INTERNAL_H
#define VB_FS_VIEW_DRAFT_INTERNAL_H

#include "fs/view/draft.h"

#include <pthread.h>
#include <uthash.h>

struct vb_draft {
    char *key; /* of the table: the type, and the packed data ID */
    char *type;
    vb_dataid id;
    char *stem; /* FILE, or what it begins with where the type tells no extension */
    bool any_extension;
    char directory[24]; /* below the mount's */
    UT_hash_handle hh;
};

/* A directory that was made, by its path; those in it. */
struct draft_made {
    char *path;
    char **names;
    UT_hash_handle hh;
};

struct draft_file {
    uint64_t ino;
    vb_draft *draft; /* in which it has got the name of a dataset; NULL: in none */
    char *name;      /* that name */
    int writers;     /* handles that could be written through */
    bool flushed;    /* nothing was written since a close() */
    bool failed;     /* something could not be written */
    bool sealed;     /* a dataset, or about to be one */
    UT_hash_handle hh;
};

struct vb_drafts {
    const vb_repo *repo;
    char *run, *path;          /* of the mount's directory */
    int fd;                    /* of it, locked */
    mode_t umask;              /* of who mounts; that of the serving threads is 0 */
    pthread_mutex_t taking_in; /* guards reg */
    vb_registry *reg;          /* open for writing */
    pthread_mutex_t lock;      /* guards the tables */
    struct vb_draft *drafts;
    struct draft_made *made;
    struct draft_file *files;
    unsigned next;
};

/* Whether a name is the dataset's.  Of a type that tells no extension any will do: the artifact has it then. */
bool vb_draft_is_file(const vb_draft *draft, const char *name);

/* Says in the log why something does not become a dataset; the errno for who asked. */
int vb_draft_refuse(const vb_draft *draft, const char *name, int r, const vb_error *err);

/* What can be said against such a dataset. */
int vb_draft_check(vb_call *c, vb_draft *draft, const char *name);

void vb_draft_made_free(vb_drafts *d);
void vb_draft_files_free(vb_drafts *d);

/* At the end: what was closed is taken in. */
void vb_draft_files_end(vb_drafts *d);

#endif
