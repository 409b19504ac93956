#include "fs/store/place.h"

#include "fs/store/intent.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

enum { SMALL = 1 << 20 };

/* A directory of the store that is there, or, in the other table, a directory outside and what it is really
 * called. */
struct known {
    char *name, *real;
    UT_hash_handle hh;
};

struct vb_places {
    const vb_repo *repo;
    int root;
    pthread_mutex_t lock; /* guards what follows */
    struct known *directories, *outside;
    char **made; /* directories, parents first */
    size_t nmade, made_cap;
};

/* ---- sources ------------------------------------------------------------------------------------------- */

int vb_source_look(const char *path, vb_source *out, vb_error *err)
{
    *out = (vb_source){.path = path};
    if (fstatat(AT_FDCWD, path, &out->st, AT_SYMLINK_NOFOLLOW))
        return vb_fail(err, -errno, "%s", strerror(errno));
    out->is_link = S_ISLNK(out->st.st_mode);
    if (out->is_link && fstatat(AT_FDCWD, path, &out->st, 0))
        return vb_fail(err, -errno, "%s", errno == ENOENT ? "a link to nothing" : strerror(errno));
    if (!S_ISREG(out->st.st_mode))
        return vb_fail(err, -EINVAL, "not a file");
    return 0;
}

bool vb_source_may_link(const vb_source *s)
{
    return geteuid() == 0 || s->st.st_uid == geteuid();
}

int vb_source_hash(const vb_source *s, vb_hash *out, vb_error *err)
{
    vb_autoclose int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return vb_fail(err, -errno, "%s", strerror(errno));
    return vb_hash_fd(fd, out, NULL, err);
}

int vb_source_remove(const char *path, const vb_location *moved, vb_error *err)
{
    vb_source now;
    int r = vb_source_look(path, &now, err);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (now.is_link || now.st.st_size != moved->size || vb_clock_ns(now.st.st_mtim) != moved->mtime)
        return vb_fail(err, -ESTALE, "it has changed since");
    return unlink(path) ? vb_fail(err, -errno, "%s", strerror(errno)) : 0;
}

/* ---- directories --------------------------------------------------------------------------------------- */

