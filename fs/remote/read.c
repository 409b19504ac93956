/* read.c - downloads that go on where they broke.
 *
 * A second try asks for the rest only, and for the same version (If-Match where the ETag is a strong one).  Whatever
 * the server does with that, the answer is held against the first: ETag, time and size must be the same, and the part
 * that it says it sends must begin where we are.  A server that knows no ranges sends all again; what we have is
 * skipped.  Where a server tells nothing by which two versions could be told apart, a broken download fails. */
#include "fs/remote/internal.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROGRESS = 1 << 20 }; /* bytes after which a download has earned new tries */

struct download {
    int64_t offset, end; /* what is still wanted; end -1: to the end, as long as that is not known */
    int64_t skip;        /* bytes of this answer before `offset` */
    bool touched;        /* bytes were given away already */
    bool partial;        /* this answer is a part (206): nothing comes after it */
    bool known;          /* `object` is what the first good answer said */
    vb_object object;
    const char *etag; /* that was asked for; "": any */
    vb_sink_fn *sink;
    void *arg;
};

static const char *const changed = "it changed while it was read";

/* "W/..." may stay the same where bytes differ. */
static bool is_strong(const char *etag)
{
    return *etag && strncmp(etag, "W/", 2) != 0;
}

static int check_version(struct download *d, const vb_object *now, vb_error *err)
{
    if (*d->etag && *now->etag && strcmp(d->etag, now->etag) != 0)
        return vb_fail(err, -ESTALE, "it is another version than before");
    if (!d->known) {
        d->object = *now;
        d->known = true;
        return 0;
    }
    if (strcmp(d->object.etag, now->etag) != 0 || d->object.mtime != now->mtime ||
        (d->object.size >= 0 && now->size >= 0 && d->object.size != now->size))
        return vb_fail(err, -ESTALE, "%s", changed);
    if (d->touched && !*now->etag && now->mtime < 0)
        return vb_fail(err, -EIO, "it broke off, and the server does not tell whether the rest is of the same version");
    return 0;
}

/* A good answer's header is there: is it what was asked for? */
static int begin_answer(void *arg, vb_answer *a, vb_error *err)
{
    struct download *d = arg;
    int r;

    if (a->status == 200 && a->length >= 0)
        a->object.size = a->length;
    if (a->status == 206 && (a->begin != d->offset || (d->end >= 0 && a->end > d->end) ||
                             (a->length >= 0 && a->length != a->end - a->begin)))
        return vb_fail(err, -EIO, "the server sent another part than the one that was asked for");
    r = check_version(d, &a->object, err);
    if (r < 0)
        return r;
    d->partial = a->status == 206;
    d->skip = d->partial ? 0 : d->offset;
    if (d->object.size < 0)
        d->object.size = a->object.size;
    if (d->object.size >= 0 && d->end > d->object.size)
        return vb_fail(err, -ESTALE, "it has %" PRId64 " bytes, and more were asked for", d->object.size);
    if (d->end < 0)
        d->end = d->object.size;
    return d->end >= 0 && d->offset > d->end ? vb_fail(err, -ESTALE, "it has %" PRId64 " bytes only", d->end) : 0;
}

/* -ECANCELED: that is all. */
static int take_bytes(void *arg, const void *bytes, size_t n)
{
    struct download *d = arg;
    const char *p = bytes;
    size_t skip = d->skip < (int64_t)n ? (size_t)d->skip : n;
    bool last;
    int r;

    d->skip -= (int64_t)skip;
    p += skip;
    n -= skip;
    last = d->end >= 0 && (int64_t)n >= d->end - d->offset;
    if (d->partial && d->end >= 0 && (int64_t)n > d->end - d->offset)
        return -EPROTO; /* more than the server has told */
    if (last)
        n = (size_t)(d->end - d->offset);
    r = n ? d->sink(d->arg, p, n) : 0;
    if (r < 0)
        return r == -ECANCELED ? -EINTR : r;
    d->offset += (int64_t)n;
    d->touched = d->touched || n;
    return last && d->object.size != d->end ? -ECANCELED : 0;
}

/* A whole answer: has it given all? */
static int check_end(struct download *d, vb_try *t)
{
    if (d->end >= 0 && d->offset < d->end) {
        t->again = true;
        return vb_fail(&t->why, -EIO, "the answer ended %" PRId64 " bytes early", d->end - d->offset);
    }
    return 0;
}

