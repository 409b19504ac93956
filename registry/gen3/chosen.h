/* chosen.h - the datasets of a Gen3 repository of which an expression holds.
 *
 * The expression (docs/queries.md) is asked of a private snapshot in a temporary file, which has no name any more by
 * the time that it is asked. */
#ifndef VB_REGISTRY_GEN3_CHOSEN_H
#define VB_REGISTRY_GEN3_CHOSEN_H

#include "registry/gen3/copy.h"

typedef struct vb_gen3_chosen vb_gen3_chosen;

/* Of the wanted collections (vb_gen3_select); `options` for the progress of the snapshot. */
int vb_gen3_choose(vb_gen3 *g, const char *where, const vb_gen3_copy_options *options, vb_gen3_chosen **out,
                   vb_error *err);
void vb_gen3_chosen_free(vb_gen3_chosen *c);
VB_CLEANUP(vb_gen3_chosen, vb_gen3_chosen_free)

/* As the `wants` of a copy. */
bool vb_gen3_chosen_has(const vb_gen3_chosen *c, const vb_uuid *uuid);

#endif
