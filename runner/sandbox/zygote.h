/* zygote.h - the small process that starts jobs, each in its own mount and pid namespaces with a FUSE mount of its own.
 *
 * It is forked once, before the runner has threads and before it has grown, so that starting a job copies little.  It
 * makes what all jobs share: for an ordinary user the user namespace, private propagation, and the masks: directories
 * through which a job could reach artifacts beside its session are covered by empty file systems, read-only, and the
 * privileges by which root could look behind them are taken from what jobs execute.  Then, for each job:
 *
 *     runner                      zygote                    init (pid 1 of the job)         task
 *     job's socket, pipes ----->  clone ----------------->  opens /dev/fuse, mounts it
 *     <------------------------------------------------  descriptor of the device
 *     serves the session                                    chdir work/, fork ------------> exec
 *     <------------------------------------------------  what it used and how it ended <-- exit
 *                                 reaps init
 *     <------------------------  dead: no process of the job is left
 *
 * Where FUSE or namespaces cannot be had a plain zygote starts jobs without them: in a directory, with all of the file
 * system in sight.  What a job leaves running is then killed by its init, which adopts it.
 *
 * If the runner dies the zygote is killed, and with it every init, and with that every process of every job; their
 * mounts go with their namespaces. */
#ifndef VB_RUNNER_SANDBOX_ZYGOTE_H
#define VB_RUNNER_SANDBOX_ZYGOTE_H

#include "registry/base/error.h"
#include "registry/receipt.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct vb_zygote vb_zygote;

typedef struct vb_zygote_options {
    const char *mountpoint; /* a directory that is there; every job has its mount on it, in its own namespace; NULL: a
                               plain zygote */
    char *const *masks;     /* directories to cover; NULL-terminated */
} vb_zygote_options;

/* -EPERM and a hint where namespaces or FUSE cannot be had; a plain zygote needs neither. */
int vb_zygote_start(const vb_zygote_options *options, vb_zygote **out, vb_error *err);

/* Ends it and every job. */
void vb_zygote_stop(vb_zygote *z);
VB_CLEANUP(vb_zygote, vb_zygote_stop)

/* Through what its jobs could reach more than they should, as errno or 0: the i-th mask could not be laid; the
 * machine's /proc is in their sight, with the roots of processes that are not of the job; they keep privileges by which
 * a mask can be taken away.  0 of a plain zygote. */
int vb_zygote_mask_error(const vb_zygote *z, size_t i);
int vb_zygote_proc_error(const vb_zygote *z);
int vb_zygote_privilege_error(const vb_zygote *z);

typedef struct vb_job_request {
    char *const *argv;        /* argv[0] is looked for in PATH */
    char *const *environment; /* NAME=VALUE */
    const char *directory;    /* current directory: below the mount, or of a plain job */
    int out, err;             /* where stdout and stderr go */
    bool keep_stdin;          /* stdin is the runner's; else /dev/null */
} vb_job_request;

/* A job that was started: the runner's side of its socket. */
typedef struct vb_job_handle {
    int socket;
    int device; /* the FUSE device; the session takes it; -1: a plain job */
    pid_t pid;  /* of its init, as the runner sees it */
} vb_job_handle;

/* Starts a job and waits for its mount, where it gets one.  Thread-safe. */
int vb_zygote_spawn(vb_zygote *z, const vb_job_request *request, vb_job_handle *out, vb_error *err);

typedef enum vb_job_step {
    VB_STEP_NONE,
    VB_STEP_FUSE,
    VB_STEP_MOUNT,
    VB_STEP_PROC,
    VB_STEP_CHDIR,
    VB_STEP_FORK,
    VB_STEP_EXEC
} vb_job_step;

/* How a job ended. */
typedef struct vb_job_result {
    bool ran;         /* the program was executed */
    vb_job_step step; /* otherwise the step that failed */
    int error;        /* its errno */
    int status;       /* of the program, as waitpid() tells it */
    vb_usage usage;
} vb_job_result;

/* Reads the next message of a job's socket.  1: *result was filled; 0: nothing yet that matters; -EPIPE: every process
 * of the job is dead. */
int vb_job_receive(vb_job_handle *job, vb_job_result *result);

/* "mounting its file system", ...: for messages. */
const char *vb_job_step_name(vb_job_step step);

#endif
