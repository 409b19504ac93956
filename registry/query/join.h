/* join.h - the FROM and WHERE of a query over dimensions, built on demand.  Internal to this floor.
 *
 * A vb_join knows for each dimension which SQL expression holds its value so far; asking for a dimension, or for an
 * element's record, joins the table that has it, on all the dimensions that are there already.  That is all the
 * relating that is needed: a visit's table brings its physical filter, the filter's its band, visit_definition relates
 * exposures and visits.  Spatial relations go through the overlap tables, then through the exact regions. */
#ifndef VB_REGISTRY_QUERY_JOIN_H
#define VB_REGISTRY_QUERY_JOIN_H

#include "registry/internal.h"

typedef struct vb_join {
    vb_registry *reg;
    const char *schema;    /* "main", or the name of an attached registry */
    const vb_group *group; /* all the dimensions that the query relates */
    vb_buf from, where;
    char *columns[VB_MAX_ELEMENTS]; /* SQL, by dimension; NULL: not joined yet */
    vb_dimset joined;               /* elements whose table is joined, as e_NAME */
    vb_value *values;               /* of ?1, ?2, ... */
    size_t nvalues, values_cap;
    int ndatasets;
} vb_join;

void vb_join_init(vb_join *j, vb_registry *reg, const char *schema, const vb_group *group);
void vb_join_clear(vb_join *j);
#define vb_auto_join __attribute__((cleanup(vb_join_clear))) vb_join

/* Adds a value (which the join then owns) and writes its "?N". */
void vb_join_bind(vb_join *j, vb_value value, vb_buf *sql);

/* Joins the table of an element; its columns are e_NAME."column". */
int vb_join_element(vb_join *j, const vb_element *e, vb_error *err);

/* Makes sure that j->columns has the dimension. */
int vb_join_dimension(vb_join *j, const vb_element *dimension, vb_error *err);

/* Joins the data IDs for which the search holds a dataset of the type, as d0, d1, ...; a search of one collection
 * offers their dataset_id too. */
int vb_join_datasets(vb_join *j, const vb_dataset_type *type, const vb_search *search, vb_error *err);

/* The records that relate the group's dimensions to each other: a visit's tell its filter, the filter's its band. */
int vb_join_relations(vb_join *j, vb_error *err);

/* All required dimensions of the group, their relations, and the overlap of each two spatial families. */
int vb_join_relate(vb_join *j, vb_error *err);

/* Starts a further condition: appends " AND " or nothing to j->where. */
vb_buf *vb_join_condition(vb_join *j);

/* "SELECT [DISTINCT] columns FROM ... WHERE ...": the columns are the caller's text. */
void vb_join_select(const vb_join *j, const char *columns, vb_buf *sql);

/* Runs a statement whose ?N are the join's values. */
int vb_join_sql(const vb_join *j, vb_stmt **out, const char *sql, vb_error *err);

#endif
