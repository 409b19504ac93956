/* dataset.h - datasets: a UUID, a type, a data ID, a run; and where their artifacts are.
 *
 * A dataset never changes once its run has it: a UUID is one set of bytes for ever. */
#ifndef VB_REGISTRY_DATASET_H
#define VB_REGISTRY_DATASET_H

#include "registry/base/hash.h"
#include "registry/base/uuid.h"
#include "registry/collection.h"
#include "registry/dataid.h"
#include "registry/dataset_type.h"

typedef enum vb_dataset_state {
    VB_DATASET_PRESENT = 0,   /* it exists; its artifact too, where it has a location */
    VB_DATASET_PREDICTED = 1, /* a graph says that a quantum will make it */
    VB_DATASET_REMOVED = 2,   /* it was; provenance still speaks of it */
} vb_dataset_state;

typedef struct vb_dataset {
    int64_t id; /* row id, and so the inode number; 0: not in the registry yet */
    vb_uuid uuid;
    const vb_dataset_type *type; /* the handle's */
    int64_t run_id;
    vb_dataid dataid;
    int64_t ingest_date; /* TAI nanoseconds */
    vb_dataset_state state;
} vb_dataset;

void vb_dataset_clear(vb_dataset *d);
#define vb_auto_dataset __attribute__((cleanup(vb_dataset_clear))) vb_dataset

/* True where the registry has any dataset, or speaks of one. */
int vb_dataset_any(vb_registry *reg, bool *out, vb_error *err);

/* "detect {instrument: SimCam, detector: 2, visit: 101}", appended. */
void vb_dataset_print(const vb_dataset *d, vb_buf *out);

/* Where an artifact is and what it must be. */
typedef struct vb_location {
    int64_t store_id;
    char *path;   /* below the store's root, or absolute (ingested `direct`); "#hdu=N" and "#unzip=MEMBER" name parts */
    int64_t size; /* bytes; -1: not recorded */
    bool has_checksum;
    vb_hash checksum;
    int64_t mtime;   /* of the file, nanoseconds since 1970 UTC; -1: not recorded */
    char *formatter; /* Rubin's, kept for exports; may be NULL */
} vb_location;

void vb_location_clear(vb_location *l);

/* Where "#hdu=N" or "#unzip=MEMBER" begins in a location's path; NULL: it is a whole file. */
const char *vb_location_part(const char *path);

#define vb_auto_location __attribute__((cleanup(vb_location_clear))) vb_location

/* Inserts a dataset into its run: d->type, run_id, dataid, state; a zero UUID is replaced by a new one (version 7), a
 * zero ingest_date by now.  `location` may be NULL.  Fills d->id.  -EEXIST where the run has one of that type and data
 * ID. Call it in a transaction. */
int vb_dataset_insert(vb_registry *reg, vb_dataset *d, const vb_location *location, vb_error *err);

/* The same for many datasets of one type and run, and quicker; `locations` are as many, or NULL.  Their UUIDs are new:
 * provenance has not spoken of them yet.  After a failure the transaction is to be undone. */
int vb_dataset_insert_all(vb_registry *reg, vb_dataset *datasets, const vb_location *locations, size_t count,
                          vb_error *err);

/* The same for a few, of any types and runs, with UUIDs that provenance may have spoken of; `locations` are as many. */
int vb_dataset_insert_some(vb_registry *reg, vb_dataset *datasets, const vb_location *locations, size_t count,
                           vb_error *err);

/* Finds the first dataset of `type` with `dataid` along `search` (find-first; CALIBRATION members are skipped: they
 * need a time).  1 and *out where there is one, 0 where none has it. */
int vb_dataset_find(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid, const vb_search *search,
                    vb_dataset *out, vb_error *err);

/* 1, 0 where there is none. */
int vb_dataset_by_uuid(vb_registry *reg, const vb_uuid *uuid, vb_dataset *out, vb_error *err);
int vb_dataset_by_id(vb_registry *reg, int64_t id, vb_dataset *out, vb_error *err);

/* UUIDs above `after`, ascending, at most `limit`, of all datasets that the file speaks of. */
int vb_dataset_list_uuids(vb_registry *reg, const vb_uuid *after, size_t limit, vb_uuid *out, size_t *count,
                          vb_error *err);

/* 1, 0 where no artifact is held. */
int vb_location_get(vb_registry *reg, int64_t dataset_id, vb_location *out, vb_error *err);
int vb_location_set(vb_registry *reg, int64_t dataset_id, const vb_location *location, vb_error *err);

/* Calls `each` with every absolute path of an artifact (ingested `direct`), sorted. */
typedef int vb_path_fn(void *arg, const char *path);
int vb_location_each_absolute(vb_registry *reg, vb_path_fn *each, void *arg, vb_error *err);

/* Likewise with the path of every artifact, in no order. */
int vb_location_each(vb_registry *reg, vb_path_fn *each, void *arg, vb_error *err);

/* Calls `each` for every dataset of a collection, of one type or (NULL) of all, type by type, in the order in which
 * they came into the registry.  What `each` returns other than 0 ends it and is returned; it may not write to the
 * registry. */
typedef int vb_dataset_fn(void *arg, const vb_dataset *d, vb_error *err);
int vb_dataset_each(vb_registry *reg, const vb_collection *collection, const vb_dataset_type *type, vb_dataset_fn *each,
                    void *arg, vb_error *err);

/* All stores: number and root ("." is the repository's own directory; number 1, "file", is that).  The caller frees
 * *ids, and *roots with vb_strv_free(). */
int vb_store_list(vb_registry *reg, int64_t **ids, char ***roots, size_t *count, vb_error *err);

#endif