static int try_once(vb_remote *r, struct download *d, vb_try *t)
{
    vb_autofree char *range = NULL;
    int code;

    if (d->end >= 0)
        range = vb_format("%" PRId64 "-%" PRId64, d->offset, d->end - 1);
    else if (d->offset)
        range = vb_format("%" PRId64 "-", d->offset);
    if (d->end == d->object.size && !d->offset)
        free(VB_STEAL(range));
    t->range = range;
    t->match = d->known && is_strong(d->object.etag) ? d->object.etag : is_strong(d->etag) ? d->etag : NULL;
    code = vb_remote_exchange(r, t);
    t->range = t->match = NULL;
    if (!code && vb_remote_may_pass(t->answer->status))
        t->again = (code = vb_fail(&t->why, -EIO, "the server answered %d", t->answer->status)) < 0;
    else if (!code && (t->answer->status == 200 || t->answer->status == 206))
        code = check_end(d, t);
    return code;
}

/* An answer that no second try will change. */
static int settle(struct download *d, const vb_request *q, const vb_answer *a, vb_error *err)
{
    int r;

    if (a->status == 200 || a->status == 206)
        return 0;
    if (a->status == 416 && d->object.size < 0 && d->end < 0 && a->object.size == d->offset)
        return 0; /* nothing is left from there on */
    r = vb_remote_refused(q, a, err);
    if (a->status == 412 || a->status == 416)
        return vb_fail(err, -ESTALE, "%s %s: %s", q->operation, q->name,
                       a->status == 412 ? "it is another version than before"
                                        : "it is shorter than what was asked for");
    return r < 0 ? r : vb_fail(err, -EIO, "%s %s: the server answered %d", q->operation, q->name, a->status);
}

static int download(vb_remote *r, const vb_request *q, struct download *d, vb_error *err)
{
    vb_patience patience = {.request = q, .retries = r->options->retries};
    vb_auto_answer answer = {0};
    vb_try t = {.request = q, .begin = begin_answer, .sink = take_bytes, .arg = d, .answer = &answer};
    int64_t earned = d->offset + PROGRESS;
    int code;

    for (;;) {
        code = try_once(r, d, &t);
        patience.tries++;
        if (!code) {
            code = settle(d, q, &answer, err);
            break;
        }
        if (d->offset >= earned) {
            earned = d->offset + PROGRESS;
            patience.tries = 1;
        }
        if (t.again && d->end >= 0 && d->offset == d->end) { /* all is there but the end of the answer */
            code = 0;
            break;
        }
        if (t.again && vb_remote_wait(&patience, &t))
            continue;
        code = vb_remote_give_up(&patience, &t, err);
        break;
    }
    vb_error_clear(&t.why);
    return code;
}

int vb_remote_read(vb_remote *r, const vb_request *q, int64_t offset, int64_t length, const char *etag,
                   vb_sink_fn *sink, void *arg, vb_object *out, vb_error *err)
{
    struct download d = {.offset = offset,
                         .end = length < 0 ? -1 : offset + length,
                         .object = {.size = -1, .mtime = -1},
                         .etag = etag ? etag : "",
                         .sink = sink,
                         .arg = arg};
    int code = length ? download(r, q, &d, err) : 0;

    if (out)
        *out = d.object;
    return code;
}

/* ---- size and time ------------------------------------------------------------------------------------- */

static int stop(void *arg, const void *bytes, size_t n)
{
    return -EINTR;
}

/* A download that ends with its first bytes: what comes before them tells the size of all. */
static int stat_by_reading(vb_remote *r, const vb_request *q, vb_object *out, vb_error *err)
{
    vb_request get = *q;
    int code;

    get.method = "GET";
    code = vb_remote_read(r, &get, 0, -1, "", stop, NULL, out, err);
    if (code != -EINTR)
        return code;
    vb_error_clear(err);
    return 0;
}

int vb_remote_stat(vb_remote *r, const vb_request *q, vb_object *out, vb_error *err)
{
    vb_auto_answer answer = {0};
    int code = vb_remote_send(r, q, &answer, err);

    if (code < 0)
        return code;
    if (answer.status == 405 || answer.status == 501 || (answer.status == 200 && answer.length < 0))
        return stat_by_reading(r, q, out, err);
    code = vb_remote_refused(q, &answer, err);
    *out = answer.object;
    if (answer.length >= 0)
        out->size = answer.length;
    return code;
}
