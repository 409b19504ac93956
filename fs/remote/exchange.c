/* exchange.c - one request and its answer, as libcurl does it. */
#include "fs/remote/header.h"
#include "fs/remote/internal.h"
#include "registry/base/clock.h"
#include "registry/base/library.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                                 \
    X(curl_easy_perform) X(curl_easy_setopt) X(curl_easy_strerror) X(curl_slist_append) X(curl_slist_free_all)
/* clang-format on */
VB_LIBRARY(libcurl, VB_LIB_CURL, FUNCTIONS)

enum { MAX_BODY = 64 << 20, MAX_REDIRECTS = 10 };

/* What the callbacks of one exchange share. */
struct exchange {
    vb_remote *remote;
    vb_try *t;
    int64_t sent;     /* of the request's body */
    int64_t received; /* of the answer's body, since its last header */
    bool begun;       /* the try was asked about this answer */
    bool silent;      /* the server was left because it said nothing */
    int64_t moved_at; /* when bytes were last moved, either way */
    curl_off_t moved; /* how many there were then */
    int code;         /* of the sink; 0 */
};

/* ---- what is received ---------------------------------------------------------------------------------- */

static bool is_good(const struct exchange *x)
{
    return x->t->sink && (x->t->answer->status == 200 || x->t->answer->status == 206);
}

static int begin_body(struct exchange *x)
{
    vb_try *t = x->t;

    if (x->begun || !t->begin)
        return 0;
    x->begun = true;
    return t->begin(t->arg, t->answer, &t->why);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    if (n >= 5 && !strncasecmp(line, "HTTP/", 5)) {
        x->t->retry_after = -1;
        x->received = 0;
    }
    vb_answer_line(x->t->answer, line, n * size, &x->t->retry_after);
    return n * size;
}

static void sleep_ns(int64_t ns)
{
    const struct timespec pause = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    nanosleep(&pause, NULL);
}

static void slow_down(struct exchange *x, size_t n)
{
    int64_t now = vb_clock_monotonic_ns(), wait = vb_rate_take(&x->remote->rate, n, now);

    if (wait)
        sleep_ns(now + wait > x->t->request->deadline ? x->t->request->deadline - now : wait);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    x->received += (int64_t)n;
    if (!is_good(x)) {
        if (x->t->answer->body.len + n > MAX_BODY)
            x->code = vb_fail(&x->t->why, -EIO, "the answer is too large");
        else
            vb_buf_add(&x->t->answer->body, bytes, n);
    } else {
        if (x->remote->options->rate)
            slow_down(x, n);
        x->code = begin_body(x);
        if (!x->code)
            x->code = x->t->sink(x->t->arg, bytes, n);
    }
    x->moved_at = vb_clock_monotonic_ns(); /* what was waited for here was not the server */
    return x->code < 0 ? 0 : n;
}

/* ---- what is sent -------------------------------------------------------------------------------------- */

static size_t on_read(char *buffer, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    const vb_request *q = x->t->request;
    int64_t left = q->size - x->sent;
    ssize_t got = pread(q->fd, buffer, left < (int64_t)n ? (size_t)left : n, q->offset + x->sent);

    if (got < 0 || (!got && left)) {
        x->code = got < 0 ? vb_fail_errno(&x->t->why, -errno, "reading what is to be sent")
                          : vb_fail(&x->t->why, -ESTALE, "the file that is to be sent became shorter");
        return CURL_READFUNC_ABORT;
    }
    if (x->remote->options->rate)
        slow_down(x, (size_t)got);
    x->sent += got;
    x->moved_at = vb_clock_monotonic_ns();
    return (size_t)got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct exchange *x = arg;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    x->sent = offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- options ------------------------------------------------------------------------------------------- */

/* How long a server may be silent, in nanoseconds. */
static int64_t longest_silence(const vb_remote *r)
{
    return r->options->timeout < 4000000000 ? 1000000000 : r->options->timeout / 4;
}

/* Asked at least once a second.  (curl's own limit of speed takes a mean, and so is seconds late.) */
static int on_progress(void *arg, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    struct exchange *x = arg;
    int64_t now = vb_clock_monotonic_ns();

    if (got + sent != x->moved) {
        x->moved = got + sent;
        x->moved_at = now;
    }
    x->silent = now - x->moved_at > longest_silence(x->remote);
    return x->silent;
}

static void set_time(CURL *curl, struct exchange *x)
{
    int64_t left = (x->t->request->deadline - vb_clock_monotonic_ns()) / 1000000;
    long quiet = (long)(longest_silence(x->remote) / 1000000), all = left < 1          ? 1
                                                                     : left > 86400000 ? 86400000
                                                                                       : (long)left;

    x->moved_at = vb_clock_monotonic_ns();
    libcurl.curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, all);
    libcurl.curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, all < quiet ? all : quiet);
    libcurl.curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    libcurl.curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    libcurl.curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
}

static void set_identity(CURL *curl, const vb_request *q)
{
    const char *netrc = getenv("NETRC");
    vb_autofree char *aws = NULL;

    if (!q->signer) {
        libcurl.curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
        if (netrc && *netrc)
            libcurl.curl_easy_setopt(curl, CURLOPT_NETRC_FILE, netrc);
        return;
    }
    aws = vb_format("aws:amz:%s:s3", q->signer->region);
    libcurl.curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, aws);
    libcurl.curl_easy_setopt(curl, CURLOPT_USERNAME, q->signer->credentials->key);
    libcurl.curl_easy_setopt(curl, CURLOPT_PASSWORD, q->signer->credentials->secret);
}

