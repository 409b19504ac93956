/* record_choice.h - the dimension records that go with a choice of datasets, for exports and imports of a part.
 *
 * They are those that the data IDs name; those that these require and imply; those that come with one of them (a
 * visit's definition, its regions, its visit systems), and what they name; and of a sky map whose own dataset was
 * chosen, one whose data ID is the sky map alone, all tracts and patches. */
#ifndef VB_REGISTRY_RECORD_CHOICE_H
#define VB_REGISTRY_RECORD_CHOICE_H

#include "registry/registry.h"

/* True for an element that divides the sky of a sky map: a tract, a patch. */
bool vb_divides_sky(const vb_universe *u, const vb_element *e);

/* True where data IDs of the group name a sky map and nothing else: such a dataset is its definition. */
bool vb_defines_sky_map(const vb_universe *u, const vb_group *group);

/* Makes temp.chosen_record (element, id) of the connection: those of the selected datasets (selection.h), or all. */
int vb_choose_records(vb_registry *reg, vb_error *err);
int vb_choose_all_records(vb_registry *reg, vb_error *err);

#endif
