/* uuid.h - universally unique identifiers (RFC 9562), as 16 bytes.
 *
 * Datasets and quanta get version 7 (time-ordered, so that index inserts append), as Rubin makes them.  Thread-safe. */
#ifndef VB_BASE_UUID_H
#define VB_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vb_uuid {
    uint8_t bytes[16];
} vb_uuid;

#define VB_UUID_TEXT 37 /* 36 characters and a NUL */

vb_uuid vb_uuid_v7(void);

/* The UUID of a name in a name space: always the same (version 5). */
vb_uuid vb_uuid_v5(const vb_uuid *space, const void *name, size_t n);

/* "019a9e2c-....": fills `text` and returns it. */
const char *vb_uuid_format(vb_uuid uuid, char text[VB_UUID_TEXT]);

/* Accepts 32 hexadecimal digits, with or without the four dashes. */
bool vb_uuid_parse(const char *text, vb_uuid *out);

bool vb_uuid_equal(vb_uuid a, vb_uuid b);

#endif
