/* collection.h - collections: RUN, TAGGED, CHAINED and CALIBRATION, and the order in which they are searched. */
#ifndef VB_REGISTRY_COLLECTION_H
#define VB_REGISTRY_COLLECTION_H

#include "registry/registry.h"
#include "registry/time.h"

#include <stddef.h>
#include <stdint.h>

typedef enum vb_collection_type { VB_RUN = 1, VB_TAGGED = 2, VB_CHAINED = 3, VB_CALIBRATION = 4 } vb_collection_type;

typedef struct vb_collection {
    int64_t id;
    vb_collection_type type;
    char *name;
    char *doc; /* may be NULL */
} vb_collection;

const char *vb_collection_type_name(vb_collection_type type); /* "RUN", ... */

/* The handle owns what is found (see vb_registry_refresh).  -ENOENT with the nearest name as a hint. */
int vb_collection_find(vb_registry *reg, const char *name, const vb_collection **out, vb_error *err);
int vb_collection_by_id(vb_registry *reg, int64_t id, const vb_collection **out, vb_error *err);

/* -EINVAL, -ENAMETOOLONG: no collection can be called that.  Registering and renaming ask by themselves. */
int vb_collection_check_name(const char *name, vb_error *err);

/* Makes a collection, or finds it; -EEXIST where one of that name has another type, -EINVAL for a bad name. */
int vb_collection_register(vb_registry *reg, const char *name, vb_collection_type type, const char *doc,
                           const vb_collection **out, vb_error *err);

/* Replaces the children of a chain; -ELOOP where that would make a cycle. */
int vb_collection_set_children(vb_registry *reg, const vb_collection *chain, char *const *children, vb_error *err);

/* The direct children of a chain, in order; the caller frees *out with vb_strv_free(). */
int vb_collection_children(vb_registry *reg, const vb_collection *chain, char ***out, vb_error *err);

/* What Rubin's registries and exports say of a RUN besides: where it was made, and when. */
typedef struct vb_run_detail {
    char *host; /* NULL: not known */
    bool has_span;
    vb_timespan span;
} vb_run_detail;

void vb_run_detail_clear(vb_run_detail *detail);

/* 1 and *out; 0 where nothing is known.  What is known of a RUN already is kept. */
int vb_collection_run_detail(vb_registry *reg, const vb_collection *run, vb_run_detail *out, vb_error *err);
int vb_collection_set_run_detail(vb_registry *reg, const vb_collection *run, const vb_run_detail *detail,
                                 vb_error *err);

/* All names, sorted, that begin with `prefix`, are longer, and come after `after` (NULL: from the start), at most
 * `limit`: for listings. */
int vb_collection_list(vb_registry *reg, const char *prefix, const char *after, size_t limit, char ***out,
                       vb_error *err);

/* Collections in the order in which they are searched: chains flattened depth-first, each collection once. */
typedef struct vb_search {
    const vb_collection **items; /* RUN, TAGGED, CALIBRATION; the handle owns the collections */
    size_t count, cap;
} vb_search;

void vb_search_clear(vb_search *s);
#define vb_auto_search __attribute__((cleanup(vb_search_clear))) vb_search

/* `names` may hold globs (`u/me/X*`); a glob that matches nothing adds nothing, a name that is not there is -ENOENT. */
int vb_search_resolve(vb_registry *reg, char *const *names, vb_search *out, vb_error *err);

#endif
