/* http.c - a store that is a web server; what is written needs WebDAV (dav.c). */
#include "fs/remote/url.h"
#include "fs/store/http/internal.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <string.h>

static int http_open(const char *root, const vb_store_options *options, void **out, vb_error *err)
{
    struct http_store *s;
    vb_url url;
    int r = *root ? vb_url_parse(root, &url, err) : 0;

    if (r < 0)
        return r;
    if (*root)
        vb_url_clear(&url);
    s = VB_NEW(struct http_store);
    s->root = vb_strdup(root);
    s->remote = vb_remote_open(options);
    *out = s;
    return 0;
}

static void http_close(void *store)
{
    struct http_store *s = store;

    vb_remote_close(s->remote);
    free(s->root);
    free(s);
}

int vb_http_locate(const struct http_store *s, const char *path, char **url, char **name, vb_error *err)
{
    vb_url parts;
    int r;

    *url = *name = NULL;
    if (*s->root && *path && !vb_path_is_safe(path))
        return vb_fail(err, -EINVAL, "artifact path '%s' leads out of its store", path);
    if (!*s->root) {
        r = vb_url_parse(path, &parts, err);
        if (r < 0)
            return r;
        *url = vb_format("%s://%s%s%s", parts.scheme, parts.authority, *parts.path ? parts.path : "/", parts.query);
        vb_url_clear(&parts);
    } else {
        *url = vb_url_join(s->root, path);
    }
    *name = vb_url_shown(*url);
    return 0;
}

static int http_stat(void *store, const char *path, int64_t deadline, vb_object *out, vb_error *err)
{
    struct http_store *s = store;
    vb_autofree char *url = NULL, *name = NULL;
    int r = vb_http_locate(s, path, &url, &name, err);
    const vb_request q = {.method = "HEAD", .url = url, .name = name, .operation = "asking for", .deadline = deadline};

    return r < 0 ? r : vb_remote_stat(s->remote, &q, out, err);
}

static int http_get_told(void *store, const char *path, int64_t offset, int64_t length, const char *etag,
                         int64_t deadline, vb_sink_fn *sink, void *arg, vb_object *told, vb_error *err)
{
    struct http_store *s = store;
    vb_autofree char *url = NULL, *name = NULL;
    int r = vb_http_locate(s, path, &url, &name, err);
    const vb_request q = {.method = "GET", .url = url, .name = name, .operation = "reading", .deadline = deadline};

    return r < 0 ? r : vb_remote_read(s->remote, &q, offset, length, etag, sink, arg, told, err);
}

static int http_get(void *store, const char *path, int64_t offset, int64_t length, const char *etag, int64_t deadline,
                    vb_sink_fn *sink, void *arg, vb_error *err)
{
    return http_get_told(store, path, offset, length, etag, deadline, sink, arg, NULL, err);
}

static int http_remove(void *store, const char *path, int64_t deadline, vb_error *err)
{
    struct http_store *s = store;
    vb_autofree char *url = NULL, *name = NULL;
    vb_auto_answer answer = {0};
    int r = vb_http_locate(s, path, &url, &name, err);
    const vb_request q = {.method = "DELETE", .url = url, .name = name, .operation = "removing", .deadline = deadline};

    if (!r)
        r = vb_remote_send(s->remote, &q, &answer, err);
    if (r < 0 || (answer.status == 404 && answer.tries > 1)) /* an earlier try did it, and its answer was lost */
        return r;
    return vb_remote_refused(&q, &answer, err);
}

static const char *const schemes[] = {"http", "https", NULL};

const vb_store_class vb_store_http = {
    .schemes = schemes,
    .open = http_open,
    .close = http_close,
    .stat = http_stat,
    .get = http_get,
    .get_told = http_get_told,
    .put = vb_dav_put,
    .remove = http_remove,
    .list = vb_dav_list,
};
