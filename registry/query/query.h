/* query.h - what there is: datasets, data IDs and dimension records that a query selects, streamed.
 *
 * A query is an expression (docs/queries.md), collections, tables of data IDs, and an order.  Its result is stepped
 * through, or printed as Rubin's `butler query-...` commands print theirs (print.h).  Rows come from SQLite as they are
 * found: memory does not grow with their number.  A result belongs to its registry handle, and must be closed before
 * it. */
#ifndef VB_REGISTRY_QUERY_QUERY_H
#define VB_REGISTRY_QUERY_QUERY_H

#include "registry/collection.h"
#include "registry/dataset_type.h"
#include "registry/query/bind.h"
#include "registry/sql.h"

/* Data IDs as rows of a temporary table of the handle. */
typedef struct vb_id_table {
    char *name; /* of the SQL table, in temp */
    char *file; /* for messages */
    vb_dimset dims;
    int64_t rows;
} vb_id_table;

typedef struct vb_query {
    char **collections; /* names and globs, in the order of search; NULL or empty: all */
    char **datasets; /* for data IDs and records: names and globs of types of which a dataset must exist; NULL: none */
    const char *where; /* NULL: everything */
    const vb_binds *binds;
    char **order_by;       /* "visit", "-visit.exposure_time" (descending); NULL: Rubin's order */
    int64_t limit, offset; /* limit < 0: all */
    bool find_first;       /* datasets: of each data ID only that of the first collection */
    bool show_uri;         /* datasets: where the artifact is; those in parts only with `component` */
    const char *component; /* with show_uri: of datasets in parts, this component as TYPE.COMPONENT; NULL: the whole */
    bool any_governor;     /* the instrument of an exposure, the skymap of a patch need not be told */
    const char *root;      /* of the repository, absolute: for URIs */
    vb_id_table *tables;
    size_t ntables, tables_cap;
} vb_query;

void vb_query_clear(vb_query *q); /* the tables; the rest is the caller's */
#define vb_auto_query __attribute__((cleanup(vb_query_clear))) vb_query

/* Adds a table of data IDs: `columns` are names of dimensions, `cells` their values as text, row by row, `lines` where
 * each row stands in `file`.  What is no dimension, is missing (a tract without its skymap), or does not fit: -EINVAL
 * with FILE:LINE. */
int vb_query_add_table(vb_registry *reg, vb_query *q, const char *file, char *const *columns, size_t ncolumns,
                       char *const *cells, const size_t *lines, size_t nrows, vb_error *err);

typedef enum vb_cell_kind {
    VB_CELL_VALUE, /* integer, number, text or null, as it is */
    VB_CELL_BOOL,
    VB_CELL_UUID,
    VB_CELL_REGION,   /* encoded */
    VB_CELL_TIMESPAN, /* two SQL columns: begin, end */
    VB_CELL_HASH,
    VB_CELL_URI, /* three: id of the store, its root, path */
} vb_cell_kind;

typedef struct vb_result_column {
    const char *name;
    vb_cell_kind kind;
    int at; /* the SQL column, the first of its */
} vb_result_column;

typedef struct vb_result vb_result;

/* The datasets of a type; sorted by run and data ID, unless the query says otherwise.  Each dataset once.  A result
 * without rows is no error; *out is then empty, and says why if it is known at once (vb_result_reason). */
int vb_query_datasets(vb_registry *reg, const vb_query *q, const vb_dataset_type *type, vb_result **out, vb_error *err);

/* The data IDs of a group's dimensions. */
int vb_query_data_ids(vb_registry *reg, const vb_query *q, const vb_group *group, vb_result **out, vb_error *err);

/* The records of an element. */
int vb_query_records(vb_registry *reg, const vb_query *q, const vb_element *element, vb_result **out, vb_error *err);

void vb_result_close(vb_result *result);
VB_CLEANUP(vb_result, vb_result_close)

const vb_result_column *vb_result_columns(const vb_result *result, size_t *count);
int vb_result_step(vb_result *result, vb_error *err); /* 1: a row; 0: no more */
vb_stmt *vb_result_row(vb_result *result);            /* to ask columns of, after a step that gave 1 */

/* Why there is nothing, where no row needs to be looked at to know it; NULL otherwise. */
const char *vb_result_reason(const vb_result *result);

/* Appends the SQL and SQLite's plan for it. */
int vb_result_explain(vb_result *result, vb_buf *out, vb_error *err);

/* Which constraint of the query was the first to leave nothing, as a sentence: "of 120 'calexp' in u/me/run, 24 have
 * visit = 1, 0 have band = 'x'".  One of type, group, element is given. */
int vb_query_why_empty(vb_registry *reg, const vb_query *q, const vb_dataset_type *type, const vb_group *group,
                       const vb_element *element, vb_buf *out, vb_error *err);

/* The dataset types whose names match one of the globs (all without one), sorted; the caller frees *out. */
int vb_query_types(vb_registry *reg, char *const *globs, const vb_dataset_type ***out, size_t *count, vb_error *err);

/* Prunes a search to the collections that may hold datasets of a type. */
int vb_query_search(vb_registry *reg, char *const *collections, const vb_dataset_type *type, vb_search *out,
                    vb_error *err);

#endif
