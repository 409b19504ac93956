/* template.h - where Rubin's datastore would put an artifact: file templates.
 *
 * A template is text with fields: "{run:/}/{datasetType}/{visit:?}/{exposure.obs_id|group:?}...".  A field is a
 * dimension of the data ID (implied ones too), datasetType, run, component, skypix, or ELEMENT.COLUMN of a dimension
 * record; of alternatives the first that has a value counts.  `?` lets a field be missing: it goes with the text before
 * it, unless that has a '/'.  `/` keeps slashes, which otherwise become '_'.  Source: daf_butler, "File templates". */
#ifndef VB_REGISTRY_GEN3_TEMPLATE_H
#define VB_REGISTRY_GEN3_TEMPLATE_H

#include "registry/dataset.h"

#include <jansson.h>

typedef struct vb_gen3_templates vb_gen3_templates;

/* `overrides` are those of a butler.yaml, by dataset type, dimensions ("tract+patch") or storage class, over Rubin's
 * defaults; may be NULL. */
vb_gen3_templates *vb_gen3_templates_new(vb_registry *reg, const json_t *overrides);
void vb_gen3_templates_free(vb_gen3_templates *t);
VB_CLEANUP(vb_gen3_templates, vb_gen3_templates_free)

/* The path of a dataset's artifact, or of a component's (NULL: the whole), without its extension, appended.  -EINVAL
 * where a field has no value. */
int vb_gen3_template_path(vb_gen3_templates *t, const vb_dataset *d, const char *run, const char *component,
                          vb_buf *out, vb_error *err);

#endif
