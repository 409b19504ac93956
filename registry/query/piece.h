/* piece.h - what the parts of the compiler share: typed pieces of SQL.  Internal to registry/query. */
#ifndef VB_REGISTRY_QUERY_PIECE_H
#define VB_REGISTRY_QUERY_PIECE_H

#include "registry/query/compile.h"

typedef enum sql_type { ANY, BOOLEAN, NUMBER, TEXT, TIME, TIMESPAN, REGION } sql_type;

struct piece {
    sql_type type;
    vb_buf sql;                /* of a timespan: its begin */
    vb_buf end;                /* of a timespan */
    const vb_element *element; /* whose region or timespan it is; NULL: a literal */
    vb_buf region;             /* encoded; of a literal region */
};

struct compiler {
    vb_join *j;
    const char *text;
    const vb_binds *binds;
    vb_error *err;
};

/* A value that stands in the expression, or for which a bind stands. */
int vb_compile_value(struct compiler *c, const vb_expr *e, struct piece *out);

/* POINT(...) and its kin. */
int vb_compile_region(struct compiler *c, const vb_expr *e, struct piece *out);

/* The bind that a part names; NULL, and a sentence, where no value is given for it. */
const vb_bind *vb_compile_find_bind(const struct compiler *c, const vb_expr *e);

void vb_compile_literal(struct compiler *c, vb_value value, sql_type type, struct piece *out);
sql_type vb_compile_type(const vb_value *v);

#endif
