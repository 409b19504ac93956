#include "registry/backup.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/schema.h"
#include "registry/sql.h"

#include <fcntl.h>
#include <string.h>

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

static int check(const char *path, vb_error *err)
{
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_db_open(path, VB_DB_IMMUTABLE, &db, err);

    if (!r)
        r = vb_sql(db, &s, err, "PRAGMA integrity_check(1)", VB_NO_ARGS);
    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0 && strcmp(vb_col_text(s, 0), "ok") != 0) {
        vb_fail(err, -EUCLEAN, "the copy is damaged: %s", vb_col_text(s, 0));
        vb_hint(err, "vbutler fsck tells whether the registry is");
        return -EUCLEAN;
    }
    return r < 0 ? r : 0;
}

static int write_copy(const char *registry, const char *path, vb_backup_fn *progress, void *arg, vb_error *err)
{
    vb_auto(vb_db_close) vb_db *from = NULL;
    vb_auto(vb_db_close) vb_db *db = NULL;
    vb_auto(vb_copy_close) vb_copy *copy = NULL;
    int64_t version;
    int r = vb_db_open(registry, VB_DB_READ, &from, err);

    if (!r)
        r = vb_schema_version(from, &version, err);
    if (!r)
        r = vb_db_open(path, VB_DB_CREATE, &db, err);
    if (!r)
        r = vb_copy_open(from, db, &copy, err);
    if (!r)
        r = copy_pages(copy, progress, arg, err);
    if (!r) {
        vb_copy_close(VB_STEAL(copy));
        r = vb_db_run(db, "PRAGMA journal_mode = DELETE", err);
    }
    return r;
}

int vb_registry_backup(const char *registry, const char *path, vb_backup_fn *progress, void *arg, vb_error *err)
{
    vb_autofree char *temporary = vb_format("%s.%d.tmp", path, (int)getpid());
    vb_autofree char *log = vb_format("%s-wal", temporary), *shared = vb_format("%s-shm", temporary);
    int r = access(path, F_OK) ? 0 : vb_fail(err, -EEXIST, "%s is there already", path);

    if (r < 0)
        return r;
    r = write_copy(registry, temporary, progress, arg, err);
    if (!r)
        r = check(temporary, err);
    if (!r)
        r = vb_publish_file(temporary, path, false, err);
    if (r < 0)
        unlink(temporary);
    unlink(log);
    unlink(shared);
    return r;
}
