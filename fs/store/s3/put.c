/* put.c - objects are sent whole, or in parts where they are large; neither is seen before all of it is there.
 *
 * Each upload carries an id of its own in the object's metadata: where an answer is lost and a second try finds the
 * object there already, the id tells whether it is ours. */
#include "fs/store/parallel.h"
#include "fs/store/s3/internal.h"

#include "fs/remote/xml.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/percent.h"
#include "registry/base/uuid.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_PARTS = 10000, PARALLEL_PARTS = 4 };

static const int64_t whole_limit = 64 << 20;

static int there_already(const struct s3_object *o, vb_error *err)
{
    return vb_fail(err, -EEXIST, "writing %s: it is there already", o->name);
}

/* ---- whole --------------------------------------------------------------------------------------------- */

static int put_whole(struct s3_store *s, const struct s3_object *o, int fd, int64_t size, bool replace,
                     int64_t deadline, vb_error *err)
{
    char id[VB_UUID_TEXT];
    vb_autofree char *mark = vb_format("x-amz-meta-vbutler-id: %s", vb_uuid_format(vb_uuid_v4(), id));
    const char *const more[] = {mark, replace ? NULL : "If-None-Match: *", NULL};
    vb_auto_s3_headers h = {0};
    vb_auto_answer answer = {0};
    vb_request q = vb_s3_request(o, &h, more, "PUT", "writing", deadline);
    int r;

    q.fd = fd;
    q.has_file = true;
    q.size = size;
    r = vb_remote_send(s->remote, &q, &answer, err);
    if (!r && answer.status == 412)
        return vb_s3_has_id(s, o, id, deadline) ? 0 : there_already(o, err);
    return r < 0 ? r : vb_remote_refused(&q, &answer, err);
}

/* ---- in parts ------------------------------------------------------------------------------------------ */

struct part {
    char etag[96];
    vb_error err;
};

struct upload {
    struct s3_store *store;
    const struct s3_object *object;
    int fd;
    int64_t size, part_size, deadline;
    char *id; /* the server's, encoded for a query */
    char mark[VB_UUID_TEXT];
    struct part *parts;
    size_t count;
};

/* A request to the object's address with a query. */
static int send(struct upload *u, const char *method, const char *query, const char *text, const char *const *more,
                vb_answer *answer, vb_request *sent, vb_error *err)
{
    vb_autofree char *url = vb_format("%s?%s", u->object->url, query);
    vb_auto_s3_headers h = {0};
    vb_request q = vb_s3_request(u->object, &h, more, method, "writing", u->deadline);
    int r;

    q.url = url;
    q.text = text;
    r = vb_remote_send(u->store->remote, &q, answer, err);
    if (sent) {
        *sent = q;
        sent->url = NULL;
        sent->headers = NULL;
    }
    return r;
}

static int begin(struct upload *u, vb_error *err)
{
    vb_autofree char *mark = vb_format("x-amz-meta-vbutler-id: %s", vb_uuid_format(vb_uuid_v4(), u->mark));
    vb_autofree char *id = NULL;
    const char *const more[] = {mark, NULL};
    vb_auto_answer answer = {0};
    vb_auto_buf encoded = {0};
    vb_request q;
    int r = send(u, "POST", "uploads=", "", more, &answer, &q, err);

    if (!r)
        r = vb_remote_refused(&q, &answer, err);
    if (r < 0)
        return r;
    id = vb_xml_find(vb_buf_text(&answer.body), answer.body.len, "InitiateMultipartUploadResult/UploadId");
    if (!id || !*id)
        return vb_fail(err, -EIO, "writing %s: the server gave no id for its parts", u->object->name);
    vb_percent_encode(&encoded, id, true);
    u->id = vb_buf_steal(&encoded);
    return 0;
}

static void send_part(void *arg, size_t i)
{
    struct upload *u = arg;
    struct part *part = &u->parts[i];
    vb_autofree char *url = vb_format("%s?partNumber=%zu&uploadId=%s", u->object->url, i + 1, u->id);
    vb_auto_s3_headers h = {0};
    vb_auto_answer answer = {0};
    vb_request q = vb_s3_request(u->object, &h, NULL, "PUT", "writing", u->deadline);
    int r;

    q.url = url;
    q.fd = u->fd;
    q.has_file = true;
    q.offset = (int64_t)i * u->part_size;
    q.size = u->size - q.offset < u->part_size ? u->size - q.offset : u->part_size;
    r = vb_remote_send(u->store->remote, &q, &answer, &part->err);
    if (!r)
        r = vb_remote_refused(&q, &answer, &part->err);
    if (!r && !*answer.object.etag)
        vb_fail(&part->err, -EIO, "writing %s: the server gave no ETag for part %zu", u->object->name, i + 1);
    memcpy(part->etag, answer.object.etag, sizeof part->etag);
}

