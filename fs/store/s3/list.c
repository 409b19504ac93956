#include "fs/store/s3/list.h"

#include "fs/store/s3/internal.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"

#include <string.h>

struct listing {
    struct s3_store *store;
    vb_object_fn *each;
    void *arg;
};

/* Keys become paths below the root; what is no path (a "directory/" that some tools make) is left out. */
static int take_key(void *arg, const char *key, const vb_object *object)
{
    const struct listing *l = arg;
    size_t n = strlen(l->store->prefix);

    if (strncmp(key, l->store->prefix, n) != 0 || !vb_path_is_safe(key + n) || vb_ends_with(key, "/"))
        return 0;
    return l->each(l->arg, key + n, object);
}

/* The address of a page: parameters in order, as they are signed. */
static char *page_url(const char *bucket, const char *prefix, const char *token)
{
    vb_buf url = {0};

    vb_buf_printf(&url, "%s?", bucket);
    if (token) {
        vb_buf_puts(&url, "continuation-token=");
        vb_percent_encode(&url, token, true);
        vb_buf_putc(&url, '&');
    }
    vb_buf_puts(&url, "encoding-type=url&list-type=2&max-keys=1000&prefix=");
    vb_percent_encode(&url, prefix, true);
    return vb_buf_steal(&url);
}

static int list_page(struct listing *l, const struct s3_object *bucket, const char *prefix, int64_t deadline,
                     char **token, vb_error *err)
{
    vb_autofree char *url = page_url(bucket->url, prefix, *token), *before = VB_STEAL(*token);
    vb_auto_s3_headers h = {0};
    vb_auto_answer answer = {0};
    vb_request q = vb_s3_request(bucket, &h, NULL, "GET", "listing", deadline);
    int r;

    q.url = url;
    r = vb_remote_send(l->store->remote, &q, &answer, err);
    if (!r)
        r = vb_remote_refused(&q, &answer, err);
    if (r < 0)
        return r;
    r = vb_s3_parse_page(answer.body.data, answer.body.len, take_key, l, token, err);
    if (!r && *token && before && !strcmp(*token, before))
        r = vb_fail(err, -EIO, "the server gives the same page again and again");
    return r < 0 && err && err->code ? vb_error_context(err, "listing %s", bucket->name) : r;
}

int vb_s3_list(void *store, const char *prefix, int64_t deadline, vb_object_fn *each, void *arg, vb_error *err)
{
    struct listing l = {.store = store, .each = each, .arg = arg};
    vb_autofree char *address = NULL, *whole = NULL, *token = NULL;
    vb_auto_s3_object bucket = {0};
    int r;

    if (!l.store->bucket)
        return vb_fail(err, -EINVAL, "there is no bucket to be listed");
    r = vb_s3_locate(store, "", &bucket, err);
    if (r < 0)
        return r;
    /* The address of the bucket is that of the root without its prefix. */
    address = vb_strndup(bucket.url, strlen(bucket.url));
    if (*bucket.key) {
        vb_auto_buf key = {0};

        vb_percent_encode(&key, bucket.key, false);
        address[strlen(address) - key.len] = 0;
    }
    free(bucket.url);
    bucket.url = VB_STEAL(address);
    whole = vb_format("%s%s", l.store->prefix, prefix);
    do
        r = list_page(&l, &bucket, whole, deadline, &token, err);
    while (!r && token);
    return r;
}
