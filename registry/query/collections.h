/* collections.h - collections by name, as a listing wants them: which there are, what each holds. */
#ifndef VB_REGISTRY_QUERY_COLLECTIONS_H
#define VB_REGISTRY_QUERY_COLLECTIONS_H

#include "registry/collection.h"

/* The collections whose names match one of the globs (all without one) and that have one of the types ("RUN", ..., in
 * any case; NULL: any), sorted by name.  With `flatten` chains are replaced by what they lead to, each collection once,
 * in the order in which they were made.  -ENOENT for a name that is not there, -EINVAL for a type that is none. */
int vb_collections_select(vb_registry *reg, char *const *globs, char *const *types, bool flatten, vb_search *out,
                          vb_error *err);

/* The names of the types that a collection may hold, sorted, without those that match one of `exclude` (NULL: none);
 * for a chain none.  The caller frees *out with vb_strv_free(). */
int vb_collection_types(vb_registry *reg, const vb_collection *c, char *const *exclude, char ***out, vb_error *err);

#endif
