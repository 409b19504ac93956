/* expr.h - Rubin's expression language for `where`, as a tree.
 *
 *     visit.exposure_time > 30 and (band in ('g', 'r') or visit in (100..200:2)) and not physical_filter = 'z'
 *     visit.timespan overlaps (T'2020-01-01/tai', T'2020-02-01/tai')      patch.region overlaps POINT(150.1, 2.2)
 *
 * Words in any case; strings in single quotes; `:name` stands for a bind value.  The tree knows the column (from 1) at
 * which each part stands, so that what is wrong can be shown.  Source: daf_butler, "Dimension expressions". */
#ifndef VB_REGISTRY_QUERY_EXPR_H
#define VB_REGISTRY_QUERY_EXPR_H

#include "registry/base/buf.h"
#include "registry/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum vb_expr_kind {
    VB_EXPR_INT,    /* integer */
    VB_EXPR_REAL,   /* real */
    VB_EXPR_STRING, /* text */
    VB_EXPR_TIME,   /* text: what stands in T'...' */
    VB_EXPR_BIND,   /* text: the name */
    VB_EXPR_NAME,   /* text: "visit", "visit.exposure_time" */
    VB_EXPR_NULL,
    VB_EXPR_RANGE, /* integer..integer:step in a list: first, last, step */
    VB_EXPR_TUPLE, /* (a, b) */
    VB_EXPR_CALL,  /* text: the function's name in upper case; operands */
    VB_EXPR_NOT,
    VB_EXPR_NEGATE,
    VB_EXPR_AND,
    VB_EXPR_OR,
    VB_EXPR_COMPARE,    /* text: = != < <= > >= */
    VB_EXPR_ARITHMETIC, /* text: + - * / % */
    VB_EXPR_OVERLAPS,
    VB_EXPR_IN, /* operands: what, then the list's items */
    VB_EXPR_NOT_IN,
    VB_EXPR_IS_NULL,
    VB_EXPR_IS_NOT_NULL,
} vb_expr_kind;

typedef struct vb_expr vb_expr;
struct vb_expr {
    vb_expr_kind kind;
    int begin, end; /* columns in the text, [begin, end) from 0 */
    char *text;
    int64_t integer, last, step;
    double real;
    vb_expr **operands;
    size_t count, cap;
    int height; /* of the tree below: 0 for a value */
};

/* An empty or blank text gives *out = NULL: no constraint.  -EINVAL: the message shows the text with a caret; -E2BIG:
 * it is longer than a megabyte.  What is nested too deep for a compiler to follow is refused. */
int vb_expr_parse(const char *text, vb_expr **out, vb_error *err);
void vb_expr_free(vb_expr *e);
VB_CLEANUP(vb_expr, vb_expr_free)

/* Fails with `message`, the text, and a caret below the part. Returns -EINVAL. */
int vb_expr_fail(vb_error *err, const char *text, const vb_expr *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
