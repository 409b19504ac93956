/* percent.h - the spelling of bytes in addresses (RFC 3986, 2.1).  Thread-safe. */
#ifndef VB_BASE_PERCENT_H
#define VB_BASE_PERCENT_H

#include "registry/base/buf.h"

#include <stdbool.h>

/* Adds text with all but `A-Z a-z 0-9 - . _ ~` and '/' as %XX; with `slash` that too. */
void vb_percent_encode(vb_buf *out, const char *text, bool slash);

/* Adds the bytes that text stands for.  False, and *out as it was, where it is not well-formed or holds a NUL. */
bool vb_percent_decode(vb_buf *out, const char *text);

#endif
