/* cmd_mount.c - a browsing mount: its own process, several threads, each with a registry handle. */
#include "fs/session/mounts.h"
#include "fs/session/session.h"
#include "fs/view/draft.h"
#include "fs/view/gen3.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/gen3/config.h"
#include "registry/repo.h"
#include "tools/commands.h"
#include "tools/mount_gen3.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool foreground, allow_other, writable;
static int64_t threads = 4;
static const char *repository;
static const char *where;
static const char *run_name, *log_path;
static char **collections;

enum {
    LIVE_MS = 500,      /* how long the kernel may keep what may change */
    KEEP_NODES = 32768, /* of which the kernel need not forget any */
};

struct mount {
    char *file;   /* of the registry, snapshot or graph */
    char *root;   /* of the store */
    char *source; /* what `mount` shows */
    bool live;
    bool temporary; /* the file is ours, and goes once all have opened it */
    vb_registry *reg;
    vb_registry **regs; /* a handle a thread */
    vb_stores *stores;
    vb_repo *repo; /* of a mount for writing; NULL */
    vb_drafts *drafts;
    vb_view *view;
    vb_session *session;
};

struct thread {
    struct mount *m;
    vb_registry *reg;
    pthread_t id;
};

/* A repository is mounted live; a file does not change. */
static int find_source(const char *path, struct mount *m, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    struct stat st;
    int r;

    if (stat(path, &st))
        return vb_fail_errno(err, -errno, "%s", path);
    m->source = vb_path_absolute(path, err);
    if (!m->source)
        return err->code;
    if (vb_gen3_is_repository(path)) {
        m->temporary = true;
        return vb_mount_gen3_snapshot(path, collections, where, &m->file, err);
    }
    if (collections || where)
        return vb_fail(err, -EINVAL, "--collections and --where: only for a mount of a Gen3 repository");
    m->live = S_ISDIR(st.st_mode);
    if (!m->live) {
        m->file = vb_strdup(m->source);
        return 0;
    }
    r = vb_repo_open(path, &repo, err);
    if (!r) {
        m->file = vb_strdup(repo->registry_path);
        m->root = vb_strdup(repo->root);
    }
    if (!r && writable)
        m->repo = VB_STEAL(repo);
    return r;
}

static int check_writable(const struct mount *m, vb_error *err)
{
    if (!writable && (run_name || log_path))
        return vb_fail(err, -EINVAL, "--run and --log: only with --rw");
    if (!writable)
        return 0;
    if (!run_name) {
        vb_fail(err, -EINVAL, "--rw: which RUN gets what is written? give --run RUN");
        return -EINVAL;
    }
    if (!m->repo)
        return vb_fail(err, -EINVAL, "%s is no repository: only one can be mounted with --rw", m->source);
    return 0;
}

/* The store of a graph or snapshot is that of the repository from which it was made, unless -b says another. */
static int find_root(struct mount *m, vb_error *err)
{
    int r = 0;

    if (repository) {
        free(m->root);
        m->root = vb_path_absolute(repository, err);
        return m->root ? 0 : err->code;
    }
    if (!m->root)
        r = vb_registry_meta(m->reg, "repository", &m->root, err);
    if (!r && !m->root)
        r = vb_fail(err, -EINVAL, "%s does not say which repository it was made from: give --butler-config REPO",
                    m->source);
    return r;
}

static int open_handles(struct mount *m, vb_error *err)
{
    int r = 0;

    m->regs = vb_alloc((size_t)threads * sizeof *m->regs);
    for (int64_t i = 0; !r && i < threads; i++)
        r = vb_registry_open(m->file, m->live ? VB_ACCESS_READ : VB_ACCESS_IMMUTABLE, &m->regs[i], err);
    for (int64_t i = 0; !r && i < threads; i++)
        r = vb_registry_spare_memory(m->regs[i], err);
    m->reg = m->regs[0];
    if (m->temporary && m->file)
        vb_mount_gen3_unlink(m->file);
    return r;
}

