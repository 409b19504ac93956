/* store_paths.h - which files of a store a registry knows: for what sweeps up after a kill, and empties the trash. */
#ifndef VB_REGISTRY_STORE_PATHS_H
#define VB_REGISTRY_STORE_PATHS_H

#include "registry/registry.h"

#include <stddef.h>
#include <stdint.h>

/* Sets held[i] where paths[i] is the file of some dataset's location of the store (without "#hdu=N", "#unzip=MEMBER" or
 * "#untar=MEMBER"), or of an absolute one that leads there, also where a link leads to the directory that has it, or of
 * an address that does; `root` is the store's directory, really called that, or its address.  An index is asked for each
 * path, whatever else the registry has: sorted, they are asked quickest. */
int vb_store_paths_held(vb_registry *reg, int64_t store_id, const char *root, const char *const *paths, size_t count,
                        bool *held, vb_error *err);

/* 1 where the store has a dataset's file below the directory; 0 where it has none. */
int vb_store_paths_below(vb_registry *reg, int64_t store_id, const char *directory, vb_error *err);

#endif