int vb_places_open(const vb_repo *repo, vb_places **out, vb_error *err)
{
    int root = open(repo->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return vb_fail_errno(err, -errno, "opening %s", repo->root);
    *out = VB_NEW(vb_places);
    **out = (vb_places){.repo = repo, .root = root, .lock = PTHREAD_MUTEX_INITIALIZER};
    return 0;
}

static void forget(struct known **table)
{
    struct known *k, *next;

    HASH_ITER(hh, *table, k, next) {
        HASH_DEL(*table, k);
        free(k->name);
        free(k->real);
        free(k);
    }
}

void vb_places_close(vb_places *p)
{
    forget(&p->directories);
    forget(&p->outside);
    for (size_t i = 0; i < p->nmade; i++)
        free(p->made[i]);
    free(p->made);
    close(p->root);
    free(p);
}

static void remember(struct known **table, const char *name, size_t n, char *real)
{
    struct known *k = VB_NEW(struct known);

    k->name = vb_strndup(name, n);
    k->real = real;
    HASH_ADD_KEYPTR(hh, *table, k->name, n, k);
}

static int set_owner(const vb_places *p, const char *path, mode_t mode)
{
    if (p->repo->group != (gid_t)-1 && fchownat(p->root, path, (uid_t)-1, p->repo->group, AT_SYMLINK_NOFOLLOW))
        return -errno;
    return fchmodat(p->root, path, mode, 0) ? -errno : 0;
}

/* Makes one directory whose parent is there, with the repository's mode and group. */
static int make_directory(vb_places *p, const char *path)
{
    int r;

    if (mkdirat(p->root, path, p->repo->dir_mode | S_IRWXU)) {
        struct stat st;

        if (errno == EEXIST && !fstatat(p->root, path, &st, 0) && !S_ISDIR(st.st_mode))
            return -ENOTDIR;
        return errno == EEXIST ? 0 : -errno;
    }
    *VB_PUSH(p->made, p->nmade, p->made_cap) = vb_strdup(path);
    r = set_owner(p, path, p->repo->dir_mode);
    return r;
}

static int prepare_locked(vb_places *p, const char *path, size_t n, bool again, vb_error *err)
{
    struct known *known;
    int r = 0;

    HASH_FIND(hh, p->directories, path, n, known);
    if (known && !again)
        return 0;
    for (size_t end = 0; !r && end < n; end++) {
        vb_autofree char *directory = NULL;

        end += strcspn(path + end, "/");
        directory = vb_strndup(path, end < n ? end : n);
        r = make_directory(p, directory);
        if (r < 0)
            return vb_fail_errno(err, r, "making directory %s/%s", p->repo->root, directory);
    }
    if (!known)
        remember(&p->directories, path, n, NULL);
    return 0;
}

int vb_places_prepare(vb_places *p, const char *path, bool again, vb_error *err)
{
    const char *base = vb_path_base(path);
    int r = 0;

    pthread_mutex_lock(&p->lock);
    if (base > path)
        r = prepare_locked(p, path, (size_t)(base - path - 1), again, err);
    pthread_mutex_unlock(&p->lock);
    return r;
}

void vb_places_remove(vb_places *p, const char *path)
{
    unlinkat(p->root, path, 0);
}

void vb_places_remove_directories(vb_places *p)
{
    while (p->nmade) {
        char *directory = p->made[--p->nmade];

        unlinkat(p->root, directory, AT_REMOVEDIR);
        free(directory);
    }
}

int vb_places_sync(vb_places *p, vb_error *err)
{
    return syncfs(p->root) ? vb_fail_errno(err, -errno, "writing %s to disk", p->repo->root) : 0;
}

int vb_places_adopt(vb_places *p, const char *path, vb_error *err)
{
    int r = set_owner(p, path, p->repo->file_mode);

    return r < 0 ? vb_fail_errno(err, r, "setting its mode and group") : 0;
}

/* ---- names --------------------------------------------------------------------------------------------- */

/* The real name of the directory that a path is in, asked once a directory. */
static char *real_directory(vb_places *p, const char *path)
{
    vb_autofree char *directory = vb_path_dir(path);
    struct known *known;
    char *copy = NULL;

    pthread_mutex_lock(&p->lock);
    HASH_FIND_STR(p->outside, directory, known);
    if (!known) {
        char *real = realpath(directory, NULL);

        if (real)
            remember(&p->outside, directory, strlen(directory), real);
        HASH_FIND_STR(p->outside, directory, known);
    }
    if (known)
        copy = vb_strdup(known->real);
    pthread_mutex_unlock(&p->lock);
    return copy;
}

static int real_path(vb_places *p, const vb_source *s, char **out, vb_error *err)
{
    vb_autofree char *directory = NULL;

    if (s->is_link) {
        *out = realpath(s->path, NULL);
        return *out ? 0 : vb_fail(err, -errno, "%s", strerror(errno));
    }
    directory = real_directory(p, s->path);
    if (!directory)
        return vb_fail(err, -errno, "%s", strerror(errno));
    *out = vb_path_join(directory, vb_path_base(s->path));
    return 0;
}

/* "#hdu=3" at the end of a location's path names a part of a file, and so do "#unzip=..." and "#untar=..."
 * (dataset.h). */
static bool looks_like_part(const char *path)
{
    const char *part = vb_location_part(path);

    if (part && !strncmp(part, "#un", 3))
        return true;
    return part && part[5] && !part[5 + strspn(part + 5, "0123456789")];
}

int vb_places_name(vb_places *p, const vb_source *s, char **out, vb_error *err)
{
    vb_autofree char *real = NULL;
    size_t n = strlen(p->repo->root);
    int r = real_path(p, s, &real, err);

    if (r < 0)
        return r;
    if (vb_path_inside(real, p->repo->root) && real[n] == '/' && vb_repo_is_own(real + n + 1)) {
        vb_fail(err, -EINVAL, "belongs to the repository itself, and cannot be a dataset where it is");
        vb_hint(err, "use --transfer copy");
        return -EINVAL;
    }
    if (looks_like_part(real))
        return vb_fail(err, -EINVAL, "a name with '#hdu=', '#unzip=' or '#untar=' cannot be registered where it is");
    *out = vb_strdup(vb_path_inside(real, p->repo->root) && real[n] == '/' ? real + n + 1 : real);
    return 0;
}

/* True where the path goes through the repository, though a link there leads out of it again: to where a RUN lies that
 * was moved to another disk. */
static bool goes_through(vb_places *p, const char *path)
{
    vb_autofree char *at = vb_path_dir(path);

    while (strcmp(at, "/") != 0 && strcmp(at, ".") != 0 && strcmp(vb_path_base(at), "..") != 0) {
        vb_autofree char *real = real_directory(p, at);
        char *above;

        if (real && vb_path_inside(real, p->repo->root))
            return true;
        above = vb_path_dir(at);
        free(at);
        at = above;
    }
    return false;
}

bool vb_places_inside(vb_places *p, const vb_source *s)
{
    vb_autofree char *real = NULL;

    return !real_path(p, s, &real, NULL) && (vb_path_inside(real, p->repo->root) || goes_through(p, s->path));
}

/* ---- links --------------------------------------------------------------------------------------------- */

static int taken(const char *path, vb_error *err)
{
    return vb_fail(err, -EEXIST, "its place in the repository is taken: %s", path);
}

int vb_put_hardlink(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, vb_location *out,
                    vb_error *err)
{
    if (!linkat(AT_FDCWD, s->path, p->root, path, AT_SYMLINK_FOLLOW))
        return 0;
    if (errno == EEXIST)
        return taken(path, err);
    if (errno == EXDEV) {
        vb_fail(err, -EXDEV, "is on another file system than the repository, so it cannot be hard-linked");
        vb_hint(err, "use --transfer copy, symlink or link");
        return -EXDEV;
    }
    if (errno == EPERM)
        return vb_fail(err, -EPERM, "cannot be hard-linked: only its owner may, or its file system cannot");
    return vb_fail_errno(err, -errno, "linking it to %s", path);
}

static int put_symlink(vb_places *p, const char *content, const char *path, vb_error *err)
{
    if (!symlinkat(content, p->root, path))
        return 0;
    return errno == EEXIST ? taken(path, err) : vb_fail_errno(err, -errno, "making symlink %s", path);
}

int vb_put_symlink(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, vb_location *out,
                   vb_error *err)
{
    vb_autofree char *real = NULL;
    int r = real_path(p, s, &real, err);

    return r < 0 ? r : put_symlink(p, real, path, err);
}

int vb_put_relsymlink(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, vb_location *out,
                      vb_error *err)
{
    vb_autofree char *real = NULL, *from = vb_path_join(p->repo->root, path);
    vb_auto_buf content = {0};
    size_t same = 0;
    int r = real_path(p, s, &real, err);

    if (r < 0)
        return r;
    for (size_t i = 0; real[i] && real[i] == from[i]; i++)
        if (real[i] == '/')
            same = i + 1;
    for (const char *c = from + same; (c = strchr(c, '/')); c++)
        vb_buf_puts(&content, "../");
    vb_buf_puts(&content, real + same);
    return put_symlink(p, vb_buf_text(&content), path, err);
}

/* ---- copies -------------------------------------------------------------------------------------------- */

/* Copies the bytes and hashes them: a small file with one read and one write, a large one in the kernel,
 * which may only have to note that both have the same blocks. */
static int copy_bytes(int from, int to, int64_t size, vb_hash *hash, vb_error *err)
{
    vb_autofree char *data = NULL;
    ssize_t n;
    int r;

    if (size > SMALL) {
        r = vb_copy_fd(from, to, err);
        return r < 0 ? r : vb_hash_fd(to, hash, NULL, err);
    }
    data = vb_realloc(NULL, (size_t)size + 1, 1);
    n = pread(from, data, (size_t)size + 1, 0);
    if (n < 0)
        return vb_fail_errno(err, -errno, "reading it");
    *hash = vb_hash_bytes(data, (size_t)n);
    r = vb_write_all(to, data, (size_t)n);
    return r < 0 ? vb_fail_errno(err, r, "copying it") : 0;
}

/* -ESTALE where the source was written to meanwhile. */
static int check_same(const vb_source *s, int from, int to, vb_location *out, vb_error *err)
{
    struct stat before, after;

    if (fstat(from, &before) || fstat(to, &after))
        return vb_fail_errno(err, -errno, "copying it");
    if (before.st_size != s->st.st_size || after.st_size != s->st.st_size ||
        vb_clock_ns(before.st_mtim) != vb_clock_ns(s->st.st_mtim))
        return vb_fail(err, -ESTALE, "changed while it was copied");
    out->size = after.st_size;
    out->mtime = vb_clock_ns(after.st_mtim);
    return 0;
}

/* The repository's mode and group, and the time of the source: it tells the age of the data, and a move
 * whether the source is still what was copied. */
static int dress(const vb_places *p, const vb_source *s, int to, vb_error *err)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, s->st.st_mtim};

    if (p->repo->group != (gid_t)-1 && fchown(to, (uid_t)-1, p->repo->group))
        return vb_fail_errno(err, -errno, "giving the copy its group");
    if (fchmod(to, p->repo->file_mode) || futimens(to, times))
        return vb_fail_errno(err, -errno, "giving the copy its mode");
    return 0;
}

