/* mirror.h - what a Gen3 registry has, by name, as an SQLite file: for questions that join it with a registry of ours.
 *
 * It has the tables of Rubin's that say which datasets, collections, dataset types and dimension records there are,
 * with the columns that tell them apart: butler_attributes (the dimension universe), collection, dataset_type,
 * dimension_graph_definition, dataset, dataset_tags_N, dataset_calibs_N (without the ranges), and a table a dimension
 * element. */
#ifndef VB_REGISTRY_GEN3_MIRROR_H
#define VB_REGISTRY_GEN3_MIRROR_H

#include "registry/gen3/gen3.h"

/* Makes `file`, which is not there yet. */
int vb_gen3_mirror(vb_gen3 *g, const char *file, vb_error *err);

#endif
