/* export.h - a repository, or a part of it, as the YAML that `butler import` reads (format 1.0.2).
 *
 * What is written: the dimension records that the datasets' data IDs speak of, and those that these lead to; the
 * collections; dataset types and datasets, by type and run; what TAGGED and CALIBRATION collections have of them.
 * docs/exchange.md describes the format, and the keys that are ours alone (`extension`, `checksum`, `parts`), which
 * Rubin's reader passes over. */
#ifndef VB_REGISTRY_EXCHANGE_EXPORT_H
#define VB_REGISTRY_EXCHANGE_EXPORT_H

#include "registry/dataset.h"

#include <stdio.h>

/* Told of each artifact that is exported, once: `location` as the registry has it, without "#hdu=N".  It appends the
 * path that is to stand in the export.  What it returns other than 0 ends the export. */
typedef int vb_export_artifact_fn(void *arg, const vb_location *location, vb_buf *path, vb_error *err);

typedef struct vb_export_options {
    char *const *collections; /* names and globs; NULL: all.  What chains lead to comes with them */
    char *const *types;       /* names and globs; NULL: all */
    const char *where;        /* docs/queries.md; NULL: no condition */
    const char *target;       /* a Gen3 repository, or its SQLite file: what it has is left out; NULL: none */
    vb_export_artifact_fn *artifact;
    void *arg;
} vb_export_options;

typedef struct vb_export_report {
    int64_t records, types, collections, datasets, associations;
    int64_t there;            /* datasets that the target has */
    int64_t without_artifact; /* left out: there is nothing to import */
    char **storage_classes;   /* of the types, once each */
    char **left_out;          /* members whose datasets the target has: "TAGGED collection 'x': 3 members" */
} vb_export_report;

void vb_export_report_clear(vb_export_report *report);

/* Writes to `out`.  -ENOENT for a collection or a type that is not there; -EEXIST where the target has a dataset of
 * that type, run and data ID with another UUID, or defines a type otherwise. */
int vb_export_write(vb_registry *reg, const vb_export_options *options, FILE *out, vb_export_report *report,
                    vb_error *err);

#endif
