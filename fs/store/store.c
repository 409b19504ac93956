#include "fs/store/stores.h"

#include "fs/fetch/lazy.h"
#include "fs/remote/url.h"
#include "fs/store/hdu.h"
#include "fs/store/land.h"
#include "fs/store/tar.h"
#include "fs/store/zip.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/sendfile.h>

static const vb_store_class *const classes[] = {&vb_store_file, &vb_store_http, &vb_store_s3};
const vb_store_class *vb_store_test_class;
static const vb_store_options default_options = VB_STORE_OPTIONS_INIT;

/* A host or a bucket that `direct` artifacts lie on. */
struct host {
    char *name; /* "https://data.example.org" */
    struct vb_store_root *root;
};

struct vb_stores {
    vb_store_config config;
    char *directory; /* whose vbutler.yaml it is */
    struct vb_store *items;
    size_t count, cap;
    atomic_int refs;      /* the owner's, and those of work that has not ended */
    pthread_mutex_t lock; /* guards what follows */
    struct host *hosts;
    size_t nhosts, hosts_cap;
    vb_fetcher *fetcher; /* NULL: nothing has needed it yet */
};

/* ---- which store --------------------------------------------------------------------------------------- */

static const vb_store_class *class_of(const char *scheme)
{
    if (vb_store_test_class && !strcmp(*vb_store_test_class->schemes, scheme))
        return vb_store_test_class;
    for (size_t i = 0; i < VB_COUNT(classes); i++)
        for (const char *const *known = classes[i]->schemes; *known; known++)
            if (!strcmp(*known, scheme))
                return classes[i];
    return NULL;
}

/* Options under the first of these names that has any. */
static const vb_store_options *options_for(const vb_stores *s, const char *name, const char *host)
{
    const vb_store_options *o = name ? vb_store_config_find(&s->config, name) : NULL;

    if (!o && host)
        o = vb_store_config_find(&s->config, host);
    return o ? o : &default_options;
}

static int open_remote_root(const vb_stores *s, const char *name, const char *where, const char *root, struct vb_store_root *out,
                            vb_error *err)
{
    vb_url url;
    vb_autofree char *host = NULL;
    int r = vb_url_parse(where, &url, err);

    if (r < 0)
        return r;
    host = vb_url_host(&url);
    out->class = class_of(url.scheme);
    vb_url_clear(&url);
    out->options = options_for(s, name, host);
    out->where = vb_strdup(root);
    return out->class->open(root, out->options, &out->self, err);
}

static int open_root(const vb_stores *s, const char *name, const char *root, const char *base, struct vb_store_root *out,
                     vb_error *err)
{
    vb_autofree char *scheme = vb_strndup(root, strcspn(root, ":"));

    if (vb_location_is_remote(root) && !vb_starts_with(root, "file://")) {
        if (class_of(scheme))
            return open_remote_root(s, name, root, root, out, err);
        return vb_fail(err, -EPROTONOSUPPORT, "store '%s': this vbutler has no stores like %s", name, root);
    }
    if (vb_starts_with(root, "file://"))
        root += strlen("file://");
    out->class = &vb_store_file;
    out->options = &default_options;
    out->where = !strcmp(root, ".") ? vb_strdup(base) : vb_path_join(base, root);
    return out->class->open(out->where, out->options, &out->self, err);
}

static void close_root(struct vb_store_root *root)
{
    if (root->self)
        root->class->close(root->self);
    free(root->where);
}

/* A store is the root that the registry has, or the chain that vbutler.yaml names. */
static int add_store(vb_stores *s, int64_t id, const char *name, const char *root, const char *base, vb_error *err)
{
    struct vb_store *store = VB_PUSH(s->items, s->count, s->cap);
    const vb_store_options *o = vb_store_config_find(&s->config, name);
    const char *single[] = {root, NULL};
    const char *const *chain = o && o->chain ? (const char *const *)o->chain : single;
    int r = 0;

    store->id = id;
    store->name = vb_strdup(name);
    for (; !r && *chain; chain++)
        r = open_root(s, name, *chain, base, VB_PUSH(store->chain, store->count, store->cap), err);
    return r;
}

