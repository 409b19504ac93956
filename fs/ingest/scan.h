/* scan.h - what a file of an instrument holds, from its headers. */
#ifndef VB_FS_INGEST_SCAN_H
#define VB_FS_INGEST_SCAN_H

#include "fs/ingest/exposure.h"

/* One detector's image. */
typedef struct vb_scan_part {
    int hdu;       /* -1: it is all that the file holds */
    int64_t bytes; /* of the artifact "FILE#hdu=N": the primary HDU and this one */
    const vb_rules_detector *detector;
    bool has_region;
    vb_region region;
} vb_scan_part;

typedef struct vb_scan {
    const char *path;      /* the caller's */
    const vb_rules *rules; /* NULL where there is an error before they are known */
    const vb_rules_type *type;
    vb_exposure exposure;
    vb_scan_part *parts;
    size_t count, cap;
    vb_error error; /* a sentence that does not name the file */
} vb_scan;

/* Reads a file by the first of the rules that are for it.  With `type` the file is taken to be of that type,
 * whatever its name.  What is wrong is told in scan->error.  Thread-safe. */
void vb_scan_file(const char *path, vb_rules *const *rules, size_t count, const char *type, vb_scan *scan);
void vb_scan_clear(vb_scan *scan);

#endif
