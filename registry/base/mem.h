/* mem.h - memory that is there, growing arrays, formatted strings.
 *
 * A process that runs out of memory says so and ends (exit 71).  That is safe here because a kill at any byte is: the
 * registry is transactional and a commit is one link (docs/design.md).  So no caller tests for NULL. */
#ifndef VB_BASE_MEM_H
#define VB_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void *vb_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *vb_realloc(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *vb_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *vb_strndup(const char *text, size_t n) __attribute__((malloc, returns_nonnull));
void *vb_memdup(const void *data, size_t n) __attribute__((returns_nonnull));
char *vb_format(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *vb_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0), malloc, returns_nonnull));

#define VB_NEW(type) ((type *)vb_alloc(sizeof(type)))

/* Room for one more element in `array` of `n` used and `cap` allocated; returns its address, zeroed, and counts it. */
#define VB_PUSH(array, n, cap)                                             \
    ({                                                                     \
        if ((n) == (cap)) {                                                \
            (cap) = (cap) ? 2 * (cap) : 8;                                 \
            (array) = vb_realloc((array), (size_t)(cap), sizeof *(array)); \
        }                                                                  \
        __builtin_memset(&(array)[n], 0, sizeof *(array));                 \
        &(array)[(n)++];                                                   \
    })

#define VB_COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
