#include "registry/base/error.h"

#include "registry/base/mem.h"

#include <string.h>

void vb_error_clear(vb_error *err)
{
    if (!err)
        return;
    free(err->message);
    free(err->hint);
    *err = (vb_error)VB_ERROR_INIT;
}

void vb_error_move(vb_error *to, vb_error *from)
{
    if (to) {
        vb_error_clear(to);
        *to = *from;
        *from = (vb_error)VB_ERROR_INIT;
    } else {
        vb_error_clear(from);
    }
}

int vb_fail(vb_error *err, int code, const char *format, ...)
{
    va_list args;
    char *message;

    if (!err)
        return code;
    va_start(args, format);
    message = vb_vformat(format, args); /* before the clearing: an argument may be the old message */
    va_end(args);
    vb_error_clear(err);
    err->code = code;
    err->message = message;
    return code;
}

int vb_fail_errno(vb_error *err, int code, const char *format, ...)
{
    va_list args;
    char *message;

    if (!err)
        return code;
    va_start(args, format);
    message = vb_vformat(format, args);
    va_end(args);
    vb_fail(err, code, "%s: %s", message, strerror(-code));
    free(message);
    return code;
}

int vb_error_context(vb_error *err, const char *format, ...)
{
    va_list args;
    char *context, *message;

    if (!err || !err->message)
        return err ? err->code : 0;
    va_start(args, format);
    context = vb_vformat(format, args);
    va_end(args);
    message = vb_format("%s: %s", context, err->message);
    free(context);
    free(err->message);
    err->message = message;
    return err->code;
}

void vb_hint(vb_error *err, const char *format, ...)
{
    va_list args;
    char *hint;

    if (!err)
        return;
    va_start(args, format);
    hint = vb_vformat(format, args); /* before the freeing: an argument may be the old hint */
    va_end(args);
    free(err->hint);
    err->hint = hint;
}

/* Prints text with every line after the first indented below it. */
static void print_indented(const char *text, int indent)
{
    for (const char *line = text; line;) {
        const char *end = strchr(line, '\n');

        if (line != text)
            fprintf(stderr, "%*s", indent, "");
        fprintf(stderr, "%.*s\n", (int)(end ? end - line : (ptrdiff_t)strlen(line)), line);
        line = end ? end + 1 : NULL;
    }
}

void vb_error_print(const vb_error *err)
{
    if (!err->code)
        return;
    fprintf(stderr, "error: ");
    print_indented(err->message ? err->message : strerror(-err->code), 7);
    if (err->hint) {
        fprintf(stderr, "       ");
        print_indented(err->hint, 7);
    }
}
