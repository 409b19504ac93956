/* s3.c - a store that is a bucket, or a part of one: Amazon's S3 and what speaks like it.
 *
 * libcurl signs (AWS signature version 4).  It neither hashes bodies nor sorts and encodes queries, so bodies are sent
 * as UNSIGNED-PAYLOAD, and addresses are made here as they are to be signed. */
#include "fs/store/s3/internal.h"

#include "fs/remote/url.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"

#include <string.h>

/* ---- roots and addresses ------------------------------------------------------------------------------- */

/* The key that an address names: decoded, as Rubin's addresses are; where it is not well-formed, as it is. */
static char *key_of(const char *path)
{
    vb_buf key = {0};

    path += *path == '/';
    if (!vb_percent_decode(&key, path))
        vb_buf_puts(&key, path);
    return vb_buf_steal(&key);
}

static int parse(const char *address, char **bucket, char **key, vb_error *err)
{
    vb_url url;
    int r = vb_url_parse(address, &url, err);

    if (r < 0)
        return r;
    if (strcmp(url.scheme, "s3") != 0 || *url.query) {
        r = vb_fail(err, -EINVAL, "address %s is not like s3://BUCKET/KEY", address);
    } else {
        *bucket = vb_strdup(url.authority);
        *key = key_of(url.path);
    }
    vb_url_clear(&url);
    return r;
}

static int s3_open(const char *root, const vb_store_options *options, void **out, vb_error *err)
{
    vb_autofree char *bucket = NULL, *prefix = NULL;
    struct s3_store *s;
    int r = *root ? parse(root, &bucket, &prefix, err) : 0;

    if (r < 0)
        return r;
    s = VB_NEW(struct s3_store);
    s->options = options;
    s->remote = vb_remote_open(options);
    pthread_mutex_init(&s->lock, NULL);
    s->bucket = VB_STEAL(bucket);
    if (prefix)
        s->prefix = *prefix && !vb_ends_with(prefix, "/") ? vb_format("%s/", prefix) : VB_STEAL(prefix);
    *out = s;
    return 0;
}

