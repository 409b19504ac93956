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
    vb_registry *reg;
    vb_claims *claims; /* NULL: only look whether some is unfinished */
    const vb_rundir *dir;
    int root; /* the repository */
    bool live;
    bool unfinished;
};

static int find_another(void *arg, const vb_attempt_file *a, vb_error *err)
{
    return !vb_uuid_equal(a->quantum, *(const vb_uuid *)arg);
}

/* What is made once a run has no quantum in the registry.  It was merged where the registry knows one of its datasets,
 * or, if these were pruned since, where a quantum was begun: that comes after. */
static int init_is_merged(const struct claiming *c, const vb_receipt *receipt, bool *out, vb_error *err)
{
    vb_rundir d = *c->dir;
    int r = 0;

    for (size_t i = 0; !r && i < receipt->noutputs; i++) {
        vb_auto_dataset known = {0};

        r = vb_dataset_by_uuid(c->reg, &receipt->outputs[i].dataset, &known, err);
    }
    if (!r)
        r = vb_rundir_each(&d, find_another, (void *)(uintptr_t)&receipt->quantum, err);
    *out = r > 0;
    return r < 0 ? r : 0;
}

static int claim(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct claiming *c = arg;
    vb_claim_kind kind = c->live ? VB_CLAIM_LIVE : VB_CLAIM_DEAD;
    bool init = a->receipt && !*a->receipt->task, merged = false;
    int r = 0;

    if (a->committed && !c->live) {
        r = init ? init_is_merged(c, a->receipt, &merged, err)
                 : vb_provenance_has(c->reg, &a->quantum, a->number, &merged, err);
        if (r < 0 || merged)
            return r;
        kind = VB_CLAIM_UNMERGED;
    }
    if (!c->live && !init && (kind == VB_CLAIM_UNMERGED || (!a->receipt && !vb_rundir_is_done(c->dir, &a->quantum))))
        c->unfinished = true;
    for (size_t i = 0; c->claims && i < a->nintended; i++)
        if (kind != VB_CLAIM_DEAD || vb_intended_is_there(c->root, &a->intended[i]))
            *VB_PUSH(c->claims->items, c->claims->count, c->claims->cap) = (vb_claim){vb_strdup(a->intended[i].path),
                                                                                      kind};
    return 0;
}

/* One execution; *live where a runner holds it. */
static int look(const char *path, struct claiming *c, vb_error *err)
{
    vb_rundir d = {.path = (char *)(uintptr_t)path, .lock = -1};
    vb_autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), lock = -1;
    vb_autofree char *holder = NULL;

    if (fd < 0)
        return errno == ENOTDIR || errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "opening %s", path);
    lock = openat(fd, "lock", O_RDONLY | O_CLOEXEC);
    holder = lock < 0 ? NULL : vb_rundir_named_holder(lock);
    c->live = holder || (lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0);
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

        if (entry->d_name[0] != '.' || vb_starts_with(entry->d_name, ".removed."))
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
    vb_autoclose int root = open(repo->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct claiming c = {.reg = reg, .claims = out, .root = root};

    return root < 0 ? vb_fail_errno(err, -errno, "opening repository %s", repo->root)
                    : for_each_run(repo, claim_run, &c, err);
}

struct unfinished {
    vb_registry *reg;
    char ***graphs;
};

static int list_unfinished(void *arg, const char *path, vb_error *err)
{
    struct unfinished *u = arg;
    struct claiming c = {.reg = u->reg, .root = -1};
    int r = *vb_path_base(path) == '.' ? 0 : look(path, &c, err);

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
