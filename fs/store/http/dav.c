/* dav.c - writing and listing by WebDAV.
 *
 * A file is sent under a name of its own beside its place, and moved there: so nobody sees a part of it, and "only if
 * nothing is there" (Overwrite: F) is decided by the server at once.  PUT's If-None-Match is no help: servers ignore
 * it. */
#include "fs/store/http/dav.h"

#include "fs/remote/url.h"
#include "fs/store/http/internal.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"
#include "registry/base/uuid.h"

#include <string.h>

/* ---- writing ------------------------------------------------------------------------------------------- */

struct upload {
    struct http_store *store;
    char *url, *name; /* of the artifact */
    char *temporary;  /* the address under which it is sent */
    int64_t deadline;
};

static void upload_clear(struct upload *u)
{
    free(u->url);
    free(u->name);
    free(u->temporary);
}

/* ".NAME.UUID" in the same directory. */
static char *temporary_url(const char *url)
{
    const char *slash = strrchr(url, '/');
    char uuid[VB_UUID_TEXT];

    return vb_format("%.*s.%s.%s", (int)(slash + 1 - url), url, slash + 1, vb_uuid_format(vb_uuid_v4(), uuid));
}

static vb_request request_of(const struct upload *u, const char *method, const char *url)
{
    return (vb_request){.method = method, .url = url, .name = u->name, .operation = "writing", .deadline = u->deadline};
}

/* Makes the directories above the artifact that the store's root does not have. */
static int make_directories(const struct upload *u, vb_error *err)
{
    size_t root = strlen(u->store->root);
    int r = 0;

    for (const char *p = u->url + root + (u->store->root[root - 1] != '/'); !r && (p = strchr(p, '/')); p++) {
        vb_autofree char *directory = vb_strndup(u->url, (size_t)(p + 1 - u->url));
        vb_request q = request_of(u, "MKCOL", directory);
        vb_auto_answer answer = {0};

        r = vb_remote_send(u->store->remote, &q, &answer, err);
        if (!r && answer.status != 405 && answer.status != 301) /* it is there */
            r = vb_remote_refused(&q, &answer, err);
    }
    return r;
}

static int send_file(const struct upload *u, int fd, int64_t size, int *status, vb_error *err)
{
    vb_request q = request_of(u, "PUT", u->temporary);
    vb_auto_answer answer = {0};
    int r;

    q.fd = fd;
    q.has_file = true;
    q.size = size;
    r = vb_remote_send(u->store->remote, &q, &answer, err);
    *status = answer.status;
    return r < 0 ? r : vb_remote_refused(&q, &answer, err);
}

static int move(const struct upload *u, bool replace, vb_error *err)
{
    vb_autofree char *destination = vb_format("Destination: %s", u->url);
    const char *const headers[] = {destination, replace ? "Overwrite: T" : "Overwrite: F", NULL};
    vb_request q = request_of(u, "MOVE", u->temporary);
    vb_auto_answer answer = {0};
    int r;

    q.headers = headers;
    q.once = true; /* so that the tries are counted */
    r = vb_remote_send(u->store->remote, &q, &answer, err);
    if (r < 0)
        return r;
    if (answer.status == 404 && answer.tries > 1) /* an earlier try did it, and its answer was lost */
        return 0;
    if (answer.status == 412)
        return vb_fail(err, -EEXIST, "writing %s: it is there already", u->name);
    if (answer.status == 405 || answer.status == 501) {
        vb_fail(err, -EIO, "writing %s: the server knows no WebDAV (MOVE: %d)", u->name, answer.status);
        vb_hint(err, "a web server without WebDAV can be read from only");
        return -EIO;
    }
    return vb_remote_refused(&q, &answer, err);
}

static void remove_temporary(struct upload *u)
{
    vb_request q = request_of(u, "DELETE", u->temporary);
    vb_auto_answer answer = {0};

    q.deadline = vb_clock_monotonic_ns() + 2000000000;
    vb_remote_send(u->store->remote, &q, &answer, NULL);
}

