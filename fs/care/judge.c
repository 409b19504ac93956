/* judge.c - an artifact beside what was registered of it. */
#include "fs/care/internal.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/component.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <string.h>

static char *where(vb_fsck *f, const vb_held *held)
{
    vb_location location = {.store_id = held->store_id, .path = held->file};

    return vb_stores_path(f->stores, &location);
}

/* Whose file a kept finding is. */
static void keep_of(struct kept *k, const vb_held *held)
{
    k->dataset_id = held->dataset_id;
    k->store_id = held->store_id;
    k->component = held->component ? vb_strdup(held->component) : NULL;
}

__attribute__((format(printf, 5, 6))) static void tell(vb_fsck *f, vb_damage kind, const vb_held *held,
                                                       const char *mending, const char *format, ...)
{
    va_list args;
    vb_autofree char *detail = NULL, *dataset = vb_fsck_dataset(f, held->dataset_id);

    va_start(args, format);
    detail = vb_vformat(format, args);
    va_end(args);
    mending = f->repo->snapshot ? NULL : mending;
    vb_fsck_tell(f, &(vb_finding){kind, held->file, dataset, detail, mending});
    if (mending) {
        struct kept *k = vb_fsck_keep(&f->mends, &f->nmends, &f->mends_cap, kind, held->file);

        keep_of(k, held);
    }
}

bool vb_fsck_is_absence(int code)
{
    return code == -ENOENT || code == -ENOTDIR;
}

static void missing(vb_fsck *f, const vb_held *held, int code)
{
    if (f->held) { /* it may have been pruned since the walk began: vb_fsck_absent() looks again */
        keep_of(vb_fsck_keep(&f->absent, &f->nabsent, &f->absent_cap, VB_DAMAGE_MISSING, held->file), held);
        return;
    }
    if (!vb_fsck_is_absence(code)) { /* a directory that may not be searched, a server that is away */
        tell(f, VB_DAMAGE_MISSING, held, NULL, "cannot be looked at: %s", strerror(-code));
        return;
    }
    tell(f, VB_DAMAGE_MISSING, held,
         held->component ? "forget where it was; the dataset stays, without this component"
                         : "forget where it was; the dataset stays, without an artifact",
         "is not there; restore it from a copy if there is one");
}

/* Where a file of the dataset is by now: 1, 0 where nothing says so any more. */
static int find_now(vb_fsck *f, int64_t dataset_id, const char *component, vb_file *out, vb_error *err)
{
    return component ? vb_component_get(f->reg, dataset_id, component, out, err)
                     : vb_location_get(f->reg, dataset_id, &out->location, err);
}

int vb_fsck_look(vb_fsck *f, int64_t store_id, char *file)
{
    vb_location location = {.store_id = store_id, .path = file};
    vb_autofree char *path = NULL;
    vb_object object;
    struct stat st;

    if (!vb_stores_is_local(f->stores, &location))
        return vb_stores_ask(f->stores, &location, &object, NULL);
    path = vb_stores_path(f->stores, &location);
    return stat(path, &st) ? -errno : 0;
}

int vb_fsck_absent(vb_fsck *f, vb_error *err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < f->nabsent; i++) {
        const struct kept *k = &f->absent[i];
        vb_held held = {.dataset_id = k->dataset_id,
                        .store_id = k->store_id,
                        .file = k->path,
                        .component = k->component};
        vb_auto_file now = {0};
        int code;

        r = find_now(f, k->dataset_id, k->component, &now, err);
        code = r > 0 ? vb_fsck_look(f, k->store_id, k->path) : 0;
        if (code)
            missing(f, &held, code);
    }
    return r < 0 ? r : 0;
}

/* Only what vbutler has copied or made is known to have got the repository's mode: a checksum tells, and one name. */
static bool has_our_mode(const vb_held *held, const struct stat *own)
{
    return held->has_checksum && held->store_id == 1 && *held->file != '/' && S_ISREG(own->st_mode) &&
           own->st_nlink == 1;
}

