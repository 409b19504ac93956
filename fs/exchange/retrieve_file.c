/* retrieve_file.c - one artifact becomes a file. */
#include "fs/exchange/retrieve_internal.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* ---- what is there ------------------------------------------------------------------------------------- */

/* True where the file is the artifact already. */
static bool is_artifact(struct retrieving *r, const struct retrieved *item)
{
    const vb_location *l = &item->location;
    vb_autoclose int fd = openat(r->dir, item->target, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    vb_hash hash;

    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || l->size < 0 || st.st_size != l->size)
        return false;
    if (l->has_checksum)
        return !vb_hash_fd(fd, &hash, NULL, NULL) && !memcmp(&hash, &l->checksum, sizeof hash);
    return l->mtime >= 0 && vb_clock_ns(st.st_mtim) == l->mtime;
}

static int taken(struct retrieving *r, struct retrieved *item)
{
    vb_fail(&item->error, -EEXIST, "%s/%s is there already, and is not the artifact", r->directory, item->target);
    vb_hint(&item->error, "--clobber replaces it");
    return -EEXIST;
}

/* ---- copies -------------------------------------------------------------------------------------------- */

/* ".NAME.part" beside the target. */
static char *temporary_name(const char *target)
{
    const char *base = vb_path_base(target);

    return vb_format("%.*s.%.200s.part", (int)(base - target), target, base);
}

/* Opens the temporary file and locks it; it may be one that a killed retrieval left. */
static int open_temporary(struct retrieving *r, struct retrieved *item, const char *name)
{
    vb_autoclose int fd = openat(r->dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct stat own, named;

    if (fd < 0)
        return vb_fail_errno(&item->error, -errno, "making %s/%s", r->directory, name);
    /* Who has had the lock before may have renamed the file in between. */
    if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &own) || fstatat(r->dir, name, &named, AT_SYMLINK_NOFOLLOW) ||
        own.st_ino != named.st_ino || !S_ISREG(own.st_mode))
        return vb_fail(&item->error, -EBUSY, "%s/%s is being made by another process", r->directory, name);
    return vb_steal_fd(&fd);
}

/* Renames without taking another's place; some file systems (NFS) need a link for that. */
static int rename_new(int dir, const char *from, const char *to)
{
    if (!renameat2(dir, from, dir, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(dir, from, dir, to, 0))
        return -errno;
    unlinkat(dir, from, 0);
    return 0;
}

static int name_it(struct retrieving *r, struct retrieved *item, const char *temporary)
{
    int status = r->request->clobber ? (renameat(r->dir, temporary, r->dir, item->target) ? -errno : 0)
                                     : rename_new(r->dir, temporary, item->target);

    if (status == -EEXIST)
        return taken(r, item);
    return status < 0 ? vb_fail_errno(&item->error, status, "naming %s/%s", r->directory, item->target) : 0;
}

/* What was broken off is kept where a checksum lets the next retrieval go on with it. */
static bool is_worth_keeping(const struct retrieved *item, int status)
{
    return item->location.has_checksum && (status == -EIO || status == -ETIMEDOUT);
}

static int copy(struct retrieving *r, struct retrieved *item)
{
    vb_autofree char *temporary = temporary_name(item->target);
    vb_autoclose int fd = open_temporary(r, item, temporary);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
    struct stat st = {0};
    int status;

    if (fd < 0)
        return fd;
    if (vb_stores_is_local(r->stores, &item->location) && ftruncate(fd, 0))
        return vb_fail_errno(&item->error, -errno, "making %s/%s", r->directory, temporary);
    status = vb_stores_copy_artifact(r->stores, &item->location, fd, &item->error);
    times[1] = vb_clock_timespec(item->location.mtime);
    if (!status && item->location.mtime >= 0 && futimens(fd, times))
        status = vb_fail_errno(&item->error, -errno, "making %s/%s", r->directory, temporary);
    if (!status)
        status = name_it(r, item, temporary);
    if (status < 0 && !is_worth_keeping(item, status))
        unlinkat(r->dir, temporary, 0);
    item->bytes = !status && !fstat(fd, &st) ? st.st_size : 0;
    return status;
}

/* ---- links --------------------------------------------------------------------------------------------- */

/* The artifact is what was registered, whoever looks at it by the link. */
static int look(struct retrieving *r, struct retrieved *item)
{
    vb_content content;
    int status = vb_stores_open_artifact(r->stores, &item->location, &content, &item->error);

    if (!status)
        close(content.fd);
    return status;
}

static int link_it(struct retrieving *r, struct retrieved *item, bool symbolic)
{
    vb_autofree char *path = vb_stores_path(r->stores, &item->location);
    int status = look(r, item);

    if (status < 0)
        return status;
    if (r->request->clobber)
        unlinkat(r->dir, item->target, 0);
    if (symbolic ? !symlinkat(path, r->dir, item->target)
                 : !linkat(AT_FDCWD, path, r->dir, item->target, AT_SYMLINK_FOLLOW))
        return 0;
    return errno == EEXIST
               ? taken(r, item)
               : vb_fail_errno(&item->error, -errno, "linking %s/%s to %s", r->directory, item->target, path);
}

static int link_or(struct retrieving *r, struct retrieved *item, bool symbolic)
{
    int status = link_it(r, item, false);

    if (status != -EXDEV && status != -EPERM && status != -EMLINK)
        return status;
    vb_error_clear(&item->error);
    return symbolic ? link_it(r, item, true) : copy(r, item);
}

/* ---- one ----------------------------------------------------------------------------------------------- */

/* What is not a whole file of this machine can only be copied. */
static int transfer(struct retrieving *r, struct retrieved *item)
{
    bool linkable = vb_stores_is_local(r->stores, &item->location) && !vb_location_part(item->location.path);
    vb_retrieve_transfer mode = r->request->transfer;

    if (!linkable && mode != VB_RETRIEVE_AUTO && mode != VB_RETRIEVE_COPY) {
        vb_fail(&item->error, -EINVAL, "%s cannot be linked to: it is not on this machine, or is a part of a file",
                item->location.path);
        vb_hint(&item->error, "use --transfer copy or auto");
        return -EINVAL;
    }
    switch (mode) {
    case VB_RETRIEVE_HARDLINK: return link_it(r, item, false);
    case VB_RETRIEVE_SYMLINK: return link_it(r, item, true);
    case VB_RETRIEVE_LINK: return link_or(r, item, true);
    case VB_RETRIEVE_AUTO: return linkable ? link_or(r, item, false) : copy(r, item);
    case VB_RETRIEVE_COPY: break;
    }
    return copy(r, item);
}

void vb_retrieve_file(struct retrieving *r, struct retrieved *item)
{
    vb_autofree char *parent = vb_path_dir(item->target);
    struct stat st;
    int status;

    if (!fstatat(r->dir, item->target, &st, AT_SYMLINK_NOFOLLOW)) {
        item->there = is_artifact(r, item);
        if (item->there)
            return;
        if (!r->request->clobber) {
            taken(r, item);
            return;
        }
    } else if (strcmp(parent, ".") && vb_mkdirs(r->dir, parent, 0777, &item->error) < 0) {
        return;
    }
    status = transfer(r, item);
    item->made = !status;
    if (status < 0 && !item->error.code)
        vb_fail_errno(&item->error, status, "retrieving %s", item->location.path);
}
