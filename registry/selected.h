/* selected.h - pieces of SQL over the selection (selection.h).  Internal to this floor. */
#ifndef VB_REGISTRY_SELECTED_H
#define VB_REGISTRY_SELECTED_H

#include "registry/internal.h"

/* The selected datasets of a type (?1) that are there, as d. */
#define VB_SELECTED                                                                          \
    " FROM temp.selected s CROSS JOIN main.dataset d ON d.id = s.dataset_id AND d.state = 0" \
    " AND d.type_id = s.type_id WHERE s.type_id = ?1"

/* VB_SELECTED with a further table between FROM and WHERE. */
#define VB_SELECTED_FROM  " FROM temp.selected s CROSS JOIN main.dataset d ON d.id = s.dataset_id AND d.state = 0"
#define VB_SELECTED_WHERE " WHERE s.type_id = ?1 AND d.type_id = s.type_id"

/* "d.dataid ->> 0, d.dataid ->> 1, ": the values of the data ID, appended. */
void vb_sql_selected_values(vb_buf *sql, const vb_group *group);

/* ` AND m."instrument" = d.dataid ->> 0 ...`: the row of `alias` has the data ID, appended. */
void vb_sql_selected_equal(vb_buf *sql, const vb_group *group, const char *alias);

/* Deletes rows of a table ("member", "calib") of the type's dimensions by their whole key, one a row of
 * "SELECT collection, dataset, data ID `from`", whose ?1 is the type and ?2 `argument` (0: it has none).  A DELETE with
 * all of them as IN (SELECT ...) would walk through the whole collection: SQLite takes the first columns of the key
 * only. With `of_dataset` only rows of that dataset.  *changed is added to; it may be NULL. */
int vb_selected_delete(vb_registry *reg, const vb_dataset_type *type, const char *table, const char *collection,
                       const char *from, int64_t argument, bool of_dataset, int64_t *changed, vb_error *err);

/* Notes that a collection holds, or has held, datasets of a type. */
int vb_collection_note_type(vb_registry *reg, int64_t collection_id, int64_t type_id, vb_error *err);

/* "flat {instrument: Cam, detector: 1} (UUID)", appended, of a row. */
int vb_selected_print(vb_registry *reg, int64_t dataset_id, vb_buf *out, vb_error *err);

#endif
