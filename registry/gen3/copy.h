/* copy.h - a Gen3 repository's registry, or a part of it, into one of ours.
 *
 * Dimension records, collections with their chains, dataset types, datasets with their places, and who is TAGGED and
 * certified.  What is there already and is the same stays: so it may be done again.  What is there and differs is an
 * error that names it: a record, a collection's type, a dataset type, a UUID that is another dataset, a data ID that a
 * run has with another UUID, a chain whose children would be lost. */
#ifndef VB_REGISTRY_GEN3_COPY_H
#define VB_REGISTRY_GEN3_COPY_H

#include "registry/dataset.h"
#include "registry/gen3/datasets.h"

typedef struct vb_gen3_counts {
    size_t records, collections, types;
    size_t datasets, existing; /* inserted; there already */
    size_t members;            /* of TAGGED and CALIBRATION collections */
    size_t components;         /* files that hold a part of a dataset */
} vb_gen3_counts;

typedef struct vb_gen3_copy_options {
    /* False leaves a dataset out; NULL: all that the wanted collections hold (vb_gen3_select). */
    bool (*wants)(void *arg, const vb_uuid *uuid);
    /* Where a file of the dataset is now.  NULL: where it was: store N + 1 is the datastore N. */
    int (*locate)(void *arg, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_location *out, vb_error *err);
    /* Whether a dimension record goes with the datasets: 1 or 0.  `key` is its data ID, in the Gen3 universe; NULL:
     * all. */
    int (*wants_record)(void *arg, const vb_element *e, const vb_value *key, vb_error *err);
    /* As in vb_bringing_up, for records of an older universe; NULL: nobody knows. */
    int (*day_offset)(void *arg, const char *instrument, int64_t *offset, vb_error *err);
    void *arg;
    bool fresh; /* the registry is empty: nothing is looked up */
    void (*tell)(void *arg, const char *what, size_t done, size_t total); /* now and then; NULL: nobody */
    void *tell_arg;
} vb_gen3_copy_options;

/* In one transaction: all or nothing. */
int vb_gen3_copy(vb_gen3 *g, vb_registry *reg, const vb_gen3_copy_options *options, vb_gen3_counts *counts,
                 vb_error *err);

/* -EINVAL, and what to do, where a registry has an older dimension universe, or one of another namespace. */
int vb_gen3_check_universe(const vb_gen3 *g, vb_registry *reg, vb_error *err);

/* The whole as a snapshot: a new file of ours that shows the repository where it is, for a mount. */
int vb_gen3_snapshot(vb_gen3 *g, const char *path, const vb_gen3_copy_options *options, vb_gen3_counts *counts,
                     vb_error *err);

#endif
