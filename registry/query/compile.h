/* compile.h - from an expression to a condition of SQL.  Internal to this floor. */
#ifndef VB_REGISTRY_QUERY_COMPILE_H
#define VB_REGISTRY_QUERY_COMPILE_H

#include "registry/query/bind.h"
#include "registry/query/expr.h"
#include "registry/query/join.h"

/* The dimensions that an expression speaks of, added to *dims; a metadata name without its element is looked for among
 * the elements of `among`.  -EINVAL, with a caret, for a name that means nothing. */
int vb_expr_dimensions(const vb_universe *u, const vb_group *among, const char *text, const vb_expr *e, vb_dimset *dims,
                       vb_error *err);

/* What a key of --order-by begins with, where an index may have it in order; false: it is something else. */
bool vb_join_sorting(vb_join *j, const char *text, vb_sorting *out);

/* True where it speaks of a field of datasets of that type: TYPE.dataset_id, or ingest_date without a type. */
bool vb_expr_speaks_of(const vb_expr *e, const char *type);

/* Adds the condition to the join, with the tables that it needs.  `text` is what the tree was parsed from. */
int vb_join_where(vb_join *j, const char *text, const vb_expr *e, const vb_binds *binds, vb_error *err);

/* The SQL of a value to sort by: a dimension, a field of its records or of a dataset, a timespan (by its begin). */
int vb_join_sort_key(vb_join *j, const char *name, vb_buf *sql, vb_error *err);

#endif
