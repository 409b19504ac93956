/* buf.h - text that grows.
 *
 * A vb_buf is ready when zeroed; its data are NUL-terminated after every call; vb_buf_free() gives them back, and
 * vb_buf_steal() hands them to the caller.  Not thread-safe. */
#ifndef VB_BASE_BUF_H
#define VB_BASE_BUF_H

#include "registry/base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vb_buf {
    char *data; /* NULL while nothing was added; use vb_buf_text() where that matters */
    size_t len, cap;
} vb_buf;

void vb_buf_free(vb_buf *b);
#define vb_auto_buf __attribute__((cleanup(vb_buf_free))) vb_buf

void vb_buf_add(vb_buf *b, const void *data, size_t n);
void vb_buf_puts(vb_buf *b, const char *text);
void vb_buf_putc(vb_buf *b, char c);
void vb_buf_printf(vb_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vb_buf_vprintf(vb_buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Adds a number in decimal: as "%" PRId64 does, in a tenth of the time. */
void vb_buf_int(vb_buf *b, int64_t i);

/* Adds `n` bytes of text as a JSON string, with its quotes.  Bytes that are not UTF-8 become U+FFFD. */
void vb_buf_json(vb_buf *b, const char *text, size_t n);

/* Adds text as one CSV field (RFC 4180): quoted only where it must be. */
void vb_buf_csv(vb_buf *b, const char *text);

/* Adds text as one word of a shell: quoted only where it must be. */
void vb_buf_shell(vb_buf *b, const char *word);

/* Adds bytes in lower-case hexadecimal. */
void vb_buf_hex(vb_buf *b, const void *data, size_t n);

/* Adds `separator` unless the buffer is empty: for lists. */
void vb_buf_separate(vb_buf *b, const char *separator);

void vb_buf_clear(vb_buf *b);             /* keeps the memory */
const char *vb_buf_text(const vb_buf *b); /* never NULL; the buffer keeps it */
char *vb_buf_steal(vb_buf *b);            /* never NULL; the caller frees it */

#endif
