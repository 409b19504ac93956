/* value.h - one value of a data ID, a dimension record or a column: nothing, an integer, a number, text or bytes. */
#ifndef VB_REGISTRY_VALUE_H
#define VB_REGISTRY_VALUE_H

#include "registry/base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vb_kind { VB_NULL, VB_INT, VB_REAL, VB_TEXT, VB_BYTES } vb_kind;

typedef struct vb_value {
    vb_kind kind;
    size_t len; /* of text and bytes; text has a NUL after it */
    union {
        int64_t i;
        double d;
        char *text;     /* owned */
        uint8_t *bytes; /* owned */
    };
} vb_value;

vb_value vb_value_int(int64_t i);
vb_value vb_value_real(double d);
vb_value vb_value_text(const char *text); /* copies; NULL gives VB_NULL */
vb_value vb_value_bytes(const void *bytes, size_t n);
vb_value vb_value_copy(const vb_value *v);
void vb_value_clear(vb_value *v);
#define vb_auto_value __attribute__((cleanup(vb_value_clear))) vb_value

/* Nulls first, then numbers by size, then text and bytes by bytes: -1, 0 or 1. */
int vb_value_compare(const vb_value *a, const vb_value *b);

/* As a person writes it: 42, 0.5, r.  Bytes in hexadecimal. */
void vb_value_print(const vb_value *v, vb_buf *out);

/* Numbers that JSON does not have (NaN, infinity) are null, bytes that are no UTF-8 are replaced. */
json_t *vb_value_json(const vb_value *v);

#endif
