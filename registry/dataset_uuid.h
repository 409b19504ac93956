/* dataset_uuid.h - UUIDs of datasets that are told by what they are: as Rubin's DatasetIdGenEnum makes them.
 *
 * Version 5, of the namespace uuid5(DNS, "lsst.org") and "dataset_type=T[,run=R],k=v,...": the required dimensions,
 * sorted by name.  Thread-safe. */
#ifndef VB_REGISTRY_DATASET_UUID_H
#define VB_REGISTRY_DATASET_UUID_H

#include "registry/dataset.h"

typedef enum vb_id_generation {
    VB_ID_UNIQUE,          /* version 7, new each time */
    VB_ID_DATAID_TYPE,     /* of the type and the data ID */
    VB_ID_DATAID_TYPE_RUN, /* of type, run and data ID */
} vb_id_generation;

#define VB_ID_GENERATION_MODES "UNIQUE, DATAID_TYPE or DATAID_TYPE_RUN"

/* "UNIQUE", ...; -EINVAL and a sentence otherwise. */
int vb_id_generation_parse(const char *text, vb_id_generation *out, vb_error *err);

vb_uuid vb_dataset_uuid(vb_id_generation mode, const char *type, const char *run, const vb_dataid *dataid);

#endif
