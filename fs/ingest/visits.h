/* visits.h - visits of visit system 0: each exposure is one, with the exposure's id.
 *
 * A visit's region is the hull of its detectors' regions, and grows as more of them come. */
#ifndef VB_FS_INGEST_VISITS_H
#define VB_FS_INGEST_VISITS_H

#include "fs/store/parallel.h"
#include "registry/record.h"
#include "registry/repo.h"

typedef struct vb_detector_region {
    int64_t detector;
    const vb_region *region;
} vb_detector_region;

/* Defines the visit of an exposure, or widens it: `exposure` is its record, `regions` those of detectors that
 * are new. 1: something changed; 0: all was there.  Call it in a transaction. */
int vb_visit_define(vb_registry *reg, const vb_record *exposure, const vb_detector_region *regions, size_t count,
                    vb_error *err);

typedef struct vb_define_report {
    size_t visits;  /* defined or widened */
    size_t raws;    /* that were looked at */
    size_t without; /* exposures that saw no sky, and make no visit */
} vb_define_report;

/* Defines the visits of all raws of an instrument in collections (NULL: where its rules put raws) that have
 * none, reading their headers again. */
int vb_define_visits(const vb_repo *repo, const char *instrument, char *const *collections, size_t threads,
                     const vb_progress *progress, vb_define_report *report, vb_error *err);

#endif