static int send_parts(struct upload *u, vb_error *err)
{
    u->parts = vb_alloc(u->count * sizeof *u->parts);
    vb_parallel(u->count, u->count < PARALLEL_PARTS ? u->count : PARALLEL_PARTS, send_part, u, "", NULL);
    for (size_t i = 0; i < u->count; i++)
        if (u->parts[i].err.code) {
            int r = u->parts[i].err.code;

            vb_error_move(err, &u->parts[i].err);
            return r;
        }
    return 0;
}

/* An answer of 200 may hold an error: it began before the server knew. */
static int complete(struct upload *u, bool replace, vb_error *err)
{
    vb_autofree char *query = vb_format("uploadId=%s", u->id), *error = NULL;
    const char *const more[] = {"Content-Type: application/xml", replace ? NULL : "If-None-Match: *", NULL};
    vb_auto_buf text = {0};
    vb_auto_answer answer = {0};
    vb_request q;
    int r;

    vb_buf_puts(&text, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < u->count; i++) {
        vb_buf_printf(&text, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        for (const char *c = u->parts[i].etag; *c; c++)
            if (*c == '"')
                vb_buf_puts(&text, "&quot;");
            else if (*c != '<' && *c != '&')
                vb_buf_putc(&text, *c);
        vb_buf_puts(&text, "</ETag></Part>");
    }
    vb_buf_puts(&text, "</CompleteMultipartUpload>");
    r = send(u, "POST", query, text.data, more, &answer, &q, err);
    if (!r && answer.status == 412)
        r = there_already(u->object, err);
    else if (!r)
        r = vb_remote_refused(&q, &answer, err);
    error = answer.body.len ? vb_xml_find(answer.body.data, answer.body.len, "Error/Code") : NULL;
    if (!r && error)
        r = vb_fail(err, -EIO, "writing %s: the server could not put its parts together", u->object->name);
    if (r < 0 && vb_s3_has_id(u->store, u->object, u->mark, u->deadline)) { /* done, and the answer was lost */
        vb_error_clear(err);
        r = 0;
    }
    return r;
}

/* What was sent is not kept by the server for ever. */
static void give_up(struct upload *u)
{
    vb_autofree char *query = vb_format("uploadId=%s", u->id);
    vb_auto_answer answer = {0};

    u->deadline = vb_clock_monotonic_ns() + 5000000000;
    send(u, "DELETE", query, NULL, NULL, &answer, NULL, NULL);
}

/* Servers that know no condition on a completion are asked before. */
static int check_vacant(struct upload *u, vb_error *err)
{
    vb_auto_s3_headers h = {0};
    vb_auto_answer answer = {0};
    vb_request q = vb_s3_request(u->object, &h, NULL, "HEAD", "asking for", u->deadline);
    int r = vb_remote_send(u->store->remote, &q, &answer, err);

    if (!r && answer.status == 404)
        return 0;
    if (!r)
        r = vb_remote_refused(&q, &answer, err);
    return r < 0 ? r : there_already(u->object, err);
}

int vb_s3_put_parts(struct s3_store *s, const struct s3_object *o, int fd, int64_t size, int64_t part, bool replace,
                    int64_t deadline, vb_error *err)
{
    struct upload u = {.store = s, .object = o, .fd = fd, .size = size, .deadline = deadline};
    int r;

    u.part_size = size / MAX_PARTS >= part ? size / MAX_PARTS + 1 : part;
    u.count = (size_t)((size + u.part_size - 1) / u.part_size);
    r = replace ? 0 : check_vacant(&u, err);
    if (!r)
        r = begin(&u, err);
    if (!r)
        r = send_parts(&u, err);
    if (!r && !replace)
        r = check_vacant(&u, err);
    if (!r)
        r = complete(&u, replace, err);
    if (r < 0 && u.id)
        give_up(&u);
    for (size_t i = 0; u.parts && i < u.count; i++)
        vb_error_clear(&u.parts[i].err);
    free(u.parts);
    free(u.id);
    return r;
}

int vb_s3_put(void *store, const char *path, int fd, int64_t size, bool replace, int64_t deadline, vb_error *err)
{
    vb_auto_s3_object o = {0};
    int r = vb_s3_locate(store, path, &o, err);

    if (r < 0)
        return r;
    return size > whole_limit ? vb_s3_put_parts(store, &o, fd, size, whole_limit, replace, deadline, err)
                              : put_whole(store, &o, fd, size, replace, deadline, err);
}
