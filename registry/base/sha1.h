/* sha1.h - SHA-1 (FIPS 180-4), for UUIDs of version 5 alone: nothing here is to be secret or unforgeable.
 * Thread-safe. */
#ifndef VB_BASE_SHA1_H
#define VB_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

void vb_sha1(const void *data, size_t n, uint8_t digest[20]);

#endif
