/* copy_internal.h - one copying of a Gen3 registry.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_COPY_INTERNAL_H
#define VB_REGISTRY_GEN3_COPY_INTERNAL_H

#include "registry/gen3/copy.h"

enum { VB_GEN3_BATCH = 2048, VB_GEN3_TELL = 16384 };

typedef struct vb_gen3_copying {
    vb_gen3 *g;
    vb_registry *reg;
    const vb_gen3_copy_options *options;
    vb_gen3_counts *counts;
    int64_t *collection_ids;  /* ours, by the index of theirs; 0: not copied yet */
    const vb_gen3_type *type; /* the one that is being copied */
    const vb_dataset_type *ours;
    /* Datasets of one type and run that wait to be inserted together. */
    vb_dataset *datasets;
    vb_location *locations;
    bool *located;
    size_t waiting;
    size_t done, total;
} vb_gen3_copying;

/* The id that a collection has in our registry, where it is registered if it is not there. */
int vb_gen3_copy_collection(vb_gen3_copying *c, const vb_gen3_collection *theirs, int64_t *id, vb_error *err);

/* All wanted collections, then their chains. */
int vb_gen3_copy_collections(vb_gen3_copying *c, vb_error *err);

/* TAGGED and CALIBRATION members of the type that is being copied. */
int vb_gen3_copy_members(vb_gen3_copying *c, vb_error *err);

#endif
