/* file.c - a store that is a directory. */
#include "fs/store/class.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>

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

static int file_remove(const char *root, const char *path, vb_error *err)
{
    vb_autofree char *full = NULL;
    int r = resolve(root, path, &full, err);

    if (r < 0)
        return r;
    return unlink(full) ? vb_fail_errno(err, -errno, "removing artifact %s", full) : 0;
}

const vb_store_class vb_store_file = {.scheme = "file", .open = file_open, .stat = file_stat, .remove = file_remove};
