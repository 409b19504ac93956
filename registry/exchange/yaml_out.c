#include "registry/exchange/yaml_out.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Letters of which plain text may be made whatever stands round it. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/0123456789.+-";
    size_t n = strspn(text, letters);

    if (!n || text[n] || strchr("0123456789.+-", *text))
        return false;
    for (size_t i = 0; i < VB_COUNT(words); i++)
        if (!strcasecmp(text, words[i]))
            return false;
    return true;
}

/* The character at the start of text, which is UTF-8. */
static uint32_t code_point(const unsigned char *p, size_t width)
{
    uint32_t c = width == 1 ? p[0] : p[0] & (0x7fu >> width);

    for (size_t i = 1; i < width; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* What YAML does not allow as it is, or what would be folded. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           (c >= 0xfffe && c <= 0xffff);
}

static bool is_simple(const char *text)
{
    size_t n = strlen(text), width;

    for (size_t i = 0; i < n; i += width) {
        width = vb_utf8_width(text + i, n - i);
        if (!width || needs_escape(code_point((const unsigned char *)text + i, width)))
            return false;
    }
    return true;
}

static void put_escaped(vb_buf *out, const char *text)
{
    size_t n = strlen(text), width;

    vb_buf_putc(out, '"');
    for (size_t i = 0; i < n; i += width) {
        uint32_t c;

        width = vb_utf8_width(text + i, n - i);
        c = width ? code_point((const unsigned char *)text + i, width) : 0xfffd;
        if (!width || needs_escape(c))
            vb_buf_printf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
        else if (c == '"' || c == '\\')
            vb_buf_printf(out, "\\%c", (char)c);
        else
            vb_buf_add(out, text + i, width);
        width += !width;
    }
    vb_buf_putc(out, '"');
}

void vb_yaml_put_text(vb_buf *out, const char *text)
{
    if (!text) {
        vb_buf_puts(out, "null");
    } else if (is_plain(text)) {
        vb_buf_puts(out, text);
    } else if (is_simple(text)) {
        vb_buf_putc(out, '\'');
        for (; *text; text++)
            vb_buf_add(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
        vb_buf_putc(out, '\'');
    } else {
        put_escaped(out, text);
    }
}

void vb_yaml_put_double(vb_buf *out, double d)
{
    char text[40];
    const char *e;

    if (isnan(d) || isinf(d)) {
        vb_buf_puts(out, isnan(d) ? ".nan" : d < 0 ? "-.inf" : ".inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    e = strchr(text, 'e');
    if (strchr(text, '.'))
        vb_buf_puts(out, text);
    else if (e)
        vb_buf_printf(out, "%.*s.0%s", (int)(e - text), text, e);
    else
        vb_buf_printf(out, "%s.0", text);
}

void vb_yaml_put_uuid(vb_buf *out, const vb_uuid *uuid)
{
    char text[VB_UUID_TEXT];

    vb_buf_puts(out, "!uuid '");
    vb_buf_puts(out, vb_uuid_format(*uuid, text));
    vb_buf_putc(out, '\'');
}

void vb_yaml_put_time(vb_buf *out, int64_t tai, int64_t unbounded)
{
    vb_auto_buf text = {0};
    size_t dot;

    if (tai == unbounded) {
        vb_buf_puts(out, "null");
        return;
    }
    vb_time_print(tai, &text);
    text.data[10] = ' ';
    dot = strcspn(text.data, ".");
    vb_buf_printf(out, "!butler_time/tai/iso '%.*s.%s", (int)dot, text.data, text.data[dot] ? text.data + dot + 1 : "");
    for (size_t n = text.data[dot] ? strlen(text.data + dot + 1) : 0; n < 9; n++)
        vb_buf_putc(out, '0');
    vb_buf_putc(out, '\'');
}
