#include "registry/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void *checked(void *p)
{
    if (p)
        return p;
    fputs("error: out of memory\n", stderr);
    _exit(EX_OSERR);
}

void *vb_alloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *vb_realloc(void *p, size_t count, size_t size)
{
    return checked(reallocarray(p, count ? count : 1, size));
}

char *vb_strdup(const char *text)
{
    return checked(strdup(text));
}

char *vb_strndup(const char *text, size_t n)
{
    return checked(strndup(text, n));
}

void *vb_memdup(const void *data, size_t n)
{
    void *copy = checked(malloc(n ? n : 1));

    if (n)
        memcpy(copy, data, n);
    return copy;
}

char *vb_vformat(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    return checked(text);
}

char *vb_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = vb_vformat(format, args);
    va_end(args);
    return text;
}
