/* raws.h - raw images of an instrument into a repository: files, records, visits.
 *
 * Headers are read and files transferred by several threads while the registry is free for others; then one
 * transaction registers all.  A file that is bad is left out, and the report says why; nothing of
 * it is kept. */
#ifndef VB_FS_INGEST_RAWS_H
#define VB_FS_INGEST_RAWS_H

#include "fs/store/transfer.h"

typedef struct vb_raws_options {
    vb_transfer_mode transfer;
    bool checksum;       /* also where the bytes are not read anyway */
    bool skip_existing;  /* a dataset that is there is no error */
    bool fail_fast;      /* the first bad file is an error, and nothing is ingested */
    bool update_records; /* an exposure's record takes the values of the headers */
    bool no_visits;
    const char *run; /* NULL: where the instrument's rules put raws */
    size_t threads;  /* 0: as many as there are processors */
    const vb_progress *progress;
} vb_raws_options;

typedef struct vb_bad_file {
    char *path;
    vb_error error;
} vb_bad_file;

/* A dataset that was made of a file, or of a part of it. */
typedef struct vb_raws_dataset {
    char *path, *instrument, *type;
    int64_t exposure, detector;
    vb_uuid uuid;
} vb_raws_dataset;

typedef struct vb_raws_report {
    size_t files, ingested, existing; /* given; of which all or part was ingested; which were there already */
    size_t exposures, detectors;      /* different ones, of what was ingested */
    vb_raws_dataset *datasets;        /* both in the order in which files were given */
    vb_bad_file *bad;
    size_t ndatasets, datasets_cap, nbad, bad_cap;
} vb_raws_report;

void vb_raws_report_clear(vb_raws_report *report);

/* `paths` are files, and directories, in which all FITS files are meant.  Negative: nothing was ingested. */
int vb_ingest_raws(const vb_repo *repo, char *const *paths, const vb_raws_options *options, vb_raws_report *report,
                   vb_error *err);

#endif
