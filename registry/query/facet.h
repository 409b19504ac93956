/* facet.h - what a faceted directory asks: which values a dimension has among the datasets of a type, or among the
 * records of an element, that agree with the values chosen so far. */
#ifndef VB_REGISTRY_QUERY_FACET_H
#define VB_REGISTRY_QUERY_FACET_H

#include "registry/calibration.h"
#include "registry/dataset.h"

/* A value that was chosen; the dimension is one that the group requires or implies. */
typedef struct vb_choice {
    const vb_element *dimension;
    vb_value value;
} vb_choice;

/* What is faceted: datasets of a type in a search (each collection by itself, results merged), or
 * an element's records.  CALIBRATION collections are asked as `validity` says. */
typedef struct vb_faceted {
    const vb_dataset_type *type; /* NULL: records */
    const vb_search *search;
    vb_validity validity;
    const vb_element *element; /* NULL: datasets */
    const vb_choice *choices;
    size_t count;
} vb_faceted;

/* The group whose dimensions may be chosen. */
const vb_group *vb_faceted_group(vb_registry *reg, const vb_faceted *f);

/* 1 where something agrees with all choices, else 0. */
int vb_faceted_exists(vb_registry *reg, const vb_faceted *f, vb_error *err);

/* Up to `limit` values of a dimension above `after` (NULL: from the lowest), ascending, each once. */
int vb_faceted_values(vb_registry *reg, const vb_faceted *f, const vb_element *dimension, const vb_value *after,
                      size_t limit, vb_value *out, size_t *count, vb_error *err);

#endif
