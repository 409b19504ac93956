#include "runner/sandbox/zygote.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/sandbox/zygote/main.h"
#include "runner/sandbox/zygote/message.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The zygote as a program, by the build; empty where it cannot be linked statically (sanitizers). */
extern const char vb_embedded_zygote[];
extern const size_t vb_embedded_zygote_size;

struct vb_zygote {
    int control;
    pid_t pid;
    int *errors; /* as the zygote sends them (message.h) */
    size_t nerrors;
};

const char *vb_job_step_name(vb_job_step step)
{
    static const char *const names[] = {"nothing",
                                        "opening /dev/fuse",
                                        "mounting its file system",
                                        "mounting /proc",
                                        "entering its working directory",
                                        "starting a process",
                                        "executing the program"};

    return names[step];
}

static int explain(const vb_job_result *result, vb_error *err)
{
    if (result->step == VB_STEP_FUSE) {
        vb_fail(err, -EPERM, "opening /dev/fuse: %s", strerror(result->error));
        vb_hint(err, "jobs read through FUSE: load the module (modprobe fuse) and make /dev/fuse readable and writable "
                     "for all (mode 0666, as udev does)");
    } else {
        vb_fail(err, -EPERM, "making namespaces for the jobs: %s", strerror(result->error));
        vb_hint(err, "%s",
                result->error == EINVAL
                    ? "the root directory is no mount point, as in a plain chroot: mount --bind DIR DIR; chroot DIR"
                    : "an ordinary user needs user namespaces: sysctl kernel.unprivileged_userns_clone=1 "
                      "user.max_user_namespaces=10000");
    }
    return -EPERM;
}

static int read_ready(vb_zygote *z, size_t masks, vb_error *err)
{
    vb_job_message ready;
    size_t n;
    int r = vb_message_receive(z->control, &ready, sizeof ready, NULL, &n);

    if (r < 0)
        return vb_fail_errno(err, r, "starting the process that starts jobs");
    if (ready.result.step)
        return explain(&ready.result, err);
    z->nerrors = VB_ERRORS_OTHER + masks;
    z->errors = vb_alloc(z->nerrors * sizeof *z->errors);
    r = vb_message_receive(z->control, z->errors, z->nerrors * sizeof *z->errors, NULL, &n);
    return r < 0 ? vb_fail_errno(err, r, "starting the process that starts jobs") : 0;
}

