/* snapshot.h - an immutable part of a registry in one file: datasets, what leads to them, and what made them.
 *
 * A snapshot holds the datasets that were chosen, with their locations, collections, dataset types and dimension
 * records; the quanta that made them, with their attempts; and of the datasets that these have read the names (state
 * "removed": provenance speaks of them, and the snapshot does not have them).  It has a UUID, which what is built from
 * it records.  Artifacts stay where they are: the file names the repository. */
#ifndef VB_REGISTRY_SNAPSHOT_H
#define VB_REGISTRY_SNAPSHOT_H

#include "registry/registry.h"

#include <stdint.h>

typedef struct vb_snapshot_spec {
    char *const *collections; /* names and globs */
    char *const *types;       /* names and globs; NULL: all */
    const char *where;        /* docs/queries.md; NULL: no condition */
    bool find_first;          /* of each data ID that of the first collection only */
    const char *command;      /* the command line that asked for it; may be NULL */
} vb_snapshot_spec;

typedef struct vb_snapshot_counts {
    int64_t datasets, records, quanta;
    char id[37]; /* the snapshot's UUID */
} vb_snapshot_counts;

/* Makes the snapshot of a repository's registry, or of another snapshot, at `path`, which appears whole and synced, or
 * not at all; -EEXIST where it is there, -ENODATA where nothing was chosen. */
int vb_snapshot_make(vb_registry *src, const vb_snapshot_spec *spec, const char *path, vb_snapshot_counts *counts,
                     vb_error *err);

/* The repository that holds the artifacts of a registry file (absolute), and the id of the snapshot that it is (NULL:
 * it is none).  The caller frees both. */
int vb_snapshot_source(vb_registry *src, char **repository, char **id, vb_error *err);

#endif
