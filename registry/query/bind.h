/* bind.h - values for `:name` in an expression, as a command line gives them. */
#ifndef VB_REGISTRY_QUERY_BIND_H
#define VB_REGISTRY_QUERY_BIND_H

#include "registry/base/error.h"
#include "registry/value.h"

#include <stdbool.h>

typedef struct vb_bind {
    char *name;
    vb_value *values; /* one, or the items of a list */
    size_t count;
    bool *times; /* which of the values are times (TAI nanoseconds); NULL: none */
} vb_bind;

typedef struct vb_binds {
    vb_bind *items;
    size_t count, cap;
} vb_binds;

void vb_binds_clear(vb_binds *binds);
#define vb_auto_binds __attribute__((cleanup(vb_binds_clear))) vb_binds

/* Adds "NAME=VALUE".  VALUE is a literal of the expression language (42, 0.5, 'g', T'2025-01-01', UUID('...')) or a
 * list of such in brackets, where `1..5` stands for five integers; anything else is text as it stands.  A value given
 * twice, and what has no '=' or no name before it, is -EINVAL. */
int vb_binds_add(vb_binds *binds, const char *text, vb_error *err);

#endif
