/* import.h - what another repository has exported, into this one.
 *
 * An export is a YAML file (registry/exchange/export_file.h; docs/exchange.md) with artifacts beside it, that
 * `butler export` or `vbutler export` wrote.  All of it is imported, or nothing: one transaction, and files that were
 * made for it are undone with it.  What is there already stays as it is, so that importing twice is importing once.
 *
 * Exports of an older universe are brought up to that of the repository. */
#ifndef VB_FS_EXCHANGE_IMPORT_H
#define VB_FS_EXCHANGE_IMPORT_H

#include "fs/store/transfer.h"

typedef struct vb_import_options {
    vb_transfer_mode transfer;
    bool checksum;               /* of artifacts that are only linked too */
    bool skip_missing;           /* datasets whose artifact is not there are left out, and listed */
    char *const *skip_elements;  /* whose records are left out; NULL: none */
    size_t threads;              /* 0: as many as there are processors */
    const vb_progress *progress; /* NULL: nobody looks */
} vb_import_options;

typedef struct vb_import_report {
    size_t records, records_there; /* dimension records that were new, and that were there */
    size_t types, collections;     /* that the file defines */
    size_t datasets, datasets_there;
    size_t associated; /* memberships of TAGGED collections, validity ranges of datasets */
    char **missing;    /* with skip_missing: "bias {instrument: HSC, detector: 10}: DIR/...", NULL-terminated */
    size_t nmissing;   /* so many of them */
    char **remarks;    /* what could not be kept as the file says it, one sentence each */
} vb_import_report;

void vb_import_report_clear(vb_import_report *report);

/* Imports `file`, whose relative paths begin at `directory`.  -ENOENT where an artifact, a dataset type or a dimension
 * record is not there: the message names the first, and what to import before.  -EEXIST where a dataset, a type or a
 * collection of that name is there and is another one. */
int vb_import(const vb_repo *repo, const char *directory, const char *file, const vb_import_options *options,
              vb_import_report *report, vb_error *err);

#endif
