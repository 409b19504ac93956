/* compile.h - from an expression to a condition of SQL.  Internal to this floor. */
#ifndef VB_REGISTRY_QUERY_COMPILE_H
#define VB_REGISTRY_QUERY_COMPILE_H

#include "registry/query/expr.h"
#include "registry/query/join.h"

/* Values for `:name` in an expression. */
typedef struct vb_bind {
    char *name;
    vb_value *values; /* one, or the items of a list */
    size_t count;
} vb_bind;

typedef struct vb_binds {
    vb_bind *items;
    size_t count, cap;
} vb_binds;

void vb_binds_clear(vb_binds *binds);

/* The dimensions that an expression speaks of, added to *dims; a metadata name without its element is looked for among
 * the elements of `among`.  -EINVAL, with a caret, for a name that means nothing. */
int vb_expr_dimensions(const vb_universe *u, const vb_group *among, const char *text, const vb_expr *e, vb_dimset *dims,
                       vb_error *err);

/* Adds the condition to the join, with the tables that it needs.  `text` is what the tree was parsed from. */
int vb_join_where(vb_join *j, const char *text, const vb_expr *e, const vb_binds *binds, vb_error *err);

#endif
