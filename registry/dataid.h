/* dataid.h - data IDs: a value for each required dimension of a group.
 *
 * A data ID owns its values.  As text it stands in three forms: for people `{instrument: HSC, detector: 40}`, as a
 * JSON array of its values in the universe's order (how the registry keeps it), as an object (in
 * receipts and exports). */
#ifndef VB_REGISTRY_DATAID_H
#define VB_REGISTRY_DATAID_H

#include "registry/universe.h"
#include "registry/value.h"

typedef struct vb_dataid {
    const vb_group *group;
    vb_value values[VB_MAX_REQUIRED]; /* group->nrequired of them, in the order of group->dims */
} vb_dataid;

void vb_dataid_clear(vb_dataid *id);
#define vb_auto_dataid __attribute__((cleanup(vb_dataid_clear))) vb_dataid

vb_dataid vb_dataid_copy(const vb_dataid *id);
int vb_dataid_compare(const vb_dataid *a, const vb_dataid *b); /* of one group */
bool vb_dataid_equal(const vb_dataid *a, const vb_dataid *b);

/* The value of a dimension, or NULL where the group does not require it. */
const vb_value *vb_dataid_get(const vb_dataid *id, const char *dimension);

/* Reads a value as the dimension's key wants it: -EINVAL and a sentence where text is not of its type. */
int vb_dimension_parse(const vb_element *dimension, const char *text, vb_value *out, vb_error *err);

void vb_dataid_print(const vb_dataid *id, vb_buf *out); /* {instrument: HSC, detector: 40} */
void vb_dataid_pack(const vb_dataid *id, vb_buf *out);  /* ["HSC",40] */
int vb_dataid_unpack(const vb_group *group, const char *packed, vb_dataid *out, vb_error *err);
json_t *vb_dataid_json(const vb_dataid *id); /* {"instrument": "HSC", "detector": 40} */
int vb_dataid_from_json(const vb_group *group, const json_t *object, vb_dataid *out, vb_error *err);

/* The part of a data ID that a group with a subset of its dimensions asks for. */
void vb_dataid_project(const vb_dataid *id, const vb_group *group, vb_dataid *out);

#endif
