/* files.h - files of any dataset type into a repository, from a table of paths and data IDs.
 *
 * All or nothing: one bad line, and nothing is ingested. */
#ifndef VB_FS_INGEST_FILES_H
#define VB_FS_INGEST_FILES_H

#include "fs/store/transfer.h"
#include "registry/dataset_uuid.h"

typedef struct vb_files_options {
    const char *type, *run; /* the dataset type is registered, the run need not be */
    char *const *dataid;    /* "k=v" for all rows; may be NULL */
    const char *prefix;     /* directory of relative paths; NULL: the current one */
    const char *formatter;  /* Rubin's, kept for exports; may be NULL */
    vb_transfer_mode transfer;
    vb_id_generation ids; /* how UUIDs are made */
    bool checksum;
    bool skip_existing; /* a dataset that is there is no error */
    size_t threads;     /* 0: as many as there are processors */
    const vb_progress *progress;
} vb_files_options;

typedef struct vb_files_report {
    size_t ingested; /* files */
    size_t existing; /* datasets that were there */
    size_t in_parts; /* datasets that are in several files, of those ingested */
} vb_files_report;

/* The table's path column is the first called path, file or filename, or else the first; the others are
 * dimensions of the type ("detector"), other keys of them ("detector.full_name"), or HEALPix pixels in ring
 * order ("healpix5.ring").  A column `component` makes the rows of one data ID one dataset in several files; an empty
 * cell stands for the whole. */
int vb_ingest_files(const vb_repo *repo, const char *table, const vb_files_options *options, vb_files_report *report,
                    vb_error *err);

#endif
