/* export.h - a registry of ours, or a part of it, as a Gen3 registry in SQLite that Rubin's daf_butler opens.
 *
 *     vb_auto(vb_gen3_export_free) vb_gen3_export *x = NULL;
 *     vb_gen3_export_begin(reg, "DIR/gen3.sqlite3", &what, &x, err);   all tables but the datastore's
 *     vb_gen3_export_each(x, each, arg, err);                          datasets that have an artifact
 *         vb_gen3_export_file(x, &file, err);                            a row of the datastore for each
 *     vb_gen3_export_end(x, err);                                      indexes; every foreign key is whole
 *
 * The schema is that of managers attributes 1.0.1, dimensions 6.0.2, collections 2.0.0, datasets 2.0.0, opaque 0.2.0
 * and datastores 0.2.1, with the dimension universe of the registry. */
#ifndef VB_REGISTRY_GEN3_EXPORT_H
#define VB_REGISTRY_GEN3_EXPORT_H

#include "registry/dataset.h"

typedef struct vb_gen3_export vb_gen3_export;

typedef struct vb_gen3_export_what {
    char *const *collections; /* names or globs, and what their chains lead to; NULL: all */
    const char *where;        /* NULL: all datasets of these */
} vb_gen3_export_what;

/* Makes the file; -EEXIST where there is one.  The registry's handle stays the caller's, and is used until the end. */
int vb_gen3_export_begin(vb_registry *reg, const char *path, const vb_gen3_export_what *what, vb_gen3_export **out,
                         vb_error *err);
void vb_gen3_export_free(vb_gen3_export *x);
VB_CLEANUP(vb_gen3_export, vb_gen3_export_free)

typedef struct vb_gen3_export_counts {
    int64_t datasets, collections, types;
} vb_gen3_export_counts;
vb_gen3_export_counts vb_gen3_export_count(const vb_gen3_export *x);

/* What is known of a file besides its place, from the Gen3 registry that it came from. */
typedef struct vb_gen3_export_extra {
    const char *component;          /* NULL: the whole dataset */
    char *checksum, *storage_class; /* NULL: none; that of the type */
} vb_gen3_export_extra;

/* Calls `each` with every file of the exported datasets. */
typedef int vb_gen3_export_fn(void *arg, const vb_dataset *d, const vb_location *l, const vb_gen3_export_extra *extra,
                              vb_error *err);
int vb_gen3_export_each(vb_gen3_export *x, vb_gen3_export_fn *each, void *arg, vb_error *err);

/* A file of a dataset, as the datastore records it. */
typedef struct vb_gen3_export_row {
    const vb_dataset *dataset;
    const char *path; /* below the datastore's root, or a URL */
    const char *formatter, *storage_class;
    const char *component; /* NULL: the whole dataset */
    const char *checksum;  /* NULL: none */
    int64_t size;
} vb_gen3_export_row;
int vb_gen3_export_file(vb_gen3_export *x, const vb_gen3_export_row *row, vb_error *err);

/* -EINVAL, and which table, where something refers to what is not there. */
int vb_gen3_export_end(vb_gen3_export *x, vb_error *err);

/* The JSON of the registry's universe with all that Rubin's program looks for in it; the caller frees it. */
char *vb_gen3_universe_json(vb_registry *reg);

#endif
