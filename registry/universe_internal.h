/* universe_internal.h - what a universe is made of: for the universe's own files. */
#ifndef VB_REGISTRY_UNIVERSE_INTERNAL_H
#define VB_REGISTRY_UNIVERSE_INTERNAL_H

#include "registry/universe.h"

struct vb_universe {
    int version;
    char *namespace;
    char *json;
    vb_element *elements;
    int count;
    const vb_element *common;
    int spatial_families, temporal_families;
    vb_group **groups;
    size_t ngroups, groups_cap;
};

#endif
