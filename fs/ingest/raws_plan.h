/* raws_plan.h - what is to be done with scanned files: between raws.c, which does it, and raws_plan.c. */
#ifndef VB_FS_INGEST_RAWS_PLAN_H
#define VB_FS_INGEST_RAWS_PLAN_H

#include "fs/ingest/instrument.h"
#include "fs/ingest/raws.h"
#include "fs/ingest/scan.h"
#include "fs/ingest/visits.h"

#include <uthash.h>

/* An exposure that some file has. */
typedef struct vb_raws_exposure {
    struct {
        const vb_rules *rules;
        int64_t id;
    } key;
    const vb_scan *first; /* the file whose header counts */
    vb_detector_region *regions;
    size_t nregions, cap;
    bool used;    /* something of it is ingested */
    char *obs_id; /* "INSTRUMENT OBS_ID": no two exposures have one */
    UT_hash_handle hh, by_obs_id;
} vb_raws_exposure;

/* A dataset type of an instrument. */
typedef struct vb_raws_type {
    const vb_rules *rules;
    const vb_rules_type *rule;
    vb_dataset_type wanted;
    const vb_dataset_type *type; /* the registry's; NULL: not there yet */
    const char *run;
    vb_search search; /* the run, where it is there */
} vb_raws_type;

/* A dataset to be. */
typedef struct vb_raws_item {
    size_t scan, type, transfer;
    const vb_scan_part *part;
    vb_raws_exposure *exposure;
    vb_uuid uuid;
    vb_dataid dataid;
} vb_raws_item;

typedef struct vb_raws_plan {
    const vb_raws_options *options;
    vb_registry *reg;
    vb_scan *scans;
    size_t nscans;
    vb_raws_exposure *exposures, *by_obs_id;
    vb_raws_type *types;
    size_t ntypes, types_cap;
    vb_raws_item *items;
    size_t nitems, items_cap;
    struct vb_raws_seen *seen; /* raws_plan.c's: data IDs that are taken */
    size_t existing;
} vb_raws_plan;

/* Plans all files whose scan is well; what is wrong with a file is told in its scan's error.  Negative: the
 * registry failed. */
int vb_raws_plan_make(vb_raws_plan *plan, vb_error *err);
void vb_raws_plan_clear(vb_raws_plan *plan);

/* Plans the transfers of the files that have items: item->transfer is their number. */
void vb_raws_plan_transfers(vb_raws_plan *plan, vb_transfer *transfer);

#endif
