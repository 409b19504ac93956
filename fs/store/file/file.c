/* file.c - a store that is a directory. */
#include "fs/store/class.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <string.h>

static int resolve(const char *root, const char *path, char **out, vb_error *err)
{
    if (*path != '/' && !vb_path_is_safe(path))
        return vb_fail(err, -EINVAL, "artifact path '%s' leads out of its store", path);
    *out = vb_path_join(root, path);
    return 0;
}

static int file_open(const char *root, const char *path, vb_error *err)
{
    vb_autofree char *full = NULL;
    int fd, r = resolve(root, path, &full, err);

    if (r < 0)
        return r;
    fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? vb_fail_errno(err, -errno, "opening artifact %s", full) : fd;
}

static int file_stat(const char *root, const char *path, struct stat *st, vb_error *err)
{
    vb_autofree char *full = NULL;
    int r = resolve(root, path, &full, err);

    if (r < 0)
        return r;
    return stat(full, st) ? vb_fail_errno(err, -errno, "artifact %s", full) : 0;
}

/* ---- removing ------------------------------------------------------------------------------------------ */

/* A directory of files that are removed, opened once for all that follow each other. */
struct directory {
    const char *path; /* of a file in it */
    size_t n;
    int fd; /* or a negative errno */
};

static void enter(struct directory *d, const char *root, const char *path)
{
    size_t n = (size_t)(vb_path_base(path) - path);
    vb_autofree char *inside = NULL, *full = NULL;

    if (d->path && d->n == n && !memcmp(d->path, path, n))
        return;
    if (d->fd >= 0)
        close(d->fd);
    inside = vb_strndup(path, n);
    full = vb_path_join(root, inside);
    *d = (struct directory){path, n, open(full, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (d->fd < 0)
        d->fd = -errno;
}

/* 0 or -ENOENT where there is nothing left to be done. */
static int remove_one(const char *root, struct directory *d, const vb_doomed *f)
{
    const char *base = vb_path_base(f->path);
    struct stat st;

    if (*f->path == '/' || !vb_path_is_safe(f->path))
        return -EINVAL;
    enter(d, root, f->path);
    if (d->fd < 0)
        return d->fd;
    if (fstatat(d->fd, base, &st, 0)) {
        if (errno != ENOENT) /* or it is a link whose target has gone */
            return -errno;
    } else if ((f->size >= 0 && st.st_size != f->size) || (f->mtime >= 0 && vb_clock_ns(st.st_mtim) != f->mtime)) {
        return 0;
    }
    return unlinkat(d->fd, base, 0) ? -errno : 0;
}

static void file_remove(const char *root, vb_doomed *files, size_t count)
{
    struct directory d = {.fd = -1};

    for (size_t i = 0; i < count; i++) {
        int r = remove_one(root, &d, &files[i]);

        files[i].gone = !r || r == -ENOENT;
        if (!files[i].gone)
            vb_log(VB_WARNING, "removing artifact %s/%s: %s; it will be tried again", root, files[i].path,
                   strerror(-r));
    }
    if (d.fd >= 0)
        close(d.fd);
}

const vb_store_class vb_store_file = {.scheme = "file", .open = file_open, .stat = file_stat, .remove = file_remove};
