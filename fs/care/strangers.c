/* strangers.c - files that no location names: being made, left by somebody who was killed, or nobody's. */
#include "fs/care/internal.h"
#include "fs/store/intent.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/store_paths.h"
#include "registry/trash.h"

#include <string.h>
#include <sys/stat.h>

void vb_claims_free(vb_claims *claims)
{
    for (size_t i = 0; i < claims->count; i++)
        free(claims->items[i].path);
    free(claims->items);
    *claims = (vb_claims){0};
}

static int compare(const void *a, const void *b)
{
    const vb_claim *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : (int)x->kind - (int)y->kind; /* who lives comes first */
}

/* What ingests are making, or were, under its final and its temporary name, beside what runs have claimed. */
static int add_intents(vb_fsck *f, vb_claims *claims, vb_error *err)
{
    vb_intent_file *items;
    size_t n;
    int r = vb_intents_list(f->repo, &items, &n, err);

    for (size_t i = 0; i < n; i++) {
        vb_claim_kind kind = items[i].alive ? VB_CLAIM_LIVE : VB_CLAIM_DEAD;
        vb_auto_buf temporary = {0};

        vb_intent_temporary(&temporary, &items[i].uuid, items[i].path);
        *VB_PUSH(claims->items, claims->count, claims->cap) = (vb_claim){vb_strdup(items[i].path), kind};
        *VB_PUSH(claims->items, claims->count, claims->cap) = (vb_claim){vb_buf_steal(&temporary), kind};
    }
    vb_intent_files_free(items, n);
    return r;
}

static int add_trash(vb_fsck *f, vb_claims *trash, vb_error *err)
{
    vb_trash *items;
    size_t n;
    int r = vb_trash_list(f->reg, SIZE_MAX >> 1, &items, &n, err);

    for (size_t i = 0; i < n; i++) {
        vb_claim *c = VB_PUSH(trash->items, trash->count, trash->cap);

        c->path = vb_strdup(items[i].path);
    }
    vb_trash_free(items, n);
    if (trash->count)
        qsort(trash->items, trash->count, sizeof *trash->items, compare);
    return r;
}

static const vb_claim *find(const vb_claims *claims, const char *path)
{
    size_t begin = 0, end = claims->count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (strcmp(claims->items[middle].path, path) < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin < claims->count && !strcmp(claims->items[begin].path, path) ? &claims->items[begin] : NULL;
}

static void keep(vb_fsck *f, vb_damage kind, const char *path)
{
    vb_fsck_keep(&f->mends, &f->nmends, &f->mends_cap, kind, path);
}

static void judge(vb_fsck *f, const char *path, const vb_claims *claims, const vb_claims *trash)
{
    const vb_claim *claim = find(claims, path);

    if (claim && claim->kind != VB_CLAIM_DEAD)
        return; /* somebody is at it, or will be when the run goes on */
    if (claim) {
        vb_fsck_tell(f, &(vb_finding){VB_DAMAGE_INTERRUPTED, path, NULL,
                                      "an ingest or a run was making it when it was killed", "remove it"});
        keep(f, VB_DAMAGE_INTERRUPTED, path);
    } else if (find(trash, path)) {
        vb_fsck_tell(f, &(vb_finding){VB_DAMAGE_TRASH, path, NULL, "was pruned, and is still to be unlinked",
                                      "unlink it"});
        keep(f, VB_DAMAGE_TRASH, path);
    } else {
        vb_fsck_tell(f, &(vb_finding){VB_DAMAGE_ORPHANED, path, NULL, "nothing knows this file",
                                      "move it to .vbutler/lost"});
        keep(f, VB_DAMAGE_ORPHANED, path);
    }
}

/* 1 where a link leads to a directory of artifacts, or did: whose disk is away now. */
static int is_way(vb_fsck *f, const char *path, vb_error *err)
{
    vb_autofree char *full = vb_path_join(f->repo->root, path);
    struct stat st;

    return !lstat(full, &st) && S_ISLNK(st.st_mode) ? vb_store_paths_below(f->reg, 1, path, err) : 0;
}

/* Leaves out what was registered while the walk went on, and links by which artifacts are found. */
static int without_registered(vb_fsck *f, vb_error *err)
{
    vb_autofree const char **paths = vb_alloc((f->nstrangers + 1) * sizeof *paths);
    vb_autofree bool *held = vb_alloc(f->nstrangers + 1);
    int r;

    for (size_t i = 0; i < f->nstrangers; i++)
        paths[i] = f->strangers[i].path;
    r = vb_store_paths_held(f->reg, 1, f->repo->root, paths, f->nstrangers, held, err);
    for (size_t i = 0; r >= 0 && i < f->nstrangers; i++) {
        if (!held[i])
            r = is_way(f, f->strangers[i].path, err);
        if (held[i] || r > 0)
            *f->strangers[i].path = 0;
    }
    return r < 0 ? r : 0;
}

int vb_fsck_strangers(vb_fsck *f, vb_error *err)
{
    __attribute__((cleanup(vb_claims_free))) vb_claims claims = {0}, trash = {0};
    int r = add_intents(f, &claims, err);

    if (!r && f->options.claims)
        r = f->options.claims(f->repo, f->reg, &claims, err);
    if (!r)
        r = add_trash(f, &trash, err);
    if (!r)
        r = without_registered(f, err); /* last: who was making a file may have committed since */
    if (r < 0)
        return r;
    if (claims.count)
        qsort(claims.items, claims.count, sizeof *claims.items, compare);
    for (size_t i = 0; i < f->nstrangers; i++)
        if (*f->strangers[i].path)
            judge(f, f->strangers[i].path, &claims, &trash);
    return 0;
}
