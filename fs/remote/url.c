#include "fs/remote/url.h"

#include "registry/base/mem.h"
#include "registry/base/percent.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <string.h>

/* ---- parts --------------------------------------------------------------------------------------------- */

static int refuse(vb_error *err, const char *text, const char *why)
{
    vb_autofree char *shown = vb_url_shown(text);

    return vb_fail(err, -EINVAL, "address %s %s", shown, why);
}

static bool known_scheme(const char *scheme)
{
    return !strcmp(scheme, "http") || !strcmp(scheme, "https") || !strcmp(scheme, "s3");
}

/* Names of parameters whose value lets its owner in: who reads the registry must not get it. */
static bool has_secret(const char *query)
{
    static const char *const names[] =
        {"X-Amz-Signature=", "X-Amz-Security-Token=", "X-Goog-Signature=", "Signature=", "sig=",
         "token=",           "access_token="};

    for (const char *p = query; *p; p += 1 + strcspn(p + 1, "&"))
        for (size_t i = 0; i < VB_COUNT(names); i++)
            if (!strncasecmp(p + 1, names[i], strlen(names[i])))
                return true;
    return false;
}

/* A host, perhaps in brackets, and a port; buckets have the same letters. */
static bool is_authority(const char *text)
{
    size_t n = *text == '[' ? strcspn(text, "]")
                            : strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789.-_");

    if (!n || (*text == '[' && (text[n] != ']' || strspn(text + 1, "0123456789abcdefABCDEF:.") != n - 1)))
        return false;
    n += *text == '[';
    if (text[n] != ':')
        return !text[n];
    n++;
    return text[n] && strlen(text + n) <= 5 && !text[n + strspn(text + n, "0123456789")];
}

static int check(const char *text, const vb_url *u, vb_error *err)
{
    if (!known_scheme(u->scheme))
        return refuse(err, text, "is none of http, https or s3");
    if (strchr(u->authority, '@')) {
        refuse(err, text, "names a user, and the registry would keep it");
        vb_hint(err, "take user and password out of it, and write them into ~/.netrc");
        return -EINVAL;
    }
    if (!is_authority(u->authority))
        return refuse(err, text, "has no host that could be asked");
    if (has_secret(u->query)) {
        refuse(err, text, "is signed, and the registry would keep the signature");
        vb_hint(err, "name the object itself (s3://BUCKET/KEY) and let its credentials come from the environment");
        return -EINVAL;
    }
    return 0;
}

int vb_url_parse(const char *text, vb_url *out, vb_error *err)
{
    size_t scheme = strcspn(text, ":/?#"), authority, path;
    const char *rest;
    int r;

    if (!scheme || strncmp(text + scheme, "://", 3) != 0)
        return refuse(err, text, "has no scheme");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return refuse(err, text, "has control characters");
    rest = text + scheme + 3;
    authority = strcspn(rest, "/?#");
    path = strcspn(rest + authority, "?#");
    *out = (vb_url){.scheme = vb_strndup(text, scheme),
                    .authority = vb_strndup(rest, authority),
                    .path = vb_strndup(rest + authority, path),
                    .query = vb_strndup(rest + authority + path, strcspn(rest + authority + path, "#"))};
    for (char *p = out->scheme; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    r = check(text, out, err);
    if (r < 0)
        vb_url_clear(out);
    return r;
}

void vb_url_clear(vb_url *u)
{
    free(u->scheme);
    free(u->authority);
    free(u->path);
    free(u->query);
    *u = (vb_url){0};
}

char *vb_url_host(const vb_url *u)
{
    const char *colon = strrchr(u->authority, ':'), *bracket = strrchr(u->authority, ']');

    return colon && (!bracket || colon > bracket) ? vb_strndup(u->authority, (size_t)(colon - u->authority))
                                                  : vb_strdup(u->authority);
}

char *vb_url_shown(const char *text)
{
    const char *rest = strstr(text, "://");
    vb_buf out = {0};
    size_t authority, user = 0;

    if (!rest || strcspn(text, "/") < (size_t)(rest - text))
        return vb_strdup(text);
    rest += 3;
    authority = strcspn(rest, "/?#");
    for (size_t i = 0; i < authority; i++)
        if (rest[i] == '@')
            user = i + 1;
    vb_buf_add(&out, text, (size_t)(rest - text));
    vb_buf_add(&out, rest + user, strcspn(rest + user, "?#"));
    return vb_buf_steal(&out);
}

char *vb_url_name(const char *text)
{
    vb_autofree char *plain = vb_strndup(text, strcspn(text, "?#"));
    const char *name = strrchr(plain, '/');
    vb_buf out = {0};

    name = name ? name + 1 : plain;
    if (!vb_percent_decode(&out, name))
        vb_buf_puts(&out, name);
    return vb_buf_steal(&out);
}

/* ---- joining -------------------------------------------------------------------------------------------- */

char *vb_url_join(const char *root, const char *path)
{
    size_t n = strcspn(root, "?#");
    vb_buf out = {0};

    vb_buf_add(&out, root, n);
    if (!n || root[n - 1] != '/')
        vb_buf_putc(&out, '/');
    vb_percent_encode(&out, path, false);
    return vb_buf_steal(&out);
}
