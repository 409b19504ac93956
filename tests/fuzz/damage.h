/* damage.h - an SQLite file of which cells, rows and bytes are changed, as an input says.
 *
 * An input is a list of changes, 16 at most:
 *     0 TABLE COLUMN ROW KIND LENGTH TEXT...   a cell becomes null, an integer, a number, text or bytes
 *     1 TABLE ROW                              a row goes
 *     2 PARENT POSITION CHILD                  a collection gets a child
 *     3 OFFSET(3) BYTE                         a byte of the file
 *     4 LENGTH(3)                              the file ends there */
#ifndef VB_TESTS_FUZZ_DAMAGE_H
#define VB_TESTS_FUZZ_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

/* The names of a file's tables, sorted; the caller frees them with vb_strv_free(). */
char **damage_tables(const char *path);

/* Copies `base`, whose tables these are, to `work`, and changes it. */
void damage_copy(const char *base, char *const *tables, const char *work, const uint8_t *data, size_t size);

#endif
