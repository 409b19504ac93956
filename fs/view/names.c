#include "fs/view/names.h"

#include "registry/base/hash.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool plain(unsigned char c)
{
    return isalnum(c) || (c && strchr("._~:@+-", c));
}

bool vb_name_is_cut(const char *component)
{
    size_t n = strlen(component);

    return n >= VB_NAME_MAX - 3 && n <= VB_NAME_MAX && component[n - 17] == '~' &&
           strspn(component + n - 16, "0123456789abcdef") == 16;
}

/* Cuts what was added since `start` to VB_NAME_MAX bytes, at a character, and says which text it was. */
static void cut(vb_buf *out, size_t start, const char *text, size_t n)
{
    char tail[18];
    size_t keep = start + VB_NAME_MAX - 17;

    /* Not inside "%XX" and not inside a UTF-8 character. */
    while (keep > start && ((out->data[keep] & 0xc0) == 0x80 || out->data[keep - 1] == '%' ||
                            (keep > start + 1 && out->data[keep - 2] == '%')))
        keep--;
    out->len = keep;
    snprintf(tail, sizeof tail, "~%016" PRIx64, vb_hash64(text, n));
    vb_buf_puts(out, tail);
}

/* Adds what spells a text, however long. */
static void add_spelling(vb_buf *out, const char *text, size_t n)
{
    bool dots = (n == 1 && text[0] == '.') || (n == 2 && text[0] == '.' && text[1] == '.');

    for (size_t i = 0; i < n;) {
        size_t width = vb_utf8_width(text + i, n - i);

        if (width > 1 || (width == 1 && plain((unsigned char)text[i]) && !dots)) {
            vb_buf_add(out, text + i, width);
        } else {
            vb_buf_printf(out, "%%%02X", (unsigned char)text[i]);
            width = 1;
        }
        i += width;
    }
}

/* What only looks as if it was cut is cut too: no component stands for two texts. */
static void cut_if_long(vb_buf *out, size_t start, const char *text, size_t n)
{
    if (out->len - start > VB_NAME_MAX || (out->len > start && vb_name_is_cut(out->data + start)))
        cut(out, start, text, n);
}

void vb_name_encode(vb_buf *out, const char *text, size_t n)
{
    size_t start = out->len;

    add_spelling(out, text, n);
    cut_if_long(out, start, text, n);
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool unescape(const char *p, size_t n, vb_buf *out)
{
    vb_buf_clear(out);
    for (const char *end = p + n; p < end; p++) {
        if (*p == '%') {
            int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);

            if (low < 0 || !(high | low)) /* no value holds a NUL */
                return false;
            vb_buf_putc(out, (char)(high << 4 | low));
            p += 2;
        } else {
            vb_buf_putc(out, *p);
        }
    }
    return true;
}

bool vb_name_spells(const char *component, const char *text, size_t n)
{
    vb_auto_buf again = {0};

    vb_name_encode(&again, text, n);
    return !strcmp(vb_buf_text(&again), component);
}

bool vb_name_decode(const char *component, vb_buf *out)
{
    vb_buf_clear(out);
    return !vb_name_is_cut(component) && unescape(component, strlen(component), out) &&
           vb_name_spells(component, vb_buf_text(out), out->len);
}

bool vb_name_head(const char *component, size_t skip, vb_buf *out)
{
    size_t n = strlen(component);

    return vb_name_is_cut(component) && n >= skip + 17 && unescape(component + skip, n - skip - 17, out);
}

void vb_name_facet(vb_buf *out, const char *dimension, const vb_value *value)
{
    size_t start = out->len;
    vb_auto_buf text = {0};

    vb_value_print(value, &text);
    vb_buf_printf(out, "%s=", dimension);
    add_spelling(out, vb_buf_text(&text), text.len);
    cut_if_long(out, start, vb_buf_text(&text), text.len);
}

bool vb_name_split_facet(const char *component, vb_buf *key, vb_buf *value)
{
    const char *equals = strchr(component, '=');

    if (!equals)
        return false;
    vb_buf_clear(key);
    vb_buf_clear(value);
    vb_buf_add(key, component, (size_t)(equals - component));
    vb_buf_puts(value, equals + 1);
    return true;
}

void vb_name_dataid(vb_buf *out, const vb_dataid *id)
{
    for (int i = 0; i < id->group->nrequired; i++) {
        if (i)
            vb_buf_putc(out, ',');
        vb_name_facet(out, id->group->dims[i]->name, &id->values[i]);
    }
    if (out->len > VB_NAME_MAX) {
        vb_auto_buf whole = {0};

        vb_buf_add(&whole, out->data, out->len);
        cut(out, 0, whole.data, whole.len);
    }
}

/* A value with plain letters only. */
static void add_plain(vb_buf *out, const vb_value *value)
{
    vb_auto_buf text = {0};

    vb_value_print(value, &text);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        vb_buf_putc(out, isalnum(c) || (c && strchr("._+-", c)) ? (char)c : '_');
    }
}

static void add_stem(vb_buf *out, const vb_dataset_type *type, const vb_dataid *id)
{
    size_t start = out->len;

    vb_buf_puts(out, type->name);
    for (int i = 0; i < id->group->nrequired; i++) {
        vb_buf_putc(out, '_');
        add_plain(out, &id->values[i]);
    }
    if (out->len - start > VB_NAME_MAX - 40) { /* room for an extension, an attempt, a UUID */
        uint64_t hash = vb_hash64(out->data + start, out->len - start);

        out->len = start + VB_NAME_MAX - 40 - 17;
        vb_buf_printf(out, "_%016" PRIx64, hash);
    }
}

void vb_name_file(vb_buf *out, const vb_dataset_type *type, const vb_dataid *id, const char *extension)
{
    add_stem(out, type, id);
    vb_buf_puts(out, extension);
}

void vb_name_file_unique(vb_buf *out, const vb_dataset_type *type, const vb_dataid *id, const char *extension,
                         const vb_uuid *uuid)
{
    add_stem(out, type, id);
    vb_buf_putc(out, '_');
    vb_buf_hex(out, uuid->bytes + 12, 4);
    vb_buf_puts(out, extension);
}

void vb_name_artifact(vb_buf *out, const char *run, const vb_dataset_type *type, const vb_dataid *id,
                      const char *extension, int attempt)
{
    vb_buf_printf(out, "%s/%s/", run, type->name);
    for (int i = 0; i + 1 < id->group->nrequired; i++) {
        size_t before = out->len;

        add_plain(out, &id->values[i]);
        if (out->len == before || out->data[before] == '.') /* "", ".", "..", ".vbutler" */
            vb_buf_puts(out, "_");
        vb_buf_putc(out, '/');
    }
    add_stem(out, type, id);
    if (attempt > 1)
        vb_buf_printf(out, "_a%d", attempt);
    vb_buf_puts(out, extension);
}
