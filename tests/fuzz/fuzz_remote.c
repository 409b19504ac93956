/* What servers and files of credentials say is taken apart or refused, whatever it is; an address that is taken has
 * what requests need, and nothing that would break out of a line or a path. */
#include "fs/remote/credentials.h"
#include "fs/remote/date.h"
#include "fs/remote/header.h"
#include "fs/remote/url.h"
#include "fs/store/http/dav.h"
#include "fs/store/s3/list.h"
#include "registry/base/percent.h"
#include "tests/fuzz/fuzz.h"

static void check_address(const char *text)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_autofree char *shown = vb_url_shown(text), *name = vb_url_name(text), *host = NULL;
    vb_url u;
    int r = vb_url_parse(text, &u, &err);

    check(shown && name);
    if (r < 0) {
        check_refused(r, &err);
        return;
    }
    host = vb_url_host(&u);
    check(*u.scheme && *host && !strchr(u.authority, '@') && !strpbrk(u.authority, "/?# \r\n"));
    check(!*u.path || *u.path == '/');
    check(!*u.query || *u.query == '?');
    check(!strpbrk(u.path, "\r\n") && !strpbrk(u.query, "\r\n") && !strpbrk(shown, "?#\r\n"));
    vb_url_clear(&u);
}

static void check_spelling(const char *text)
{
    vb_auto_buf encoded = {0}, back = {0};

    vb_percent_encode(&encoded, text, true);
    check(!strpbrk(vb_buf_text(&encoded), "/?#&=+ \r\n"));
    check(vb_percent_decode(&back, vb_buf_text(&encoded)));
    check(!strcmp(vb_buf_text(&back), text));
}

static void check_header(const char *text)
{
    vb_answer a = {0};
    int64_t retry = -1, begin, end, size;
    const char *line = text;

    vb_answer_begin(&a);
    for (size_t n; *line; line += n) {
        n = strcspn(line, "\n") + 1;
        n = n > strlen(line) ? strlen(line) : n;
        vb_answer_line(&a, line, n, &retry);
    }
    check(a.length >= -1 && a.object.size >= -1 && a.begin <= a.end && retry >= -1 && a.object.mtime >= -1);
    if (vb_content_range(text, &begin, &end, &size))
        check(begin <= end && (size < 0 || end <= size));
    check(vb_remote_date(text) >= -1);
}

static int take_object(void *arg, const char *path, const vb_object *object)
{
    check(*path && object->size >= -1 && object->mtime >= -1);
    return 0;
}

static int take_entry(void *arg, const char *href, bool directory, const vb_object *object)
{
    check(href && object->size >= -1);
    return 0;
}

static void check_xml(const char *data, size_t n)
{
    vb_auto_error err = VB_ERROR_INIT, other = VB_ERROR_INIT;
    vb_autofree char *next = NULL;
    int r = vb_s3_parse_page(data, n, take_object, NULL, &next, &err);

    if (r < 0)
        check_refused(r, &err);
    r = vb_dav_parse(data, n, take_entry, NULL, &other);
    if (r < 0)
        check_refused(r, &other);
}

static void check_credentials(const char *data, size_t n)
{
    vb_credentials c = {0};

    vb_credentials_parse(data, n, "default", false, &c);
    vb_credentials_parse(data, n, "work", true, &c);
    check(!c.key || *c.key);
    check(!c.secret || !strchr(c.secret, '\n'));
    vb_credentials_clear(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *text = vb_strndup((const char *)data, size);

    check_address(text);
    check_spelling(text);
    check_header(text);
    check_xml((const char *)data, size);
    check_credentials((const char *)data, size);
    return 0;
}
