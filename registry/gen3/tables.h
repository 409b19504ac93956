/* tables.h - the tables of a Gen3 registry in SQLite, for a dimension universe.  Internal to registry/gen3. */
#ifndef VB_REGISTRY_GEN3_TABLES_H
#define VB_REGISTRY_GEN3_TABLES_H

#include "registry/gen3/ddl.h"
#include "registry/universe.h"

/* All tables but those of datasets with dimensions. */
void vb_gen3_tables(const vb_universe *u, vb_gen3_sql *sql);

/* dataset_tags_N and, if asked, dataset_calibs_N. */
void vb_gen3_tags_table(const vb_group *group, int64_t number, vb_gen3_sql *sql);
void vb_gen3_calibs_table(const vb_group *group, int64_t number, vb_gen3_sql *sql);

/* The column of a dimension in the table of an element: its key's name in its own, else its own name. */
const char *vb_gen3_column_name(const vb_element *in, const vb_element *dimension);

#endif
