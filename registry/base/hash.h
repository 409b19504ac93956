/* hash.h - XXH3 with 128 bits, in its canonical (big-endian) form: the checksum of artifacts and files.
 *
 * Printed as "xxh3-128:" and 32 hexadecimal digits, what `xxhsum -H2` prints.  Thread-safe. */
#ifndef VB_BASE_HASH_H
#define VB_BASE_HASH_H

#include "registry/base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct vb_hash {
    uint8_t bytes[16];
} vb_hash;

#define VB_HASH_TEXT 42 /* with "xxh3-128:" and a NUL */

vb_hash vb_hash_bytes(const void *data, size_t n);
uint64_t vb_hash64(const void *data, size_t n); /* XXH3, 64 bits: for tables and shortened names */

/* Hashes a file from its start; the descriptor's offset does not matter and stays.  Fills *size too, unless NULL. */
int vb_hash_fd(int fd, vb_hash *out, int64_t *size, vb_error *err);

/* Bytes that come in pieces.  Not thread-safe. */
typedef struct vb_hasher vb_hasher;

vb_hasher *vb_hasher_new(void);
void vb_hasher_add(vb_hasher *h, const void *data, size_t n);
vb_hash vb_hasher_result(const vb_hasher *h); /* of what was added until now */
void vb_hasher_reset(vb_hasher *h);
void vb_hasher_free(vb_hasher *h);
VB_CLEANUP(vb_hasher, vb_hasher_free)

const char *vb_hash_format(const vb_hash *hash, char text[VB_HASH_TEXT]);
bool vb_hash_parse(const char *text, vb_hash *out);

#endif
