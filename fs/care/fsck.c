/* fsck.c - the registry's locations and the store's files, side by side.
 *
 * Both come in the order of their paths: the locations sorted by SQLite, on disk, the files by walk.c.  So one pass
 * over each tells what only one of them has.  Locations that the walk has not met are looked at by name: they may lie
 * behind a link, or outside.  Files that no location names are kept to the end, when what ingests and runs were making
 * meanwhile is known. */
#include "fs/care/fsck.h"

#include "fs/care/internal.h"
#include "fs/care/walk.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <string.h>

static const char *const names[] = {"database", "dangling",   "missing",  "size",        "time",
                                    "checksum", "permission", "orphaned", "interrupted", "trash"};

const char *vb_damage_name(vb_damage kind)
{
    return names[kind];
}

vb_fsck *vb_fsck_new(const vb_repo *repo, const vb_fsck_options *options)
{
    vb_fsck *f = VB_NEW(vb_fsck);

    f->repo = repo;
    f->options = *options;
    return f;
}

static void free_kept(struct kept *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].path), free(list[i].component);
    free(list);
}

void vb_fsck_free(vb_fsck *f)
{
    if (f->held)
        vb_held_close(f->held);
    if (f->stores)
        vb_stores_close(f->stores);
    if (f->reg)
        vb_registry_close(f->reg);
    for (size_t i = 0; i < f->nhashes; i++)
        free(f->hashes[i].path), free(f->hashes[i].component);
    free_kept(f->mends, f->nmends);
    free_kept(f->absent, f->nabsent);
    free_kept(f->strangers, f->nstrangers);
    free(f->lost);
    free(f);
}

const vb_fsck_counts *vb_fsck_result(const vb_fsck *f)
{
    return &f->counts;
}

void vb_fsck_tell(vb_fsck *f, const vb_finding *finding)
{
    f->counts.found[finding->kind]++;
    f->counts.mendable += finding->mending != NULL;
    f->options.each(f->options.arg, finding);
}

char *vb_fsck_dataset(vb_fsck *f, int64_t dataset_id)
{
    vb_auto_dataset d = {0};
    vb_buf text = {0};

    if (vb_dataset_by_id(f->reg, dataset_id, &d, NULL) > 0)
        vb_dataset_print(&d, &text);
    return vb_buf_steal(&text);
}

struct kept *vb_fsck_keep(struct kept **list, size_t *n, size_t *cap, vb_damage kind, const char *path)
{
    struct kept *k;

    if (*n == *cap) {
        *cap = *cap ? 2 * *cap : 64;
        *list = vb_realloc(*list, *cap, sizeof **list);
    }
    k = &(*list)[(*n)++];
    *k = (struct kept){.kind = kind, .path = vb_strdup(path)};
    return k;
}

/* ---- the registry by itself ------------------------------------------------------------------------------- */

static int database_fault(void *arg, const char *what, const char *detail, bool mendable, vb_error *err)
{
    vb_fsck *f = arg;
    vb_autofree char *text = vb_format("%s: %s", detail,
                                       f->repo->snapshot ? "restore the snapshot from a copy, or make it again"
                                                         : "restore the registry from a backup, or try: "
                                                           "sqlite3 registry.sqlite3 .recover");

    vb_fsck_tell(f, &(vb_finding){VB_DAMAGE_DATABASE, vb_path_base(f->repo->registry_path), NULL, text, NULL});
    return 0;
}

static int dangling(void *arg, const char *what, const char *detail, bool mendable, vb_error *err)
{
    vb_autofree char *text = vb_format("%s: %s", what, detail);
    vb_fsck *f = arg;

    mendable = mendable && !f->repo->snapshot;
    if (mendable && (!f->nmends || f->mends[0].kind != VB_DAMAGE_DANGLING)) /* one for all: they are mended together */
        vb_fsck_keep(&f->mends, &f->nmends, &f->mends_cap, VB_DAMAGE_DANGLING, "");
    vb_fsck_tell(f, &(vb_finding){VB_DAMAGE_DANGLING, NULL, NULL, text,
                                  mendable ? "drop the row, or add what it lacks" : NULL});
    return 0;
}

/* ---- side by side ----------------------------------------------------------------------------------------- */

static void show_progress(vb_fsck *f)
{
    const vb_progress *p = f->options.progress;

    if (p && f->counts.datasets % 1000 == 0)
        p->tell(p->arg, "comparing artifacts", (size_t)f->counts.datasets, (size_t)f->total);
}

static int advance(vb_fsck *f, vb_error *err)
{
    int r = vb_held_next(f->held, &f->next, err);

    if (!r)
        f->next = NULL;
    show_progress(f);
    return r < 0 ? r : 0;
}

/* A file of the store: the locations before it are not in the walk, those of its name are its own. */
static int meet(void *arg, const char *path, const struct stat *st, vb_error *err)
{
    vb_fsck *f = arg;
    bool known = false;
    int r = 0, order;

    f->counts.files++;
    while (!r && f->next && (order = strcmp(f->next->file, path)) <= 0) {
        known = known || !order;
        r = vb_fsck_judge(f, f->next, err);
        if (!r)
            r = advance(f, err);
    }
    if (!r && !known)
        vb_fsck_keep(&f->strangers, &f->nstrangers, &f->strangers_cap, VB_DAMAGE_ORPHANED, path);
    return r;
}

static int compare(vb_fsck *f, vb_error *err)
{
    int r = vb_held_open(f->reg, &f->held, err);

    if (!r)
        r = advance(f, err);
    if (!r && !f->repo->snapshot)
        r = vb_walk(f->repo->root, vb_repo_is_own, meet, f, err);
    while (!r && f->next) {
        r = vb_fsck_judge(f, f->next, err);
        if (!r)
            r = advance(f, err);
    }
    vb_held_close(VB_STEAL(f->held));
    if (!r)
        r = vb_fsck_absent(f, err);
    return r < 0 ? r : vb_fsck_hash_all(f, err);
}

static int open_all(vb_fsck *f, vb_error *err)
{
    int r = vb_repo_registry(f->repo, VB_ACCESS_READ, &f->reg, err);

    if (!r)
        r = vb_location_count(f->reg, &f->total, err);
    return r < 0 ? r : vb_stores_open(f->reg, f->repo->root, &f->stores, err);
}

int vb_fsck_check(vb_fsck *f, vb_error *err)
{
    int r = open_all(f, err);

    if (!r)
        r = vb_check_database(f->reg, database_fault, f, err);
    if (!r && f->counts.found[VB_DAMAGE_DATABASE]) /* what it says cannot be trusted */
        return 0;
    if (!r)
        r = vb_check_references(f->reg, dangling, f, err);
    if (!r)
        r = compare(f, err);
    return r < 0 || f->repo->snapshot ? r : vb_fsck_strangers(f, err);
}
