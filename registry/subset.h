/* subset.h - a part of a registry, copied into a file of its own: what graphs and snapshots are made of.
 *
 * The registry is attached to the new file's connection as `src`.  Rows keep their ids, so that what refers to them is
 * copied as it is; what the new file adds has ids above.  Call in a transaction of the new file.  Internal to
 * registry/. */
#ifndef VB_REGISTRY_SUBSET_H
#define VB_REGISTRY_SUBSET_H

#include "registry/internal.h"

/* Makes the new file, of the registry's universe, and attaches the registry. */
int vb_subset_create(vb_registry *src, const char *path, const char *format, vb_registry **out, vb_error *err);

/* Stores, dataset types, their tables, instruments' rules; and where ids begin. */
int vb_subset_definitions(vb_registry *into, vb_error *err);

/* A collection and all that its chains lead to. */
int vb_subset_collection(vb_registry *into, const char *name, vb_error *err);

/* An empty temp.wanted (dataset_id), and the datasets in it: with their locations, and their places in the collections
 * that were copied. */
int vb_subset_begin_wanted(vb_registry *into, vb_error *err);
int vb_subset_wanted(vb_registry *into, vb_error *err);

/* The records of an element whose keys stand in a table of the new file (its SQL name). */
int vb_subset_records(vb_registry *into, const vb_element *e, const char *table, vb_error *err);

/* The records of an element that records in the new file speak of: a visit's lead to its filter's.  To be called from
 * the last element of the universe to the first: what an element depends on comes before it there. */
int vb_subset_implied(vb_registry *into, const vb_element *e, vb_error *err);

#endif