static int open_mount(const char *path, const char *mountpoint, struct mount *m, vb_error *err)
{
    vb_session_options options = {0};
    bool whole;
    int r = find_source(path, m, err);

    if (!r)
        r = check_writable(m, err);
    if (!r && writable)
        r = vb_drafts_open(m->repo, run_name, &m->drafts, err);
    if (!r)
        r = open_handles(m, err);
    if (!r)
        r = find_root(m, err);
    if (!r)
        r = vb_stores_open(m->reg, m->root, &m->stores, err);
    if (r < 0)
        return r;
    options.timeout = m->live ? LIVE_MS / 1000.0 : VB_FOR_EVER;
    options.passthrough = geteuid() == 0;
    options.writable = writable;
    whole = m->live || m->temporary || strcmp(vb_registry_format(m->reg), "graph") != 0;
    m->view = vb_view_new(m->stores, whole ? vb_repository_branches : vb_browse_branches);
    if (whole)
        m->view->gen3 = vb_gen3_tree_new(m->temporary ? m->source : NULL);
    m->view->drafts = m->drafts;
    return vb_session_mount(m->view, mountpoint, m->source, allow_other, &options, &m->session, err);
}

static void close_mount(struct mount *m)
{
    if (m->session)
        vb_session_free(m->session);
    if (m->view)
        vb_view_free(m->view);
    if (m->drafts)
        vb_drafts_close(m->drafts);
    if (m->repo)
        vb_repo_close(m->repo);
    if (m->stores)
        vb_stores_close(m->stores);
    for (int64_t i = 0; m->regs && i < threads; i++)
        if (m->regs[i])
            vb_registry_close(m->regs[i]);
    free(m->regs);
    free(m->file);
    free(m->root);
    free(m->source);
}

static void *serve(void *arg)
{
    struct thread *t = arg;
    vb_auto_error err = VB_ERROR_INIT;
    vb_call call = {.view = t->m->view, .live = t->m->live, .reg = t->reg};

    if (vb_session_serve(t->m->session, &call, NULL, 0, false, &err) < 0)
        vb_log(VB_ERROR, "%s", err.message);
    return NULL;
}

static void *prune(void *arg)
{
    vb_session_prune(arg, KEEP_NODES);
    return NULL;
}

static struct mount *stopping;

static void on_signal(int signal)
{
    vb_session_stop(stopping->session);
}

static void serve_all(struct mount *m)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct thread *all = vb_alloc((size_t)threads * sizeof *all);
    pthread_t pruning;
    bool prunes = !pthread_create(&pruning, NULL, prune, m->session);

    stopping = m;
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    for (int64_t i = 0; i < threads; i++) {
        all[i].m = m;
        all[i].reg = m->regs[i];
        if (i)
            pthread_create(&all[i].id, NULL, serve, &all[i]);
    }
    serve(&all[0]);
    for (int64_t i = 1; i < threads; i++)
        pthread_join(all[i].id, NULL);
    if (prunes)
        pthread_join(pruning, NULL);
    free(all);
}

/* The log of a mount for writing, by default in the repository's .vbutler. */
static int open_log(const struct mount *m, vb_error *err)
{
    vb_autofree char *folder = vb_path_join(m->repo->root, ".vbutler"), *standard = vb_path_join(folder, "mount.log");
    const char *path = log_path ? log_path : standard;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (fd < 0)
        return vb_fail_errno(err, -errno, "opening the log %s", path);
    printf("what does not become a dataset is told in %s\n", path);
    fflush(stdout);
    return fd;
}

/* The daemon's side of detaching: its own session, no terminal, no directory that it keeps busy. */
static void detach(int ready, int log)
{
    int null = open("/dev/null", O_RDWR);
    char ok = 0;

    setsid();
    if (chdir("/") || write(ready, &ok, 1) != 1)
        _exit(VB_EXIT_FAILED);
    dup2(null, 0);
    dup2(null, 1);
    dup2(log >= 0 ? log : null, 2);
    close(null);
    close(ready);
}

static int serve_mount(const char *path, const char *mountpoint, int ready, vb_error *err)
{
    struct mount m = {0};
    vb_autoclose int log = -1;
    int r = open_mount(path, mountpoint, &m, err);

    if (!r && writable && (ready >= 0 || log_path)) {
        log = open_log(&m, err);
        r = log < 0 ? log : 0;
    }
    if (!r && ready < 0 && log >= 0)
        dup2(log, 2);
    if (!r && ready >= 0)
        detach(ready, log);
    if (!r)
        serve_all(&m);
    close_mount(&m);
    return r;
}

