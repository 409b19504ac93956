/* init.c - pid 1 of a job: mounts the session, starts the task, reaps, reports.
 *
 * It runs in a process that was cloned from the zygote; it allocates little and calls nothing that could wait for a
 * lock. */
#include "runner/sandbox/zygote/message.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile pid_t task; /* for the signal handler */

struct strings {
    char **argv, **environment;
    const char *directory;
};

static void report(int socket, vb_job_result result)
{
    vb_job_message message = {.kind = VB_MESSAGE_RESULT, .result = result};

    vb_message_send(socket, &message, sizeof message, NULL, 0);
}

static void __attribute__((noreturn)) give_up(int socket, vb_job_step step)
{
    report(socket, (vb_job_result){.step = step, .error = errno});
    _exit(1);
}

/* A request to end goes to the task: pid 1 itself would ignore it. */
static void forward(int signal)
{
    if (task > 0)
        kill(task, signal);
}

/* A request that comes early waits until there is a task to forward it to. */
static void hold_requests(bool hold)
{
    sigset_t mask;

    sigemptyset(&mask);
    if (hold)
        sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* The strings as arrays of pointers into the mapped file. */
static int map_strings(int fd, const vb_spawn_message *m, struct strings *out)
{
    char *p = mmap(NULL, m->length, PROT_READ, MAP_PRIVATE, fd, 0);
    char **pointers = calloc(m->argc + m->envc + 2, sizeof *pointers);

    if (p == MAP_FAILED || !pointers)
        return -1;
    out->argv = pointers;
    out->environment = pointers + m->argc + 1;
    for (uint32_t i = 0; i < m->argc; i++, p += strlen(p) + 1)
        out->argv[i] = p;
    for (uint32_t i = 0; i < m->envc; i++, p += strlen(p) + 1)
        out->environment[i] = p;
    out->directory = p;
    return 0;
}

static void mount_session(int socket, const char *mountpoint)
{
    vb_job_message message = {.kind = VB_MESSAGE_DEVICE};
    char options[128];
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (device < 0)
        give_up(socket, VB_STEP_FUSE);
    /* A task of root's may become another user.  Nobody else comes to a mount of this namespace. */
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions%s", device,
             getuid(), getgid(), getuid() ? "" : ",allow_other");
    if (mount("vbutler", mountpoint, "fuse", MS_NOSUID | MS_NODEV, options))
        give_up(socket, VB_STEP_MOUNT);
    vb_message_send(socket, &message, sizeof message, &device, 1);
    close(device); /* one stray copy would keep a dead session alive */
}

/* A job without namespaces: what it leaves behind becomes our child, and a signal to its group reaches most of it. */
static void be_plain(int socket)
{
    vb_job_message message = {.kind = VB_MESSAGE_DEVICE};

    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    vb_message_send(socket, &message, sizeof message, NULL, 0);
}

/* A task that looks for itself by getpid() must find itself.  Where the system forbids it (a masked /proc in a
 * container) the old one stays: /proc/self is right there too.  The zygote has tried it, and told the runner. */
int vb_job_mount_proc(void)
{
    return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ? errno : 0;
}

static pid_t start_task(const struct strings *s, bool keep_stdin, int out, int err, volatile int *error)
{
    pid_t pid = vfork();

    if (pid)
        return pid;
    /* Memory is the parent's until exec: only descriptors and signals are touched. */
    if (!keep_stdin)
        dup2(open("/dev/null", O_RDONLY), 0);
    dup2(out, 1);
    dup2(err, 2);
    close_range(3, ~0U, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    hold_requests(false);
    environ = s->environment;
    execvp(s->argv[0], s->argv);
    *error = errno;
    _exit(127);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes read and written by calls of this process and all that it has reaped. */
static void read_io(int64_t *bytes_read, int64_t *bytes_written)
{
    char text[512];
    int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    long long r = 0, w = 0;

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    if (n > 0)
        sscanf(text, "rchar: %lld wchar: %lld", &r, &w);
    *bytes_read = r;
    *bytes_written = w;
}

/* Reaps until the task has ended; what is left then dies with us, or is killed by kill_the_rest(). */
static int wait_for_task(void)
{
    int status = 0;
    pid_t pid;

    while ((pid = wait(&status)) != task)
        if (pid < 0 && errno != EINTR)
            break;
    return status;
}

/* Without a pid namespace: kills the children that we have adopted, and theirs, until there are none. */
static void kill_the_rest(void)
{
    char path[64], text[4096], *next;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    do {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        text[n > 0 ? n : 0] = 0;
        for (char *p = text; strtol(p, &next, 10) > 0; p = next)
            kill((pid_t)strtol(p, NULL, 10), SIGKILL);
    } while (n > 0 && waitpid(-1, NULL, 0) > 0);
}

static void run_task(int socket, const struct strings *s, bool keep_stdin, int out, int err)
{
    vb_job_result result = {0};
    struct rusage children;
    int64_t read_before, written_before;
    volatile int *error; /* shared, whether vfork() shares memory or (sanitizers) does not */
    double start;

    error = mmap(NULL, sizeof *error, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (error == MAP_FAILED)
        give_up(socket, VB_STEP_FORK);
    read_io(&read_before, &written_before);
    start = now();
    task = start_task(s, keep_stdin, out, err, error);
    if (task < 0)
        give_up(socket, VB_STEP_FORK);
    hold_requests(false);
    close(out);
    close(err);
    result.status = wait_for_task();
    result.usage.wall = now() - start;
    result.ran = !*error;
    result.step = *error ? VB_STEP_EXEC : VB_STEP_NONE;
    result.error = *error;
    getrusage(RUSAGE_CHILDREN, &children);
    read_io(&result.usage.bytes_read, &result.usage.bytes_written);
    result.usage.bytes_read -= read_before;
    result.usage.bytes_written -= written_before;
    result.usage.cpu_user = seconds(children.ru_utime);
    result.usage.cpu_system = seconds(children.ru_stime);
    result.usage.memory = (int64_t)children.ru_maxrss * 1024;
    report(socket, result);
}

void vb_job_init(int socket, int out, int err, int strings, const vb_spawn_message *message, const char *mountpoint,
                 int alive)
{
    struct pollfd zygote = {alive, POLLIN, 0};
    struct sigaction forwarded = {.sa_handler = forward};
    struct strings s;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (poll(&zygote, 1, 0) > 0) /* it died before that */
        _exit(1);
    sigaction(SIGTERM, &forwarded, NULL);
    hold_requests(true);
    if (map_strings(strings, message, &s))
        give_up(socket, VB_STEP_FORK);
    if (*mountpoint) {
        mount_session(socket, mountpoint);
        vb_job_mount_proc();
    } else {
        be_plain(socket);
    }
    if (chdir(s.directory))
        give_up(socket, VB_STEP_CHDIR);
    run_task(socket, &s, message->keep_stdin, out, err);
    if (!*mountpoint)
        kill_the_rest();
    _exit(0);
}
