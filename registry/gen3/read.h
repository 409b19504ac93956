/* read.h - what of a Gen3 registry is read when it is opened.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_READ_H
#define VB_REGISTRY_GEN3_READ_H

#include "registry/gen3/gen3.h"

/* A value of butler_attributes; *out is NULL where there is none; the caller frees it. */
int vb_gen3_attribute(const vb_gen3 *g, const char *name, char **out, vb_error *err);

int vb_gen3_read_collections(vb_gen3 *g, vb_error *err);
int vb_gen3_read_types(vb_gen3 *g, vb_error *err);

/* -EINVAL where a table is not there or lacks one of the columns (NULL-terminated). */
int vb_gen3_check_columns(const vb_gen3 *g, const char *table, const char *const *columns, vb_error *err);

#endif
