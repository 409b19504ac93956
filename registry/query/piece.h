/* piece.h - what the parts of the compiler share: typed pieces of SQL.  Internal to registry/query. */
#ifndef VB_REGISTRY_QUERY_PIECE_H
#define VB_REGISTRY_QUERY_PIECE_H

#include "registry/query/compile.h"

typedef enum sql_type { ANY, BOOLEAN, NUMBER, TEXT, TIME, TIMESPAN, REGION, UUID } sql_type;

struct piece {
    sql_type type;
    vb_buf sql;                  /* of a timespan: its begin */
    vb_buf end;                  /* of a timespan */
    const vb_element *element;   /* whose region or timespan it is; NULL: a literal */
    const vb_element *dimension; /* whose key it is */
    vb_buf region;               /* encoded; of a literal region */
};

struct compiler {
    vb_join *j;
    const char *text;
    const vb_binds *binds;
    vb_error *err;
    const vb_expr *whole; /* each of the parts that AND joins must hold */
};

typedef enum vb_dataset_field {
    VB_DATASET_NONE,
    VB_DATASET_UUID,
    VB_DATASET_INGEST_DATE,
    VB_DATASET_RUN,
    VB_DATASET_COLLECTION,
} vb_dataset_field;

/* What a name means: a dimension's key, a field of an element's record, its region or timespan; or a field of a
 * dataset, whose type's name is the first `type_length` characters (none: of the only type). */
struct meaning {
    const vb_element *element; /* NULL: a dataset's */
    const vb_element *told;    /* another dimension, which its records tell: exposure.day_obs */
    const vb_field *field;     /* NULL: the key, or... */
    bool region;
    int timespan; /* 1: the whole, 2: its begin, 3: its end */
    vb_dataset_field dataset;
    size_t type_length;
};

int vb_name_resolve(const vb_universe *u, const vb_group *among, const char *text, const vb_expr *e, struct meaning *m,
                    vb_error *err);

/* Tells the join's plan what a condition leaves. */
void vb_name_note(vb_join *j, const char *text, const vb_expr *e);

/* The type whose rows of `dataset` a condition chooses by an index: by UUIDs or dates that are given. NULL: none. */
vb_joined_type *vb_name_known_rows(struct compiler *c, const vb_expr *e);

/* The dimension of whose values a condition takes a range: visit < 20, visit IN (1..20). NULL: it is not of this kind.
 */
const vb_element *vb_name_ranged(const vb_join *j, const char *text, const vb_expr *e);

/* The element of whose records' fields alone a condition speaks: visit.exposure_time > 30. NULL: it is not of this kind.
 */
const vb_element *vb_name_tested(const vb_join *j, const char *text, const vb_expr *e);

int vb_compile_name(struct compiler *c, const vb_expr *e, struct piece *out);

/* A value that stands in the expression, or for which a bind stands. */
int vb_compile_value(struct compiler *c, const vb_expr *e, struct piece *out);

/* POINT(...) and its kin, REGION('CIRCLE ...'). */
int vb_compile_region(struct compiler *c, const vb_expr *e, struct piece *out);

/* UUID('...') */
int vb_compile_uuid(struct compiler *c, const vb_expr *e, struct piece *out);

/* The bind that a part names; NULL, and a sentence, where no value is given for it. */
const vb_bind *vb_compile_find_bind(const struct compiler *c, const vb_expr *e);

void vb_compile_literal(struct compiler *c, vb_value value, sql_type type, struct piece *out);
sql_type vb_compile_type(const vb_bind *bind, size_t i);

void vb_compile_clear(struct piece *p);

#endif
