/* seen.h - a table's data IDs: which were seen already, and whether their dimensions have records.
 *
 * Asked for each row of tables with millions of them, so keys are bytes in one buffer, and a record that was
 * found once is not asked for again. */
#ifndef VB_FS_INGEST_SEEN_H
#define VB_FS_INGEST_SEEN_H

#include "registry/dataid.h"
#include "registry/registry.h"

typedef struct vb_seen vb_seen;

vb_seen *vb_seen_new(vb_registry *reg, const vb_group *group);
void vb_seen_free(vb_seen *seen);
VB_CLEANUP(vb_seen, vb_seen_free)

/* Notes a data ID with the line that it is in.  -EEXIST, with the other line, where it was noted before. */
int vb_seen_add(vb_seen *seen, const vb_dataid *id, size_t line, vb_error *err);

/* -ENOENT where a dimension of the data ID has no record of its value: a slip of the pen, most likely. */
int vb_seen_records(vb_seen *seen, const vb_dataid *id, vb_error *err);

#endif