int vb_stores_open(vb_registry *reg, const char *root, vb_stores **out, vb_error *err)
{
    vb_auto(vb_stores_close) vb_stores *s = VB_NEW(vb_stores);
    vb_autofree int64_t *ids = NULL;
    char **names, **roots;
    size_t n;
    int r = vb_store_list(reg, &ids, &names, &roots, &n, err);

    pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->refs, 1);
    s->directory = vb_strdup(root);
    if (!r)
        r = vb_store_config_load(root, &s->config, err);
    for (size_t i = 0; !r && i < n; i++)
        r = add_store(s, ids[i], names[i], roots[i], root, err);
    vb_strv_free(names);
    vb_strv_free(roots);
    if (!r)
        *out = VB_STEAL(s);
    return r;
}

static void unref(vb_stores *s)
{
    if (atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    for (size_t i = 0; i < s->count; i++) {
        for (size_t k = 0; k < s->items[i].count; k++)
            close_root(&s->items[i].chain[k]);
        free(s->items[i].chain);
        free(s->items[i].name);
    }
    for (size_t i = 0; i < s->nhosts; i++) {
        close_root(s->hosts[i].root);
        free(s->hosts[i].root);
        free(s->hosts[i].name);
    }
    free(s->hosts);
    free(s->items);
    pthread_mutex_destroy(&s->lock);
    vb_store_config_clear(&s->config);
    free(s->directory);
    free(s);
}

void vb_stores_close(vb_stores *s)
{
    if (s->fetcher)
        vb_fetcher_unref(s->fetcher);
    unref(s);
}

const struct vb_store *vb_stores_find(const vb_stores *s, int64_t id)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].id == id)
            return &s->items[i];
    return NULL;
}

/* The host of an address, opened when it is met first.  Call with the lock held. */
static int find_host(vb_stores *s, const char *name, const char *address, struct vb_store_root **out, vb_error *err)
{
    struct host *h;
    int r;

    for (size_t i = 0; i < s->nhosts; i++)
        if (!strcmp(s->hosts[i].name, name)) {
            *out = s->hosts[i].root;
            return 0;
        }
    h = VB_PUSH(s->hosts, s->nhosts, s->hosts_cap);
    h->name = vb_strdup(name);
    h->root = VB_NEW(struct vb_store_root);
    r = open_remote_root(s, NULL, address, "", h->root, err);
    if (r < 0) {
        close_root(h->root);
        free(h->root);
        free(h->name);
        s->nhosts--;
    }
    *out = r < 0 ? NULL : h->root;
    return r;
}

