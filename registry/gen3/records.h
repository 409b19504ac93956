/* records.h - dimension records from a Gen3 registry into one of ours. */
#ifndef VB_REGISTRY_GEN3_RECORDS_H
#define VB_REGISTRY_GEN3_RECORDS_H

#include "registry/gen3/gen3.h"

/* Puts all records; one that is there already must be equal (-EEXIST, and what differs).  Both have the same universe.
 * Call it in a transaction. */
int vb_gen3_copy_records(vb_gen3 *g, vb_registry *reg, size_t *count, vb_error *err);

#endif
