#include "registry/base/buf.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void vb_buf_free(vb_buf *b)
{
    free(b->data);
    *b = (vb_buf){0};
}

/* Makes room for `more` bytes and a NUL. */
static void reserve(vb_buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 64;

    if (b->len + more + 1 <= b->cap)
        return;
    while (cap < b->len + more + 1)
        cap *= 2;
    b->data = vb_realloc(b->data, cap, 1);
    b->cap = cap;
}

void vb_buf_add(vb_buf *b, const void *data, size_t n)
{
    reserve(b, n);
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = 0;
}

void vb_buf_puts(vb_buf *b, const char *text)
{
    vb_buf_add(b, text, strlen(text));
}

void vb_buf_putc(vb_buf *b, char c)
{
    vb_buf_add(b, &c, 1);
}

void vb_buf_vprintf(vb_buf *b, const char *format, va_list args)
{
    va_list again;
    int n;

    reserve(b, 64); /* mostly it fits at once */
    va_copy(again, args);
    n = vsnprintf(b->data + b->len, b->cap - b->len, format, again);
    va_end(again);
    if (n > 0 && (size_t)n >= b->cap - b->len) {
        reserve(b, (size_t)n);
        n = vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    }
    b->len += n > 0 ? (size_t)n : 0;
    b->data[b->len] = 0;
}

void vb_buf_printf(vb_buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vb_buf_vprintf(b, format, args);
    va_end(args);
}

/* So many characters from the first that JSON takes as they are. */
static size_t count_plain(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

void vb_buf_int(vb_buf *b, int64_t i)
{
    char digits[20], *end = digits + sizeof digits, *p = end;
    uint64_t left = i < 0 ? -(uint64_t)i : (uint64_t)i;

    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    if (i < 0)
        *--p = '-';
    vb_buf_add(b, p, (size_t)(end - p));
}

void vb_buf_json(vb_buf *b, const char *text, size_t n)
{
    static const char escapes[] =
        {['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r', ['\b'] = 'b', ['\f'] = 'f', ['"'] = '"', ['\\'] = '\\'};

    vb_buf_putc(b, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        size_t plain = count_plain(text + i, n - i), width;

        if (plain) {
            vb_buf_add(b, text + i, plain);
            i += plain;
            continue;
        }
        width = vb_utf8_width(text + i, n - i);
        if (!width) {
            vb_buf_puts(b, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (width == 1 && c < sizeof escapes && escapes[c]) {
            vb_buf_putc(b, '\\');
            vb_buf_putc(b, escapes[c]);
        } else if (c < 0x20) {
            vb_buf_printf(b, "\\u%04x", c);
        } else {
            vb_buf_add(b, text + i, width);
        }
        i += width;
    }
    vb_buf_putc(b, '"');
}

void vb_buf_csv(vb_buf *b, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        vb_buf_puts(b, text);
        return;
    }
    vb_buf_putc(b, '"');
    for (; *text; text++) {
        if (*text == '"')
            vb_buf_putc(b, '"');
        vb_buf_putc(b, *text);
    }
    vb_buf_putc(b, '"');
}

void vb_buf_shell(vb_buf *b, const char *word)
{
    bool plain = *word;

    for (const char *p = word; *p; p++)
        plain = plain && (isalnum((unsigned char)*p) || strchr("%+,-./:=@_", *p));
    if (plain) {
        vb_buf_puts(b, word);
        return;
    }
    vb_buf_putc(b, '\'');
    for (; *word; word++)
        vb_buf_puts(b, *word == '\'' ? "'\\''" : (char[]){*word, 0});
    vb_buf_putc(b, '\'');
}

void vb_buf_hex(vb_buf *b, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;

    reserve(b, 2 * n);
    for (size_t i = 0; i < n; i++) {
        b->data[b->len++] = digits[bytes[i] >> 4];
        b->data[b->len++] = digits[bytes[i] & 15];
    }
    b->data[b->len] = 0;
}

void vb_buf_separate(vb_buf *b, const char *separator)
{
    if (b->len)
        vb_buf_puts(b, separator);
}

void vb_buf_clear(vb_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = 0;
}

const char *vb_buf_text(const vb_buf *b)
{
    return b->data ? b->data : "";
}

char *vb_buf_steal(vb_buf *b)
{
    char *data = b->data ? b->data : vb_strdup("");

    *b = (vb_buf){0};
    return data;
}