static int fill(vb_places *p, const vb_source *s, int to, vb_location *out, vb_error *err)
{
    vb_autoclose int from = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (from < 0)
        return vb_fail(err, -errno, "%s", strerror(errno));
    r = copy_bytes(from, to, s->st.st_size, &out->checksum, err);
    out->has_checksum = !r;
    if (!r)
        r = dress(p, s, to, err);
    return r < 0 ? r : check_same(s, from, to, out, err);
}

/* The same for what was fetched: the time is the server's, if it tells one. */
static int fill_remote(vb_places *p, const vb_source *s, int to, vb_location *out, vb_error *err)
{
    vb_source dressed = {0};
    int r = s->fetch(s->arg, s->path, to, out, err);

    if (r < 0)
        return r;
    if (fstat(to, &dressed.st))
        return vb_fail_errno(err, -errno, "copying it");
    out->size = dressed.st.st_size;
    if (out->mtime >= 0)
        dressed.st.st_mtim = vb_clock_timespec(out->mtime);
    out->mtime = vb_clock_ns(dressed.st.st_mtim);
    return dress(p, &dressed, to, err);
}

typedef int fill_fn(vb_places *p, const vb_source *s, int to, vb_location *out, vb_error *err);

static int put_filled(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, fill_fn *fill_it,
                      vb_location *out, vb_error *err)
{
    vb_auto_buf temporary = {0};
    vb_autoclose int to = -1;
    int r;

    vb_intent_temporary(&temporary, uuid, path);
    to = openat(p->root, temporary.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return vb_fail_errno(err, -errno, "copying it to %s", path);
    r = fill_it(p, s, to, out, err);
    if (!r) {
        r = vb_rename_new(p->root, temporary.data, p->root, path);
        if (r == -EEXIST)
            taken(path, err);
        else if (r < 0)
            vb_fail_errno(err, r, "naming the copy %s", path);
    }
    if (r < 0)
        unlinkat(p->root, temporary.data, 0);
    return r;
}

int vb_put_copy(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, vb_location *out,
                vb_error *err)
{
    return put_filled(p, s, path, uuid, fill, out, err);
}

int vb_put_fetch(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, vb_location *out,
                 vb_error *err)
{
    return put_filled(p, s, path, uuid, fill_remote, out, err);
}
