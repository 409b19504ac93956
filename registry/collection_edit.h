/* collection_edit.h - changing what collections there are: names, documentation, chains, removal.
 *
 * Call what changes something in a transaction; pointers to collections that the handle gave before stay readable and
 * may be stale. */
#ifndef VB_REGISTRY_COLLECTION_EDIT_H
#define VB_REGISTRY_COLLECTION_EDIT_H

#include "registry/collection.h"
#include "registry/dataset_type.h"

/* Gives a collection another name; -EEXIST where one has it, -EINVAL for a bad name.  Artifacts stay where they are. */
int vb_collection_rename(vb_registry *reg, const vb_collection *c, const char *name, vb_error *err);

/* Sets the documentation string; NULL or "" takes it away. */
int vb_collection_set_doc(vb_registry *reg, const vb_collection *c, const char *doc, vb_error *err);

/* How children are put into a chain.  One that is in it already moves. */
typedef enum vb_chain_mode {
    VB_CHAIN_REDEFINE, /* they, and no others */
    VB_CHAIN_PREPEND,  /* before the others */
    VB_CHAIN_EXTEND,   /* after the others */
    VB_CHAIN_REMOVE,   /* they go; -ENOENT where one is not in the chain */
    VB_CHAIN_POP,      /* `children` are positions from 0, or below 0 from the end; none: the first one goes */
} vb_chain_mode;

/* "redefine", ...; -EINVAL and a sentence otherwise. */
int vb_chain_mode_parse(const char *text, vb_chain_mode *out, vb_error *err);

/* Changes the children of a chain; -ELOOP where that would make a cycle.  A child that is named twice is there once,
 * where it is named first. */
int vb_chain_edit(vb_registry *reg, const vb_collection *chain, char *const *children, vb_chain_mode mode,
                  vb_error *err);

/* Names of collections: globs become what they match, sorted; with `flatten`, chains become what they lead to.  A name
 * that is not there is -ENOENT.  The caller frees *out with vb_strv_free(). */
int vb_collection_expand(vb_registry *reg, char *const *names, bool flatten, char ***out, vb_error *err);

/* The chains that have a collection as a child, by name; the caller frees *out with vb_strv_free(). */
int vb_collection_parents(vb_registry *reg, const vb_collection *c, char ***out, vb_error *err);

/* Removes a TAGGED, CHAINED or CALIBRATION collection, with its associations; datasets stay.  -EBUSY where a chain has
 * it, unless `from_parents`; -EINVAL for a RUN (prune.h). */
int vb_collection_remove(vb_registry *reg, const vb_collection *c, bool from_parents, vb_error *err);

/* The last step of removing any collection: its rows.  What it held is gone already. */
int vb_collection_drop(vb_registry *reg, const vb_collection *c, bool from_parents, vb_error *err);

/* Removes a dataset type; -EBUSY where a collection has datasets of it or provenance speaks of it. */
int vb_dataset_type_remove(vb_registry *reg, const vb_dataset_type *type, vb_error *err);

#endif
