/* association.h - TAGGED collections: datasets of any run, picked.
 *
 * A TAGGED collection holds at most one dataset of a type and data ID.  Both calls work on the selection (selection.h);
 * call them in a transaction. */
#ifndef VB_REGISTRY_ASSOCIATION_H
#define VB_REGISTRY_ASSOCIATION_H

#include "registry/selection.h"

/* Puts the selected datasets into a TAGGED collection; *changed is how many it did not have yet.  -EEXIST, and both are
 * named, where it has another one of that type and data ID, or two such are selected; -EINVAL where the collection is
 * not TAGGED. */
int vb_associate(vb_registry *reg, const vb_collection *tagged, int64_t *changed, vb_error *err);

/* Takes the selected datasets out of a TAGGED collection; those that it does not have are left alone. */
int vb_disassociate(vb_registry *reg, const vb_collection *tagged, int64_t *changed, vb_error *err);

#endif