/* The program in a file that lies in memory only; -1 where there is none, or the system does not have such files. */
static int open_program(void)
{
    int fd = vb_embedded_zygote_size ? memfd_create("vbutler-zygote", MFD_CLOEXEC) : -1;

    if (fd >= 0 && vb_write_all(fd, vb_embedded_zygote, vb_embedded_zygote_size) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void __attribute__((noreturn))
become_zygote(int control, int program, pid_t runner, const vb_zygote_options *options)
{
    char pid[16], *empty[] = {NULL};
    char **argv = NULL;

    snprintf(pid, sizeof pid, "%d", (int)runner);
    vb_strv_add(&argv, "vbutler-zygote");
    vb_strv_add(&argv, pid);
    vb_strv_add(&argv, options->mountpoint ? options->mountpoint : "");
    for (char *const *mask = options->masks; mask && *mask; mask++)
        vb_strv_add(&argv, *mask);
    if (program == VB_ZYGOTE_CONTROL)
        program = fcntl(program, F_DUPFD_CLOEXEC, VB_ZYGOTE_CONTROL + 1);
    if (control == VB_ZYGOTE_CONTROL)
        fcntl(control, F_SETFD, 0);
    else
        dup2(control, VB_ZYGOTE_CONTROL);
    if (program >= 0)
        fexecve(program, argv, empty);
    vb_zygote_main(runner, argv[2], argv + 3);
}

int vb_zygote_start(const vb_zygote_options *options, vb_zygote **out, vb_error *err)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = VB_NEW(vb_zygote);
    vb_autoclose int program = open_program();
    pid_t runner = getpid();
    int pair[2], r;

    z->control = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return vb_fail_errno(err, -errno, "making a socket");
    z->control = pair[0];
    z->pid = fork();
    if (!z->pid)
        become_zygote(pair[1], program, runner, options);
    close(pair[1]);
    if (z->pid < 0)
        return vb_fail_errno(err, -errno, "starting the process that starts jobs");
    r = read_ready(z, options->masks ? vb_strv_count(options->masks) : 0, err);
    if (!r)
        *out = VB_STEAL(z);
    return r;
}

void vb_zygote_stop(vb_zygote *z)
{
    if (z->control >= 0)
        close(z->control); /* it ends, and so do the jobs */
    if (z->pid > 0)
        while (waitpid(z->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    free(z->errors);
    free(z);
}

int vb_zygote_mask_error(const vb_zygote *z, size_t i)
{
    return z->errors[VB_ERRORS_OTHER + i];
}

int vb_zygote_proc_error(const vb_zygote *z)
{
    return z->errors[VB_ERRORS_PROC];
}

int vb_zygote_privilege_error(const vb_zygote *z)
{
    return z->errors[VB_ERRORS_PRIVILEGE];
}

static int make_strings(const vb_job_request *request, vb_spawn_message *m, vb_error *err)
{
    vb_auto_buf text = {0};
    vb_autoclose int fd = memfd_create("vbutler-job", MFD_CLOEXEC);
    int r;

    *m = (vb_spawn_message){(uint32_t)vb_strv_count(request->argv), (uint32_t)vb_strv_count(request->environment),
                            request->keep_stdin, 0};
    for (char *const *s = request->argv; *s; s++)
        vb_buf_add(&text, *s, strlen(*s) + 1);
    for (char *const *s = request->environment; s && *s; s++)
        vb_buf_add(&text, *s, strlen(*s) + 1);
    vb_buf_add(&text, request->directory, strlen(request->directory) + 1);
    m->length = text.len;
    r = fd < 0 ? -errno : vb_write_all(fd, text.data, text.len);
    return r < 0 ? vb_fail_errno(err, r, "handing over a command line") : vb_steal_fd(&fd);
}

/* Waits for STARTED and DEVICE; a plain job's DEVICE brings none. */
static int await_mount(vb_job_handle *job, vb_error *err)
{
    bool mounted = false;

    while (!mounted) {
        vb_job_message m;
        int fds[VB_MESSAGE_FDS];
        size_t n = 0;
        int r = vb_message_receive(job->socket, &m, sizeof m, fds, &n);

        if (r < 0)
            return vb_fail(err, -EIO, "starting a job: its first process was killed");
        if (m.kind == VB_MESSAGE_RESULT)
            return vb_fail_errno(err, m.result.error ? -m.result.error : -EIO, "starting a job: %s",
                                 vb_job_step_name(m.result.step));
        if (m.kind == VB_MESSAGE_STARTED)
            job->pid = m.pid;
        mounted = m.kind == VB_MESSAGE_DEVICE;
        if (n)
            job->device = fds[0];
    }
    return 0;
}

int vb_zygote_spawn(vb_zygote *z, const vb_job_request *request, vb_job_handle *out, vb_error *err)
{
    vb_spawn_message m;
    int pair[2], fds[VB_MESSAGE_FDS], r;
    vb_autoclose int strings = make_strings(request, &m, err);

    if (strings < 0)
        return strings;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return vb_fail_errno(err, -errno, "making a job's socket");
    fds[0] = pair[1];
    fds[1] = request->out;
    fds[2] = request->err;
    fds[3] = strings;
    r = vb_message_send(z->control, &m, sizeof m, fds, VB_MESSAGE_FDS);
    close(pair[1]);
    *out = (vb_job_handle){.socket = pair[0], .device = -1};
    r = r < 0 ? vb_fail_errno(err, r, "the process that starts jobs is gone") : await_mount(out, err);
    if (r < 0)
        close(out->socket);
    return r;
}

int vb_job_receive(vb_job_handle *job, vb_job_result *result)
{
    vb_job_message m;
    size_t n;
    int fds[VB_MESSAGE_FDS], r = vb_message_receive(job->socket, &m, sizeof m, fds, &n);

    if (r < 0)
        return -EPIPE;
    if (m.kind == VB_MESSAGE_RESULT)
        *result = m.result;
    return m.kind == VB_MESSAGE_RESULT;
}
