/* mend.c - what can be done about what fsck has found.  Each is looked at again before it is touched. */
#include "fs/care/internal.h"
#include "fs/store/intent.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/component.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------------------------------------ */

static int mend_permission(vb_fsck *f, const struct kept *k, vb_error *err)
{
    vb_autofree char *path = vb_path_join(f->repo->root, k->path);

    if (f->repo->group != (gid_t)-1 && chown(path, (uid_t)-1, f->repo->group))
        return vb_fail_errno(err, -errno, "giving %s its group", k->path);
    return chmod(path, f->repo->file_mode) ? vb_fail_errno(err, -errno, "giving %s its mode", k->path) : 0;
}

/* A file that nothing knows goes to .vbutler/lost/WHEN, under its path. */
static int mend_orphan(vb_fsck *f, const struct kept *k, vb_error *err)
{
    vb_autofree char *from = vb_path_join(f->repo->root, k->path), *to = NULL, *dir = NULL;
    char stamp[17];
    int r;

    if (!f->lost)
        f->lost = vb_format("%s/.vbutler/lost/%s", f->repo->root, vb_clock_run_stamp(vb_clock_unix_ns(), stamp));
    to = vb_path_join(f->lost, k->path);
    dir = vb_path_dir(to);
    r = vb_mkdirs(AT_FDCWD, dir, 0777, err);
    if (r < 0)
        return r;
    r = vb_rename_new(AT_FDCWD, from, AT_FDCWD, to);
    return r < 0 ? vb_fail_errno(err, r, "moving %s to %s", from, to) : 0;
}

static int mend_interrupted(vb_fsck *f, const struct kept *k, vb_error *err)
{
    vb_autofree char *path = vb_path_join(f->repo->root, k->path);

    return unlink(path) && errno != ENOENT ? vb_fail_errno(err, -errno, "removing %s", path) : 0;
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static int mend_missing(vb_fsck *f, const struct kept *k, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_fsck_look(f, k->store_id, k->path);

    if (!r)
        return 0; /* somebody has brought it back */
    if (!vb_fsck_is_absence(r))
        return vb_fail_errno(err, r, "looking at %s", k->path);
    r = vb_registry_begin(f->reg, &txn, err);
    if (!r)
        r = k->component ? vb_component_forget(f->reg, k->dataset_id, k->component, err)
                         : vb_location_forget(f->reg, k->dataset_id, k->store_id, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int mend_time(vb_fsck *f, const struct kept *k, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(f->reg, &txn, err);

    if (!r)
        r = k->component ? vb_component_set_mtime(f->reg, k->dataset_id, k->component, k->mtime, err)
                         : vb_location_set_mtime(f->reg, k->dataset_id, k->store_id, k->mtime, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int mend_dangling(vb_fsck *f, const struct kept *k, vb_error *err)
{
    int64_t changed;

    return vb_check_mend(f->reg, &changed, err);
}

static int mend_trash(vb_fsck *f, const struct kept *k, vb_error *err)
{
    return vb_stores_empty_trash(f->stores, f->reg, err); /* all of it; the next time there is none */
}

/* ----------------------------------------------------------------------------------------------------------- */

/* Intents of dead ingests are swept with what they name. */
static int sweep(vb_fsck *f, vb_error *err)
{
    vb_auto(vb_intent_end) vb_intent *intent = NULL;

    return vb_intent_begin(f->repo, f->reg, &intent, err);
}

int vb_fsck_mend(vb_fsck *f, vb_error *err)
{
    static int (*const mends[VB_DAMAGE_KINDS])(vb_fsck *, const struct kept *, vb_error *) = {
        [VB_DAMAGE_DANGLING] = mend_dangling, [VB_DAMAGE_MISSING] = mend_missing,
        [VB_DAMAGE_TIME] = mend_time,         [VB_DAMAGE_PERMISSION] = mend_permission,
        [VB_DAMAGE_ORPHANED] = mend_orphan,   [VB_DAMAGE_INTERRUPTED] = mend_interrupted,
        [VB_DAMAGE_TRASH] = mend_trash,
    };
    vb_registry *writer = NULL;
    int r = vb_repo_registry(f->repo, VB_ACCESS_WRITE, &writer, err);

    if (r < 0)
        return r;
    vb_registry_close(f->reg);
    f->reg = writer;
    r = sweep(f, err);
    for (size_t i = 0; r >= 0 && i < f->nmends; i++) {
        vb_auto_error fault = VB_ERROR_INIT;

        if (mends[f->mends[i].kind](f, &f->mends[i], &fault) < 0) {
            vb_log(VB_ERROR, "%s", fault.message);
            f->counts.failed++;
        } else {
            f->counts.mended++;
        }
    }
    return r;
}
