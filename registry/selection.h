/* selection.h - the datasets that a command is about: chosen by type, collection and `where`, or one by one.
 *
 * A handle has one selection, which is a temporary table of its connection (temp.selected): what is done to all of it
 * at once (association.h, calibration.h, prune.h) is done by few statements, however many datasets it has.  It is no
 * part of the registry: it may be made before a transaction, shown to a person, and used in one; a dataset that is gone
 * by then is left out.  The handle is open for writing. */
#ifndef VB_REGISTRY_SELECTION_H
#define VB_REGISTRY_SELECTION_H

#include "registry/dataset.h"

typedef struct vb_selecting {
    char *const *types;       /* names and globs; NULL: all */
    char *const *collections; /* names and globs; chains are flattened */
    const char *where;        /* docs/queries.md; NULL: no condition */
    bool find_first;          /* of each data ID that of the first collection; else of every one */
    int64_t limit;            /* at most so many; 0: all */
} vb_selecting;

/* Selects, in place of what was selected.  -ENOENT for a type or a collection that is not there; -EINVAL for what is
 * wrong with `where`, and for a find-first search that meets datasets in a CALIBRATION collection: they need a time. */
int vb_select(vb_registry *reg, const vb_selecting *what, int64_t *count, vb_error *err);

/* Selects these datasets (their id and type). */
int vb_select_datasets(vb_registry *reg, const vb_dataset *datasets, size_t count, vb_error *err);

/* Calls `each` with every selected dataset, by type and data ID. */
int vb_selected_each(vb_registry *reg, vb_dataset_fn *each, void *arg, vb_error *err);

/* Calls `each` with every type that datasets are selected of, by name, and how many they are.  What `each` returns
 * other than 0 ends it and is returned. */
typedef int vb_selected_type_fn(void *arg, const vb_dataset_type *type, int64_t count, vb_error *err);
int vb_selected_each_type(vb_registry *reg, vb_selected_type_fn *each, void *arg, vb_error *err);

/* The runs that selected datasets are in, by name; the caller frees *out with vb_strv_free(). */
int vb_selected_runs(vb_registry *reg, char ***out, vb_error *err);

#endif
