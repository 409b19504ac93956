#include "fs/remote/date.h"
#include "fs/remote/xml.h"
#include "fs/store/s3/list.h"
#include "registry/base/mem.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"

#include <string.h>

struct page {
    vb_object_fn *each;
    void *arg;
    char *key, *next;
    vb_object object;
    bool truncated;
};

static void clear(struct page *p)
{
    free(VB_STEAL(p->key));
    p->object = (vb_object){.size = -1, .mtime = -1};
}

/* A blank may be written as '+'. */
static char *decode(const char *text)
{
    vb_autofree char *copy = vb_strdup(text);
    vb_buf key = {0};

    for (char *c = copy; (c = strchr(c, '+'));)
        *c = ' ';
    if (!vb_percent_decode(&key, copy)) {
        vb_buf_free(&key);
        return NULL;
    }
    return vb_buf_steal(&key);
}

static int take_property(struct page *p, const char *name, const char *text)
{
    int r = 0;

    if (!*name) {
        r = p->key && *p->key ? p->each(p->arg, p->key, &p->object) : 0;
        clear(p);
    } else if (!strcmp(name, "/Key") && !p->key) {
        p->key = decode(text);
    } else if (!strcmp(name, "/Size")) {
        if (!vb_parse_int(text, &p->object.size) || p->object.size < 0)
            p->object.size = -1;
    } else if (!strcmp(name, "/LastModified")) {
        p->object.mtime = vb_remote_date(text);
    } else if (!strcmp(name, "/ETag") && strlen(text) < sizeof p->object.etag) {
        strcpy(p->object.etag, text);
    }
    return r;
}

static int take(void *arg, const char *path, const char *text)
{
    static const char contents[] = "ListBucketResult/Contents";
    struct page *p = arg;

    if (vb_starts_with(path, contents))
        return take_property(p, path + strlen(contents), text);
    if (!strcmp(path, "ListBucketResult/IsTruncated")) {
        p->truncated = !strcmp(text, "true");
    } else if (!strcmp(path, "ListBucketResult/NextContinuationToken") && !p->next) {
        p->next = vb_strdup(text);
    }
    return 0;
}

int vb_s3_parse_page(const char *data, size_t n, vb_object_fn *each, void *arg, char **next, vb_error *err)
{
    struct page p = {.each = each, .arg = arg};
    int r;

    clear(&p);
    r = vb_xml_read(data, n, take, &p, err);
    clear(&p);
    *next = NULL;
    if (!r && p.truncated && (!p.next || !*p.next))
        r = vb_fail(err, -EIO, "the server does not tell how to ask for the rest");
    if (!r && p.truncated)
        *next = VB_STEAL(p.next);
    free(p.next);
    return r;
}
