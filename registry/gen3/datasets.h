/* datasets.h - the datasets of a Gen3 repository, one by one, with what its datastores say of their files. */
#ifndef VB_REGISTRY_GEN3_DATASETS_H
#define VB_REGISTRY_GEN3_DATASETS_H

#include "registry/dataid.h"
#include "registry/gen3/gen3.h"

/* A row of a datastore's records: one file. */
typedef struct vb_gen3_file {
    size_t store;        /* index of g->config->datastores */
    char *component;     /* "": the whole dataset is in this file */
    char *path;          /* as it is recorded: below the datastore's root, or a URL; "#..." names a part */
    char *formatter;     /* Rubin's class */
    char *storage_class; /* as which it was written */
    char *checksum;      /* Rubin's; NULL: none */
    int64_t size;        /* bytes; -1: not recorded */
} vb_gen3_file;

typedef struct vb_gen3_dataset {
    vb_uuid uuid;
    const vb_gen3_type *type;
    const vb_gen3_collection *run;
    vb_dataid dataid;    /* of type->group */
    int64_t ingest_date; /* TAI nanoseconds */
    vb_gen3_file *files; /* none: it exists, its artifact does not */
    size_t nfiles, cap;
} vb_gen3_dataset;

/* The path of a file, absolute or below its datastore's root, without "#...", which is appended to *fragment as ours
 * have it: "#hdu=N", "#unzip=MEMBER".  NULL for a URL that names no local file.  The caller frees it. */
char *vb_gen3_file_path(const vb_gen3_file *f, vb_buf *fragment);

/* The next file of the dataset in the datastore that counts, the first that has it, after `f` (NULL: the first); NULL
 * where there is none. */
const vb_gen3_file *vb_gen3_next_file(const vb_gen3_dataset *d, const vb_gen3_file *f);

/* What `each` returns other than 0 ends it and is returned. */
typedef int vb_gen3_dataset_fn(void *arg, vb_gen3_dataset *d, vb_error *err);

/* All datasets of a type that the wanted collections (vb_gen3_select) hold, each once, in the order in which the
 * database has them. */
int vb_gen3_each_dataset(vb_gen3 *g, const vb_gen3_type *type, vb_gen3_dataset_fn *each, void *arg, vb_error *err);

/* True where the selection is all of them. */
bool vb_gen3_all_wanted(const vb_gen3 *g);

/* How many datasets there are, wanted or not. */
int vb_gen3_count_datasets(vb_gen3 *g, int64_t *out, vb_error *err);

/* Members of TAGGED collections, or of CALIBRATION ones with the range for which they hold. */
typedef struct vb_gen3_member {
    vb_uuid uuid;
    const vb_gen3_collection *collection;
    int64_t begin, end;
} vb_gen3_member;
typedef int vb_gen3_member_fn(void *arg, const vb_gen3_member *m, vb_error *err);

int vb_gen3_each_tagged(vb_gen3 *g, const vb_gen3_type *type, vb_gen3_member_fn *each, void *arg, vb_error *err);
int vb_gen3_each_certified(vb_gen3 *g, const vb_gen3_type *type, vb_gen3_member_fn *each, void *arg, vb_error *err);

/* The UUID, and the data ID where it can be told, for messages: "raw {...}". */
void vb_gen3_dataset_print(const vb_gen3_dataset *d, vb_buf *out);

#endif
