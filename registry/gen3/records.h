/* records.h - dimension records from a Gen3 registry into one of ours.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_RECORDS_H
#define VB_REGISTRY_GEN3_RECORDS_H

#include "registry/gen3/copy.h"

/* Puts the wanted records; one that is there already must be equal (-EEXIST, and what differs).  Those of an older
 * universe are brought up to ours (older.h); what ours has no place for is an error that names it.  Call it in a
 * transaction. */
int vb_gen3_copy_records(vb_gen3 *g, vb_registry *reg, const vb_gen3_copy_options *options, size_t *count,
                         vb_error *err);

#endif