static int remote_root(vb_stores *s, const char *address, struct vb_store_root **out, vb_error *err)
{
    vb_autofree char *name = NULL;
    vb_url url;
    int r = vb_url_parse(address, &url, err);

    if (r < 0)
        return r;
    name = vb_format("%s://%s", url.scheme, url.authority);
    vb_url_clear(&url);
    pthread_mutex_lock(&s->lock);
    r = find_host(s, name, address, out, err);
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* The roots on which a path of a store may be: the store's, or the host of an address. */
static int find_roots(vb_stores *s, int64_t id, const char *path, struct vb_store_root **out, size_t *count, vb_error *err)
{
    const struct vb_store *store = vb_stores_find(s, id);

    *count = 1;
    if (vb_location_is_remote(path))
        return remote_root(s, path, out, err);
    if (!store)
        return vb_fail(err, -ENOENT, "no store number %" PRId64, id);
    *out = store->chain;
    *count = *path == '/' ? 1 : store->count;
    return 0;
}

static int64_t deadline(const struct vb_store_root *root, int64_t size)
{
    return vb_store_deadline(root->options, size);
}

/* A link of the chain failed: its error is kept where it says more than that nothing is there. */
static int next_link(int so_far, int r, vb_error *so_far_err, vb_error *err)
{
    if (so_far < 0 && (r == -ENOENT || so_far != -ENOENT)) {
        vb_error_clear(err);
        return so_far;
    }
    vb_error_clear(so_far_err);
    vb_error_move(so_far_err, err);
    return r;
}

/* Does it on each root in order until one can. */
typedef int chain_fn(const struct vb_store_root *root, const char *path, void *arg, vb_error *err);

static int along_chain(vb_stores *s, int64_t id, const char *path, chain_fn *each, void *arg, vb_error *err)
{
    vb_auto_error kept = VB_ERROR_INIT, own = VB_ERROR_INIT;
    struct vb_store_root *roots;
    size_t count;
    int r = find_roots(s, id, path, &roots, &count, err), so_far = 0;

    if (r < 0)
        return r;
    if (count == 1)
        return each(roots, path, arg, err);
    for (size_t i = 0; i < count; i++) {
        r = each(&roots[i], path, arg, &own);
        if (r >= 0)
            return r;
        so_far = next_link(so_far, r, &kept, &own);
    }
    if (err)
        vb_error_move(err, &kept);
    return so_far;
}

/* Which part of a file an artifact is. */
struct part {
    int hdu;            /* -1: none */
    const char *member; /* of an archive; NULL: none */
    bool tar;           /* the archive is a tar archive, else a zip file */
};

/* The path of the file, and which part of it. */
static char *split_fragment(const char *path, struct part *part)
{
    const char *hash = vb_location_part(path);
    int64_t n;

    *part = (struct part){.hdu = -1};
    if (!hash)
        return vb_strdup(path);
    part->tar = vb_starts_with(hash, "#untar=");
    if (part->tar || vb_starts_with(hash, "#unzip="))
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
    char *path = split_fragment(location->path, &part), *whole;

    if (vb_location_is_remote(path))
        return path;
    if (store && !store->chain->class->local && *path != '/')
        whole = vb_url_join(store->chain->where, path);
    else
        whole = vb_path_join(store ? store->chain->where : "/", path);
    free(path);
    return whole;
}

bool vb_stores_is_local(const vb_stores *s, const vb_location *location)
{
    const struct vb_store *store = vb_stores_find(s, location->store_id);

    if (vb_location_is_remote(location->path))
        return false;
    for (size_t i = 0; store && i < store->count; i++)
        if (!store->chain[i].class->local)
            return *location->path == '/';
    return true;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* Where an artifact was found, and what is known of it. */
struct opening {
    const vb_location *location;
    bool part; /* the location's size and checksum are not those of the file */
    int64_t size, mtime;
};

static int open_local(const struct vb_store_root *root, const char *path, struct opening *o, vb_error *err)
{
    vb_autoclose int fd = root->class->open_file(root->self, path, err);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st))
        return vb_fail_errno(err, -errno, "artifact %s", path);
    if (!S_ISREG(st.st_mode))
        return vb_fail(err, -EINVAL, "artifact %s: is no regular file", path);
    o->size = st.st_size;
    o->mtime = vb_clock_ns(st.st_mtim);
    return vb_steal_fd(&fd);
}

/* A file that has no name, and so goes with its last descriptor. */
static int unnamed_file(vb_error *err)
{
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    return fd < 0 ? vb_fail_errno(err, -errno, "a temporary file in %s", dir && *dir ? dir : "/var/tmp") : fd;
}

/* Where the registry has no size the store is asked: how long to wait depends on it. */
static int land_in(const struct vb_store_root *root, const char *path, const vb_location *location, int to, vb_error *err)
{
    vb_object object = {.size = location->size};
    int r = object.size < 0 ? root->class->stat(root->self, path, deadline(root, -1), &object, err) : 0;

    return r < 0 ? r
                 : vb_store_land(root->class, root->self, path, location, to, deadline(root, object.size), NULL, err);
}

static int open_copy(const struct vb_store_root *root, const char *path, struct opening *o, vb_error *err)
{
    vb_location whole = *o->location;
    vb_autoclose int fd = unnamed_file(err);
    struct stat st;
    int r;

    if (fd < 0)
        return fd;
    if (o->part) {
        whole.size = whole.mtime = -1;
        whole.has_checksum = false;
    }
    r = land_in(root, path, &whole, fd, err);
    if (r < 0)
        return r;
    if (fstat(fd, &st))
        return vb_fail_errno(err, -errno, "artifact %s", path);
    o->size = st.st_size;
    o->mtime = whole.mtime;
    return vb_steal_fd(&fd);
}

