#include "registry/base/path.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

char *vb_path_join(const char *a, const char *b)
{
    if (*b == '/' || !*a)
        return vb_strdup(b);
    return vb_format("%s%s%s", a, vb_ends_with(a, "/") ? "" : "/", b);
}

const char *vb_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

char *vb_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return vb_strdup(".");
    return vb_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

const char *vb_path_extension(const char *path)
{
    static const char *const outer[] = {".gz", ".fz", ".zst", ".bz2", ".xz"};
    const char *base = vb_path_base(path), *dot = strrchr(base, '.');

    if (!dot || dot == base)
        return "";
    for (size_t i = 0; i < VB_COUNT(outer); i++)
        if (!strcmp(dot, outer[i]))
            for (const char *p = dot - 1; p > base; p--)
                if (*p == '.')
                    return p;
    return dot;
}

char *vb_path_absolute(const char *path, vb_error *err)
{
    char resolved[PATH_MAX];
    vb_autofree char *dir = NULL, *parent = NULL;
    const char *base;

    if (realpath(path, resolved))
        return vb_strdup(resolved);
    base = vb_path_base(path);
    if (errno != ENOENT || !*path || !*base || !strcmp(base, "..") || !strcmp(base, ".")) {
        vb_fail_errno(err, -errno, "%s", path);
        return NULL;
    }
    dir = vb_path_dir(path); /* the file is not there yet: its directory decides */
    parent = vb_path_absolute(dir, err);
    return parent ? vb_path_join(parent, base) : NULL;
}

bool vb_path_inside(const char *path, const char *root)
{
    size_t n = strlen(root);

    while (n > 1 && root[n - 1] == '/')
        n--;
    return !strncmp(path, root, n) && (n == 1 || !path[n] || path[n] == '/');
}

bool vb_path_is_safe(const char *relative)
{
    if (!*relative || *relative == '/')
        return false;
    for (const char *p = relative; *p;) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += n + (p[n] == '/');
    }
    return true;
}

int vb_mkdirs(int dirfd, const char *path, mode_t mode, vb_error *err)
{
    vb_autofree char *dir = NULL;
    int r;

    if (!mkdirat(dirfd, path, mode))
        return 0;
    if (errno == EEXIST) {
        struct stat st;

        if (!fstatat(dirfd, path, &st, 0) && S_ISDIR(st.st_mode))
            return 0;
        return vb_fail(err, -ENOTDIR, "%s: is there already and is not a directory", path);
    }
    if (errno != ENOENT)
        return vb_fail_errno(err, -errno, "making directory %s", path);
    dir = vb_path_dir(path);
    if (!strcmp(dir, path) || !strcmp(dir, "."))
        return vb_fail_errno(err, -ENOENT, "making directory %s", path);
    r = vb_mkdirs(dirfd, dir, mode, err);
    if (r < 0)
        return r;
    if (mkdirat(dirfd, path, mode) && errno != EEXIST)
        return vb_fail_errno(err, -errno, "making directory %s", path);
    return 0;
}

int vb_read_file(int dirfd, const char *path, size_t limit, vb_buf *out, vb_error *err)
{
    vb_autoclose int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char block[16384];
    ssize_t n;

    if (fd < 0)
        return vb_fail_errno(err, -errno, "opening %s", path);
    vb_buf_clear(out);
    while ((n = read(fd, block, sizeof block)) > 0) {
        if (out->len + (size_t)n > limit)
            return vb_fail(err, -EFBIG, "%s: longer than %zu bytes", path, limit);
        vb_buf_add(out, block, (size_t)n);
    }
    if (n < 0)
        return vb_fail_errno(err, -errno, "reading %s", path);
    return 0;
}

int vb_write_all(int fd, const void *data, size_t n)
{
    const char *p = data;

    while (n) {
        ssize_t written = write(fd, p, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        p += written;
        n -= (size_t)written;
    }
    return 0;
}

int vb_create_beside(int dirfd, const char *path, mode_t mode, char **name)
{
    for (int tries = 0;; tries++) {
        vb_uuid u = vb_uuid_v7();
        int fd;

        free(*name);
        *name = vb_format("%s.%02x%02x%02x%02x.tmp", path, u.bytes[12], u.bytes[13], u.bytes[14], u.bytes[15]);
        fd = openat(dirfd, *name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST || tries == 100)
            return fd >= 0 ? fd : -errno;
    }
}

int vb_write_file(int dirfd, const char *path, const void *data, size_t n, mode_t mode, bool sync, vb_error *err)
{
    vb_autofree char *temporary = NULL;
    vb_autoclose int fd = vb_create_beside(dirfd, path, mode, &temporary);
    int r;

    if (fd < 0)
        return vb_fail_errno(err, fd, "writing %s", path);
    r = vb_write_all(fd, data, n);
    if (!r && sync && fsync(fd))
        r = -errno;
    if (!r && renameat(dirfd, temporary, dirfd, path))
        r = -errno;
    if (r < 0) {
        unlinkat(dirfd, temporary, 0);
        return vb_fail_errno(err, r, "writing %s", path);
    }
    return 0;
}

static int sync_path(const char *path, int flags)
{
    vb_autoclose int fd = open(path, flags | O_RDONLY | O_CLOEXEC);

    return fd < 0 || fsync(fd) ? -errno : 0;
}

int vb_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
    if (!renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(from_dir, from, to_dir, to, 0))
        return -errno;
    unlinkat(from_dir, from, 0);
    return 0;
}

