/* join.h - the FROM and WHERE of a query over dimensions, built on demand.  Internal to this floor.
 *
 * A vb_join knows for each dimension which SQL expression holds its value so far; asking for a dimension, or for an
 * element's record, joins the table that has it, on all the dimensions that are there already.  That is all the
 * relating that is needed: a visit's table brings its physical filter, the filter's its band, visit_definition relates
 * exposures and visits.  Spatial relations go through the overlap tables, then through the exact regions; sky pixels
 * through the envelopes of regions (registry/pixel_table.h).
 *
 * Without statistics SQLite guesses the order of loops, and guesses badly where a table has a million rows for the
 * first columns of its key.  vb_join_plan() settles the order from what is known of the tables (plan.c). */
#ifndef VB_REGISTRY_QUERY_JOIN_H
#define VB_REGISTRY_QUERY_JOIN_H

#include "registry/calibration.h"
#include "registry/internal.h"

typedef enum vb_from_kind {
    VB_FROM_ELEMENT,  /* an element's records */
    VB_FROM_VIEW,     /* the distinct values of a dimension without records */
    VB_FROM_MEMBERS,  /* the datasets of a type */
    VB_FROM_KEYS,     /* beginnings of their keys */
    VB_FROM_DATASET,  /* the rows of `dataset` that go with members */
    VB_FROM_OVERLAP,  /* the pixels of an element's region */
    VB_FROM_PIXELS,   /* the same, reckoned */
    VB_FROM_PICKED,   /* the records of an element whose pixels a given region touches */
    VB_FROM_DATA_IDS, /* a table of data IDs */
} vb_from_kind;

/* One table of the FROM. */
typedef struct vb_from {
    vb_from_kind kind;
    char *sql;                 /* `main."dimension_visit" AS e_visit` */
    const vb_element *element; /* of ELEMENT, VIEW (the dimension), OVERLAP, PIXELS */
    vb_dimset dims;            /* of which it has columns; the key's first */
    int after;                 /* the table that must come before it; -1: any */
    double rows;               /* an estimate, where the builder knows one; 0: none */
    bool scanned;              /* it has no index */
    double probes;             /* of MEMBERS: how many collections each look-up asks */
    int position;              /* in the order of loops, from 0, once planned */
} vb_from;

/* A dataset type that was joined with the rows of its datasets. */
typedef struct vb_joined_type {
    const vb_dataset_type *type;
    int number;    /* its members are dN */
    int members;   /* their place in `from` */
    int rows;      /* the place of `dataset` AS sN; -1: not joined */
    int64_t *held; /* the collections that are searched */
    size_t nheld;
    vb_buf known;    /* SQL: conditions that an index of `dataset` answers, joined by AND */
    bool rows_first; /* few rows of `dataset` are left by these: members may be found by them */
} vb_joined_type;

typedef struct vb_join {
    vb_registry *reg;
    const char *schema;    /* "main", or the name of an attached registry */
    const vb_group *group; /* all the dimensions that the query relates */
    vb_from *from;
    size_t nfrom, from_cap;
    vb_buf where;
    char *columns[VB_MAX_ELEMENTS]; /* SQL, by dimension; NULL: not joined yet */
    vb_dimset joined;               /* elements whose table is joined, as e_NAME */
    vb_value *values;               /* of ?1, ?2, ... */
    size_t nvalues, values_cap;
    int ndatasets;
    vb_joined_type *types;
    size_t ntypes, types_cap;
    bool planned;
    /* What the conditions say, for the plan: dimensions that have one value or one of few, elements of which few
     * records are left, a dataset that is named by its UUID. */
    vb_dimset fixed, picked;
    double
        keep[VB_MAX_ELEMENTS]; /* the part of an element's records, or of a dimension's values, that is left; 0: all */
    vb_dimset single;          /* of the fixed ones: those of one value */
    char *equal[VB_MAX_ELEMENTS];   /* SQL of the value that a dimension must have; NULL: none is said */
    vb_buf ranges[VB_MAX_ELEMENTS]; /* SQL, by dimension: conditions on its values alone, as on its column, by AND */
    vb_buf tests[VB_MAX_ELEMENTS];  /* SQL, by element: conditions on fields of its records alone, by AND */
    bool repeats;                   /* a dataset may be several rows: it has several validity ranges */
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

/* Joins the data IDs of which a CALIBRATION collection has a validity range that is asked for. */
int vb_join_ranges(vb_join *j, const vb_dataset_type *type, const vb_collection *calibration,
                   const vb_validity *validity);

/* Joins the datasets themselves: dN.dataset_id and dN.collection_id.  With `find_first` only that of the first
 * collection for each data ID, else each dataset once.  What CALIBRATION collections hold is joined by time with the
 * exposures, visits or days that the group has; find-first without such is -EINVAL: it needs a time. */
int vb_join_members(vb_join *j, const vb_dataset_type *type, const vb_search *search, bool find_first, vb_error *err);

/* Joins the rows of `dataset` of a type that vb_join_members() joined, as sN. */
int vb_join_rows(vb_join *j, vb_joined_type *joined, vb_error *err);

/* Joins a table of data IDs, temp.NAME, which has a column a dimension of `dims`. */
int vb_join_data_ids(vb_join *j, const char *name, vb_dimset dims, double rows, vb_error *err);

/* The records that relate the group's dimensions to each other: a visit's tell its filter, the filter's its band. */
int vb_join_relations(vb_join *j, vb_error *err);

/* All required dimensions of the group, their relations, the overlap of each two spatial families and of each two
 * temporal ones, and the pixels of the regions for sky pixels. */
int vb_join_relate(vb_join *j, vb_error *err);

/* What the first of few rows are chosen by, where an index has it in its order: an element's records, or the rows of
 * `dataset` of a type by their dates. */
typedef struct vb_sorting {
    const vb_element *element; /* NULL: none */
    const vb_joined_type *type;
    bool descending;
} vb_sorting;

/* Starts a further condition: appends " AND " or nothing to j->where. */
vb_buf *vb_join_condition(vb_join *j);

/* Settles the order of the loops; nothing is joined afterwards.  May join records that make a probe of a scan. `first`:
 * by what few rows are to be sorted; NULL: they are not, or there are many. */
int vb_join_plan(vb_join *j, const vb_sorting *first, vb_error *err);

/* The column of a dimension in the outermost loop that has it, appended: to sort by, after vb_join_plan(). */
void vb_join_column(const vb_join *j, const vb_element *dimension, vb_buf *sql);

/* "SELECT [DISTINCT] columns FROM ... WHERE ...": the columns are the caller's text. */
void vb_join_select(const vb_join *j, const char *columns, vb_buf *sql);

/* Runs a statement whose ?N are the join's values. */
int vb_join_sql(const vb_join *j, vb_stmt **out, const char *sql, vb_error *err);

/* ---- for the parts of the join ---- */

vb_from *vb_join_add(vb_join *j, vb_from_kind kind, const vb_element *element, char *sql);

/* A table that was just added under `alias` has a column for `dimension`: equal to what is there, or the first. */
void vb_join_meet(vb_join *j, const char *alias, const vb_element *dimension);

/* The different beginnings, of so many dimensions, that the keys of a type's members have: each found by probes, as gN.
 */
void vb_join_keys(vb_join *j, const vb_joined_type *joined, int length);

/* The place of a table in `from`, or -1. */
int vb_join_find(const vb_join *j, vb_from_kind kind, const vb_element *element);

/* relate.c: what the sky and time relate. */
int vb_join_topology(vb_join *j, vb_error *err);
int vb_join_pixels(vb_join *j, vb_error *err);

#endif
