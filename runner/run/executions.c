#include "runner/run/executions.h"

#include "fs/view/names.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/netfs.h"
#include "registry/store_paths.h"
#include "runner/run/rundir.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static const char removed[] = ".removed.";

struct execution {
    char *path, *away; /* absolute; NULL: not moved */
    int lock;
};

struct vb_executions {
    const vb_repo *repo;
    struct execution *items;
    size_t count, cap;
};

/* ---- holding ----------------------------------------------------------------------------------------------------- */

/* "RUN.ID", where ID has no dot: the run "a" is not that of "a.b.12345678". */
static bool is_of(const char *entry, const char *run)
{
    size_t n = strlen(run);

    return !strncmp(entry, run, n) && entry[n] == '.' && entry[n + 1] && !strchr(entry + n + 1, '.');
}

static int say_busy(const char *run, const char *path, vb_error *err)
{
    vb_autofree char *lock = vb_path_join(path, "lock");
    vb_auto_buf holder = {0};

    vb_read_file(AT_FDCWD, lock, 300, &holder, NULL);
    vb_fail(err, -EBUSY, "run '%s' is being executed by process %s, in %s", run, vb_buf_text(&holder), path);
    vb_hint(err, "wait for it to end, or end it: kill %.*s%s", (int)strcspn(vb_buf_text(&holder), " "),
            vb_buf_text(&holder), vb_is_network_fs(path) ? "; if it is dead, remove 'lock' there" : "");
    return -EBUSY;
}

static int hold(vb_executions *e, const char *run, char *path, vb_error *err)
{
    struct execution *x = VB_PUSH(e->items, e->count, e->cap);
    vb_autofree char *lock = vb_path_join(path, "lock");
    int r;

    x->path = path;
    x->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (x->lock < 0 && errno == EACCES)
        x->lock = open(lock, O_RDONLY | O_CLOEXEC); /* somebody else's, whose run one may prune all the same */
    if (x->lock < 0)
        return vb_fail_errno(err, -errno, "opening %s", lock);
    r = vb_rundir_lock(x->lock);
    return r == -EBUSY ? say_busy(run, path, err) : r < 0 ? vb_fail_errno(err, r, "locking %s", lock) : 0;
}

/* Calls `each` with the entries of .vbutler/runs. */
typedef int entry_fn(void *arg, const char *runs, const char *entry, vb_error *err);

static int each_entry(const vb_repo *repo, entry_fn *each, void *arg, vb_error *err)
{
    vb_autofree char *runs = vb_path_join(repo->root, ".vbutler/runs");
    DIR *dir = opendir(runs);
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "reading %s", runs);
    while (!r && (entry = readdir(dir)))
        r = each(arg, runs, entry->d_name, err);
    closedir(dir);
    return r;
}

struct holding {
    vb_executions *e;
    const char *run, *name;
};

static int hold_entry(void *arg, const char *runs, const char *entry, vb_error *err)
{
    struct holding *h = arg;

    return is_of(entry, h->name) ? hold(h->e, h->run, vb_path_join(runs, entry), err) : 0;
}

int vb_executions_hold(const vb_repo *repo, char *const *runs, vb_executions **out, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *e = VB_NEW(vb_executions);
    int r = 0;

    e->repo = repo;
    for (; !r && *runs; runs++) {
        vb_auto_buf name = {0};

        vb_name_encode(&name, *runs, strlen(*runs));
        r = each_entry(repo, hold_entry, &(struct holding){e, *runs, vb_buf_text(&name)}, err);
    }
    if (!r)
        *out = VB_STEAL(e);
    return r;
}

/* ---- what was not merged ----------------------------------------------------------------------------------------- */

struct named {
    int root;
    char **paths;
    size_t count, cap;
};

static int add_named(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct named *n = arg;

    for (size_t i = 0; i < a->nintended; i++)
        if (vb_intended_is_there(n->root, &a->intended[i]))
            *VB_PUSH(n->paths, n->count, n->cap) = vb_strdup(a->intended[i].path);
    return 0;
}

