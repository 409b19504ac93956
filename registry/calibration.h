/* calibration.h - CALIBRATION collections: which dataset holds for a data ID at a time.
 *
 * A validity range says that a dataset of a calibration type holds for its data ID in [begin, end) (TAI nanoseconds,
 * time.h; VB_TIME_MIN and VB_TIME_MAX leave a side open).  Ranges of one collection, type and data ID never overlap.
 * What changes ranges is called in a transaction. */
#ifndef VB_REGISTRY_CALIBRATION_H
#define VB_REGISTRY_CALIBRATION_H

#include "registry/selection.h"
#include "registry/time.h"

/* Certifies the selected datasets (selection.h) for a timespan.  -EEXIST, and both are named, where one of that type
 * and data ID is certified for a part of it already, or two are selected; -EINVAL where the collection is not
 * CALIBRATION, a type is no calibration type, or the timespan is empty. */
int vb_calibration_certify(vb_registry *reg, const vb_collection *calibration, vb_timespan span, int64_t *changed,
                           vb_error *err);

/* Takes a timespan out of the validity ranges of a type: ranges are cut, split, or go.  With `selected` those of the
 * selected datasets only.  *changed is how many ranges it met. */
int vb_calibration_decertify(vb_registry *reg, const vb_collection *calibration, const vb_dataset_type *type,
                             vb_timespan span, bool selected, int64_t *changed, vb_error *err);

/* Finds the dataset of a data ID along `search`: in RUN and TAGGED collections the one that is there, in CALIBRATION
 * collections the one that is certified for (a part of) the timespan.  The first collection that has one decides.
 * 1, 0 where none has it; -EINVAL, and both are named, where a collection has two for the timespan.  A timespan of no
 * length is an instant. */
int vb_dataset_find_at(vb_registry *reg, const vb_dataset_type *type, const vb_dataid *dataid, const vb_search *search,
                       vb_timespan when, vb_dataset *out, vb_error *err);

/* Which validity ranges are asked for. */
typedef enum vb_validity_kind {
    VB_VALID_UNASKED = 0, /* CALIBRATION collections are passed over */
    VB_VALID_EVER,
    VB_VALID_DURING,  /* some part of the timespan */
    VB_VALID_EXACTLY, /* those that are the timespan */
} vb_validity_kind;

typedef struct vb_validity {
    vb_validity_kind kind;
    vb_timespan span;
} vb_validity;

/* " AND timespan_begin < ... AND timespan_end > ..." or nothing, appended: a condition on a calib_N. */
void vb_sql_validity(vb_buf *sql, const vb_validity *validity);

/* A dataset, and when it is valid. */
typedef struct vb_valid_range {
    int64_t dataset_id;
    vb_timespan span;
} vb_valid_range;

/* Up to `limit` validity ranges of a data ID that begin at `from` or later, by their begins. */
int vb_calibration_ranges(vb_registry *reg, const vb_collection *calibration, const vb_dataset_type *type,
                          const vb_dataid *dataid, int64_t from, size_t limit, vb_valid_range *out, size_t *count,
                          vb_error *err);

/* Calls `each` with every validity range of a collection and type, by data ID and begin.  What it returns other than 0
 * ends it and is returned. */
typedef int vb_validity_fn(void *arg, int64_t dataset_id, vb_timespan span, vb_error *err);
int vb_calibration_each(vb_registry *reg, const vb_collection *calibration, const vb_dataset_type *type,
                        vb_validity_fn *each, void *arg, vb_error *err);

#endif
