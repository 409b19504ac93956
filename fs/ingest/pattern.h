/* pattern.h - regular expressions of users, and what they make of a text.
 *
 * POSIX extended expressions, searched anywhere in the text unless anchored.  Rules files are untrusted, and
 * the C library's expressions can be made to take all memory (nested repetitions) or all time
 * (back-references): such ones are refused.  A pattern that was made may be used by several threads. */
#ifndef VB_FS_INGEST_PATTERN_H
#define VB_FS_INGEST_PATTERN_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <regex.h>
#include <stdbool.h>

typedef struct vb_pattern {
    char *text; /* NULL: none */
    regex_t regex;
} vb_pattern;

/* -EINVAL and a sentence for what is no expression, or one that repeats too much. */
int vb_pattern_make(const char *text, vb_pattern *out, vb_error *err);
void vb_pattern_clear(vb_pattern *p);

bool vb_pattern_matches(const vb_pattern *p, const char *text);

/* Where the pattern is found in text, `out` becomes `replacement`, in which \0 is what was found and \1 to \9
 * are the groups of it; a NULL replacement leaves `out` the whole text.  False where it is not found. */
bool vb_pattern_replace(const vb_pattern *p, const char *text, const char *replacement, vb_buf *out);

#endif