static void check_permission(vb_fsck *f, const vb_held *held, const char *path)
{
    struct stat own;

    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS)) {
        tell(f, VB_DAMAGE_PERMISSION, held, *held->file == '/' ? NULL : "give it the repository's mode and group",
             "cannot be read: %s", strerror(errno));
        return;
    }
    if (f->repo->snapshot || lstat(path, &own) || !has_our_mode(held, &own))
        return;
    if ((own.st_mode & 07777) != f->repo->file_mode)
        tell(f, VB_DAMAGE_PERMISSION, held, "give it the repository's mode and group",
             "has mode %04o, and vbutler.yaml says %04o", own.st_mode & 07777, f->repo->file_mode);
    else if (f->repo->group != (gid_t)-1 && own.st_gid != f->repo->group)
        tell(f, VB_DAMAGE_PERMISSION, held, "give it the repository's mode and group",
             "has group %u, and vbutler.yaml says %u", own.st_gid, f->repo->group);
}

static int hash_later(vb_fsck *f, const vb_held *held, const char *path, bool touched, int64_t mtime, vb_error *err)
{
    f->hashes[f->nhashes++] = (struct to_hash){.path = vb_strdup(path),
                                               .component = held->component ? vb_strdup(held->component) : NULL,
                                               .dataset_id = held->dataset_id,
                                               .store_id = held->store_id,
                                               .wanted = held->checksum,
                                               .mtime = mtime,
                                               .touched = touched};
    return f->nhashes == HASH_BATCH ? vb_fsck_hash_all(f, err) : 0;
}

/* A part of a file has a size of its own, which is that of what a mount shows; false where the file has no such part,
 * which is told. */
static bool measure(vb_fsck *f, const vb_held *held, const struct stat *st, int64_t *size)
{
    vb_auto_file file = {0};
    vb_auto_error err = VB_ERROR_INIT;
    int64_t mtime;

    *size = st->st_size;
    if (!held->part || find_now(f, held->dataset_id, held->component, &file, NULL) <= 0 ||
        !vb_stores_stat(f->stores, &file.location, size, &mtime, &err))
        return true;
    tell(f, VB_DAMAGE_MISSING, held, NULL, "does not have the dataset's part %s: %s; restore the file",
         vb_location_part(file.location.path) + 1, err.message);
    return false;
}

static void ask_later(vb_fsck *f, const vb_held *held)
{
    struct to_ask *a = &f->asks[f->nasks++];

    *a = (struct to_ask){.held = *held};
    a->held.file = vb_strdup(held->file);
    a->held.component = held->component ? vb_strdup(held->component) : NULL;
    if (f->nasks == ASK_BATCH)
        vb_fsck_ask_all(f);
}

int vb_fsck_judge(vb_fsck *f, const vb_held *held, vb_error *err)
{
    const vb_location location = {.store_id = held->store_id, .path = held->file};
    vb_autofree char *path = where(f, held);
    struct stat st;
    int64_t size, mtime;
    bool touched;

    f->counts.datasets++;
    if (!vb_stores_is_local(f->stores, &location)) {
        ask_later(f, held);
        return 0;
    }
    if (stat(path, &st)) {
        missing(f, held, -errno);
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        tell(f, VB_DAMAGE_MISSING, held, NULL, "is no regular file");
        return 0;
    }
    check_permission(f, held, path);
    if (!measure(f, held, &st, &size))
        return 0;
    mtime = vb_clock_ns(st.st_mtim);
    touched = held->mtime >= 0 && mtime != held->mtime;
    if (held->size >= 0 && size != held->size) {
        tell(f, VB_DAMAGE_SIZE, held, NULL,
             "has %" PRId64 " bytes, and had %" PRId64 " when it was registered: restore it", size, held->size);
        return 0;
    }
    if (f->options.checksum && held->has_checksum && !held->part)
        return hash_later(f, held, path, touched, mtime, err);
    if (touched)
        tell(f, VB_DAMAGE_TIME, held, NULL, "was written to or copied after it was registered: %s",
             held->has_checksum ? "--checksum tells whether it has the same bytes" : "compare it with its source");
    return 0;
}

/* ---- checksums -------------------------------------------------------------------------------------------- */

