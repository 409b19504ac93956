/* retry.c - trying again, and when not to. */
#include "fs/remote/internal.h"
#include "fs/remote/xml.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

static const int64_t millisecond = 1000000;

bool vb_remote_may_pass(int status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

/* Between half and all of 100 ms, 200 ms, 400 ms, ... 10 s: many that failed at once do not come again at once. */
static int64_t pause_of(int tries)
{
    int64_t most = tries > 7 ? 10000 * millisecond : (100 * millisecond) << (tries - 1);
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint32_t)vb_clock_monotonic_ns();
    return most / 2 + (int64_t)((double)(most / 2) * random / UINT32_MAX);
}

bool vb_remote_wait(vb_patience *p, const vb_try *t)
{
    int64_t wait = t->retry_after >= 0 ? t->retry_after : pause_of(p->tries);
    const struct timespec pause = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};

    if (p->tries > p->retries || vb_clock_monotonic_ns() + wait >= p->request->deadline)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

int vb_remote_give_up(const vb_patience *p, vb_try *t, vb_error *err)
{
    const vb_request *q = p->request;
    bool late = t->why.code == -ETIMEDOUT || (t->again && p->tries <= p->retries);

    vb_fail(err, late ? -ETIMEDOUT : t->why.code, "%s %s: %s (%d %s)", q->operation, q->name, t->why.message, p->tries,
            p->tries == 1 ? "try" : "tries");
    if (late)
        vb_hint(err, "the store's timeout in vbutler.yaml (stores:) tells how long is waited");
    else if (t->again)
        vb_hint(err, "try again when the server is well");
    return late ? -ETIMEDOUT : t->why.code;
}

void vb_answer_clear(vb_answer *a)
{
    vb_buf_free(&a->body);
}

int vb_remote_send(vb_remote *r, const vb_request *q, vb_answer *out, vb_error *err)
{
    vb_patience patience = {.request = q, .retries = r->options->retries};
    vb_try t = {.request = q, .answer = out};
    int code;

    for (;;) {
        code = vb_remote_exchange(r, &t);
        out->tries = ++patience.tries;
        if (!code && !vb_remote_may_pass(out->status))
            break;
        if (!code)
            t.again = vb_fail(&t.why, -EIO, "the server answered %d", out->status) < 0;
        if (t.again && vb_remote_wait(&patience, &t))
            continue;
        code = vb_remote_give_up(&patience, &t, err);
        break;
    }
    vb_error_clear(&t.why);
    return code;
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

/* What the server says of it, if it is a word or two: S3's <Code>, or nothing. */
static char *reason(const vb_answer *a)
{
    char *text = a->body.len ? vb_xml_find(a->body.data, a->body.len, "Error/Code") : NULL;

    if (text && (!*text || strlen(text) > 64 ||
                 text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")])) {
        free(text);
        text = NULL;
    }
    return text;
}

static int code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 407: return -EACCES;
    case 404:
    case 410: return -ENOENT;
    case 412: return -ESTALE;
    default: return -EIO;
    }
}

static void hint(const vb_request *q, const vb_answer *a, vb_error *err)
{
    if (code_of(a->status) == -EACCES && (q->signer || strncmp(q->name, "s3:", 3) == 0))
        vb_hint(err, "%s",
                q->signer ? "the key, or its rights in the bucket, are not right for that"
                          : "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                            "AWS_PROFILE");
    else if (code_of(a->status) == -EACCES)
        vb_hint(err, "~/.netrc can hold user and password for that host");
    else if (*a->region)
        vb_hint(err, "the bucket is in region %s: set it in vbutler.yaml (stores:) or AWS_REGION", a->region);
}

int vb_remote_refused(const vb_request *q, const vb_answer *a, vb_error *err)
{
    vb_autofree char *why = NULL;
    int code = a->status >= 200 && a->status < 300 ? 0 : code_of(a->status);

    if (!code)
        return 0;
    why = reason(a);
    if (code == -ENOENT)
        vb_fail(err, code, "%s %s: it is not there", q->operation, q->name);
    else
        vb_fail(err, code, "%s %s: the server answered %d%s%s", q->operation, q->name, a->status, why ? " " : "",
                why ? why : "");
    hint(q, a, err);
    return code;
}
