#include "fs/store/store.h"

#include "fs/store/class.h"
#include "fs/store/hdu.h"
#include "fs/store/zip.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/store_paths.h"
#include "registry/trash.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>

static const vb_store_class *const classes[] = {&vb_store_file};

static const vb_store_options default_options = VB_STORE_OPTIONS_INIT;

struct store {
    int64_t id;
    const vb_store_class *class;
    const vb_store_options *options;
    char *root;
    void *self; /* the class's */
};

struct vb_stores {
    struct store *items;
    size_t count, cap;
};

static int64_t deadline(const struct store *store)
{
    return vb_store_deadline(store->options, -1);
}

static int add_store(vb_stores *s, int64_t id, const char *root, const char *base, vb_error *err)
{
    struct store *store;

    if (strstr(root, "://") && !vb_starts_with(root, "file://"))
        return vb_fail(err, -EPROTONOSUPPORT, "store %" PRId64 ": this vbutler has no stores like %s", id, root);
    store = VB_PUSH(s->items, s->count, s->cap);
    store->id = id;
    store->class = classes[0];
    store->options = &default_options;
    if (vb_starts_with(root, "file://"))
        root += strlen("file://");
    store->root = !strcmp(root, ".") ? vb_strdup(base) : vb_path_join(base, root);
    return store->class->open(store->root, store->options, &store->self, err);
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
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].self)
            s->items[i].class->close(s->items[i].self);
        free(s->items[i].root);
    }
    free(s->items);
    free(s);
}

static const struct store *find(const vb_stores *s, int64_t id)
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
    const struct store *store = find(s, location->store_id);
    struct part part;
    vb_autofree char *path = split_fragment(location->path, &part);

    return vb_path_join(store ? store->root : "/", path);
}

static int open_file(vb_stores *s, const vb_location *location, const char *path, struct stat *st, vb_error *err)
{
    const struct store *store = find(s, location->store_id);
    vb_autoclose int fd = -1;

    if (!store)
        return vb_fail(err, -ENOENT, "no store number %" PRId64, location->store_id);
    fd = store->class->open_file(store->self, path, err);
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
    const struct store *store = find(s, location->store_id);
    vb_object object;
    struct part part;
    int r;
    vb_autofree char *path = split_fragment(location->path, &part);
    vb_content content;

    if (!store)
        return vb_fail(err, -ENOENT, "no store number %" PRId64, location->store_id);
    r = store->class->stat(store->self, path, deadline(store), &object, err);
    if (r < 0)
        return r;
    *size = object.size;
    *mtime = object.mtime;
    if (part.hdu < 0 && !part.member)
        return 0;
    r = vb_stores_open_artifact(s, &unchecked, &content, err);
    if (!r) {
        *size = content.size;
        close(content.fd);
    }
    return r;
}

static int by_store_and_path(const void *left, const void *right)
{
    const vb_trash *a = left, *b = right;

    return a->store_id != b->store_id ? (a->store_id < b->store_id ? -1 : 1) : strcmp(a->path, b->path);
}

/* Sorts the notes, and says which files some dataset has. */
static int find_used(vb_stores *s, vb_registry *reg, vb_trash *items, size_t count, bool *used, vb_error *err)
{
    vb_autofree const char **paths = vb_alloc((count + 1) * sizeof *paths);
    size_t begin = 0, end = 0;
    int r = 0;

    if (count)
        qsort(items, count, sizeof *items, by_store_and_path);
    for (size_t i = 0; i < count; i++)
        paths[i] = items[i].path;
    for (; !r && begin < count; begin = end) {
        const struct store *store = find(s, items[begin].store_id);

        while (end < count && items[end].store_id == items[begin].store_id)
            end++;
        if (store)
            r = vb_store_paths_held(reg, store->id, store->root, paths + begin, end - begin, used + begin, err);
    }
    return r;
}

/* True where the note may be dropped: the file is gone, or is another one. */
static bool empty_one(vb_stores *s, const vb_trash *t)
{
    const struct store *store = find(s, t->store_id);
    vb_auto_error err = VB_ERROR_INIT;
    vb_object object;
    int r;

    if (!store)
        return true;
    r = store->class->stat(store->self, t->path, deadline(store), &object, &err);
    if (!r && ((t->size >= 0 && object.size != t->size) || (t->mtime >= 0 && object.mtime != t->mtime)))
        return true;
    if (!r)
        r = store->class->remove(store->self, t->path, deadline(store), &err);
    if (r < 0 && r != -ENOENT)
        vb_log(VB_WARNING, "%s; it will be tried again", err.message);
    return !r || r == -ENOENT;
}

int vb_stores_empty_trash(vb_stores *s, vb_registry *reg, vb_error *err)
{
    enum { BATCH = 100000 }; /* each asks all locations */
    vb_autofree bool *used = vb_alloc(BATCH);
    size_t count = BATCH, gone = BATCH;
    int r = 0;

    while (!r && count == BATCH && gone) {
        vb_trash *items;

        r = vb_trash_list(reg, BATCH, &items, &count, err);
        gone = 0;
        if (!r)
            r = find_used(s, reg, items, count, used, err);
        for (size_t i = 0; !r && i < count; i++)
            if (used[i] || empty_one(s, &items[i])) { /* in use: whoever removes that dataset notes it again */
                vb_trash done = items[i];

                items[i] = items[gone];
                items[gone++] = done;
            }
        if (!r && gone)
            r = vb_trash_forget(reg, items, gone, err);
        vb_trash_free(items, count);
    }
    return r;
}
