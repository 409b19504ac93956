/* gen3.h - a Gen3 repository of Rubin's, opened for reading: its registry, its dimension universe, its collections and
 * dataset types.
 *
 * Nothing is written, not even beside it.  What the registry says is untrusted: versions, tables and columns are
 * checked when it is opened, values as they are read; where something is not as it should be, a sentence says which.
 * One thread at a time.  docs/gen3.md tells what is understood. */
#ifndef VB_REGISTRY_GEN3_GEN3_H
#define VB_REGISTRY_GEN3_GEN3_H

#include "registry/collection.h"
#include "registry/gen3/config.h"
#include "registry/gen3/source.h"

typedef struct vb_gen3_collection {
    int64_t id;
    vb_collection_type type;
    char *name, *doc; /* doc may be NULL */
    /* Of a RUN: */
    char *host;
    vb_value begin, end; /* null: none */
    /* Of a CHAINED: ids of the children, in order. */
    int64_t *children;
    size_t nchildren, cap;
    bool wanted; /* see vb_gen3_select() */
} vb_gen3_collection;

typedef struct vb_gen3_type {
    int64_t id;
    char *name, *storage_class;
    const vb_group *group;
    char *tags, *calibs; /* tables; calibs is NULL where it is no calibration */
} vb_gen3_type;

typedef struct vb_gen3 {
    vb_gen3_config *config;
    vb_gen3_source *source;
    vb_universe *universe;
    vb_gen3_collection *collections; /* by id */
    size_t ncollections, collections_cap;
    vb_gen3_type *types; /* by id */
    size_t ntypes, types_cap;
} vb_gen3;

int vb_gen3_open(const char *path, vb_gen3 **out, vb_error *err);

/* The same for a database that is open already and a configuration; takes both over, also on failure. */
int vb_gen3_open_source(vb_gen3_config *config, vb_gen3_source *source, vb_gen3 **out, vb_error *err);

void vb_gen3_close(vb_gen3 *g);
VB_CLEANUP(vb_gen3, vb_gen3_close)

/* NULL: none. */
vb_gen3_collection *vb_gen3_collection_by_id(const vb_gen3 *g, int64_t id);
vb_gen3_collection *vb_gen3_collection_find(const vb_gen3 *g, const char *name);

/* Marks the collections that the names (which may be globs) and their chains lead to; NULL: all.  -ENOENT with the
 * nearest name. */
int vb_gen3_select(vb_gen3 *g, char *const *names, vb_error *err);

#endif
