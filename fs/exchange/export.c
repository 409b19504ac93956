#include "fs/exchange/export.h"

#include "fs/store/store.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

int vb_export_transfer_parse(const char *text, vb_export_transfer *out, vb_error *err)
{
    static const char *const names[] = {"none", "direct", "copy", "hardlink", "symlink", "auto", NULL};
    const char *near;

    for (size_t i = 0; names[i]; i++)
        if (!strcmp(text, names[i])) {
            *out = (vb_export_transfer)i;
            return 0;
        }
    vb_fail(err, -EINVAL, "no transfer mode '%s': there are " VB_EXPORT_TRANSFERS, text);
    near = vb_nearest(text, names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    return -EINVAL;
}

/* An artifact that is to come to the directory. */
struct artifact {
    UT_hash_handle hh; /* by target */
    vb_location location;
    char *target; /* below the directory */
    bool made;
    vb_error error;
};

struct exporting {
    const vb_repo *repo;
    const vb_export_request *request;
    vb_stores *stores;
    int dir;
    struct artifact **artifacts, *by_target;
    size_t count, cap;
};

static void exporting_clear(struct exporting *e)
{
    HASH_CLEAR(hh, e->by_target);
    for (size_t i = 0; i < e->count; i++) {
        vb_location_clear(&e->artifacts[i]->location);
        free(e->artifacts[i]->target);
        vb_error_clear(&e->artifacts[i]->error);
        free(e->artifacts[i]);
    }
    free(e->artifacts);
    if (e->stores)
        vb_stores_close(e->stores);
    if (e->dir >= 0)
        close(e->dir);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

/* The path in the directory of an artifact that lies elsewhere: its absolute one, below "external". */
static char *target_of(const vb_location *location)
{
    return *location->path == '/' ? vb_format("external%s", location->path) : vb_strdup(location->path);
}

static int note_artifact(void *arg, const vb_location *location, vb_buf *path, vb_error *err)
{
    struct exporting *e = arg;
    vb_autofree char *target = NULL;
    struct artifact *a;

    if (e->request->transfer == VB_EXPORT_NONE || e->request->transfer == VB_EXPORT_DIRECT) {
        vb_autofree char *absolute = NULL;

        if (e->request->transfer == VB_EXPORT_NONE && location->store_id == 1) {
            vb_buf_puts(path, location->path);
            return 0;
        }
        absolute = vb_stores_path(e->stores, location);
        if (!absolute)
            return vb_fail(err, -ENOENT, "artifact %s lies in no store of the repository", location->path);
        vb_buf_puts(path, absolute);
        return 0;
    }
    target = target_of(location);
    vb_buf_puts(path, target);
    HASH_FIND_STR(e->by_target, target, a);
    if (a) /* several datasets have it */
        return 0;
    a = VB_NEW(struct artifact);
    a->location = *location;
    a->location.path = vb_strdup(location->path);
    a->location.formatter = NULL;
    a->target = VB_STEAL(target);
    HASH_ADD_KEYPTR(hh, e->by_target, a->target, strlen(a->target), a);
    *VB_PUSH(e->artifacts, e->count, e->cap) = a;
    return 0;
}

/* ---- artifacts --------------------------------------------------------------------------------------------------- */

static int copy_artifact(struct exporting *e, struct artifact *a)
{
    int fd = openat(e->dir, a->target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), r;

    if (fd < 0)
        return vb_fail_errno(&a->error, -errno, "making it");
    a->made = true;
    r = vb_stores_copy_artifact(e->stores, &a->location, fd, &a->error);
    return close(fd) && !r ? vb_fail_errno(&a->error, -errno, "writing it") : r;
}

/* The artifact is still what the registry says, and where. */
static int look(struct exporting *e, struct artifact *a)
{
    vb_content content = {0};
    int r = vb_stores_open_artifact(e->stores, &a->location, &content, &a->error);

    if (!r && content.fd >= 0)
        close(content.fd);
    return r;
}

static int link_artifact(struct exporting *e, struct artifact *a, const char *path)
{
    if (linkat(AT_FDCWD, path, e->dir, a->target, AT_SYMLINK_FOLLOW))
        return vb_fail_errno(&a->error, -errno, "linking it");
    a->made = true;
    return 0;
}

static int put_artifact(struct exporting *e, struct artifact *a)
{
    vb_autofree char *path = vb_stores_path(e->stores, &a->location), *parent = vb_path_dir(a->target);
    vb_export_transfer mode = e->request->transfer;
    int r = path ? 0 : vb_fail(&a->error, -ENOENT, "it lies in no store of the repository");

    if (!r)
        r = vb_mkdirs(e->dir, parent, 0777, &a->error);
    if (r < 0 || mode == VB_EXPORT_COPY)
        return r < 0 ? r : copy_artifact(e, a);
    r = look(e, a);
    if (r < 0)
        return r;
    if (mode == VB_EXPORT_SYMLINK) {
        if (symlinkat(path, e->dir, a->target))
            return vb_fail_errno(&a->error, -errno, "linking it");
        a->made = true;
        return 0;
    }
    r = link_artifact(e, a, path);
    if (mode == VB_EXPORT_AUTO && (r == -EXDEV || r == -EPERM || r == -EMLINK)) {
        vb_error_clear(&a->error);
        r = copy_artifact(e, a);
    }
    return r;
}

static void put_one(void *arg, size_t i)
{
    struct exporting *e = arg;

    put_artifact(e, e->artifacts[i]);
}

static int put_artifacts(struct exporting *e, vb_error *err)
{
    vb_parallel(e->count, e->request->threads, put_one, e, "exporting files", e->request->progress);
    for (size_t i = 0; i < e->count; i++)
        if (e->artifacts[i]->error.code) {
            vb_fail(err, e->artifacts[i]->error.code, "artifact %s: %s", e->artifacts[i]->location.path,
                    e->artifacts[i]->error.message);
            return e->artifacts[i]->error.code;
        }
    return e->count && syncfs(e->dir) ? vb_fail_errno(err, -errno, "writing the artifacts to disk") : 0;
}

static void undo(struct exporting *e)
{
    for (size_t i = 0; i < e->count; i++) {
        vb_autofree char *parent = NULL;

        if (!e->artifacts[i]->made)
            continue;
        unlinkat(e->dir, e->artifacts[i]->target, 0);
        parent = vb_path_dir(e->artifacts[i]->target);
        while (strcmp(parent, ".") && !unlinkat(e->dir, parent, AT_REMOVEDIR)) {
            char *above = vb_path_dir(parent);

            free(parent);
            parent = above;
        }
    }
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static int write_yaml(struct exporting *e, vb_registry *reg, const char *name, vb_export_report *report, vb_error *err)
{
    vb_export_options options = {.collections = e->request->collections,
                                 .types = e->request->types,
                                 .where = e->request->where,
                                 .target = e->request->target,
                                 .artifact = note_artifact,
                                 .arg = e};
    int fd = openat(e->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), r;
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (!out)
        return vb_fail_errno(err, -errno, "making %s", name);
    r = vb_export_write(reg, &options, out, report, err);
    if (!r && (fflush(out) || fsync(fd)))
        r = vb_fail_errno(err, -errno, "writing %s", name);
    if (fclose(out) && !r)
        r = vb_fail_errno(err, -errno, "writing %s", name);
    return r;
}

static int open_directory(struct exporting *e, const char *directory, vb_error *err)
{
    int r = vb_mkdirs(AT_FDCWD, directory, 0777, err);

    if (r < 0)
        return r;
    e->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e->dir < 0)
        return vb_fail_errno(err, -errno, "opening %s", directory);
    if (!faccessat(e->dir, e->request->file, F_OK, AT_SYMLINK_NOFOLLOW)) {
        vb_fail(err, -EEXIST, "%s/%s: there is one already", directory, e->request->file);
        vb_hint(err, "name another directory, or another --export-file");
        return -EEXIST;
    }
    return 0;
}

int vb_export(const vb_repo *repo, const char *directory, const vb_export_request *request, vb_export_report *report,
              vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    __attribute__((cleanup(exporting_clear))) struct exporting e = {.repo = repo, .request = request, .dir = -1};
    vb_autofree char *temporary = vb_format(".%s.%d.tmp", request->file, (int)getpid());
    int r = strchr(request->file, '/') || !*request->file || *request->file == '.'
                ? vb_fail(err, -EINVAL, "--export-file: must be a name in the directory")
                : vb_repo_registry(repo, VB_ACCESS_READ, &reg, err);

    *report = (vb_export_report){0};
    if (!r)
        r = vb_stores_open(reg, repo->root, &e.stores, err);
    if (!r)
        r = open_directory(&e, directory, err);
    if (r < 0)
        return r;
    r = write_yaml(&e, reg, temporary, report, err);
    if (!r)
        r = put_artifacts(&e, err);
    if (!r && (r = vb_rename_new(e.dir, temporary, e.dir, request->file)) < 0)
        vb_fail_errno(err, r, "naming %s/%s", directory, request->file);
    if (r < 0) {
        unlinkat(e.dir, temporary, 0);
        undo(&e);
    }
    return r;
}
