#include "fs/store/transfer.h"

#include "fs/remote/url.h"
#include "fs/store/intent.h"
#include "fs/store/place.h"
#include "fs/store/store.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <string.h>

enum { REMOTE_THREADS = 16 }; /* they wait for the network most of the time */

struct vb_transfer_work {
    vb_places *places;
    vb_stores *stores; /* for sources that are addresses */
    vb_intent *intent; /* NULL: nothing is made */
    bool committed;
};

int vb_transfer_mode_parse(const char *text, vb_transfer_mode *out, vb_error *err)
{
    static const char *const names[] = {"copy", "move",   "hardlink", "symlink", "relsymlink",
                                        "link", "direct", "auto",     NULL};
    const char *near;

    for (size_t i = 0; names[i]; i++)
        if (!strcmp(text, names[i])) {
            *out = (vb_transfer_mode)i;
            return 0;
        }
    vb_fail(err, -EINVAL, "no transfer mode '%s': there are " VB_TRANSFER_MODES, text);
    near = vb_nearest(text, names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    return -EINVAL;
}

int vb_transfer_begin(const vb_repo *repo, vb_registry *reg, vb_transfer_mode mode, vb_transfer **out, vb_error *err)
{
    vb_auto(vb_transfer_end) vb_transfer *t = VB_NEW(vb_transfer);
    int r;

    t->repo = repo;
    t->mode = mode;
    t->work = VB_NEW(struct vb_transfer_work);
    r = vb_places_open(repo, &t->work->places, err);
    if (!r)
        r = vb_stores_open(reg, repo->root, &t->work->stores, err);
    if (!r && mode != VB_TRANSFER_DIRECT)
        r = vb_intent_begin(repo, reg, &t->work->intent, err);
    if (!r)
        *out = VB_STEAL(t);
    return r;
}

void vb_transfer_add(vb_transfer *t, const char *source, const char *target, const char *spare, const vb_uuid *uuid)
{
    *VB_PUSH(t->files, t->count, t->cap) = (vb_transfer_file){
        .source = vb_strdup(source),
        .target = target ? vb_strdup(target) : NULL,
        .spare = spare ? vb_strdup(spare) : NULL,
        .uuid = *uuid,
        .location = {.store_id = 1, .size = -1, .mtime = -1},
    };
}

/* ---- doing --------------------------------------------------------------------------------------------- */

static int put_at(vb_transfer *t, vb_transfer_file *f, const vb_source *s, const char *path, vb_put_fn *put)
{
    vb_places *places = t->work->places;
    int r = vb_places_prepare(places, path, false, &f->error);

    f->made = path;
    if (!r)
        r = put(places, s, path, &f->uuid, &f->location, &f->error);
    if (r == -ENOENT && !vb_places_prepare(places, path, true, &f->error)) {
        vb_error_clear(&f->error);
        r = put(places, s, path, &f->uuid, &f->location, &f->error);
    }
    return r;
}

/* Puts the file under its target, or else its spare name, as `put` does it. */
static int put_somewhere(vb_transfer *t, vb_transfer_file *f, const vb_source *s, vb_put_fn *put)
{
    int r = put_at(t, f, s, f->target, put);

    if (r == -EEXIST && f->spare) {
        vb_error_clear(&f->error);
        r = put_at(t, f, s, f->spare, put);
    }
    if (r < 0)
        return r;
    f->state = VB_TRANSFER_MADE;
    f->location.path = vb_strdup(f->made);
    return 0;
}

static int move(vb_transfer *t, vb_transfer_file *f, const vb_source *s)
{
    int r;

    if (s->is_link)
        return vb_fail(&f->error, -EINVAL, "is a symbolic link: 'move' would leave the file behind that it points to");
    if (!t->own_sources && vb_places_inside(t->work->places, s)) {
        vb_fail(&f->error, -EINVAL, "is in the repository: 'move' would take it from the dataset that has it");
        vb_hint(&f->error, "use --transfer direct, which leaves it where it is, or copy");
        return -EINVAL;
    }
    r = vb_source_may_link(s) ? put_somewhere(t, f, s, vb_put_hardlink) : -EXDEV;
    if (!r) {
        f->state = VB_TRANSFER_LINKED;
        return 0;
    }
    if (r != -EXDEV && r != -EPERM && r != -EMLINK)
        return r;
    vb_error_clear(&f->error);
    r = put_somewhere(t, f, s, vb_put_copy);
    if (!r)
        f->state = VB_TRANSFER_COPIED;
    return r;
}

/* A link is to what belongs to nobody else: the repository's own artifacts go with their datasets. */
static int put_link(vb_transfer *t, vb_transfer_file *f, const vb_source *s, vb_put_fn *put)
{
    if (!vb_places_inside(t->work->places, s))
        return put_somewhere(t, f, s, put);
    vb_fail(&f->error, -EINVAL, "is in the repository: a symbolic link to it would break when its dataset is pruned");
    vb_hint(&f->error, "use --transfer direct or hardlink, with which it stays until the last dataset goes, or copy");
    return -EINVAL;
}

static int link_somehow(vb_transfer *t, vb_transfer_file *f, const vb_source *s)
{
    int r = put_somewhere(t, f, s, vb_put_hardlink);

    if (r != -EXDEV && r != -EPERM && r != -EMLINK)
        return r;
    vb_error_clear(&f->error);
    return put_link(t, f, s, vb_put_symlink);
}

/* Registers the file where it is. */
static int stay(vb_transfer *t, vb_transfer_file *f, const vb_source *s)
{
    char *path = NULL;
    int r = vb_places_name(t->work->places, s, &path, &f->error);

    if (r < 0)
        return r;
    f->location.path = path;
    f->state = VB_TRANSFER_STAYS;
    return 0;
}

/* ---- from afar, and parts of files ---------------------------------------------------------------------- */

/* What the stores name: an address, or a part of a file ("#untar=MEMBER"). */
static bool is_stored(const char *source)
{
    struct stat st;

    return vb_location_is_remote(source) || (vb_location_part(source) && lstat(source, &st));
}

static int add_bytes(void *arg, const void *bytes, size_t n)
{
    vb_hasher_add(arg, bytes, n);
    return 0;
}

static int hash_segment(int fd, const vb_segment *part, vb_hasher *hasher, vb_error *err)
{
    enum { PIECE = 256 << 10 };
    vb_autofree char *buffer = vb_alloc(PIECE);
    int64_t left = part->length;

    while (left > 0) {
        ssize_t n = pread(fd, buffer, left < PIECE ? (size_t)left : PIECE, part->offset + part->length - left);

        if (n <= 0)
            return vb_fail_errno(err, n < 0 ? -errno : -EIO, "reading the bytes to checksum");
        vb_hasher_add(hasher, buffer, (size_t)n);
        left -= n;
    }
    return 0;
}

static int hash_part(vb_transfer *t, const vb_location *l, vb_hasher *hasher, vb_error *err)
{
    vb_content content;
    int r = vb_stores_open_artifact(t->work->stores, l, &content, err);

    if (r < 0)
        return r;
    if (content.whole) {
        content.segments[0] = (vb_segment){0, content.size};
        content.nsegments = 1;
    }
    for (int i = 0; !r && i < content.nsegments; i++)
        r = hash_segment(content.fd, &content.segments[i], hasher, err);
    close(content.fd);
    return r;
}

/* The checksum of an artifact that stays where it is: its bytes are read, and not kept. */
static int hash_stored(vb_transfer *t, const vb_location *l, vb_hash *out, vb_error *err)
{
    vb_auto(vb_hasher_free) vb_hasher *hasher = vb_hasher_new();
    vb_stores *stores = t->work->stores;
    int r = vb_location_part(l->path)
                ? hash_part(t, l, hasher, err)
                : vb_stores_get(stores, l, 0, -1, "", vb_stores_deadline(stores, l, l->size), add_bytes, hasher, err);

    if (!r)
        *out = vb_hasher_result(hasher);
    return r;
}

static int look_at_stored(vb_transfer *t, const char *path, vb_location *l, vb_error *err)
{
    const vb_location asked = {.store_id = l->store_id, .path = (char *)path, .size = -1, .mtime = -1};

    return vb_stores_stat(t->work->stores, &asked, &l->size, &l->mtime, err);
}

static int fetch(void *arg, const char *path, int to, vb_location *out, vb_error *err)
{
    vb_transfer *t = arg;
    vb_location from = {.store_id = out->store_id, .path = (char *)path, .size = -1, .mtime = -1};
    int r = look_at_stored(t, path, out, err);

    from.size = out->size;
    if (!r)
        r = vb_stores_copy_artifact(t->work->stores, &from, to, err);
    if (!r)
        r = vb_hash_fd(to, &out->checksum, NULL, err);
    out->has_checksum = !r;
    return r;
}

/* An address as it is; a part of a file of this machine by the file's own path.  The caller frees *out. */
static int name_stored(vb_transfer *t, const char *source, char **out, vb_error *err)
{
    const char *part = vb_location_part(source);
    vb_autofree char *file = vb_strndup(source, part ? (size_t)(part - source) : strlen(source)), *name = NULL;
    vb_source s;
    vb_url url;
    int r;

    if (!vb_location_is_remote(source)) {
        r = vb_source_look(file, &s, err);
        if (!r)
            r = vb_places_name(t->work->places, &s, &name, err);
        if (!r)
            *out = vb_format("%s%s", name, part);
        return r;
    }
    r = vb_url_parse(source, &url, err);
    if (r < 0)
        return r;
    vb_url_clear(&url);
    if (strchr(file, '#'))
        return vb_fail(err, -EINVAL, "an address of a file has no '#'; write %%23");
    *out = vb_strdup(source);
    return 0;
}

static int transfer_stored(vb_transfer *t, vb_transfer_file *f, vb_source *s)
{
    vb_autofree char *path = NULL;
    int r = name_stored(t, f->source, &path, &f->error);

    if (r < 0)
        return r;
    *s = (vb_source){.path = path, .fetch = fetch, .arg = t};
    if (t->mode == VB_TRANSFER_COPY)
        return put_somewhere(t, f, s, vb_put_fetch);
    if (t->mode != VB_TRANSFER_DIRECT && t->mode != VB_TRANSFER_AUTO) {
        vb_fail(&f->error, -EINVAL, "is not on this machine, or a part of a file: it cannot be moved or linked");
        vb_hint(&f->error, "use --transfer copy, or direct, which leaves it where it is");
        return -EINVAL;
    }
    r = look_at_stored(t, path, &f->location, &f->error);
    f->location.path = VB_STEAL(path);
    f->state = VB_TRANSFER_STAYS;
    if (!r && t->checksum)
        r = hash_stored(t, &f->location, &f->location.checksum, &f->error);
    f->location.has_checksum = !r && t->checksum;
    return r;
}

static int transfer_one(vb_transfer *t, vb_transfer_file *f, vb_source *s)
{
    vb_transfer_mode mode = t->mode;
    int r;

    if (is_stored(f->source))
        return transfer_stored(t, f, s);
    r = vb_source_look(f->source, s, &f->error);
    if (r < 0)
        return r;
    f->location.size = s->st.st_size;
    f->location.mtime = vb_clock_ns(s->st.st_mtim);
    if (mode == VB_TRANSFER_AUTO)
        mode = vb_places_inside(t->work->places, s) ? VB_TRANSFER_DIRECT : VB_TRANSFER_LINK;
    switch (mode) {
    case VB_TRANSFER_COPY: return put_somewhere(t, f, s, vb_put_copy);
    case VB_TRANSFER_MOVE: return move(t, f, s);
    case VB_TRANSFER_HARDLINK: return put_somewhere(t, f, s, vb_put_hardlink);
    case VB_TRANSFER_SYMLINK: return put_link(t, f, s, vb_put_symlink);
    case VB_TRANSFER_RELSYMLINK: return put_link(t, f, s, vb_put_relsymlink);
    case VB_TRANSFER_LINK: return link_somehow(t, f, s);
    case VB_TRANSFER_DIRECT:
    case VB_TRANSFER_AUTO: break;
    }
    return stay(t, f, s);
}

static void each(void *arg, size_t i)
{
    vb_transfer *t = arg;
    vb_transfer_file *f = &t->files[i];
    vb_source s = {0};
    int r = transfer_one(t, f, &s);

    if (!r && (t->checksum || t->mode == VB_TRANSFER_MOVE) && !f->location.has_checksum && !s.fetch) {
        r = vb_source_hash(&s, &f->location.checksum, &f->error);
        f->location.has_checksum = !r;
    }
    if (r < 0 && f->state >= VB_TRANSFER_MADE) {
        vb_places_remove(t->work->places, f->made);
        f->state = VB_TRANSFER_PLANNED;
    }
    if (r < 0 && !f->error.code)
        vb_fail_errno(&f->error, r, "cannot be brought into the repository");
}

int vb_transfer_run(vb_transfer *t, size_t threads, const vb_progress *progress, vb_error *err)
{
    vb_intent *intent = t->work->intent;
    int r = 0;

    for (size_t i = 0; intent && i < t->count; i++) {
        vb_intent_add(intent, &t->files[i].uuid, t->files[i].target);
        if (t->files[i].spare)
            vb_intent_add(intent, &t->files[i].uuid, t->files[i].spare);
    }
    if (intent && t->count)
        r = vb_intent_write(intent, err);
    if (r < 0)
        return r;
    if (!threads && t->count && vb_location_is_remote(t->files[0].source))
        threads = REMOTE_THREADS;
    vb_parallel(t->count, threads, each, t, "transferring files", progress);
    return intent && t->count ? vb_places_sync(t->work->places, err) : 0;
}

/* ---- ending -------------------------------------------------------------------------------------------- */

/* The file is the repository's now: it gets its mode, and loses its old name. */
static void finish_move(vb_transfer *t, vb_transfer_file *f)
{
    vb_auto_error err = VB_ERROR_INIT;
    int r = 0;

    if (f->state == VB_TRANSFER_LINKED)
        r = vb_places_adopt(t->work->places, f->made, &err);
    if (!r)
        r = vb_source_remove(f->source, &f->location, &err);
    if (r < 0)
        vb_log(VB_WARNING, "%s: was ingested, but not removed: %s", f->source, err.message);
}

void vb_transfer_commit(vb_transfer *t)
{
    t->work->committed = true;
    for (size_t i = 0; i < t->count; i++)
        if (t->files[i].state == VB_TRANSFER_LINKED || t->files[i].state == VB_TRANSFER_COPIED)
            finish_move(t, &t->files[i]);
}

static void undo(vb_transfer *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->files[i].state >= VB_TRANSFER_MADE)
            vb_places_remove(t->work->places, t->files[i].made);
    vb_places_remove_directories(t->work->places);
}

void vb_transfer_end(vb_transfer *t)
{
    if (!t->work->committed && t->work->places)
        undo(t);
    if (t->work->intent)
        vb_intent_end(t->work->intent);
    if (t->work->places)
        vb_places_close(t->work->places);
    if (t->work->stores)
        vb_stores_close(t->work->stores);
    for (size_t i = 0; i < t->count; i++) {
        free(t->files[i].source);
        free(t->files[i].target);
        free(t->files[i].spare);
        vb_location_clear(&t->files[i].location);
        vb_error_clear(&t->files[i].error);
    }
    free(t->files);
    free(t->work);
    free(t);
}
