/* lookup.h - quick questions about dimension records, for those who have many to ask. */
#ifndef VB_REGISTRY_LOOKUP_H
#define VB_REGISTRY_LOOKUP_H

#include "registry/dataid.h"
#include "registry/registry.h"

/* 1 where an element has a record for a data ID, which has its required dimensions; 0 where not.  An element
 * without a table (sky pixels, bands) has all. */
int vb_record_exists(vb_registry *reg, const vb_element *element, const vb_dataid *dataid, vb_error *err);

/* The value of a dimension by another of its keys: that of the detector whose full_name is "N10".  `dataid`
 * has the other dimensions that it requires.  1 and *out, 0 where there is none; -EINVAL where the dimension
 * has no such key. */
int vb_dimension_by_key(vb_registry *reg, const vb_element *dimension, const char *key, const char *text,
                        const vb_dataid *dataid, vb_value *out, vb_error *err);

#endif
