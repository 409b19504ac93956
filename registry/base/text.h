/* text.h - small questions about text.  All calls are thread-safe. */
#ifndef VB_BASE_TEXT_H
#define VB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length in bytes of the well-formed UTF-8 character at the start of `n` bytes of text; 0 where there is none
 * (truncated, overlong, a surrogate, beyond U+10FFFF; RFC 3629). */
size_t vb_utf8_width(const char *text, size_t n);
bool vb_utf8_valid(const char *text, size_t n);

/* True where all of text is one decimal integer or one number; *out is filled then. */
bool vb_parse_int(const char *text, int64_t *out);
bool vb_parse_double(const char *text, double *out);

bool vb_starts_with(const char *text, const char *prefix);
bool vb_ends_with(const char *text, const char *suffix);

/* Splits text at `separator` into strings that the caller frees with vb_strv_free(); empty parts are dropped, and
 * spaces round a part too.  The array ends in NULL; *count may be NULL. */
char **vb_split(const char *text, char separator, size_t *count);
void vb_strv_free(char **strings);
size_t vb_strv_count(char *const *strings);
char **vb_strv_dup(char *const *strings);
bool vb_strv_has(char *const *strings, const char *text);

/* Appends a copy of text to a NULL-terminated array (which may be NULL itself). */
void vb_strv_add(char ***strings, const char *text);

/* "1 dataset", "2 datasets": the count with its noun, in a buffer of the caller's of `size` bytes. */
const char *vb_plural(char *buf, size_t size, int64_t n, const char *noun);

/* "1,234,567". */
const char *vb_thousands(char *buf, size_t size, int64_t n);

/* "9.1 MB": bytes for people, in powers of 1000. */
const char *vb_bytes(char *buf, size_t size, int64_t n);

/* Bytes from text like "2GB", "512 MiB" or "100"; false where it is none. */
bool vb_parse_bytes(const char *text, int64_t *out);

/* The word of `words` (NULL-terminated) that is nearest to `word`, or NULL where none is near: for hints. */
const char *vb_nearest(const char *word, const char *const *words);

#endif
