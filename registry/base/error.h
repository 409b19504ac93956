/* error.h - what went wrong, in one sentence, and what to do about it.
 *
 * The rule of the house: a function that can fail returns 0 (or a count) or a negative errno, and takes a `vb_error *`
 * last.  Who finds the fault says so with vb_fail(): a sentence that names the data ID, the path and the operation, in
 * lower case and without a full stop.  Who passes it up adds what only he knows with vb_error_context().  Who handles
 * it prints it, once.  A NULL `err` is allowed everywhere: then only the code counts. */
#ifndef VB_BASE_ERROR_H
#define VB_BASE_ERROR_H

#include "registry/base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

typedef struct vb_error {
    int code;      /* negative errno; 0: nothing happened */
    char *message; /* owned; NULL while code is 0 */
    char *hint;    /* owned; what to do, or NULL */
} vb_error;

#define VB_ERROR_INIT \
    {                 \
        0             \
    }
#define vb_auto_error __attribute__((cleanup(vb_error_clear))) vb_error

/* Each returns `code`, so that `return vb_fail(err, -ENOENT, ...)` is the whole of a refusal.  An error that is
 * already there is replaced. */
int vb_fail(vb_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of the errno added. */
int vb_fail_errno(vb_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message.  Returns err->code. */
int vb_error_context(vb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says what the reader can do.  The last hint wins. */
void vb_hint(vb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Moves an error; *from is empty afterwards. */
void vb_error_move(vb_error *to, vb_error *from);

void vb_error_clear(vb_error *err);

/* Prints "error: MESSAGE" and the hint, indented, to stderr. */
void vb_error_print(const vb_error *err);

#endif
