/* draft.h - what is written through a mount for writing, until it is a dataset.
 *
 * A directory data/RUN/TYPE/k=v/... whose k=v choose a whole data ID is a draft: behind it lies a directory of the
 * repository's .vbutler/drafts/UUID, in which all that a file system can do is done to real files (scratch.c).  A
 * regular file that is not empty becomes the dataset when it bears the dataset's FILE name and nobody has it open for
 * writing any more: at its last RELEASE, or when it is renamed or linked to that name.  It is moved into the store as
 * an ingest does it, and is sealed before: nothing that the mount is asked to do changes it from then on.
 *
 * Which inode is open for writing, and which name it has got, is kept in a table by inode number, as files are renamed
 * and linked from one draft to another.
 *
 * All calls are thread-safe. */
#ifndef VB_FS_VIEW_DRAFT_H
#define VB_FS_VIEW_DRAFT_H

#include "fs/view/view.h"

typedef struct vb_draft vb_draft;

/* Makes the RUN where it is not there.  `repo` is borrowed.  Says in the log what mounts that were killed have left. */
int vb_drafts_open(const vb_repo *repo, const char *run, vb_drafts **out, vb_error *err);

/* Takes in what was closed and not yet taken in (no RELEASE comes after a mount has gone), and removes the directory,
 * if nothing is left in it; says in the log what is.  After the session, before the registry handles of the view. */
void vb_drafts_close(vb_drafts *d);
VB_CLEANUP(vb_drafts, vb_drafts_close)

const char *vb_drafts_run(const vb_drafts *d);
int vb_drafts_directory(const vb_drafts *d); /* its descriptor: of the file system that is written to */

/* ---- directories that were made, by their path below the mount ---- */

bool vb_drafts_has_path(vb_drafts *d, const char *path);
void vb_drafts_add_path(vb_drafts *d, const char *path);
int vb_drafts_remove_path(vb_drafts *d, const char *path); /* -ENOTEMPTY, -ENOENT */

/* Calls `each` with the names that were made in a directory. */
void vb_drafts_each_name(vb_drafts *d, const char *directory, void (*each)(void *arg, const char *name), void *arg);

/* ---- the draft of a data ID; it stays until all are closed ---- */

vb_draft *vb_drafts_get(vb_drafts *d, const vb_dataset_type *type, const vb_dataid *id);

/* An O_PATH descriptor of its directory, for the caller to keep; -1 where it was not made yet and is not to be. */
int vb_draft_open(vb_drafts *d, vb_draft *draft, bool make);

/* The dataset that is there under this name: 1 and its artifact's node (`child` may be NULL: it is only asked), 0. */
int vb_draft_lookup(vb_call *c, vb_draft *draft, const char *name, vb_node **child);

/* Adds the files of the dataset that is there to a listing. */
int vb_draft_list(vb_call *c, vb_draft *draft, vb_listing *l);

/* Whether there could be such a dataset: -EINVAL where a dimension of it has no record. */
int vb_draft_may_be(vb_call *c, vb_draft *draft);

/* Whether something may get this name: -EEXIST where the dataset is there, -EINVAL where a dimension of it has no
 * record.  Any other name than FILE may be. */
int vb_draft_may_name(vb_call *c, vb_draft *draft, const char *name);

/* ---- files, by inode number ---- */

/* For writing: -EROFS where it is a dataset.  `anew`: it is empty, whatever it was before. */
int vb_drafts_opened(vb_drafts *d, uint64_t ino, bool anew);
bool vb_drafts_sealed(vb_drafts *d, uint64_t ino);
void vb_drafts_wrote(vb_drafts *d, uint64_t ino, bool failed); /* what was cut short becomes no dataset */

/* A name was closed, of perhaps several of one open file: what can be said against its becoming a dataset. */
int vb_drafts_flushed(vb_call *c, uint64_t ino);
void vb_drafts_closed(vb_call *c, uint64_t ino); /* for the last time; may make the dataset */

/* It has got a name: it is the dataset's now if that is FILE and nobody writes to it. */
int vb_drafts_named(vb_call *c, vb_draft *draft, const char *name, uint64_t ino);

#endif
