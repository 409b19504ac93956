/* select.h - a query in the making: what datasets, data IDs, records and diagnosis share.  Internal to registry/query.
 */
#ifndef VB_REGISTRY_QUERY_SELECT_H
#define VB_REGISTRY_QUERY_SELECT_H

#include "registry/query/compile.h"
#include "registry/query/query.h"

struct vb_result {
    vb_registry *reg;
    vb_join join;
    vb_stmt *stmt;
    vb_buf sql;
    vb_result_column *columns;
    size_t ncolumns, columns_cap;
    int at; /* SQL columns so far */
    char *reason;
};

struct selection {
    vb_registry *reg;
    const vb_query *q;
    const vb_dataset_type *type; /* one of these */
    const vb_group *group;
    const vb_element *element;
    vb_expr *where;
    const vb_expr **conditions; /* the parts of `where` that AND joins, the first `nconditions` count */
    size_t nconditions;
    size_t ntables; /* so many tables of data IDs count */
    bool governors; /* check them */
    vb_result *result;
    vb_error *err;
};

int vb_select_begin(struct selection *s);
void vb_select_end(struct selection *s);

/* Joins all that counts; 1: nothing can be found, and s->result->reason says why. */
int vb_select_join(struct selection *s);

/* The dimensions that a row tells: of the type, the group or the element. */
const vb_group *vb_select_group(const struct selection *s);

/* A key of --order-by without its '-', in full: of records, "exposure_time" and "timespan.begin" are the element's own.
 */
char *vb_select_sort_key(const struct selection *s, const char *key);

#endif
