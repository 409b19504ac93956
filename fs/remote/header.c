#include "fs/remote/header.h"

#include "fs/remote/date.h"
#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void vb_answer_begin(vb_answer *a)
{
    *a = (vb_answer){.object = {.size = -1, .mtime = -1},
                     .begin = -1,
                     .end = -1,
                     .length = -1,
                     .body = a->body,
                     .tries = a->tries};
    if (a->body.data)
        vb_buf_clear(&a->body);
}

/* Digits only, up to `stop`; moves *p behind that. */
static bool read_number(const char **p, char stop, int64_t *out)
{
    size_t n = strspn(*p, "0123456789");
    vb_autofree char *digits = vb_strndup(*p, n);

    if (!n || n > 18 || (*p)[n] != stop || !vb_parse_int(digits, out))
        return false;
    *p += n + (stop != 0);
    return true;
}

static bool read_range(const char *text, int64_t *begin, int64_t *end, int64_t *size)
{
    if (strncasecmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (!strncmp(text, "*/", 2))
        text += 2;
    else if (!read_number(&text, '-', begin) || !read_number(&text, '/', end) || *end < *begin)
        return false;
    else
        ++*end;
    if (!strcmp(text, "*"))
        return true;
    return read_number(&text, 0, size) && *end <= *size;
}

bool vb_content_range(const char *text, int64_t *begin, int64_t *end, int64_t *size)
{
    *begin = *end = *size = -1;
    if (read_range(text, begin, end, size))
        return true;
    *begin = *end = *size = -1;
    return false;
}

static void keep(char *out, size_t size, const char *value)
{
    if (strlen(value) < size)
        strcpy(out, value);
}

static void take(vb_answer *a, const char *name, const char *value, int64_t *retry_after)
{
    int64_t size;

    if (!strcasecmp(name, "Content-Length")) {
        if (vb_parse_int(value, &size) && size >= 0)
            a->length = size;
    } else if (!strcasecmp(name, "Content-Range")) {
        vb_content_range(value, &a->begin, &a->end, &size);
        a->object.size = size;
    } else if (!strcasecmp(name, "ETag")) {
        keep(a->object.etag, sizeof a->object.etag, value);
    } else if (!strcasecmp(name, "Last-Modified")) {
        a->object.mtime = vb_remote_date(value);
    } else if (!strcasecmp(name, "Retry-After")) {
        *retry_after = vb_remote_retry_after(value, vb_clock_unix_ns());
    } else if (!strcasecmp(name, "x-amz-meta-vbutler-id")) {
        keep(a->id, sizeof a->id, value);
    } else if (!strcasecmp(name, "x-amz-bucket-region")) {
        keep(a->region, sizeof a->region, value);
    }
}

void vb_answer_line(vb_answer *a, const char *line, size_t n, int64_t *retry_after)
{
    vb_autofree char *text = NULL;
    char *colon, *value;

    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    text = vb_strndup(line, n);
    if (!strncasecmp(text, "HTTP/", 5)) {
        vb_answer_begin(a);
        if (sscanf(text + 5, "%*[0-9.] %3d", &a->status) != 1)
            a->status = 0;
        return;
    }
    colon = strchr(text, ':');
    if (!colon)
        return;
    *colon = 0;
    for (value = colon + 1; isspace((unsigned char)*value); value++)
        ;
    take(a, text, value, retry_after);
}
