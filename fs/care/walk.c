#include "fs/care/walk.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

enum { MAX_DEPTH = 128 };

struct walk {
    bool (*skip)(const char *name);
    vb_walk_fn *each;
    void *arg;
    dev_t device;
    vb_error *err;
};

/* A directory's name has a '/' at its end: so its files sort where their paths do. */
struct entry {
    char *name;
    struct stat st;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int list(struct walk *w, int fd, const char *path, struct entry **out, size_t *count)
{
    DIR *dir = fdopendir(fd);
    struct dirent *d;
    size_t cap = 0;

    if (!dir) {
        close(fd);
        return vb_fail_errno(w->err, -errno, "listing %s", path);
    }
    while ((d = readdir(dir))) {
        struct stat st;
        struct entry *e;

        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || (!*path && w->skip(d->d_name)))
            continue;
        if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue; /* gone since */
        e = VB_PUSH(*out, *count, cap);
        e->name = vb_format("%s%s", d->d_name, S_ISDIR(st.st_mode) ? "/" : "");
        e->st = st;
    }
    closedir(dir);
    if (*count)
        qsort(*out, *count, sizeof **out, compare);
    return 0;
}

static int walk(struct walk *w, int parent, const char *name, const char *path, int depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;
    vb_autoclose int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct entry *entries = NULL;
    size_t n = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : vb_fail_errno(w->err, -errno, "listing %s", *path ? path : name);
    if (depth > MAX_DEPTH) {
        close(fd);
        return vb_fail(w->err, -ELOOP, "%s: directories are nested more than %d deep", path, MAX_DEPTH);
    }
    r = list(w, fd, path, &entries, &n);
    for (size_t i = 0; i < n; i++) {
        vb_autofree char *whole = vb_format("%s%s", path, entries[i].name);

        if (!r && !S_ISDIR(entries[i].st.st_mode))
            r = w->each(w->arg, whole, &entries[i].st, w->err);
        else if (!r && entries[i].st.st_dev == w->device) {
            entries[i].name[strlen(entries[i].name) - 1] = 0;
            r = walk(w, own, entries[i].name, whole, depth + 1);
        }
        free(entries[i].name);
    }
    free(entries);
    return r;
}

int vb_walk(const char *root, bool (*skip)(const char *name), vb_walk_fn *each, void *arg, vb_error *err)
{
    struct walk w = {.skip = skip, .each = each, .arg = arg, .err = err};
    struct stat st;

    if (stat(root, &st))
        return vb_fail_errno(err, -errno, "listing %s", root);
    w.device = st.st_dev;
    return walk(&w, AT_FDCWD, root, "", 0);
}
