#include "runner/run/rundir.h"

#include "fs/view/names.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/lease.h"
#include "registry/netfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { MAX_ATTEMPT_FILE = 256 << 20, SHORT_ID = 8, LOOK_AGAIN_US = 20000 };

int vb_rundir_lock(int lock)
{
    vb_autofree char *holder = NULL;

    while (flock(lock, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK)
            return -errno;
        if (flock(lock, LOCK_SH | LOCK_NB)) /* not shared either: somebody executes it */
            return errno == EWOULDBLOCK ? -EBUSY : -errno;
        flock(lock, LOCK_UN);
        usleep(LOOK_AGAIN_US);
    }
    holder = vb_rundir_named_holder(lock);
    if (holder)
        flock(lock, LOCK_UN);
    return holder ? -EBUSY : 0;
}

char *vb_rundir_named_holder(int lock)
{
    char path[32], text[300];
    ssize_t n = pread(lock, text, sizeof text - 1, 0);

    snprintf(path, sizeof path, "/proc/self/fd/%d", lock);
    text[n > 0 ? n : 0] = 0;
    return vb_is_network_fs(path) && vb_process_may_live(text) ? vb_strdup(text) : NULL;
}

static int take_lock(vb_rundir *d, vb_error *err)
{
    vb_autofree char *name = vb_process_name();
    vb_auto_buf holder = {0};
    int r;

    d->lock = openat(d->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (d->lock < 0)
        return vb_fail_errno(err, -errno, "opening %s/lock", d->path);
    r = vb_rundir_lock(d->lock);
    if (r < 0 && r != -EBUSY)
        return vb_fail_errno(err, r, "locking %s/lock", d->path);
    if (r < 0) {
        vb_read_file(d->fd, "lock", 300, &holder, NULL);
        vb_fail(err, -EBUSY, "another vbutler (process %s) is executing this graph in %s", vb_buf_text(&holder),
                d->path);
        vb_hint(err, "wait for it to end; what it leaves over can be run afterwards%s",
                vb_is_network_fs(d->path) ? " (if it is dead, remove 'lock' there)" : "");
        close(d->lock);
        d->lock = -1;
        return -EBUSY;
    }
    if (ftruncate(d->lock, 0) || pwrite(d->lock, name, strlen(name), 0) < 0)
        vb_log(VB_DEBUG, "writing %s/lock: %s", d->path, strerror(errno));
    return 0;
}

/* Copies the graph, so that the execution can go on when the user's file is gone. */
static int keep_graph(vb_rundir *d, const char *graph_file, vb_error *err)
{
    vb_autofree char *kept = vb_path_join(d->path, "graph.vbg");
    vb_autoclose int from = -1, to = -1;
    int r;

    if (!access(kept, F_OK))
        return 0;
    from = open(graph_file, O_RDONLY | O_CLOEXEC);
    to = openat(d->fd, "graph.vbg.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (from < 0 || to < 0)
        return vb_fail_errno(err, -errno, "copying the graph to %s", d->path);
    r = vb_copy_fd(from, to, err);
    if (!r && (fsync(to) || renameat(d->fd, "graph.vbg.tmp", d->fd, "graph.vbg")))
        r = vb_fail_errno(err, -errno, "copying the graph to %s", d->path);
    return r;
}

/* Outputs become artifacts by a rename, at once and whole. */
static int check_file_system(const vb_repo *repo, const vb_rundir *d, vb_error *err)
{
    struct stat root, here;

    if (stat(repo->root, &root) || fstat(d->fd, &here))
        return vb_fail_errno(err, -errno, "%s", d->path);
    return root.st_dev == here.st_dev ? 0
                                      : vb_fail(err, -EXDEV,
                                                "%s/.vbutler is on another file system than the repository: "
                                                "outputs could not be renamed into it",
                                                repo->root);
}

int vb_rundir_open(const vb_repo *repo, const vb_graph *g, const char *graph_file, vb_rundir **out, vb_error *err)
{
    static const char *const parts[] = {"attempts", "receipts", "scratch", "files"};
    vb_auto(vb_rundir_close) vb_rundir *d = VB_NEW(vb_rundir);
    vb_auto_buf name = {0};
    size_t n = strlen(g->id);
    int r;

    d->fd = d->lock = -1;
    d->umask = umask(0);
    umask(d->umask);
    vb_name_encode(&name, g->run, strlen(g->run));
    d->path = vb_format("%s/.vbutler/runs/%s.%s", repo->root, vb_buf_text(&name),
                        g->id + (n > SHORT_ID ? n - SHORT_ID : 0));
    r = vb_mkdirs(AT_FDCWD, d->path, 0777, err);
    if (r < 0)
        return r;
    d->fd = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0)
        return vb_fail_errno(err, -errno, "opening %s", d->path);
    r = check_file_system(repo, d, err);
    for (size_t i = 0; !r && i < VB_COUNT(parts); i++)
        r = vb_mkdirs(d->fd, parts[i], 0777, err);
    if (!r)
        r = take_lock(d, err);
    if (!r)
        r = keep_graph(d, graph_file, err);
    if (!r)
        *out = VB_STEAL(d);
    return r;
}

void vb_rundir_close(vb_rundir *d)
{
    if (d->lock >= 0) {
        if (ftruncate(d->lock, 0))
            vb_log(VB_DEBUG, "emptying %s/lock: %s", d->path, strerror(errno));
        close(d->lock);
    }
    if (d->fd >= 0)
        close(d->fd);
    free(d->path);
    free(d);
}

/* "KIND/xy/UUID[.N]" */
static void file_name(char out[96], const char *kind, const vb_uuid *quantum, int number)
{
    char uuid[VB_UUID_TEXT];
    int n;

    vb_uuid_format(*quantum, uuid);
    n = snprintf(out, 96, "%s/%s/%s", kind, uuid + 34, uuid);
    if (number)
        snprintf(out + n, 96 - (size_t)n, ".%d", number);
}

static int make_division(vb_rundir *d, const char *path)
{
    vb_autofree char *dir = vb_path_dir(path);

    return mkdirat(d->fd, dir, 0777 & ~d->umask) && errno != EEXIST ? -errno : 0;
}

int vb_rundir_begin(vb_rundir *d, const vb_uuid *quantum, int *number, vb_error *err)
{
    char path[96];

    for (;; ++*number) {
        int fd;

        file_name(path, "attempts", quantum, *number);
        fd = openat(d->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666 & ~d->umask);
        if (fd < 0 && errno == ENOENT && !make_division(d, path))
            fd = openat(d->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666 & ~d->umask);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            return vb_fail_errno(err, -errno, "beginning attempt %s/%s", d->path, path);
    }
}

int vb_rundir_note(int attempt, const char *line, vb_error *err)
{
    vb_autofree char *text = vb_format("%s\n", line);
    off_t before = lseek(attempt, 0, SEEK_END);
    int r = vb_write_all(attempt, text, strlen(text));

    if (!r)
        return 0;
    if (before < 0 || ftruncate(attempt, before)) /* no part of a line before the next */
        vb_log(VB_WARNING, "undoing a write to an attempt's file: %s", strerror(errno));
    return vb_fail_errno(err, r, "writing an attempt's file");
}

int vb_rundir_commit(vb_rundir *d, const vb_uuid *quantum, int number, vb_error *err)
{
    char attempt[96], receipt[96];
    int r;

    file_name(attempt, "attempts", quantum, number);
    file_name(receipt, "receipts", quantum, 0);
    r = linkat(d->fd, attempt, d->fd, receipt, 0);
    if (r && errno == ENOENT && !make_division(d, receipt))
        r = linkat(d->fd, attempt, d->fd, receipt, 0);
    if (!r)
        return 1;
    return errno == EEXIST ? 0 : vb_fail_errno(err, -errno, "committing %s/%s", d->path, attempt);
}

bool vb_rundir_is_done(const vb_rundir *d, const vb_uuid *quantum)
{
    char receipt[96];

    file_name(receipt, "receipts", quantum, 0);
    return !faccessat(d->fd, receipt, F_OK, 0);
}

int vb_rundir_uncommit(vb_rundir *d, const vb_uuid *quantum, vb_error *err)
{
    char receipt[96];

    file_name(receipt, "receipts", quantum, 0);
    return unlinkat(d->fd, receipt, 0) ? vb_fail_errno(err, -errno, "removing %s/%s", d->path, receipt) : 0;
}

char *vb_rundir_scratch(const vb_rundir *d, const vb_uuid *quantum, int number)
{
    char uuid[VB_UUID_TEXT];

    return vb_format("%s/scratch/%s.%d", d->path, vb_uuid_format(*quantum, uuid), number);
}

int vb_rundir_make_scratch(vb_rundir *d, const vb_uuid *quantum, int number, char **path, vb_error *err)
{
    *path = vb_rundir_scratch(d, quantum, number);
    return mkdir(*path, 0700) ? vb_fail_errno(err, -errno, "making the working directory %s", *path) : 0;
}

/* ---- reading attempts ------------------------------------------------------------------------------------------- */

static void clear_attempt(vb_attempt_file *a)
{
    for (size_t i = 0; i < a->nintended; i++)
        free(a->intended[i].path);
    free(a->intended);
    if (a->receipt)
        vb_receipt_free(a->receipt);
    *a = (vb_attempt_file){0};
}

static void add_intended(vb_attempt_file *a, const json_t *path, const json_t *inode)
{
    if (json_is_string(path) && json_is_integer(inode))
        *VB_PUSH(a->intended, a->nintended, a->intended_cap) = (vb_intended){vb_strdup(json_string_value(path)),
                                                                             (ino_t)json_integer_value(inode)};
}

bool vb_intended_is_there(int root, const vb_intended *intended)
{
    struct stat st;

    return vb_path_is_safe(intended->path) && !fstatat(root, intended->path, &st, AT_SYMLINK_NOFOLLOW) &&
           st.st_ino == intended->inode;
}

/* {"intent": [{"path", "other", "inode"}, ...]}: what is about to be named. */
static void read_intent(vb_attempt_file *a, const char *line, size_t n)
{
    json_t *object = json_loadb(line, n, 0, NULL);
    const json_t *artifact;
    size_t i;

    json_array_foreach(json_object_get(object, "intent"), i, artifact) {
        const json_t *inode = json_object_get(artifact, "inode");

        add_intended(a, json_object_get(artifact, "path"), inode);
        add_intended(a, json_object_get(artifact, "other"), inode);
    }
    json_decref(object);
}

/* The lines of a file; one that was cut off when its writer died counts for nothing. */
static void read_lines(vb_attempt_file *a, const vb_buf *text)
{
    const char *line = vb_buf_text(text), *end;

    for (; (end = strchr(line, '\n')); line = end + 1) {
        size_t n = (size_t)(end - line);

        if (vb_starts_with(line, "{\"intent\""))
            read_intent(a, line, n);
        else if (!a->receipt)
            vb_receipt_read(line, n, &a->receipt, NULL);
    }
}

static bool same_file(int fd, const char *a, const char *b)
{
    struct stat x, y;

    return !fstatat(fd, a, &x, 0) && !fstatat(fd, b, &y, 0) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static int read_attempt(vb_rundir *d, const char *division, const char *name, vb_attempt_fn *each, void *arg,
                        vb_error *err)
{
    vb_attempt_file a = {0};
    vb_auto_buf text = {0};
    const char *dot = strrchr(name, '.');
    vb_autofree char *uuid = vb_strndup(name, dot ? (size_t)(dot - name) : 0);
    vb_autofree char *found = vb_format("attempts/%s/%s", division, name);
    char path[96], receipt[96];
    int64_t number;
    int r;

    if (!dot || !vb_parse_int(dot + 1, &number) || number < 1 || number > INT_MAX || !vb_uuid_parse(uuid, &a.quantum))
        return 0; /* not ours */
    a.number = (int)number;
    file_name(path, "attempts", &a.quantum, a.number);
    if (strcmp(path, found)) /* another spelling: not ours either */
        return 0;
    file_name(receipt, "receipts", &a.quantum, 0);
    r = vb_read_file(d->fd, path, MAX_ATTEMPT_FILE, &text, err);
    if (r < 0)
        return r;
    read_lines(&a, &text);
    a.committed = same_file(d->fd, path, receipt);
    r = each(arg, &a, err);
    clear_attempt(&a);
    return r;
}

static int each_in(vb_rundir *d, const char *division, vb_attempt_fn *each, void *arg, vb_error *err)
{
    vb_autofree char *path = vb_format("attempts/%s", division);
    int fd = openat(d->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return errno == ENOTDIR ? 0 : vb_fail_errno(err, -errno, "listing %s/%s", d->path, path);
    while (!r && (entry = readdir(dir)))
        r = read_attempt(d, division, entry->d_name, each, arg, err);
    closedir(dir);
    return r;
}

int vb_rundir_each(vb_rundir *d, vb_attempt_fn *each, void *arg, vb_error *err)
{
    int fd = openat(d->fd, "attempts", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return vb_fail_errno(err, -errno, "listing %s/attempts", d->path);
    while (!r && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            r = each_in(d, entry->d_name, each, arg, err);
    closedir(dir);
    return r;
}