static int list_named(const struct execution *x, struct named *n, vb_error *err)
{
    vb_autoclose int fd = open(x->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    vb_rundir d = {.path = x->path, .fd = fd, .lock = -1};

    if (fd < 0)
        return vb_fail_errno(err, -errno, "opening %s", x->path);
    return faccessat(fd, "attempts", F_OK, 0) ? 0 : vb_rundir_each(&d, add_named, n, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int keep_unmerged(const vb_repo *repo, vb_registry *reg, struct named *n, char ***out, vb_error *err)
{
    vb_autofree bool *held = vb_alloc(n->count + 1);
    int r = 0;

    if (n->count) {
        qsort(n->paths, n->count, sizeof *n->paths, by_text);
        r = vb_store_paths_held(reg, 1, repo->root, (const char *const *)n->paths, n->count, held, err);
    }
    for (size_t i = 0; i < n->count; i++) {
        if (!r && !held[i])
            vb_strv_add(out, n->paths[i]);
        free(n->paths[i]);
    }
    free(n->paths);
    return r;
}

int vb_executions_unmerged(const vb_executions *e, vb_registry *reg, char ***paths, vb_error *err)
{
    vb_autoclose int root = open(e->repo->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct named n = {.root = root};
    int r = root < 0 ? vb_fail_errno(err, -errno, "opening repository %s", e->repo->root) : 0, kept;

    *paths = NULL;
    for (size_t i = 0; !r && i < e->count; i++)
        r = list_named(&e->items[i], &n, err);
    kept = keep_unmerged(e->repo, reg, &n, paths, r < 0 ? NULL : err);
    return r < 0 ? r : kept;
}

/* ---- away, and back ---------------------------------------------------------------------------------------------- */

int vb_executions_move_away(vb_executions *e, vb_error *err)
{
    for (size_t i = 0; i < e->count; i++) {
        struct execution *x = &e->items[i];
        vb_autofree char *dir = vb_path_dir(x->path);
        vb_autofree char *away = vb_format("%s/%s%s.%d", dir, removed, vb_path_base(x->path), (int)getpid());

        if (rename(x->path, away))
            return vb_fail_errno(err, -errno, "moving %s away", x->path);
        x->away = VB_STEAL(away);
    }
    return 0;
}

static void discard(const char *path)
{
    vb_auto_error err = VB_ERROR_INIT;

    if (vb_remove_tree(AT_FDCWD, path, &err) < 0)
        vb_log(VB_WARNING, "%s; the next command that runs or removes will try again", err.message);
}

void vb_executions_discard(vb_executions *e)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->items[i].away)
            discard(e->items[i].away);
        free(e->items[i].away);
        e->items[i].away = NULL;
    }
}

void vb_executions_release(vb_executions *e)
{
    for (size_t i = 0; i < e->count; i++) {
        struct execution *x = &e->items[i];

        if (x->away && rename(x->away, x->path))
            vb_log(VB_WARNING, "moving %s back to %s: %s", x->away, x->path, strerror(errno));
        if (x->lock >= 0)
            close(x->lock);
        free(x->path);
        free(x->away);
    }
    free(e->items);
    free(e);
}

/* ---- somebody was killed ----------------------------------------------------------------------------------------- */

/* The registry is the truth: the removal of the run was committed, or it was not. */
static int settle(const vb_repo *repo, const char *from, char *name, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_autofree char *runs = vb_path_dir(from), *to = vb_path_join(runs, name);
    const vb_collection *run;
    vb_auto_buf text = {0};
    char *id = strrchr(name, '.');
    int r;

    if (!id)
        return 0; /* not ours */
    *id = 0;
    if (!vb_name_decode(name, &text))
        return 0; /* nor can it be told of which run it is */
    r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);
    if (!r)
        r = vb_collection_find(reg, vb_buf_text(&text), &run, err);
    if (r == -ENOENT) {
        vb_error_clear(err);
        discard(from);
        return 0;
    }
    return r < 0 ? r : rename(from, to) ? vb_fail_errno(err, -errno, "moving %s back to %s", from, to) : 0;
}

/* ".removed.RUN.ID.PID", whose lock nobody holds. */
static int settle_entry(void *arg, const char *runs, const char *entry, vb_error *err)
{
    vb_autofree char *path = vb_path_join(runs, entry), *lock = vb_path_join(path, "lock"), *name = NULL;
    vb_autoclose int fd = -1;
    const char *pid;

    if (!vb_starts_with(entry, removed))
        return 0;
    pid = strrchr(entry + strlen(removed), '.');
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (!pid || fd < 0 || vb_rundir_lock(fd) < 0)
        return 0; /* somebody is at it, or it is not ours to touch */
    name = vb_strndup(entry + strlen(removed), (size_t)(pid - entry) - strlen(removed));
    return settle(arg, path, name, err);
}

int vb_executions_settle(const vb_repo *repo, vb_error *err)
{
    return each_entry(repo, settle_entry, (void *)(uintptr_t)repo, err);
}