static void hash_one(void *arg, size_t i)
{
    struct to_hash *h = &((vb_fsck *)arg)->hashes[i];
    vb_autoclose int fd = open(h->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        vb_fail_errno(&h->err, -errno, "cannot be read");
    else
        vb_hash_fd(fd, &h->found, NULL, &h->err);
}

static void judge_hash(vb_fsck *f, const struct to_hash *h)
{
    size_t n = strlen(f->repo->root);
    const char *shown = vb_path_inside(h->path, f->repo->root) ? h->path + n + 1 : h->path;
    vb_held held = {.dataset_id = h->dataset_id,
                    .store_id = h->store_id,
                    .file = vb_strdup(shown),
                    .component = h->component};
    char is[VB_HASH_TEXT], was[VB_HASH_TEXT];

    if (h->err.code) {
        if (h->err.code != -EACCES) /* that was told already */
            tell(f, VB_DAMAGE_CHECKSUM, &held, NULL, "%s", h->err.message);
    } else if (memcmp(&h->found, &h->wanted, sizeof h->found)) {
        tell(f, VB_DAMAGE_CHECKSUM, &held, NULL, "has %s, and had %s when it was registered: restore it",
             vb_hash_format(&h->found, is), vb_hash_format(&h->wanted, was));
    } else if (h->touched) {
        tell(f, VB_DAMAGE_TIME, &held, "record its time", "was touched or copied since; its bytes are the same");
        if (!f->repo->snapshot)
            f->mends[f->nmends - 1].mtime = h->mtime;
    }
    free(held.file);
}

int vb_fsck_hash_all(vb_fsck *f, vb_error *err)
{
    vb_parallel(f->nhashes, f->options.threads, hash_one, f, "checksums", NULL);
    for (size_t i = 0; i < f->nhashes; i++) {
        judge_hash(f, &f->hashes[i]);
        free(f->hashes[i].path);
        free(f->hashes[i].component);
        vb_error_clear(&f->hashes[i].err);
    }
    f->nhashes = 0;
    return 0;
}

/* ---- from afar -------------------------------------------------------------------------------------------- */

static int add_to_hash(void *arg, const void *bytes, size_t n)
{
    vb_hasher_add(arg, bytes, n);
    return 0;
}

static void ask_one(void *arg, size_t i)
{
    vb_fsck *f = arg;
    struct to_ask *a = &f->asks[i];
    const vb_location l = {.store_id = a->held.store_id, .path = a->held.file};
    vb_auto(vb_hasher_free) vb_hasher *hasher = NULL;
    int r = vb_stores_ask(f->stores, &l, &a->object, &a->err);

    if (r < 0 || !f->options.checksum || !a->held.has_checksum || a->held.part ||
        (a->held.size >= 0 && a->object.size >= 0 && a->object.size != a->held.size))
        return;
    hasher = vb_hasher_new();
    r = vb_stores_get(f->stores, &l, 0, -1, a->object.etag, vb_stores_deadline(f->stores, &l, a->object.size),
                      add_to_hash, hasher, &a->err);
    a->hashed = !r;
    a->found = vb_hasher_result(hasher);
}

static void judge_answer(vb_fsck *f, const struct to_ask *a)
{
    const vb_held *held = &a->held;
    char is[VB_HASH_TEXT], was[VB_HASH_TEXT];

    if (a->err.code == -ENOENT)
        missing(f, held, -ENOENT);
    else if (a->err.code) /* it may be there: nothing is forgotten */
        tell(f, VB_DAMAGE_MISSING, held, NULL, "cannot be looked at: %s", a->err.message);
    else if (!held->part && held->size >= 0 && a->object.size >= 0 && a->object.size != held->size)
        tell(f, VB_DAMAGE_SIZE, held, NULL,
             "has %" PRId64 " bytes, and had %" PRId64 " when it was registered: restore it", a->object.size,
             held->size);
    else if (a->hashed && memcmp(&a->found, &held->checksum, sizeof a->found) != 0)
        tell(f, VB_DAMAGE_CHECKSUM, held, NULL, "has %s, and had %s when it was registered: restore it",
             vb_hash_format(&a->found, is), vb_hash_format(&held->checksum, was));
    else if (!held->has_checksum && held->mtime >= 0 && a->object.mtime >= 0 && a->object.mtime != held->mtime)
        tell(f, VB_DAMAGE_TIME, held, NULL,
             "was written to or copied after it was registered: compare it with its source");
}

void vb_fsck_ask_all(vb_fsck *f)
{
    enum { THREADS = 16 }; /* they wait for the network most of the time */

    vb_parallel(f->nasks, f->options.threads ? f->options.threads : THREADS, ask_one, f, "remote artifacts", NULL);
    for (size_t i = 0; i < f->nasks; i++) {
        judge_answer(f, &f->asks[i]);
        free(f->asks[i].held.file);
        free(f->asks[i].held.component);
        vb_error_clear(&f->asks[i].err);
    }
    f->nasks = 0;
}