static int put(struct upload *u, int fd, int64_t size, bool replace, vb_error *err)
{
    int status, r = send_file(u, fd, size, &status, err);

    if (r < 0 && *u->store->root && (status == 404 || status == 409)) { /* some servers make no directories */
        r = make_directories(u, err);
        if (!r)
            r = send_file(u, fd, size, &status, err);
    }
    if (!r)
        r = move(u, replace, err);
    if (r < 0)
        remove_temporary(u);
    return r;
}

int vb_dav_put(void *store, const char *path, int fd, int64_t size, bool replace, int64_t deadline, vb_error *err)
{
    __attribute__((cleanup(upload_clear))) struct upload u = {.store = store, .deadline = deadline};
    int r = vb_http_locate(u.store, path, &u.url, &u.name, err);

    if (r < 0)
        return r;
    if (strchr(u.url, '?'))
        return vb_fail(err, -EINVAL, "writing %s: an address with a query is no place for a file", u.name);
    u.temporary = temporary_url(u.url);
    return put(&u, fd, size, replace, err);
}

/* ---- listing ------------------------------------------------------------------------------------------- */

struct listing {
    struct http_store *store;
    int64_t deadline;
    char *base; /* the path of the root's address, decoded, with '/' at its end */
    vb_object_fn *each;
    void *arg;
    char *here;         /* the directory that is being read, below the root */
    char **directories; /* that are still to be read */
    size_t count, cap;
};

static int take_entry(void *arg, const char *href, bool directory, const vb_object *object)
{
    struct listing *l = arg;
    const char *rest = strstr(href, "://");
    vb_auto_buf path = {0};
    const char *below;

    rest = rest ? strchrnul(rest + 3, '/') : href;
    if (!vb_percent_decode(&path, rest) || !vb_starts_with(vb_buf_text(&path), l->base))
        return 0;
    below = path.data + strlen(l->base);
    if (!vb_starts_with(below, l->here) || !strcmp(below, l->here))
        return 0; /* itself, or not what was asked for */
    if (!vb_path_is_safe(below))
        return 0;
    if (!directory)
        return strchr(below + strlen(l->here), '/') ? 0 : l->each(l->arg, below, object);
    *VB_PUSH(l->directories, l->count, l->cap) = vb_ends_with(below, "/") ? vb_strdup(below) : vb_format("%s/", below);
    return 0;
}

static int list_here(struct listing *l, vb_error *err)
{
    static const char *const headers[] = {"Depth: 1", "Content-Type: application/xml", NULL};
    static const char body[] =
        "<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>"
        "<getlastmodified/><getetag/></prop></propfind>";
    vb_autofree char *url = vb_url_join(l->store->root, l->here), *name = vb_url_shown(url);
    const vb_request q = {.method = "PROPFIND",
                          .url = url,
                          .name = name,
                          .operation = "listing",
                          .headers = headers,
                          .text = body,
                          .deadline = l->deadline};
    vb_auto_answer answer = {0};
    int r = vb_remote_send(l->store->remote, &q, &answer, err);

    if (r < 0)
        return r;
    if (answer.status == 404)
        return 0;
    r = vb_remote_refused(&q, &answer, err);
    if (!r)
        r = vb_dav_parse(answer.body.data, answer.body.len, take_entry, l, err);
    return r < 0 && err && err->code ? vb_error_context(err, "listing %s", name) : r;
}

int vb_dav_list(void *store, const char *prefix, int64_t deadline, vb_object_fn *each, void *arg, vb_error *err)
{
    struct listing l = {.store = store, .deadline = deadline, .each = each, .arg = arg};
    vb_auto_buf base = {0};
    vb_url url;
    int r = vb_url_parse(l.store->root, &url, err);

    if (r < 0)
        return r;
    if (!vb_percent_decode(&base, url.path))
        r = vb_fail(err, -EINVAL, "listing %s: its path is not well-formed", l.store->root);
    if (!vb_ends_with(vb_buf_text(&base), "/"))
        vb_buf_putc(&base, '/');
    vb_url_clear(&url);
    l.base = base.data;
    *VB_PUSH(l.directories, l.count, l.cap) = vb_strdup(prefix);
    while (l.count) {
        l.here = l.directories[--l.count];
        if (!r)
            r = list_here(&l, err);
        free(l.here);
    }
    free(l.directories);
    return r;
}
