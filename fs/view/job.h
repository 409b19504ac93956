/* job.h - the working directory of a job: work/ with in/CONN/FILE and out/CONN/FILE.
 *
 * work/ is the task's current directory.  Behind it lies a scratch directory of the store's file system: what the task
 * makes there are real files, moved into the store by rename when the attempt commits.  Laid over it are the inputs
 * under their plain names and the pipeline's `files`; `in` and `out` at the root lead there too.
 *
 *     MNT/work/                scratch/            + the files
 *     MNT/work/in/CONN/        scratch/in/CONN/    + the inputs
 *     MNT/work/out/CONN/       scratch/out/CONN/
 *
 * A directory of scratch/ is made when something is first made in it. */
#ifndef VB_FS_VIEW_JOB_H
#define VB_FS_VIEW_JOB_H

#include "fs/view/view.h"

typedef struct vb_job_view vb_job_view;

/* `scratch` is a directory that is there; it is opened here. */
int vb_job_view_new(const char *scratch, vb_job_view **out, vb_error *err);
void vb_job_view_free(vb_job_view *job);
VB_CLEANUP(vb_job_view, vb_job_view_free)

/* Lays over: a file of an input under in/CONNECTION/; takes what *d and *file own; `name` is its plain name.  One that
 * comes under several connections has one inode. */
void vb_job_add_input(vb_job_view *job, const char *connection, const char *name, vb_dataset *d, vb_file *file);

/* A declared input that is not there (an optional one): only its connection's directory is shown. */
void vb_job_add_connection(vb_job_view *job, bool output, const char *connection);

/* A file of the pipeline, shown in work/ read-only; its bytes are those of `path`. */
int vb_job_add_file(vb_job_view *job, const char *name, const char *path, vb_error *err);

/* For an ad-hoc command: in/TYPE/FILE of every dataset of the search, found when they are looked up. */
void vb_job_show_types(vb_job_view *job, const vb_search *search);

/* The descriptor of the scratch directory; the job keeps it. */
int vb_job_scratch(const vb_job_view *job);

/* An error that the session met beside the program's own: an artifact that changed, a full disk on an output.  The
 * first is kept; NULL: none.  A fault fails the attempt whatever the task's exit status. */
void vb_job_note_fault(vb_call *c, const char *message);
const char *vb_job_fault(const vb_job_view *job);

/* Bytes that were moved from stores for this job (NULL: for none). */
void vb_job_note_fetched(vb_job_view *job, int64_t bytes);
int64_t vb_job_fetched(const vb_job_view *job);

/* Notes a fault where the file system of `fd` is full.  Under passthrough the kernel writes by itself, and the server
 * does not see a write fail; but who has met the end of a disk closes his file while it is still full.  `path` is for
 * the sentence. */
void vb_job_check_space(vb_job_view *job, int fd, const char *path);

/* Takes the set-ID bits that a write by somebody else than root takes; for the session, which is told when. */
void vb_scratch_drop_suid(int fd);

/* ---- for the branches ---- */

bool vb_job_declares(vb_call *c, int64_t dataset_id);
bool vb_job_may_read(vb_call *c, int64_t dataset_id); /* declared, or the policy allows it */
int vb_job_root_lookup(vb_call *c, vb_node *dir, const char *name, vb_node **child);
void vb_job_root_list(vb_listing *l);

#endif
