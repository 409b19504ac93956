/* file.c - a store that is a directory. */
#include "fs/store/class.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int file_open(const char *root, const vb_store_options *options, void **out, vb_error *err)
{
    if (vb_starts_with(root, "file://"))
        root += strlen("file://");
    *out = vb_strdup(root);
    return 0;
}

static int resolve(const char *root, const char *path, char **out, vb_error *err)
{
    if (*path != '/' && !vb_path_is_safe(path))
        return vb_fail(err, -EINVAL, "artifact path '%s' leads out of its store", path);
    *out = vb_path_join(root, path);
    return 0;
}

static int file_open_file(void *store, const char *path, vb_error *err)
{
    vb_autofree char *full = NULL;
    int fd, r = resolve(store, path, &full, err);

    if (r < 0)
        return r;
    fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? vb_fail_errno(err, -errno, "opening artifact %s", full) : fd;
}

static void describe(const struct stat *st, vb_object *out)
{
    *out = (vb_object){.size = st->st_size, .mtime = vb_clock_ns(st->st_mtim)};
    snprintf(out->etag, sizeof out->etag, "%" PRIx64 "-%" PRIx64, (uint64_t)out->mtime, (uint64_t)out->size);
}

static int file_stat(void *store, const char *path, int64_t deadline, vb_object *out, vb_error *err)
{
    vb_autofree char *full = NULL;
    struct stat st;
    int r = resolve(store, path, &full, err);

    if (r < 0)
        return r;
    if (stat(full, &st))
        return vb_fail_errno(err, -errno, "artifact %s", full);
    describe(&st, out);
    return 0;
}

static int send_bytes(int fd, int64_t offset, int64_t length, vb_sink_fn *sink, void *arg)
{
    enum { PIECE = 256 << 10 };
    vb_autofree char *buffer = vb_alloc(PIECE);

    while (length) {
        size_t want = length < 0 || length > PIECE ? PIECE : (size_t)length;
        ssize_t n = pread(fd, buffer, want, offset);
        int r = n < 0 ? -errno : n ? sink(arg, buffer, (size_t)n) : 0;

        if (r < 0)
            return r;
        if (!n)
            return length < 0 ? 0 : -EIO;
        offset += n;
        length -= length < 0 ? 0 : n;
    }
    return 0;
}

static int file_get_told(void *store, const char *path, int64_t offset, int64_t length, const char *etag,
                         int64_t deadline, vb_sink_fn *sink, void *arg, vb_object *told, vb_error *err)
{
    vb_autoclose int fd = file_open_file(store, path, err);
    struct stat st;
    int r;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st))
        return vb_fail_errno(err, -errno, "artifact %s", path);
    describe(&st, told);
    if (*etag && strcmp(etag, told->etag) != 0)
        return vb_fail(err, -ESTALE, "artifact %s is another version than before", path);
    r = send_bytes(fd, offset, length, sink, arg);
    return r < 0 && !(err && err->code) ? vb_fail_errno(err, r, "reading artifact %s", path) : r;
}

static int file_get(void *store, const char *path, int64_t offset, int64_t length, const char *etag, int64_t deadline,
                    vb_sink_fn *sink, void *arg, vb_error *err)
{
    vb_object told;

    return file_get_told(store, path, offset, length, etag, deadline, sink, arg, &told, err);
}

static int copy_beside(const char *full, int fd, int64_t size, bool replace, vb_error *err)
{
    vb_autofree char *name = NULL;
    vb_autoclose int to = vb_create_beside(AT_FDCWD, full, 0666, &name);
    struct stat st;
    int r;

    if (to < 0)
        return vb_fail_errno(err, to, "writing artifact %s", full);
    r = vb_copy_fd(fd, to, err);
    if (!r && (fstat(to, &st) || st.st_size != size))
        r = vb_fail(err, -EIO, "writing artifact %s: it has not the size that was told", full);
    if (!r)
        r = vb_publish_file(name, full, replace, err);
    if (r < 0)
        unlink(name);
    return r;
}

static int file_put(void *store, const char *path, int fd, int64_t size, bool replace, int64_t deadline, vb_error *err)
{
    vb_autofree char *full = NULL, *parent = NULL;
    int r = resolve(store, path, &full, err);

    if (r < 0)
        return r;
    parent = vb_path_dir(full);
    r = vb_mkdirs(AT_FDCWD, parent, 0777, err);
    return r < 0 ? r : copy_beside(full, fd, size, replace, err);
}

/* ---- removing ------------------------------------------------------------------------------------------ */

static int file_remove(void *store, const char *path, int64_t deadline, vb_error *err)
{
    vb_autofree char *full = NULL;
    int r = resolve(store, path, &full, err);

    if (r < 0)
        return r;
    return unlink(full) ? vb_fail_errno(err, -errno, "removing artifact %s", full) : 0;
}

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

static void file_remove_all(void *store, vb_doomed *files, size_t count)
{
    const char *root = store;
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

/* Entries of the directory `path` ("" or with '/' at its end) and of those below it. */
static int list_directory(int at, const char *path, vb_object_fn *each, void *arg, vb_error *err)
{
    vb_autofree char *name = *path ? vb_strndup(path, strlen(path) - 1) : vb_strdup(".");
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int r = 0;

    if (!d)
        return errno == ENOENT ? 0 : vb_fail_errno(err, -errno, "listing artifacts in %s", name);
    while (!r && (entry = readdir(d))) {
        vb_autofree char *child = vb_format("%s%s", path, entry->d_name);
        struct stat st;
        vb_object object;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        describe(&st, &object);
        if (S_ISDIR(st.st_mode)) {
            vb_autofree char *below = vb_format("%s/", child);

            r = list_directory(at, below, each, arg, err);
        } else if (S_ISREG(st.st_mode)) {
            r = each(arg, child, &object);
        }
    }
    closedir(d);
    return r;
}

static int file_list(void *store, const char *prefix, int64_t deadline, vb_object_fn *each, void *arg, vb_error *err)
{
    vb_autoclose int root = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return vb_fail_errno(err, -errno, "listing artifacts in %s", (char *)store);
    return list_directory(root, prefix, each, arg, err);
}

static const char *const schemes[] = {"file", NULL};

const vb_store_class vb_store_file = {
    .schemes = schemes,
    .local = true,
    .open = file_open,
    .close = free,
    .open_file = file_open_file,
    .stat = file_stat,
    .get = file_get,
    .get_told = file_get_told,
    .put = file_put,
    .remove = file_remove,
    .remove_all = file_remove_all,
    .list = file_list,
};
