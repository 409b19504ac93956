/* copy_internal.h - one copying of a Gen3 registry.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_COPY_INTERNAL_H
#define VB_REGISTRY_GEN3_COPY_INTERNAL_H

#include "registry/component.h"
#include "registry/gen3/copy.h"

enum { VB_GEN3_BATCH = 2048, VB_GEN3_TELL = 16384 };

/* A record of a datastore that says more than a location: a component's, or one with a checksum or a storage class that
 * only Rubin's program knows what to do with. */
typedef struct vb_gen3_extra {
    vb_uuid uuid;
    char *checksum;      /* Rubin's; NULL: none */
    char *storage_class; /* of a whole that is not the type's; NULL: it is */
    vb_file file;        /* file.component NULL: the whole, whose location is elsewhere */
} vb_gen3_extra;

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
    vb_gen3_extra *extras; /* of those that wait */
    size_t nextras, extras_cap;
    size_t done, total;
} vb_gen3_copying;

/* The id that a collection has in our registry, where it is registered if it is not there. */
int vb_gen3_copy_collection(vb_gen3_copying *c, const vb_gen3_collection *theirs, int64_t *id, vb_error *err);

/* All wanted collections, then their chains. */
int vb_gen3_copy_collections(vb_gen3_copying *c, vb_error *err);

/* TAGGED and CALIBRATION members of the type that is being copied. */
int vb_gen3_copy_members(vb_gen3_copying *c, vb_error *err);

/* copy_extras.c: a RUN's host and timespan; the universe and the configuration; records of files. */
int vb_gen3_copy_run_detail(vb_gen3_copying *c, const vb_gen3_collection *theirs, int64_t id, vb_error *err);
int vb_gen3_copy_attributes(vb_gen3_copying *c, vb_error *err);
/* vb_gen3_note_file() takes what *place owns where the file is a component's. */
void vb_gen3_note_file(vb_gen3_copying *c, const vb_gen3_dataset *d, const vb_gen3_file *f, vb_location *place);
int vb_gen3_insert_extras(vb_gen3_copying *c, vb_error *err);
void vb_gen3_drop_extras(vb_gen3_copying *c);

#endif