static void s3_close(void *store)
{
    struct s3_store *s = store;

    vb_remote_close(s->remote);
    pthread_mutex_destroy(&s->lock);
    vb_credentials_clear(&s->credentials);
    free(s->bucket);
    free(s->prefix);
    free(s->region);
    free(s->endpoint);
    free(s);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* The first of `n` texts that is there. */
static const char *first(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (texts[i])
            return texts[i];
    return NULL;
}

static int find_place(struct s3_store *s, vb_error *err)
{
    const vb_store_options *o = s->options;
    const char *region, *endpoint;
    size_t n;
    int r = vb_credentials_find(o->profile, &s->credentials, err);

    if (r < 0) {
        vb_credentials_clear(&s->credentials);
        return r;
    }
    region = first((const char *[]){o->region, variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"),
                                    s->credentials.region, "us-east-1"},
                   5);
    endpoint = first((const char *[]){o->endpoint, variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL"),
                                      variable("S3_ENDPOINT_URL"), s->credentials.endpoint},
                     5);
    if (region[strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")])
        return vb_fail(err, -EINVAL, "'%s' is no region of S3", region);
    s->region = vb_strdup(region);
    if (endpoint) {
        n = strlen(endpoint);
        s->endpoint = vb_strndup(endpoint, n - (endpoint[n - 1] == '/'));
    }
    s->found = true;
    return 0;
}

static int find_once(struct s3_store *s, vb_error *err)
{
    int r;

    pthread_mutex_lock(&s->lock);
    r = s->found ? 0 : find_place(s, err);
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* A name with dots or capitals is no host that a certificate covers. */
static bool is_virtual(const struct s3_store *s, const char *bucket)
{
    if (s->options->addressing != VB_ADDRESSING_AUTO)
        return s->options->addressing == VB_ADDRESSING_VIRTUAL;
    return !s->endpoint && !bucket[strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

static int make_url(const struct s3_store *s, struct s3_object *o, vb_error *err)
{
    vb_autofree char *endpoint = s->endpoint ? vb_strdup(s->endpoint)
                                             : vb_format("https://s3.%s.amazonaws.com", s->region);
    vb_auto_buf url = {0};
    vb_url parts;
    int r = vb_url_parse(endpoint, &parts, err);

    if (r < 0)
        return vb_error_context(err, "endpoint of S3");
    if (!strcmp(parts.scheme, "s3"))
        r = vb_fail(err, -EINVAL, "endpoint of S3: %s must begin with https:// or http://", endpoint);
    if (is_virtual(s, o->bucket))
        vb_buf_printf(&url, "%s://%s.%s%s/", parts.scheme, o->bucket, parts.authority, parts.path);
    else
        vb_buf_printf(&url, "%s://%s%s/%s%s", parts.scheme, parts.authority, parts.path, o->bucket, *o->key ? "/" : "");
    vb_percent_encode(&url, o->key, false);
    vb_url_clear(&parts);
    o->url = vb_buf_steal(&url);
    return r;
}

int vb_s3_locate(struct s3_store *s, const char *path, struct s3_object *out, vb_error *err)
{
    int r = find_once(s, err);

    *out = (struct s3_object){0};
    if (r < 0)
        return r;
    if (!s->bucket) {
        r = parse(path, &out->bucket, &out->key, err);
    } else if (*path && !vb_path_is_safe(path)) {
        r = vb_fail(err, -EINVAL, "artifact path '%s' leads out of its store", path);
    } else {
        out->bucket = vb_strdup(s->bucket);
        out->key = vb_format("%s%s", s->prefix, path);
    }
    if (!r)
        r = make_url(s, out, err);
    if (r < 0) {
        vb_s3_object_clear(out);
        return r;
    }
    out->name = vb_format("s3://%s/%s", out->bucket, out->key);
    out->is_signed = s->credentials.key;
    out->signer = (vb_signer){.credentials = &s->credentials, .region = s->region};
    return 0;
}

void vb_s3_object_clear(struct s3_object *o)
{
    free(o->bucket);
    free(o->key);
    free(o->url);
    free(o->name);
    *o = (struct s3_object){0};
}

/* ---- requests ------------------------------------------------------------------------------------------ */

vb_request vb_s3_request(const struct s3_object *o, struct s3_headers *h, const char *const *more, const char *method,
                         const char *operation, int64_t deadline)
{
    size_t n = 0;

    *h = (struct s3_headers){0};
    if (o->is_signed)
        h->list[n++] = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
    if (o->is_signed && o->signer.credentials->token)
        h->list[n++] = h->token = vb_format("x-amz-security-token: %s", o->signer.credentials->token);
    while (more && *more && n < VB_S3_HEADERS - 1)
        h->list[n++] = *more++;
    return (vb_request){.method = method,
                        .url = o->url,
                        .name = o->name,
                        .operation = operation,
                        .headers = h->list,
                        .signer = o->is_signed ? &o->signer : NULL,
                        .deadline = deadline};
}

void vb_s3_headers_clear(struct s3_headers *h)
{
    if (h->token)
        explicit_bzero(h->token, strlen(h->token));
    free(h->token);
    h->token = NULL;
}

static int s3_stat(void *store, const char *path, int64_t deadline, vb_object *out, vb_error *err)
{
    struct s3_store *s = store;
    vb_auto_s3_object o = {0};
    vb_auto_s3_headers h = {0};
    int r = vb_s3_locate(s, path, &o, err);
    vb_request q;

    if (r < 0)
        return r;
    q = vb_s3_request(&o, &h, NULL, "HEAD", "asking for", deadline);
    return vb_remote_stat(s->remote, &q, out, err);
}

static int s3_get_told(void *store, const char *path, int64_t offset, int64_t length, const char *etag,
                       int64_t deadline, vb_sink_fn *sink, void *arg, vb_object *told, vb_error *err)
{
    struct s3_store *s = store;
    vb_auto_s3_object o = {0};
    vb_auto_s3_headers h = {0};
    int r = vb_s3_locate(s, path, &o, err);
    vb_request q;

    if (r < 0)
        return r;
    q = vb_s3_request(&o, &h, NULL, "GET", "reading", deadline);
    return vb_remote_read(s->remote, &q, offset, length, etag, sink, arg, told, err);
}

static int s3_get(void *store, const char *path, int64_t offset, int64_t length, const char *etag, int64_t deadline,
                  vb_sink_fn *sink, void *arg, vb_error *err)
{
    return s3_get_told(store, path, offset, length, etag, deadline, sink, arg, NULL, err);
}

/* S3 says 204 whether or not it was there. */
static int s3_remove(void *store, const char *path, int64_t deadline, vb_error *err)
{
    struct s3_store *s = store;
    vb_auto_s3_object o = {0};
    vb_auto_s3_headers h = {0};
    vb_auto_answer answer = {0};
    int r = vb_s3_locate(s, path, &o, err);
    vb_request q;

    if (r < 0)
        return r;
    q = vb_s3_request(&o, &h, NULL, "DELETE", "removing", deadline);
    r = vb_remote_send(s->remote, &q, &answer, err);
    return r < 0 ? r : vb_remote_refused(&q, &answer, err);
}

bool vb_s3_has_id(struct s3_store *s, const struct s3_object *o, const char *id, int64_t deadline)
{
    vb_auto_s3_headers h = {0};
    vb_auto_answer answer = {0};
    vb_request q = vb_s3_request(o, &h, NULL, "HEAD", "asking for", deadline);

    return !vb_remote_send(s->remote, &q, &answer, NULL) && answer.status == 200 && !strcmp(answer.id, id);
}

static const char *const schemes[] = {"s3", NULL};

const vb_store_class vb_store_s3 = {
    .schemes = schemes,
    .open = s3_open,
    .close = s3_close,
    .stat = s3_stat,
    .get = s3_get,
    .get_told = s3_get_told,
    .put = vb_s3_put,
    .remove = s3_remove,
    .list = vb_s3_list,
};