int vb_publish_file(const char *from, const char *to, bool replace, vb_error *err)
{
    vb_autofree char *dir = vb_path_dir(to);
    int r = sync_path(from, 0);

    if (!r)
        r = !replace ? vb_rename_new(AT_FDCWD, from, AT_FDCWD, to) : rename(from, to) ? -errno : 0;
    if (!r)
        r = sync_path(dir, O_DIRECTORY);
    if (r == -EEXIST)
        return vb_fail(err, r, "%s is there already", to);
    return r < 0 ? vb_fail_errno(err, r, "writing %s", to) : 0;
}

static int remove_children(int fd, dev_t device, vb_error *err)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int r = 0;

    if (!dir) {
        close(fd);
        return vb_fail_errno(err, -errno, "listing a directory to remove");
    }
    while (!r && (entry = readdir(dir))) {
        struct stat st;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            r = errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "removing %s", entry->d_name);
        else if (st.st_dev != device)
            r = vb_fail(err, -EXDEV, "removing %s: another file system is mounted there", entry->d_name);
        else
            r = vb_remove_tree(dirfd(dir), entry->d_name, err);
    }
    closedir(dir);
    return r;
}

/* Opens a directory to empty it, in whatever mode a task has left it; the descriptor, or a negative errno. */
static int open_to_empty(int dirfd, const char *path)
{
    enum { FLAGS = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(dirfd, path, O_RDONLY | FLAGS);
    vb_autoclose int closed = fd < 0 && errno == EACCES ? openat(dirfd, path, O_PATH | FLAGS) : -1;
    char name[32];

    if (closed >= 0) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", closed); /* no chmod takes a descriptor of O_PATH */
        if (!chmod(name, 0700))
            fd = openat(dirfd, path, O_RDONLY | FLAGS);
    }
    if (fd < 0)
        return -errno;
    (void)fchmod(fd, 0700);
    return fd;
}

int vb_remove_tree(int dirfd, const char *path, vb_error *err)
{
    struct stat st;
    int fd, r;

    if (!unlinkat(dirfd, path, 0) || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return vb_fail_errno(err, -errno, "removing %s", path);
    if (!unlinkat(dirfd, path, AT_REMOVEDIR) || errno == ENOENT)
        return 0;
    fd = open_to_empty(dirfd, path);
    if (fd < 0)
        return vb_fail_errno(err, fd, "removing %s", path);
    if (fstat(fd, &st)) {
        r = -errno;
        close(fd);
        return vb_fail_errno(err, r, "removing %s", path);
    }
    r = remove_children(fd, st.st_dev, err);
    if (r < 0)
        return r;
    if (unlinkat(dirfd, path, AT_REMOVEDIR) && errno != ENOENT)
        return vb_fail_errno(err, -errno, "removing %s", path);
    return 0;
}

int vb_copy_fd(int from, int to, vb_error *err)
{
    off_t in = 0, out = 0;
    char block[65536];
    ssize_t n;

    if (!ioctl(to, FICLONE, from))
        return 0;
    while ((n = copy_file_range(from, &in, to, &out, 1 << 30, 0)) > 0)
        ;
    if (n == 0 && in > 0)
        return 0;
    /* Another file system, one without the call, or an empty file: by hand from where it stopped. */
    while ((n = pread(from, block, sizeof block, in)) > 0) {
        for (ssize_t done = 0, w; done < n; done += w) {
            w = pwrite(to, block + done, (size_t)(n - done), out + done);
            if (w < 0)
                return vb_fail_errno(err, -errno, "copying: write");
        }
        in += n;
        out += n;
    }
    if (n < 0)
        return vb_fail_errno(err, -errno, "copying: read");
    return 0;
}
