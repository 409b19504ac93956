#include "runner/run/executions.h"

#include "fs/view/names.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

struct execution {
    char *path, *away; /* absolute; NULL: not moved */
    int lock;
};

struct vb_executions {
    struct execution *items;
    size_t count, cap;
};

/* "RUN.ID", where ID has no dot: the run "a" is not that of "a.b.12345678". */
static bool is_of(const char *entry, const char *run)
{
    size_t n = strlen(run);

    return !strncmp(entry, run, n) && entry[n] == '.' && entry[n + 1] && !strchr(entry + n + 1, '.');
}

static int hold(vb_executions *e, const char *run, char *path, vb_error *err)
{
    struct execution *x = VB_PUSH(e->items, e->count, e->cap);
    vb_autofree char *lock = vb_path_join(path, "lock");

    x->path = path;
    x->lock = open(lock, O_RDWR | O_CLOEXEC);
    if (x->lock < 0 && errno == ENOENT)
        return 0; /* nobody has executed it yet */
    if (x->lock < 0)
        return vb_fail_errno(err, -errno, "opening %s", lock);
    if (!flock(x->lock, LOCK_EX | LOCK_NB))
        return 0;
    vb_fail(err, -EBUSY, "run '%s' is being executed, in %s", run, path);
    vb_hint(err, "wait for it to end, or end it");
    return -EBUSY;
}

int vb_executions_hold(const vb_repo *repo, const char *run, vb_executions **out, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *e = VB_NEW(vb_executions);
    vb_autofree char *runs = vb_path_join(repo->root, ".vbutler/runs");
    vb_auto_buf name = {0};
    DIR *dir = opendir(runs);
    struct dirent *entry;
    int r = 0;

    if (!dir && errno != ENOENT)
        return vb_fail_errno(err, -errno, "reading %s", runs);
    vb_name_encode(&name, run, strlen(run));
    while (dir && !r && (entry = readdir(dir)))
        if (is_of(entry->d_name, vb_buf_text(&name)))
            r = hold(e, run, vb_path_join(runs, entry->d_name), err);
    if (dir)
        closedir(dir);
    if (!r)
        *out = VB_STEAL(e);
    return r;
}

int vb_executions_move_away(vb_executions *e, vb_error *err)
{
    for (size_t i = 0; i < e->count; i++) {
        struct execution *x = &e->items[i];
        vb_autofree char *dir = vb_path_dir(x->path);
        vb_autofree char *away = vb_format("%s/.removed.%s.%d", dir, strrchr(x->path, '/') + 1, (int)getpid());

        if (rename(x->path, away))
            return vb_fail_errno(err, -errno, "moving %s away", x->path);
        x->away = VB_STEAL(away);
    }
    return 0;
}

void vb_executions_discard(vb_executions *e)
{
    for (size_t i = 0; i < e->count; i++) {
        struct execution *x = &e->items[i];
        vb_auto_error err = VB_ERROR_INIT;

        if (x->away && vb_remove_tree(AT_FDCWD, x->away, &err) < 0)
            vb_log(VB_WARNING, "%s; remove it by hand", err.message ? err.message : x->away);
        free(x->away);
        x->away = NULL;
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
