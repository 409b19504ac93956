/* base64.h - bytes as text (RFC 4648, section 4: A-Z a-z 0-9 + /, padded, one line).  Thread-safe. */
#ifndef VB_SKY_BASE64_H
#define VB_SKY_BASE64_H

#include "registry/base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

/* Room that the bytes of `n` characters need. */
#define VB_BASE64_BYTES(n) ((n) / 4 * 3)

void vb_base64_encode(const void *data, size_t n, vb_buf *out); /* adds text */

/* The number of bytes written to `out`; -1 where the text is not base64. */
ssize_t vb_base64_decode(const char *text, size_t n, uint8_t *out);

#endif
