/* expand.h - data IDs with their dimension records: what daf_butler calls an expanded data ID.
 *
 *     vb_auto(vb_expander_free) vb_expander *x = vb_expander_new(reg, type->group);
 *     const vb_record *const *records;
 *     ... for each data ID of the group: vb_expand(x, &id, &records, err); records[visit->index] ...
 *
 * Data IDs that come one after the other share most of their records: a visit's is that of all its detectors.  So
 * records are remembered, some thousands of each element, and in the order in which datasets come nearly none is read
 * twice.  An expander belongs to its handle, must be freed before it, and shows records as they were when it first read
 * them. */
#ifndef VB_REGISTRY_EXPAND_H
#define VB_REGISTRY_EXPAND_H

#include "registry/record.h"

typedef struct vb_expander vb_expander;

vb_expander *vb_expander_new(vb_registry *reg, const vb_group *group);
void vb_expander_free(vb_expander *x);
VB_CLEANUP(vb_expander, vb_expander_free)

/* The records of all elements whose dimensions the data ID tells, itself or through another record (a visit's tells its
 * filter): by the index of the element, NULL where it has none.  They are the expander's, until the next call. */
int vb_expand(vb_expander *x, const vb_dataid *id, const vb_record *const **records, vb_error *err);

#endif