static int open_root_file(const struct vb_store_root *root, const char *path, void *arg, vb_error *err)
{
    return root->class->local ? open_local(root, path, arg, err) : open_copy(root, path, arg, err);
}

/* What was registered must be what is there. */
static int check_unchanged(const vb_location *location, const vb_content *content, int64_t mtime, vb_error *err)
{
    if (location->size >= 0 && content->size != location->size)
        return vb_fail(err, -ESTALE,
                       "artifact %s changed: it has %" PRId64 " bytes, and had %" PRId64 " when it was registered",
                       location->path, content->size, location->size);
    if (location->mtime >= 0 && mtime != location->mtime)
        return vb_fail(err, -ESTALE, "artifact %s changed: it was written after it was registered", location->path);
    return 0;
}

static int take_tar_member(const char *member, vb_content *content, vb_error *err)
{
    vb_autoclose int to = unnamed_file(err);
    int r = to < 0 ? to : vb_tar_member(member, to, content, err);

    if (!r)
        vb_steal_fd(&to);
    return r;
}

static int take_part(const struct part *part, vb_content *content, vb_error *err)
{
    if (part->member)
        return part->tar ? take_tar_member(part->member, content, err) : vb_zip_member(part->member, content, err);
    return part->hdu >= 0 ? vb_hdu_segments(content->fd, part->hdu, content, err) : 0;
}

