/* remote.h - HTTP as stores use it, on libcurl: exchanges that end.
 *
 * Every exchange has a deadline on the monotonic clock.  A server that is silent for a quarter of the store's timeout
 * is left; what may pass (timeouts, resets, bodies that end early, 408, 429, 5xx) is tried again, with growing pauses
 * of random length or the pause that the server asks for, a bounded number of times.  A download that breaks goes on
 * where it was, and only with bytes of the same version.
 *
 * A vb_remote holds the connections of one store, which are used again; as many threads as like may use it.  TLS is
 * verified; redirects are followed for GET and HEAD, to http and https only and never from https to http, and neither
 * passwords nor signatures go with them to another host.  Proxies come from the environment as curl's do (http_proxy,
 * https_proxy, no_proxy), certificates of authorities from CURL_CA_BUNDLE or SSL_CERT_FILE, passwords of http stores
 * from
 * ~/.netrc (or the file that NETRC names). */
#ifndef VB_FS_REMOTE_REMOTE_H
#define VB_FS_REMOTE_REMOTE_H

#include "fs/remote/credentials.h"
#include "fs/store/class.h"
#include "registry/base/buf.h"

typedef struct vb_remote vb_remote;

/* The options must live as long. */
vb_remote *vb_remote_open(const vb_store_options *options);
void vb_remote_close(vb_remote *r);
VB_CLEANUP(vb_remote, vb_remote_close)

/* How to sign (AWS, version 4); kept by the caller while the request is under way. */
typedef struct vb_signer {
    const vb_credentials *credentials;
    const char *region;
} vb_signer;

typedef struct vb_request {
    const char *method;         /* "GET", "HEAD", "PUT", ... */
    const char *url;            /* encoded */
    const char *name;           /* of the artifact, for messages: without secrets */
    const char *operation;      /* for messages: "reading", "asking for" */
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    const vb_signer *signer;    /* NULL: not signed */
    int64_t deadline;
    bool
        once; /* libcurl must not send it twice by itself, as it does where a connection that is used again is closed */

    /* What is sent: bytes of a file, or text, or nothing. */
    int fd; /* with has_file */
    bool has_file;
    int64_t offset, size;
    const char *text; /* may be NULL */
} vb_request;

typedef struct vb_answer {
    int status;
    vb_object object;   /* size: of the whole object, where that is told */
    int64_t begin, end; /* of the part that was sent (206), from Content-Range; else -1 */
    int64_t length;     /* Content-Length; -1 */
    char id[64];        /* x-amz-meta-vbutler-id */
    char region[32];    /* x-amz-bucket-region */
    vb_buf body;        /* of what is not sunk: at most 64 MiB */
    int tries;
} vb_answer;

void vb_answer_clear(vb_answer *a);
#define vb_auto_answer __attribute__((cleanup(vb_answer_clear))) vb_answer

/* One request and its answer, tried again as said above.  0 for every answer that is final, whatever its status: see
 * vb_remote_refused().  -ETIMEDOUT, -EIO. */
int vb_remote_send(vb_remote *r, const vb_request *q, vb_answer *out, vb_error *err);

/* The bytes [offset, offset + length) of what `q` (a GET) names, or to its end (length -1), in order.  *out tells of
 * the object; it may be NULL.  -ESTALE where it is not the version of `etag`, or becomes another meanwhile. */
int vb_remote_read(vb_remote *r, const vb_request *q, int64_t offset, int64_t length, const char *etag,
                   vb_sink_fn *sink, void *arg, vb_object *out, vb_error *err);

/* Size and time: HEAD, or a GET of the first byte where the server does not know HEAD. */
int vb_remote_stat(vb_remote *r, const vb_request *q, vb_object *out, vb_error *err);

/* 0 for a status below 300; else what class.h says of it, with a sentence. */
int vb_remote_refused(const vb_request *q, const vb_answer *a, vb_error *err);

#endif