/* The mount is there when the command returns. */
static int run_in_background(const char *path, const char *mountpoint, vb_error *err)
{
    int pair[2];
    char ok;
    pid_t pid;
    ssize_t n;

    if (pipe2(pair, O_CLOEXEC))
        return vb_fail_errno(err, -errno, "making a pipe");
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return vb_fail_errno(err, -errno, "starting a process");
    if (!pid) {
        int r;

        close(pair[0]);
        r = serve_mount(path, mountpoint, pair[1], err);
        if (r < 0)
            vb_error_print(err);
        _exit(r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK);
    }
    close(pair[1]);
    n = read(pair[0], &ok, 1);
    close(pair[0]);
    return n == 1 ? 0 : -EIO; /* the daemon has said why */
}

/* Makes the mount point where it is not there: `made` tells. */
static int check_mountpoint(const char *mountpoint, char **absolute, bool *made, vb_error *err)
{
    struct stat st;

    *made = stat(mountpoint, &st) && errno == ENOENT;
    if (*made && mkdir(mountpoint, 0755)) {
        *made = false;
        return vb_fail_errno(err, -errno, "making the mount point %s", mountpoint);
    }
    if (stat(mountpoint, &st)) {
        int r = vb_fail_errno(err, -errno, "mount point %s", mountpoint);

        if (errno == ENOTCONN)
            vb_hint(err, "a file system whose server is gone lies there: vbutler umount %s", mountpoint);
        return r;
    }
    if (!S_ISDIR(st.st_mode))
        return vb_fail(err, -ENOTDIR, "mount point %s is no directory", mountpoint);
    *absolute = vb_path_absolute(mountpoint, err);
    if (!*absolute)
        return err->code;
    if (vb_mounted_at(*absolute)) {
        vb_fail(err, -EBUSY, "mount point %s: vbutler has mounted there already", mountpoint);
        vb_hint(err, "take that away first: vbutler umount %s", mountpoint);
        return -EBUSY;
    }
    return 0;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_autofree char *mountpoint = NULL;
    struct rlimit limit;
    bool made = false;
    int r;

    if (threads < 1 || threads > 64) {
        vb_fail(err, -EINVAL, "--threads must be from 1 to 64");
        return VB_EXIT_USAGE;
    }
    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    r = check_mountpoint(argv[1], &mountpoint, &made, err);
    if (!r)
        r = foreground ? serve_mount(argv[0], mountpoint, -1, err) : run_in_background(argv[0], mountpoint, err);
    if (r < 0 && made)
        rmdir(argv[1]);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"butler-config", 'b', VB_OPTION_TEXT, &repository, "REPO",
     "where a snapshot's or a graph's artifacts are, if its repository has moved"},
    {"collections", 0, VB_OPTION_LIST, &collections, "NAME,...",
     "of a Gen3 repository: only what these hold (globs too)"},
    {"where", 0, VB_OPTION_TEXT, &where, "EXPRESSION", "of a Gen3 repository: only datasets of which this holds"},
    {"foreground", 'f', VB_OPTION_FLAG, &foreground, NULL, "stay in the foreground"},
    {"allow-other", 0, VB_OPTION_FLAG, &allow_other, NULL,
     "let other users see it (root, or user_allow_other in /etc/fuse.conf)"},
    {"rw", 0, VB_OPTION_FLAG, &writable, NULL, "for writing: files below data/RUN/ become datasets"},
    {"run", 0, VB_OPTION_TEXT, &run_name, "RUN", "the RUN collection that gets them; it is made where it is not there"},
    {"log", 0, VB_OPTION_TEXT, &log_path, "FILE",
     "where it is told what does not become a dataset (default REPO/.vbutler/mount.log)"},
    {"threads", 0, VB_OPTION_INT, &threads, "N", "answer so many requests at a time (default 4)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_mount = {
    .name = "mount",
    .arguments = "REPO|SNAPSHOT|GRAPH|GEN3_REPO MOUNTPOINT",
    .summary = "show a repository, a snapshot, a graph or a Gen3 repository as a file system",
    .details =
        "MOUNTPOINT gets data/ (datasets by collection, type and data ID), by-id/, dimensions/, gen3/ (not of a graph), provenance/ and reports/. The mount of a "
        "repository shows what is committed while it is mounted; that of a Gen3 repository of Rubin's shows what it held when it was mounted. It is read-only; with --rw, a file that is closed below data/RUN/ under the path of a dataset becomes that dataset. An ordinary user may mount too. vbutler umount takes it away.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
