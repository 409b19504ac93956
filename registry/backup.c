#include "registry/backup.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/check.h"
#include "registry/internal.h"

#include <fcntl.h>
#include <inttypes.h>

/* Before this number of pages others may write; a copy that they restart more often is made in one step. */
enum { PAGES = 4096, RESTARTS = 20 };

/* A commit by another connection makes SQLite begin the copy again: so after some of that, all at once. */
static int copy_pages(vb_copy *copy, vb_backup_fn *progress, void *arg, vb_error *err)
{
    int64_t done = 0, total = 0, before = 0;
    int restarts = 0, r = 1;

    while (r > 0) {
        r = vb_copy_step(copy, restarts < RESTARTS ? PAGES : -1, &done, &total, err);
        restarts += done < before;
        before = done;
        if (r >= 0 && progress)
            progress(arg, done, total);
    }
    return r;
}

static int no_fault(void *arg, const char *what, const char *detail, bool mendable, vb_error *err)
{
    vb_fail(err, -EUCLEAN, "the copy is damaged: %s", detail);
    vb_hint(err, "vbutler fsck tells whether the registry is");
    return -EUCLEAN;
}

/* The copy must stand alone: no write-ahead log beside it. */
static int finish(const char *path, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *copy = NULL;
    int r = vb_registry_open(path, VB_ACCESS_IMMUTABLE, &copy, err);

    return r < 0 ? r : vb_check_database(copy, no_fault, NULL, err);
}

static int write_copy(vb_registry *reg, const char *path, vb_backup_fn *progress, void *arg, vb_error *err)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto(vb_copy_close) vb_copy *copy = NULL;
    int r = vb_db_open(path, VB_DB_CREATE, &db, err);

    if (!r)
        r = vb_copy_open(reg->db, db, &copy, err);
    if (!r)
        r = copy_pages(copy, progress, arg, err);
    if (!r) {
        vb_copy_close(VB_STEAL(copy));
        r = vb_db_run(db, "PRAGMA journal_mode = DELETE", err);
    }
    return r;
}

int vb_registry_backup(vb_registry *reg, const char *path, vb_backup_fn *progress, void *arg, vb_error *err)
{
    vb_autofree char *temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    vb_autofree char *log = vb_format("%s-wal", temporary), *shared = vb_format("%s-shm", temporary);
    int r = access(path, F_OK) ? 0 : vb_fail(err, -EEXIST, "%s is there already", path);

    if (r < 0)
        return r;
    r = write_copy(reg, temporary, progress, arg, err);
    if (!r)
        r = finish(temporary, err);
    if (!r)
        r = vb_publish_file(temporary, path, false, err);
    if (r < 0)
        unlink(temporary);
    unlink(log);
    unlink(shared);
    return r;
}