int vb_stores_open_artifact(vb_stores *s, const vb_location *location, vb_content *out, vb_error *err)
{
    struct part part;
    int r;
    vb_autofree char *path = split_fragment(location->path, &part);
    vb_content content = {.fd = -1, .whole = true};
    struct opening opening = {.location = location, .part = part.member || part.hdu >= 0};

    content.fd = along_chain(s, location->store_id, path, open_root_file, &opening, err);
    if (content.fd < 0)
        return content.fd;
    content.size = opening.size;
    r = take_part(&part, &content, err);
    if (r < 0)
        vb_error_context(err, "artifact %s", path);
    if (!r)
        r = check_unchanged(location, &content,
                            opening.part && !vb_stores_is_local(s, location) ? location->mtime : opening.mtime, err);
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

/* Copies what was opened, and closes it. */
static int copy_content(const vb_content *content, int to, vb_error *err)
{
    int r = content->whole ? vb_copy_fd(content->fd, to, err) : 0;

    for (int i = 0; !r && i < content->nsegments; i++)
        r = copy_segment(content->fd, &content->segments[i], to, err);
    close(content->fd);
    return r;
}

static int copy_opened(vb_stores *s, const vb_location *location, int to, vb_error *err)
{
    vb_content content;
    int r = vb_stores_open_artifact(s, location, &content, err);

    return r < 0 ? r : copy_content(&content, to, err);
}

struct copying {
    const vb_location *location;
    int to;
};

static int copy_root(const struct vb_store_root *root, const char *path, void *arg, vb_error *err)
{
    const struct copying *c = arg;

    return land_in(root, path, c->location, c->to, err);
}

int vb_stores_copy_artifact(vb_stores *s, const vb_location *location, int to, vb_error *err)
{
    struct copying copying = {location, to};

    if (vb_stores_is_local(s, location) || vb_location_part(location->path))
        return copy_opened(s, location, to, err);
    return along_chain(s, location->store_id, location->path, copy_root, &copying, err);
}

static int stat_root(const struct vb_store_root *root, const char *path, void *arg, vb_error *err)
{
    return root->class->stat(root->self, path, deadline(root, -1), arg, err);
}

int vb_stores_ask(vb_stores *s, const vb_location *location, vb_object *out, vb_error *err)
{
    struct part part;
    vb_autofree char *path = split_fragment(location->path, &part);

    return along_chain(s, location->store_id, path, stat_root, out, err);
}

int vb_stores_stat(vb_stores *s, const vb_location *location, int64_t *size, int64_t *mtime, vb_error *err)
{
    vb_location unchecked = {.store_id = location->store_id, .path = location->path, .size = -1, .mtime = -1};
    vb_object object;
    vb_content content;
    int r = vb_stores_ask(s, location, &object, err);

    if (r < 0)
        return r;
    *size = object.size;
    *mtime = object.mtime;
    if (!vb_location_part(location->path))
        return 0;
    r = vb_stores_open_artifact(s, &unchecked, &content, err);
    if (!r) {
        *size = content.size;
        close(content.fd);
    }
    return r;
}

struct reading {
    int64_t offset, length, deadline, given;
    const char *etag;
    vb_sink_fn *sink;
    void *arg;
};

static int count_and_sink(void *arg, const void *bytes, size_t n)
{
    struct reading *reading = arg;

    reading->given += (int64_t)n;
    return reading->sink(reading->arg, bytes, n);
}

/* The next root goes on where the one before broke off. */
static int read_root(const struct vb_store_root *root, const char *path, void *arg, vb_error *err)
{
    struct reading *r = arg;
    int64_t left = r->length < 0 ? -1 : r->length - r->given;

    return root->class->get(root->self, path, r->offset + r->given, left, r->etag, r->deadline, count_and_sink, r, err);
}

int vb_stores_get(vb_stores *s, const vb_location *location, int64_t offset, int64_t length, const char *etag,
                  int64_t until, vb_sink_fn *sink, void *arg, vb_error *err)
{
    struct part part;
    vb_autofree char *path = split_fragment(location->path, &part);
    struct reading reading = {offset, length, until, 0, etag, sink, arg};

    return along_chain(s, location->store_id, path, read_root, &reading, err);
}

int64_t vb_stores_deadline(vb_stores *s, const vb_location *location, int64_t size)
{
    struct vb_store_root *roots;
    size_t count;

    if (find_roots(s, location->store_id, location->path, &roots, &count, NULL) < 0)
        return vb_store_deadline(&default_options, size);
    return deadline(roots, size);
}

/* ---- later --------------------------------------------------------------------------------------------- */

static int ask_origin(void *owner, int64_t store, const char *path, int64_t until, vb_object *out, vb_error *err)
{
    return vb_stores_ask(owner, &(vb_location){.store_id = store, .path = (char *)path}, out, err);
}

static int get_origin(void *owner, int64_t store, const char *path, int64_t offset, int64_t length, const char *etag,
                      int64_t until, vb_sink_fn *sink, void *arg, vb_error *err)
{
    return vb_stores_get(owner, &(vb_location){.store_id = store, .path = (char *)path}, offset, length, etag, until,
                         sink, arg, err);
}

static void ref_origin(void *owner)
{
    atomic_fetch_add(&((vb_stores *)owner)->refs, 1);
}

static void unref_origin(void *owner)
{
    unref(owner);
}

static const vb_origin_class origin_class = {ask_origin, get_origin, ref_origin, unref_origin};

int vb_stores_fetcher(vb_stores *s, vb_fetcher **out, vb_error *err)
{
    vb_auto_cache_options options = {0};
    int r = 0;

    pthread_mutex_lock(&s->lock);
    if (!s->fetcher) {
        r = vb_cache_options_load(s->directory, &options, err);
        if (!r)
            r = vb_fetcher_get(&options, &s->fetcher, err);
    }
    *out = s->fetcher;
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* What a location says of a file; of a part of one it says nothing of the file. */
struct lazy {
    vb_lazy artifact;
    struct part part;
    char *path, *name, *source;
    bool is_part;
};

static void lazy_clear(struct lazy *l)
{
    free(l->path);
    free(l->name);
    free(l->source);
}

/* "https://host": whose turns are counted. */
static char *source_of(const char *name)
{
    const char *host = strstr(name, "://");

    return host ? vb_strndup(name, (size_t)(host + 3 - name) + strcspn(host + 3, "/")) : vb_strdup(name);
}

static int describe(vb_stores *s, const vb_location *location, struct lazy *out, vb_error *err)
{
    struct vb_store_root *roots;
    size_t count;
    int r;

    out->path = split_fragment(location->path, &out->part);
    out->is_part = out->part.member || out->part.hdu >= 0;
    out->name = vb_stores_path(s, location);
    out->source = source_of(out->name);
    r = find_roots(s, location->store_id, out->path, &roots, &count, err);
    if (r < 0)
        return r;
    out->artifact = (vb_lazy){
        .origin = {&origin_class, s, location->store_id, roots->options, out->source},
        .path = out->path,
        .name = out->name,
        .size = out->is_part ? -1 : location->size,
        .mtime = out->is_part ? -1 : location->mtime,
        .has_checksum = !out->is_part && location->has_checksum,
        .checksum = location->checksum,
        .whole = out->is_part,
    };
    return 0;
}

/* The part of a whole file; what was registered must be what is there. */
static int take_lazy(const struct lazy *l, const vb_location *location, vb_content *content, vb_error *err)
{
    int r = take_part(&l->part, content, err);

    if (r < 0)
        vb_error_context(err, "artifact %s", l->name);
    if (!r)
        r = check_unchanged(location, content, location->mtime, err);
    if (r < 0) {
        if (content->stream)
            vb_stream_close(content->stream);
        close(content->fd);
    }
    return r;
}

/* Links of a chain that are directories, before the first that is none: 1 where one of them has it. */
static int open_near(vb_stores *s, const vb_location *location, const struct lazy *l, vb_content *out, vb_error *err)
{
    struct opening opening = {.location = location, .part = l->is_part};
    struct vb_store_root *roots;
    size_t count;
    int r = find_roots(s, location->store_id, l->path, &roots, &count, err);

    for (size_t i = 0; !r && i < count && roots[i].class->local; i++) {
        *out = (vb_content){.fd = open_local(&roots[i], l->path, &opening, NULL), .whole = true};
        if (out->fd < 0)
            continue;
        out->size = opening.size;
        r = take_lazy(l, location, out, err);
        return r < 0 ? r : 1;
    }
    return r;
}

int vb_stores_open_later(vb_stores *s, const vb_location *location, vb_wait *wait, vb_content *out, vb_error *err)
{
    __attribute__((cleanup(lazy_clear))) struct lazy lazy = {0};
    vb_fetcher *fetcher;
    int r;

    if (vb_stores_is_local(s, location))
        return vb_stores_open_artifact(s, location, out, err);
    r = describe(s, location, &lazy, err);
    if (!r)
        r = open_near(s, location, &lazy, out, err);
    if (r)
        return r < 0 ? r : 0;
    r = vb_stores_fetcher(s, &fetcher, err);
    if (!r)
        r = vb_lazy_open(fetcher, &lazy.artifact, wait, out, err);
    return r < 0 ? r : take_lazy(&lazy, location, out, err);
}

int vb_stores_copy_cached(vb_stores *s, const vb_location *location, int to, int64_t *moved, vb_error *err)
{
    vb_content content;
    int r = vb_stores_open_later(s, location, NULL, &content, err);

    *moved = r < 0 ? 0 : content.fetched;
    return r < 0 ? r : copy_content(&content, to, err);
}

int vb_stores_stat_later(vb_stores *s, const vb_location *location, vb_wait *wait, int64_t *size, int64_t *mtime,
                         vb_error *err)
{
    vb_location unchecked = {.store_id = location->store_id, .path = location->path, .size = -1, .mtime = -1};
    __attribute__((cleanup(lazy_clear))) struct lazy lazy = {0};
    vb_object object = {0};
    vb_content content;
    vb_fetcher *fetcher;
    int r;

    if (vb_stores_is_local(s, location))
        return vb_stores_stat(s, location, size, mtime, err);
    r = describe(s, &unchecked, &lazy, err);
    if (!r && lazy.is_part) {
        r = vb_stores_open_later(s, &unchecked, wait, &content, err);
        if (r < 0)
            return r;
        *size = content.size;
        *mtime = -1;
        close(content.fd);
        return 0;
    }
    if (!r)
        r = vb_stores_fetcher(s, &fetcher, err);
    if (!r)
        r = vb_lazy_stat(fetcher, &lazy.artifact, wait, &object, err);
    *size = object.size;
    *mtime = object.mtime;
    return r;
}
