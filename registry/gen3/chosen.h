/* chosen.h - a part of a Gen3 repository: the datasets of some collections, those of which an expression holds, and the
 * dimension records that go with them (record_choice.h).
 *
 * The expression (docs/queries.md) is asked of a private snapshot in a temporary file, which has no name any more by
 * the time that it is asked. */
#ifndef VB_REGISTRY_GEN3_CHOSEN_H
#define VB_REGISTRY_GEN3_CHOSEN_H

#include "registry/gen3/copy.h"

typedef struct vb_gen3_chosen vb_gen3_chosen;

/* Of the wanted collections (vb_gen3_select); `where` NULL: all that they hold.  `options` for the progress of the
 * snapshot. */
int vb_gen3_choose(vb_gen3 *g, const char *where, const vb_gen3_copy_options *options, vb_gen3_chosen **out,
                   vb_error *err);
void vb_gen3_chosen_free(vb_gen3_chosen *c);
VB_CLEANUP(vb_gen3_chosen, vb_gen3_chosen_free)

/* As `wants` and `wants_record` of a copy. */
bool vb_gen3_chosen_has(const vb_gen3_chosen *c, const vb_uuid *uuid);
int vb_gen3_chosen_record(const vb_gen3_chosen *c, const vb_element *e, const vb_value *key, vb_error *err);

#endif
