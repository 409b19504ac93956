/* ddl.h - statements that make Gen3's tables, spelled as Rubin's program has SQLAlchemy spell them.  Internal to
 * registry/gen3. */
#ifndef VB_REGISTRY_GEN3_DDL_H
#define VB_REGISTRY_GEN3_DDL_H

#include "registry/base/buf.h"

#include <stdbool.h>

/* Statements: tables, and indexes, which are quicker to make when the rows are there. */
typedef struct vb_gen3_sql {
    vb_buf tables, indexes;
} vb_gen3_sql;

/* A table that is being described: columns first, then the key, then constraints. */
typedef struct vb_gen3_table {
    const char *name;
    const char *const *key;
    vb_buf columns, checks, uniques, foreign, indexes;
} vb_gen3_table;

void vb_gen3_table_begin(vb_gen3_table *t, const char *name);

/* "name TYPE [DEFAULT ...] [NOT NULL]"; `type` may hold the default. */
void vb_gen3_column(vb_gen3_table *t, const char *name, const char *type, bool not_null);

/* Text of at most `length` characters: with a check where that is not many. */
void vb_gen3_string(vb_gen3_table *t, const char *name, int length, bool not_null);

/* Lists of columns end in NULL.  The key's lives as long as the table. */
void vb_gen3_primary(vb_gen3_table *t, const char *const *columns);
void vb_gen3_unique(vb_gen3_table *t, const char *const *columns);
void vb_gen3_index(vb_gen3_table *t, const char *const *columns);

/* With its index, unless the columns are the primary key. */
void vb_gen3_foreign(vb_gen3_table *t, const char *table, const char *const *theirs, const char *const *columns,
                     bool cascade);

/* Appends the statements and frees. */
void vb_gen3_table_end(vb_gen3_table *t, vb_gen3_sql *sql);

#define VB_COLUMNS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
