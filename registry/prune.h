/* prune.h - datasets are taken away.  Call in a transaction; afterwards the trash is to be emptied (trash.h).
 *
 * Nothing here searches the registry for who refers to a dataset: its run is in its row, the TAGGED and CALIBRATION
 * collections that have it are in `association`, the quanta in the indices of quantum_input and quantum_output. */
#ifndef VB_REGISTRY_PRUNE_H
#define VB_REGISTRY_PRUNE_H

#include "registry/selection.h"

/* Takes a dataset out of its run and of every collection, and makes its artifact trash.  The row stays, as removed,
 * while provenance speaks of it. */
int vb_dataset_remove(vb_registry *reg, const vb_dataset *d, vb_error *err);

/* The artifacts of all datasets of a run become trash; where it is a purge the datasets go too.  The run itself stays.
 * Makes a selection. */
int vb_prune_run(vb_registry *reg, const vb_collection *run, bool purge, vb_error *err);

/* The same for the selected datasets (selection.h), of whatever runs. */
int vb_prune_selected(vb_registry *reg, bool purge, vb_error *err);

/* Leaves selected only what is in the run; *others is how many were not. */
int vb_prune_only_run(vb_registry *reg, const vb_collection *run, int64_t *others, vb_error *err);

/* Who refers to the selected datasets, besides their runs. */
typedef struct vb_reference {
    const vb_collection *collection; /* TAGGED or CALIBRATION, the handle's */
    int64_t count;                   /* of selected datasets in it */
} vb_reference;

typedef struct vb_references {
    vb_reference *items; /* by name of the collection */
    size_t count, cap;
    int64_t in_provenance; /* selected datasets that quanta have read or written */
} vb_references;

void vb_references_clear(vb_references *r);
#define vb_auto_references __attribute__((cleanup(vb_references_clear))) vb_references

int vb_prune_references(vb_registry *reg, vb_references *out, vb_error *err);

/* -EBUSY, and the collections are named, where a TAGGED or CALIBRATION collection has a selected dataset. */
int vb_prune_check_unreferenced(vb_registry *reg, vb_error *err);

/* What goes with a run, besides its datasets. */
typedef struct vb_run_contents {
    int64_t datasets, quanta;
    int64_t read_by_others; /* of the datasets, by quanta of other runs: what provenance says of them stays */
} vb_run_contents;

/* Selects the run's datasets and counts. */
int vb_run_select(vb_registry *reg, const vb_collection *run, vb_run_contents *out, vb_error *err);

/* Removes a run with its datasets and the provenance of its own quanta.  Without `force` -EBUSY where a chain has the
 * run, or a TAGGED or CALIBRATION collection one of its datasets; with it they leave these.  Makes a selection. */
int vb_run_remove(vb_registry *reg, const vb_collection *run, bool force, vb_error *err);

#endif
