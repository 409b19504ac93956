#include "registry/netlock.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <sqlite3.h>
#include <stddef.h>
#include <unistd.h>

struct vb_netlock {
    sqlite3_io_methods methods; /* those of the file, with ours in their places */
    const sqlite3_io_methods *real;
    char *path, *journal;
    vb_lease *const *lease;
    bool writes, lifted;
};

static struct vb_netlock *of(const sqlite3_file *file)
{
    return (struct vb_netlock *)((uintptr_t)file->pMethods - offsetof(struct vb_netlock, methods));
}

/* Locks between the handles of one process are SQLite's own, and hold. */
static bool another_writes(const struct vb_netlock *n)
{
    return !*n->lease && !access(n->journal, F_OK) && vb_lease_is_anothers(n->path);
}

static int lock(sqlite3_file *file, int level)
{
    const struct vb_netlock *n = of(file);

    if (!n->lifted && level == SQLITE_LOCK_SHARED && another_writes(n))
        return SQLITE_BUSY;
    if (!n->lifted && level > SQLITE_LOCK_SHARED && n->writes && !*n->lease)
        return SQLITE_BUSY;
    return n->real->xLock(file, level);
}

/* Asked of a journal that is there: whether its writer lives. */
static int check_reserved(sqlite3_file *file, int *out)
{
    const struct vb_netlock *n = of(file);

    *out = 1;
    return !n->lifted && another_writes(n) ? SQLITE_OK : n->real->xCheckReservedLock(file, out);
}

vb_netlock *vb_netlock_new(sqlite3 *db, const char *path, vb_lease *const *lease, bool writes)
{
    vb_netlock *n = VB_NEW(vb_netlock);
    sqlite3_file *file = NULL;

    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    n->path = vb_strdup(path);
    n->journal = vb_format("%s-journal", path);
    n->lease = lease;
    n->writes = writes;
    n->real = file->pMethods;
    n->methods = *n->real;
    n->methods.xLock = lock;
    n->methods.xCheckReservedLock = check_reserved;
    file->pMethods = &n->methods;
    return n;
}

void vb_netlock_free(vb_netlock *n)
{
    free(n->path);
    free(n->journal);
    free(n);
}

void vb_netlock_lift(vb_netlock *n)
{
    n->lifted = true;
}
