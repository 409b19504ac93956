#include "registry/base/percent.h"

#include <ctype.h>
#include <string.h>

static bool is_unreserved(unsigned char c)
{
    return isalnum(c) || (c && strchr("-._~", c));
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

void vb_percent_encode(vb_buf *out, const char *text, bool slash)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (is_unreserved(*p) || (*p == '/' && !slash))
            vb_buf_putc(out, (char)*p);
        else
            vb_buf_printf(out, "%%%02X", *p);
    }
}

bool vb_percent_decode(vb_buf *out, const char *text)
{
    size_t before = out->len;

    for (const char *p = text; *p; p++) {
        int high = *p == '%' ? hex(p[1]) : 0, low = *p == '%' && high >= 0 ? hex(p[2]) : 0;

        if (high < 0 || low < 0 || (*p == '%' && !high && !low)) {
            out->len = before;
            if (out->data)
                out->data[before] = 0;
            return false;
        }
        vb_buf_putc(out, *p == '%' ? (char)(high << 4 | low) : *p);
        p += *p == '%' ? 2 : 0;
    }
    return true;
}
