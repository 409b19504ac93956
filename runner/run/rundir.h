/* rundir.h - the shared directory of one graph's execution, below REPO/.vbutler/runs/.
 *
 *     graph.vbg               the graph
 *     lock                    held by the runner that executes it
 *     files/LABEL/NAME        the pipeline's files
 *     attempts/xy/QUANTUM.N   what attempt N of a quantum says of itself, as lines of JSON: an intent, a receipt
 *     receipts/xy/QUANTUM     a link to the attempt that counts: making that link is the commit
 *     scratch/QUANTUM.N/      the working directory of the attempt, while it runs and after it failed
 *
 * attempts/ and receipts/ are divided by the last two digits of the UUID, so that no directory holds
 * a million files. */
#ifndef VB_RUNNER_RUN_RUNDIR_H
#define VB_RUNNER_RUN_RUNDIR_H

#include "registry/graph/graph.h"
#include "registry/receipt.h"
#include "registry/repo.h"

typedef struct vb_rundir {
    char *path; /* absolute */
    int fd;
    int lock;     /* -1: not held */
    mode_t umask; /* the user's: what is made here obeys it, though the runner's own becomes 0 */
} vb_rundir;

/* The directory of a graph's execution, made where it is not there, and locked.  -EBUSY where another runner has it.
 * The graph file is copied into it, unless it lies there already. */
int vb_rundir_open(const vb_repo *repo, const vb_graph *g, const char *graph_file, vb_rundir **out, vb_error *err);
void vb_rundir_close(vb_rundir *d);
VB_CLEANUP(vb_rundir, vb_rundir_close)

/* Takes the lock of an execution, whose file is open; -EBUSY where somebody has it.  Who only looks at an execution
 * (claims.h) has it shared for a moment: that is waited for. */
int vb_rundir_lock(int lock);

/* Over a network a lock may hold on one machine only: there it counts too whom the file names, "PID on HOST", until he
 * has ended in order.  The caller frees the name; NULL: nobody. */
char *vb_rundir_named_holder(int lock);

/* Begins an attempt: takes the least number, from *number on, that nobody has (O_EXCL).  The descriptor of its file. */
int vb_rundir_begin(vb_rundir *d, const vb_uuid *quantum, int *number, vb_error *err);

/* Adds a line to an attempt's file. */
int vb_rundir_note(int attempt, const char *line, vb_error *err);

/* The commit: 1; 0 where another attempt of the quantum came first. */
int vb_rundir_commit(vb_rundir *d, const vb_uuid *quantum, int number, vb_error *err);

/* True where some attempt of the quantum counts. */
bool vb_rundir_is_done(const vb_rundir *d, const vb_uuid *quantum);

/* Takes back the link that says that an attempt counts: what it made cannot be registered. */
int vb_rundir_uncommit(vb_rundir *d, const vb_uuid *quantum, vb_error *err);

/* Makes an attempt's working directory, for nobody else to enter; its absolute path, which the caller frees. */
int vb_rundir_make_scratch(vb_rundir *d, const vb_uuid *quantum, int number, char **path, vb_error *err);
char *vb_rundir_scratch(const vb_rundir *d, const vb_uuid *quantum, int number); /* the path alone */

/* A name below the repository's root that an attempt meant to give, to a file of that inode number. */
typedef struct vb_intended {
    char *path;
    ino_t inode;
} vb_intended;

/* It is there, below the directory `root`, and is that file: another may have the name by now. */
bool vb_intended_is_there(int root, const vb_intended *intended);

/* What an attempt's file holds. */
typedef struct vb_attempt_file {
    vb_uuid quantum;
    int number;
    bool committed;        /* it is the one that receipts/ links to */
    vb_intended *intended; /* artifacts that it was about to name */
    size_t nintended, intended_cap;
    vb_receipt *receipt; /* NULL: it did not get so far */
} vb_attempt_file;

/* Calls `each` for every attempt there is. */
typedef int vb_attempt_fn(void *arg, const vb_attempt_file *a, vb_error *err);
int vb_rundir_each(vb_rundir *d, vb_attempt_fn *each, void *arg, vb_error *err);

#endif
