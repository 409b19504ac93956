/* message.h - what runner, zygote and init say to each other.  Internal to runner/sandbox.
 *
 * All three are one program, forked: structures go as they are. */
#ifndef VB_RUNNER_SANDBOX_MESSAGE_H
#define VB_RUNNER_SANDBOX_MESSAGE_H

#include "runner/sandbox/zygote.h"

#include <stdint.h>

enum { VB_MESSAGE_FDS = 4 };

/* To the zygote, with the descriptors: the job's socket, stdout, stderr, a memfd with the strings. */
typedef struct vb_spawn_message {
    uint32_t argc, envc;
    bool keep_stdin;
    uint64_t length; /* of the strings: argv, environment, directory, each NUL-terminated */
} vb_spawn_message;

typedef enum vb_message_kind {
    VB_MESSAGE_STARTED = 1,
    VB_MESSAGE_DEVICE,
    VB_MESSAGE_RESULT,
    VB_MESSAGE_READY
} vb_message_kind;

/* After READY, where that tells of no failure, comes an array of errno values: these two, and one for each mask. */
enum { VB_ERRORS_PROC, VB_ERRORS_PRIVILEGE, VB_ERRORS_OTHER };

/* On a job's socket; STARTED comes from the zygote, DEVICE and RESULT from init.  READY is the zygote's first word on
 * its own. */
typedef struct vb_job_message {
    vb_message_kind kind;
    pid_t pid;            /* STARTED */
    vb_job_result result; /* RESULT; READY: step and error where it failed */
} vb_job_message;

/* One message with up to VB_MESSAGE_FDS descriptors; 0 or a negative errno.  Received descriptors are close-on-exec;
 * *count is how many came.  -EPIPE: the other side is gone. */
int vb_message_send(int socket, const void *data, size_t n, const int *fds, size_t count);
int vb_message_receive(int socket, void *data, size_t n, int *fds, size_t *count);

/* Mounts the own /proc of a pid namespace; 0 or an errno. */
int vb_job_mount_proc(void);

/* Init's whole life; does not return.  `mountpoint` and `alive` are the zygote's. */
void vb_job_init(int socket, int out, int err, int strings, const vb_spawn_message *message, const char *mountpoint,
                 int alive) __attribute__((noreturn));

#endif
