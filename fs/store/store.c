#include "fs/store/stores.h"

#include "fs/store/hdu.h"
#include "fs/store/zip.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>

static const vb_store_class *const classes[] = {&vb_store_file};

static int add_store(vb_stores *s, int64_t id, const char *root, const char *base, vb_error *err)
{
    struct vb_store *store;

    if (strstr(root, "://") && !vb_starts_with(root, "file://"))
        return vb_fail(err, -EPROTONOSUPPORT, "store %" PRId64 ": this vbutler has no stores like %s", id, root);
    store = VB_PUSH(s->items, s->count, s->cap);
    store->id = id;
    store->class = classes[0];
    if (vb_starts_with(root, "file://"))
        root += strlen("file://");
    store->root = !strcmp(root, ".") ? vb_strdup(base) : vb_path_join(base, root);
    return 0;
}

int vb_stores_open(vb_registry *reg, const char *root, vb_stores **out, vb_error *err)
{
    vb_auto(vb_stores_close) vb_stores *s = VB_NEW(vb_stores);
    int64_t *ids;
    char **roots;
    size_t n;
    int r = vb_store_list(reg, &ids, &roots, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; !r && i < n; i++)
        r = add_store(s, ids[i], roots[i], root, err);
    free(ids);
    vb_strv_free(roots);
    if (!r)
        *out = VB_STEAL(s);
    return r;
}

void vb_stores_close(vb_stores *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i].root);
    free(s->items);
    free(s);
}

const struct vb_store *vb_stores_find(const vb_stores *s, int64_t id)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].id == id)
            return &s->items[i];
    return NULL;
}

/* Which part of a file an artifact is. */
struct part {
    int hdu;            /* -1: none */
    const char *member; /* of a zip file; NULL: none */
};

/* The path of the file, and which part of it. */
static char *split_fragment(const char *path, struct part *part)
{
    const char *hash = vb_location_part(path);
    int64_t n;

    *part = (struct part){.hdu = -1};
    if (!hash)
        return vb_strdup(path);
    if (vb_starts_with(hash, "#unzip="))
        part->member = hash + strlen("#unzip=");
    else if (!vb_parse_int(hash + 5, &n) || n < 0 || n >= INT_MAX)
        return vb_strdup(path);
    else
        part->hdu = (int)n;
    return vb_strndup(path, (size_t)(hash - path));
}

char *vb_stores_path(const vb_stores *s, const vb_location *location)
{
    const struct vb_store *store = vb_stores_find(s, location->store_id);
    struct part part;
    vb_autofree char *path = split_fragment(location->path, &part);

    return vb_path_join(store ? store->root : "/", path);
}

static int open_file(vb_stores *s, const vb_location *location, const char *path, struct stat *st, vb_error *err)
{
    const struct vb_store *store = vb_stores_find(s, location->store_id);
    vb_autoclose int fd = -1;

    if (!store)
        return vb_fail(err, -ENOENT, "no store number %" PRId64, location->store_id);
    fd = store->class->open(store->root, path, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, st))
        return vb_fail_errno(err, -errno, "artifact %s", path);
    if (!S_ISREG(st->st_mode))
        return vb_fail(err, -EINVAL, "artifact %s: is no regular file", path);
    return vb_steal_fd(&fd);
}

/* What was registered must be what is there. */
static int check_unchanged(const vb_location *location, const vb_content *content, const struct stat *st, vb_error *err)
{
    if (location->size >= 0 && content->size != location->size)
        return vb_fail(err, -ESTALE,
                       "artifact %s changed: it has %" PRId64 " bytes, and had %" PRId64 " when it was registered",
                       location->path, content->size, location->size);
    if (location->mtime >= 0 && vb_clock_ns(st->st_mtim) != location->mtime)
        return vb_fail(err, -ESTALE, "artifact %s changed: it was written after it was registered", location->path);
    return 0;
}

int vb_stores_open_artifact(vb_stores *s, const vb_location *location, vb_content *out, vb_error *err)
{
    struct part part;
    int r;
    vb_autofree char *path = split_fragment(location->path, &part);
    vb_content content = {.fd = -1, .whole = true};
    struct stat st;

    content.fd = open_file(s, location, path, &st, err);
    if (content.fd < 0)
        return content.fd;
    content.size = st.st_size;
    r = part.member     ? vb_zip_member(part.member, &content, err)
        : part.hdu >= 0 ? vb_hdu_segments(content.fd, part.hdu, &content, err)
                        : 0;
    if (r < 0)
        vb_error_context(err, "artifact %s", path);
    if (!r)
        r = check_unchanged(location, &content, &st, err);
    if (r < 0) {
        close(content.fd);
        return r;
    }
    *out = content;
    return 0;
}

static int copy_segment(int from, const vb_segment *part, int to, vb_error *err)
{
    off_t offset = part->offset;
    int64_t left = part->length;
    ssize_t n = 1;

    while (left > 0 && n > 0) {
        n = sendfile(to, from, &offset, (size_t)left);
        left -= n > 0 ? n : 0;
    }
    return left > 0 ? vb_fail_errno(err, n < 0 ? -errno : -EIO, "copying an artifact") : 0;
}

int vb_stores_copy_artifact(vb_stores *s, const vb_location *location, int to, vb_error *err)
{
    vb_content content;
    int r = vb_stores_open_artifact(s, location, &content, err);

    if (r < 0)
        return r;
    if (content.whole)
        r = vb_copy_fd(content.fd, to, err);
    for (int i = 0; !r && i < content.nsegments; i++)
        r = copy_segment(content.fd, &content.segments[i], to, err);
    close(content.fd);
    return r;
}

int vb_stores_stat(vb_stores *s, const vb_location *location, int64_t *size, int64_t *mtime, vb_error *err)
{
    vb_location unchecked = {.store_id = location->store_id, .path = location->path, .size = -1, .mtime = -1};
    const struct vb_store *store = vb_stores_find(s, location->store_id);
    struct stat st;
    struct part part;
    int r;
    vb_autofree char *path = split_fragment(location->path, &part);
    vb_content content;

    if (!store)
        return vb_fail(err, -ENOENT, "no store number %" PRId64, location->store_id);
    r = store->class->stat(store->root, path, &st, err);
    if (r < 0)
        return r;
    *size = st.st_size;
    *mtime = vb_clock_ns(st.st_mtim);
    if (part.hdu < 0 && !part.member)
        return 0;
    r = vb_stores_open_artifact(s, &unchecked, &content, err);
    if (!r) {
        *size = content.size;
        close(content.fd);
    }
    return r;
}
