/* record.h - dimension records: what is known of a value of a dimension, or of a relation between some.
 *
 * A record has a value for each column of its element: the required dimensions, the implied ones, the other keys, the
 * metadata, and where the element has them `region` (bytes: an encoded region) and `timespan_begin`, `timespan_end`
 * (TAI nanoseconds).  Inserting one whose element has a region fills the overlap table too. */
#ifndef VB_REGISTRY_RECORD_H
#define VB_REGISTRY_RECORD_H

#include "registry/dataid.h"
#include "registry/registry.h"
#include "registry/sky/region.h"
#include "registry/time.h"

typedef struct vb_record {
    const vb_universe *universe;
    const vb_element *element;
    int64_t id;       /* row id, and so the inode number; 0: not in the registry yet */
    vb_value *values; /* vb_record_columns() of them */
} vb_record;

vb_record vb_record_new(vb_registry *reg, const vb_element *element);
void vb_record_clear(vb_record *r);
#define vb_auto_record __attribute__((cleanup(vb_record_clear))) vb_record

int vb_record_columns(const vb_record *r);
const char *vb_record_column(const vb_record *r, int i); /* its name: a dimension's, or a field's */

/* A value by its column's name; NULL where the element has no such column. */
vb_value *vb_record_value(const vb_record *r, const char *column);

/* Sets a value that the record then owns; a column that the element does not have is ignored (universes differ in their
 * metadata), and false returned. */
bool vb_record_set(vb_record *r, const char *column, vb_value value);
void vb_record_set_region(vb_record *r, const vb_region *region);
void vb_record_set_timespan(vb_record *r, vb_timespan t);

/* The data ID of the record: the element's required dimensions. */
void vb_record_dataid(const vb_record *r, vb_registry *reg, vb_dataid *out);
json_t *vb_record_json(const vb_record *r); /* times as ISO text (TAI), regions in base64 */

typedef enum vb_record_mode {
    VB_RECORD_SAME,   /* a record that is there must be equal; -EEXIST and what differs otherwise */
    VB_RECORD_KEEP,   /* one that is there stays as it is */
    VB_RECORD_UPDATE, /* one that is there takes the new values */
} vb_record_mode;

/* 1: inserted or changed; 0: was there. Call it in a transaction. */
int vb_record_put(vb_registry *reg, vb_record *r, vb_record_mode mode, vb_error *err);

/* 1, 0 where there is none. */
int vb_record_find(vb_registry *reg, const vb_element *element, const vb_dataid *dataid, vb_record *out, vb_error *err);
int vb_record_by_id(vb_registry *reg, const vb_element *element, int64_t id, vb_record *out, vb_error *err);

/* The region of the finest element that a data ID has all dimensions of (patch before tract); 1, 0 where
 * there is none. */
int vb_dataid_region(vb_registry *reg, const vb_dataid *dataid, vb_region *out, vb_error *err);

#endif
