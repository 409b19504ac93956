/* main.c - the zygote: see zygote.h beside this directory.
 *
 * It is a program of its own, small and static, which vbutler carries inside and executes from memory: starting a job
 * copies its page tables and mappings, and vbutler has hundreds of mappings.  Where it cannot be executed, vbutler runs
 * the same code in a forked copy of itself. */
#include "runner/sandbox/zygote/main.h"

#include "runner/sandbox/zygote/message.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_KEPT = 600, MAX_JOBS = 2048 };

/* A job that the zygote has to reap. */
struct child {
    pid_t pid;
    int socket; /* kept open: its end tells the runner that the job is dead */
};

struct zygote_state {
    int control, signals;
    int alive[2];           /* nobody writes: inits hold the reading end, and see our death */
    const char *mountpoint; /* "": a plain zygote */
    struct child children[MAX_JOBS];
    size_t count;
};

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

static int enter_namespaces(bool ordinary)
{
    if (ordinary && own_user_namespace())
        return -1;
    if (unshare(CLONE_NEWNS))
        return -1;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* Covers the directories; what is not there need not be. */
static void lay_masks(char *const *masks, int *errors)
{
    for (size_t i = 0; masks[i]; i++)
        if (mount("vbutler-mask", masks[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "mode=0555,size=4k,nr_inodes=8") &&
            errno != ENOENT)
            errors[i] = errno;
}

/* What root could look behind the masks with: unmounting them, entering another process's namespace or memory, opening
 * files by handle.  They go from what is executed from now on: we and the inits, which are forked, keep them, and so no
 * job may trace its init.  A user namespace that a job makes cannot take away what it finds mounted. */
static int drop_privileges(void)
{
    static const int dropped[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (prctl(PR_CAPBSET_READ, dropped[i]) > 0 && prctl(PR_CAPBSET_DROP, dropped[i]))
            return errno;
    if (syscall(SYS_capget, &header, sets))
        return errno;
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        sets[CAP_TO_INDEX(dropped[i])].inheritable &= ~CAP_TO_MASK(dropped[i]); /* some containers set them */
    return syscall(SYS_capset, &header, sets) ? errno : 0;
}

/* Whether jobs will have a /proc of their own.  An ordinary user's job may look at no process outside of its user
 * namespace in any /proc, so it makes no difference there. */
static int try_proc(bool ordinary)
{
    pid_t pid = ordinary ? 0 : (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    int status = 0;

    if (ordinary)
        return 0;
    if (!pid)
        _exit(vb_job_mount_proc());
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
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
                if (!*z->mountpoint)
                    kill(-pid, SIGKILL); /* a pid namespace does that by itself */
                forget_child(z, i);
                break;
            }
}

/* Everything but the descriptors of this job and the ones that init needs is closed in it. */
static void __attribute__((noreturn))
become_init(struct zygote_state *z, const vb_spawn_message *m, int fds[VB_MESSAGE_FDS])
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
    unsigned long flags = *z->mountpoint ? CLONE_NEWNS | CLONE_NEWPID | SIGCHLD : SIGCHLD;
    vb_job_message started = {.kind = VB_MESSAGE_STARTED};
    int gate[2] = {-1, -1}; /* init waits at it: what it says must come after STARTED */
    pid_t pid = z->count == MAX_JOBS || pipe2(gate, O_CLOEXEC)
                    ? -1
                    : (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

    if (!pid) {
        char end;

        close(gate[1]);
        (void)!read(gate[0], &end, 1);
        close(gate[0]);
        become_init(z, m, fds);
    }
    started.pid = pid;
    if (pid < 0)
        started = (vb_job_message){.kind = VB_MESSAGE_RESULT, .result = {.step = VB_STEP_FORK, .error = errno}};
    vb_message_send(fds[0], &started, sizeof started, NULL, 0);
    for (int i = 0; i < 2; i++)
        if (gate[i] >= 0)
            close(gate[i]);
    if (pid > 0)
        z->children[z->count++] = (struct child){pid, fds[0]};
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

/* Namespaces, masks, signals: what all jobs share.  The result says which step failed. */
static vb_job_result set_up(struct zygote_state *z, char *const *masks, int *errors)
{
    bool ordinary = geteuid() != 0;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    if (*z->mountpoint) {
        if (enter_namespaces(ordinary))
            return (vb_job_result){.step = VB_STEP_FORK, .error = errno};
        if (access("/dev/fuse", R_OK | W_OK))
            return (vb_job_result){.step = VB_STEP_FUSE, .error = errno};
        lay_masks(masks, errors + VB_ERRORS_OTHER);
        errors[VB_ERRORS_PROC] = try_proc(ordinary);
        errors[VB_ERRORS_PRIVILEGE] = drop_privileges();
    }
    z->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (z->signals < 0 || pipe2(z->alive, O_CLOEXEC))
        return (vb_job_result){.step = VB_STEP_FORK, .error = errno};
    return (vb_job_result){0};
}

void vb_zygote_main(pid_t runner, const char *mountpoint, char *const *masks)
{
    static struct zygote_state z;
    vb_job_message ready = {.kind = VB_MESSAGE_READY};
    size_t count = VB_ERRORS_OTHER;
    int *errors;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(0);
    prctl(PR_SET_NAME, "vbutler-zygote");
    setsid(); /* a Ctrl-C on the terminal is the runner's to handle */
    close_range(VB_ZYGOTE_CONTROL + 1, ~0U, 0);
    fcntl(VB_ZYGOTE_CONTROL, F_SETFD, FD_CLOEXEC);
    z.control = VB_ZYGOTE_CONTROL;
    z.mountpoint = mountpoint;
    for (char *const *mask = masks; *mask; mask++)
        count++;
    errors = calloc(count, sizeof *errors);
    if (!errors)
        _exit(1);
    ready.result = set_up(&z, masks, errors);
    vb_message_send(z.control, &ready, sizeof ready, NULL, 0);
    if (ready.result.step)
        _exit(1);
    vb_message_send(z.control, errors, count * sizeof *errors, NULL, 0);
    free(errors);
    serve(&z);
}
