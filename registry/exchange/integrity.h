/* integrity.h - that the dimension records which were added refer to records that are there.
 *
 *     vb_integrity_begin(reg, &before, err);  ... records are put ...  vb_integrity_check(before, err); */
#ifndef VB_REGISTRY_EXCHANGE_INTEGRITY_H
#define VB_REGISTRY_EXCHANGE_INTEGRITY_H

#include "registry/registry.h"

typedef struct vb_integrity vb_integrity;

/* Remembers what is there. */
int vb_integrity_begin(vb_registry *reg, vb_integrity **out, vb_error *err);
void vb_integrity_free(vb_integrity *before);
VB_CLEANUP(vb_integrity, vb_integrity_free)

/* -ENOENT where a record that has come since requires or implies a value that has no record: names both. */
int vb_integrity_check(vb_integrity *before, vb_error *err);

#endif
