#include "runner/sandbox/zygote.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "runner/sandbox/message.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_KEPT = 600 }; /* above all descriptors of the zygote */

struct vb_zygote {
    int control;
    pid_t pid;
    char **unmasked;
};

/* A job that the zygote has to reap. */
struct child {
    pid_t pid;
    int socket; /* kept open: its end tells the runner that the job is dead */
};

struct zygote_state {
    int control, signals;
    int alive[2]; /* nobody writes: inits hold the reading end, and see our death */
    const char *mountpoint;
    struct child *children;
    size_t count, cap;
};

/* ---- in the zygote ------------------------------------------------------------------------------------------- */

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

/* An ordinary user's own user namespace, in which ids are the same. */
static int own_user_namespace(void)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    char map[48];

    if (unshare(CLONE_NEWUSER))
        return -1;
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    if (write_text("/proc/self/uid_map", map))
        return -1;
    (void)!write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    return write_text("/proc/self/gid_map", map);
}

static int enter_namespaces(void)
{
    if (geteuid() && own_user_namespace())
        return -1;
    if (unshare(CLONE_NEWNS))
        return -1;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* Covers the directories; says which it could not. */
static void lay_masks(const vb_zygote_options *options, vb_buf *failed)
{
    for (char *const *dir = options->masks; dir && *dir; dir++)
        if (mount("vbutler-mask", *dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0555,size=4k,nr_inodes=8") &&
            errno != ENOENT)
            vb_buf_printf(failed, "%s: %s\n", *dir, strerror(errno));
}

static void forget_child(struct zygote_state *z, size_t i)
{
    close(z->children[i].socket);
    z->children[i] = z->children[--z->count];
}

static void reap(struct zygote_state *z)
{
    struct signalfd_siginfo info;
    pid_t pid;

    (void)!read(z->signals, &info, sizeof info);
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        for (size_t i = 0; i < z->count; i++)
            if (z->children[i].pid == pid) {
                forget_child(z, i);
                break;
            }
}

/* Everything but the descriptors of this job and the ones that init needs is closed in it. */
static void __attribute__((noreturn)) become_init(struct zygote_state *z, const vb_spawn_message *m, int fds[VB_MESSAGE_FDS])
{
    int kept[VB_MESSAGE_FDS + 1];

    for (int i = 0; i < VB_MESSAGE_FDS; i++)
        kept[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_KEPT);
    kept[VB_MESSAGE_FDS] = fcntl(z->alive[0], F_DUPFD_CLOEXEC, FIRST_KEPT);
    if (kept[0] < FIRST_KEPT) { /* a low limit on descriptors: close one by one */
        close(z->control);
        close(z->signals);
        close(z->alive[1]);
        for (size_t i = 0; i < z->count; i++)
            close(z->children[i].socket);
        vb_job_init(fds[0], fds[1], fds[2], fds[3], m, z->mountpoint, z->alive[0]);
    }
    close_range(3, FIRST_KEPT - 1, 0);
    vb_job_init(kept[0], kept[1], kept[2], kept[3], m, z->mountpoint, kept[VB_MESSAGE_FDS]);
}

static void spawn(struct zygote_state *z, const vb_spawn_message *m, int fds[VB_MESSAGE_FDS])
{
    vb_job_message started = {.kind = VB_MESSAGE_STARTED};
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);

    if (!pid)
        become_init(z, m, fds);
    started.pid = pid;
    if (pid < 0)
        started = (vb_job_message){.kind = VB_MESSAGE_RESULT, .result = {.step = VB_STEP_FORK, .error = errno}};
    vb_message_send(fds[0], &started, sizeof started, NULL, 0);
    if (pid > 0)
        *VB_PUSH(z->children, z->count, z->cap) = (struct child){pid, fds[0]};
    else
        close(fds[0]);
    for (int i = 1; i < VB_MESSAGE_FDS; i++)
        close(fds[i]);
}

static void __attribute__((noreturn)) serve(struct zygote_state *z)
{
    for (;;) {
        struct pollfd fds[2] = {{z->control, POLLIN, 0}, {z->signals, POLLIN, 0}};

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            reap(z);
        if (fds[0].revents) {
            vb_spawn_message m;
            int descriptors[VB_MESSAGE_FDS];
            size_t n;

            if (vb_message_receive(z->control, &m, sizeof m, descriptors, &n) < 0)
                _exit(0); /* the runner is gone: every init gets its death signal */
            if (n == VB_MESSAGE_FDS)
                spawn(z, &m, descriptors);
        }
    }
}

static void __attribute__((noreturn)) zygote_main(int control, pid_t runner, const vb_zygote_options *options)
{
    struct zygote_state z = {.control = control, .mountpoint = options->mountpoint};
    vb_job_message ready = {.kind = VB_MESSAGE_READY};
    vb_buf failed = {0};
    sigset_t child;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(0);
    prctl(PR_SET_NAME, "vbutler-zygote");
    setsid(); /* a Ctrl-C on the terminal is the runner's to handle */
    z.control = dup2(control, 3);
    close_range(4, ~0U, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    if (enter_namespaces()) {
        ready.result = (vb_job_result){.step = VB_STEP_FORK, .error = errno};
    } else if (access("/dev/fuse", R_OK | W_OK)) {
        ready.result = (vb_job_result){.step = VB_STEP_FUSE, .error = errno};
    } else {
        lay_masks(options, &failed);
        z.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
        if (z.signals < 0 || pipe2(z.alive, O_CLOEXEC))
            ready.result = (vb_job_result){.step = VB_STEP_FORK, .error = errno};
    }
    vb_message_send(z.control, &ready, sizeof ready, NULL, 0);
    send(z.control, vb_buf_text(&failed), failed.len + 1, MSG_NOSIGNAL);
    if (ready.result.step)
        _exit(1);
    serve(&z);
}

/* ---- in the runner ------------------------------------------------------------------------------------------- */

const char *vb_job_step_name(vb_job_step step)
{
    static const char *const names[] = {"nothing", "opening /dev/fuse", "mounting its file system", "mounting /proc",
                                        "entering its working directory", "starting a process", "executing the program"};

    return names[step];
}

static int explain(const vb_job_result *result, vb_error *err)
{
    if (result->step == VB_STEP_FUSE) {
        vb_fail(err, -EPERM, "opening /dev/fuse: %s", strerror(result->error));
        vb_hint(err, "jobs read through FUSE: load the module (modprobe fuse) and make /dev/fuse readable and writable for all "
                     "(mode 0666, as udev does)");
    } else {
        vb_fail(err, -EPERM, "making namespaces for the jobs: %s", strerror(result->error));
        vb_hint(err, "an ordinary user needs user namespaces: sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000");
    }
    return -EPERM;
}

static int read_ready(vb_zygote *z, vb_error *err)
{
    enum { MAX_TEXT = 64 * 1024 };
    vb_autofree char *text = vb_alloc(MAX_TEXT);
    vb_job_message ready;
    size_t n;
    int r = vb_message_receive(z->control, &ready, sizeof ready, NULL, &n);

    if (r < 0)
        return vb_fail_errno(err, r, "starting the process that starts jobs");
    if (ready.result.step)
        return explain(&ready.result, err);
    if (recv(z->control, text, MAX_TEXT - 1, 0) > 0)
        z->unmasked = vb_split(text, '\n', NULL);
    return 0;
}

int vb_zygote_start(const vb_zygote_options *options, vb_zygote **out, vb_error *err)
{
    vb_auto(vb_zygote_stop) vb_zygote *z = VB_NEW(vb_zygote);
    pid_t runner = getpid();
    int pair[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return vb_fail_errno(err, -errno, "making a socket");
    z->control = pair[0];
    z->pid = fork();
    if (!z->pid)
        zygote_main(pair[1], runner, options);
    close(pair[1]);
    if (z->pid < 0)
        return vb_fail_errno(err, -errno, "starting the process that starts jobs");
    r = read_ready(z, err);
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
    vb_strv_free(z->unmasked);
    free(z);
}

char *const *vb_zygote_unmasked(const vb_zygote *z)
{
    return z->unmasked;
}

static int make_strings(const vb_job_request *request, vb_spawn_message *m, vb_error *err)
{
    vb_auto_buf text = {0};
    vb_autoclose int fd = memfd_create("vbutler-job", MFD_CLOEXEC);
    int r;

    *m = (vb_spawn_message){(uint32_t)vb_strv_count(request->argv), (uint32_t)vb_strv_count(request->environment), 0};
    for (char *const *s = request->argv; *s; s++)
        vb_buf_add(&text, *s, strlen(*s) + 1);
    for (char *const *s = request->environment; s && *s; s++)
        vb_buf_add(&text, *s, strlen(*s) + 1);
    vb_buf_add(&text, request->directory, strlen(request->directory) + 1);
    m->length = text.len;
    r = fd < 0 ? -errno : vb_write_all(fd, text.data, text.len);
    return r < 0 ? vb_fail_errno(err, r, "handing over a command line") : vb_steal_fd(&fd);
}

/* Waits for STARTED and DEVICE. */
static int await_mount(vb_job_handle *job, vb_error *err)
{
    while (job->device < 0) {
        vb_job_message m;
        int fds[VB_MESSAGE_FDS];
        size_t n = 0;
        int r = vb_message_receive(job->socket, &m, sizeof m, fds, &n);

        if (r < 0)
            return vb_fail(err, -EIO, "starting a job: its first process was killed");
        if (m.kind == VB_MESSAGE_STARTED)
            job->pid = m.pid;
        else if (m.kind == VB_MESSAGE_DEVICE && n == 1)
            job->device = fds[0];
        else
            return vb_fail_errno(err, m.result.error ? -m.result.error : -EIO, "starting a job: %s",
                                 vb_job_step_name(m.result.step));
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