static void set_safety(CURL *curl, const vb_request *q)
{
    const char *bundle = getenv("CURL_CA_BUNDLE");
    bool tls = vb_starts_with(q->url, "https:"), reads = !strcmp(q->method, "GET") || !strcmp(q->method, "HEAD");

    if (!bundle || !*bundle)
        bundle = getenv("SSL_CERT_FILE");
    if (bundle && *bundle)
        libcurl.curl_easy_setopt(curl, CURLOPT_CAINFO, bundle);
    libcurl.curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    libcurl.curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a name server after the deadline */
    libcurl.curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    libcurl.curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    libcurl.curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
    libcurl.curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, reads && !q->signer ? 1L : 0L);
    libcurl.curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    libcurl.curl_easy_setopt(curl, CURLOPT_USERAGENT, "vbutler/" VB_VERSION);
}

static void set_method(CURL *curl, struct exchange *x)
{
    const vb_request *q = x->t->request;

    if (!strcmp(q->method, "HEAD")) {
        libcurl.curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (q->has_file) {
        libcurl.curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        libcurl.curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->size);
        libcurl.curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        libcurl.curl_easy_setopt(curl, CURLOPT_READDATA, x);
        libcurl.curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        libcurl.curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
        libcurl.curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
    } else if (q->text) {
        libcurl.curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->text);
        libcurl.curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(q->text));
        libcurl.curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
    } else if (strcmp(q->method, "GET") != 0) {
        libcurl.curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
    }
}

static struct curl_slist *make_headers(const vb_try *t)
{
    struct curl_slist *list = NULL;

    for (const char *const *h = t->request->headers; h && *h; h++)
        list = libcurl.curl_slist_append(list, *h);
    if (t->match) {
        vb_autofree char *header = vb_format("If-Match: %s", t->match);

        list = libcurl.curl_slist_append(list, header);
    }
    return list;
}

static void set_up(CURL *curl, struct exchange *x, struct curl_slist *headers, char *message)
{
    const vb_request *q = x->t->request;

    libcurl.curl_easy_setopt(curl, CURLOPT_URL, q->url);
    libcurl.curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    libcurl.curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L << 10);
    libcurl.curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    libcurl.curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    libcurl.curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    libcurl.curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    libcurl.curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    libcurl.curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, q->once ? 1L : 0L);
    if (x->t->range)
        libcurl.curl_easy_setopt(curl, CURLOPT_RANGE, x->t->range);
    set_time(curl, x);
    set_identity(curl, q);
    set_safety(curl, q);
    set_method(curl, x);
}

/* ---- how it ended -------------------------------------------------------------------------------------- */

/* What no second try will change. */
static bool is_final(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_REMOTE_ACCESS_DENIED: return true;
    default: return false;
    }
}

static int timed_out(struct exchange *x)
{
    if (vb_clock_monotonic_ns() >= x->t->request->deadline - 1000000)
        return vb_fail(&x->t->why, -ETIMEDOUT, "no whole answer came in time");
    x->t->again = true;
    return vb_fail(&x->t->why, -EIO, "the server was silent for %.1f s", (double)longest_silence(x->remote) / 1e9);
}

static int failed(struct exchange *x, CURLcode code, const char *message)
{
    vb_try *t = x->t;

    if (x->code == -ECANCELED && is_good(x)) {
        t->enough = true;
        return 0;
    }
    if (x->code < 0)
        return t->why.code ? x->code : vb_fail(&t->why, x->code, "%s", strerror(-x->code));
    if (code == CURLE_OPERATION_TIMEDOUT || x->silent)
        return timed_out(x);
    t->again = !is_final(code);
    if (code == CURLE_PARTIAL_FILE && t->answer->length >= 0)
        return vb_fail(&t->why, -EIO, "the answer ended after %" PRId64 " of %" PRId64 " bytes", x->received,
                       t->answer->length);
    return vb_fail(&t->why, -EIO, "%s", *message ? message : libcurl.curl_easy_strerror(code));
}

int vb_remote_exchange(vb_remote *r, vb_try *t)
{
    struct exchange x = {.remote = r, .t = t};
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers;
    CURLcode code;
    CURL *curl;
    int loaded;

    vb_answer_begin(t->answer);
    vb_error_clear(&t->why);
    t->retry_after = -1;
    t->again = t->enough = false;
    loaded = vb_library_load(&libcurl_library, &t->why);
    if (loaded < 0)
        return loaded;
    curl = vb_clock_monotonic_ns() < t->request->deadline ? vb_remote_take(r, t->request->deadline) : NULL;
    if (!curl && vb_clock_monotonic_ns() < t->request->deadline)
        return vb_fail(&t->why, -ENOMEM, "libcurl could not begin");
    if (!curl)
        return vb_fail(&t->why, -ETIMEDOUT, "there was no time left");
    headers = make_headers(t);
    set_up(curl, &x, headers, message);
    code = libcurl.curl_easy_perform(curl);
    libcurl.curl_slist_free_all(headers);
    vb_remote_give_back(r, curl);
    if (code)
        return failed(&x, code, message);
    if (is_good(&x) && !x.received) /* an empty object */
        x.code = begin_body(&x);
    return x.code == -ECANCELED ? 0 : x.code;
}
