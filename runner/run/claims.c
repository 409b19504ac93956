#include "runner/run/claims.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/provenance.h"
#include "runner/run/rundir.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct claiming {
    const vb_repo *repo;
    vb_registry *reg;
    vb_claims *claims; /* NULL: only look whether some is unfinished */
    const vb_rundir *dir;
    bool live;
    bool unfinished;
};

/* Another may have the name by now that a dead attempt meant to give. */
static bool is_its_own(const vb_repo *repo, const vb_intended *intended)
{
    vb_autofree char *path = vb_path_join(repo->root, intended->path);
    struct stat st;

    return vb_path_is_safe(intended->path) && !lstat(path, &st) && st.st_ino == intended->inode;
}

static int claim(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct claiming *c = arg;
    vb_claim_kind kind = c->live ? VB_CLAIM_LIVE : VB_CLAIM_DEAD;
    bool init = a->receipt && !*a->receipt->task, merged = false;
    int r = 0;

    if (a->committed && !c->live) {
        /* What is made once a run has no quantum: its datasets tell whether it was merged, so it is never in doubt. */
        if (!init)
            r = vb_provenance_has(c->reg, &a->quantum, a->number, &merged, err);
        if (r < 0 || merged)
            return r;
        kind = VB_CLAIM_UNMERGED;
    }
    if (!c->live && !init && (kind == VB_CLAIM_UNMERGED || (!a->receipt && !vb_rundir_is_done(c->dir, &a->quantum))))
        c->unfinished = true;
    for (size_t i = 0; c->claims && i < a->nintended; i++)
        if (kind != VB_CLAIM_DEAD || is_its_own(c->repo, &a->intended[i]))
            *VB_PUSH(c->claims->items, c->claims->count, c->claims->cap) = (vb_claim){vb_strdup(a->intended[i].path),
                                                                                      kind};
    return 0;
}

/* One execution; *live where a runner holds it. */
static int look(const char *path, struct claiming *c, vb_error *err)
{
    vb_rundir d = {.path = (char *)(uintptr_t)path, .lock = -1};
    vb_autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), lock = -1;

    if (fd < 0)
        return errno == ENOTDIR || errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "opening %s", path);
    lock = openat(fd, "lock", O_RDONLY | O_CLOEXEC);
    c->live = lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0;
    d.fd = fd;
    c->dir = &d;
    if (faccessat(fd, "attempts", F_OK, 0))
        return 0;
    return vb_rundir_each(&d, claim, c, err);
}

typedef int each_run(void *arg, const char *path, vb_error *err);

static int for_each_run(const vb_repo *repo, each_run *each, void *arg, vb_error *err)
{
    vb_autofree char *folder = vb_path_join(repo->root, ".vbutler/runs");
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "listing %s", folder);
    while (!r && (entry = readdir(dir))) {
        vb_autofree char *path = vb_path_join(folder, entry->d_name);

        if (entry->d_name[0] != '.')
            r = each(arg, path, err);
    }
    closedir(dir);
    return r;
}

static int claim_run(void *arg, const char *path, vb_error *err)
{
    return look(path, arg, err);
}

int vb_run_claims(const vb_repo *repo, vb_registry *reg, vb_claims *out, vb_error *err)
{
    struct claiming c = {.repo = repo, .reg = reg, .claims = out};

    return for_each_run(repo, claim_run, &c, err);
}

struct unfinished {
    vb_registry *reg;
    char ***graphs;
};

static int list_unfinished(void *arg, const char *path, vb_error *err)
{
    struct unfinished *u = arg;
    struct claiming c = {.reg = u->reg};
    int r = look(path, &c, err);

    if (!r && c.unfinished) {
        vb_autofree char *graph = vb_path_join(path, "graph.vbg");

        vb_strv_add(u->graphs, graph);
    }
    return r;
}

int vb_runs_unfinished(const vb_repo *repo, vb_registry *reg, char ***graphs, vb_error *err)
{
    struct unfinished u = {reg, graphs};

    *graphs = NULL;
    return for_each_run(repo, list_unfinished, &u, err);
}
