/* rules.h - the rules of an instrument: how the headers of its files become records (docs/instruments.md).
 *
 * Rules are data, read from YAML.  They do not change once loaded, and may be used by several threads. */
#ifndef VB_FS_INGEST_RULES_H
#define VB_FS_INGEST_RULES_H

#include "fs/ingest/rule.h"
#include "registry/registry.h"

#include <stddef.h>

/* Fields of an exposure that have a meaning of their own here; the others go to its record as they are. */
typedef enum vb_exposure_field {
    VB_EXPOSURE_ID,
    VB_EXPOSURE_OBS_ID,
    VB_EXPOSURE_BEGIN,
    VB_EXPOSURE_TIMESCALE,
    VB_EXPOSURE_TIME,
    VB_EXPOSURE_FILTER,
    VB_EXPOSURE_GROUP,
    VB_EXPOSURE_CAN_SEE_SKY,
    VB_EXPOSURE_OTHERS,
    VB_EXPOSURE_FIELDS = VB_EXPOSURE_OTHERS + 14,
} vb_exposure_field;

const char *vb_exposure_field_name(int field); /* the column, or "id", "begin", "timescale" */

typedef struct vb_rules_detector {
    int64_t id;
    char *full_name, *name_in_raft, *raft, *purpose; /* full_name and purpose are there, the others may be NULL */
} vb_rules_detector;

typedef struct vb_rules_type {
    char *name, *storage_class, *extension; /* extension may be NULL */
    bool region;                            /* its files tell where the detector looked */
} vb_rules_type;

typedef struct vb_rules_file {
    char *glob; /* of the file's name */
    size_t type;
} vb_rules_file;

typedef struct vb_rules_filter {
    vb_pattern pattern;
    char *band; /* may have \1 */
} vb_rules_filter;

typedef struct vb_rules {
    char *name, *class_name;                       /* the latter may be NULL */
    char *run;                                     /* where raws go */
    char *source;                                  /* the YAML text */
    int64_t exposure_max, visit_max, detector_max; /* -1: not told */
    int64_t day_offset;                            /* nanoseconds from 0h TAI to the beginning of a night */
    vb_card_patterns match;                        /* all must hold for a file to be this instrument's */
    vb_rules_detector *detectors;
    size_t ndetectors, detectors_cap;
    vb_rules_type *types;
    size_t ntypes, types_cap;
    vb_rules_file *files;
    size_t nfiles, files_cap;
    vb_rules_filter *filters;
    size_t nfilters, filters_cap;
    vb_ways detector_id, detector_name;
    vb_card_patterns ignore; /* an HDU where one of these holds is no detector's */
    vb_ways exposure[VB_EXPOSURE_FIELDS];
} vb_rules;

/* `name` stands for the file in messages. */
int vb_rules_load(const char *name, const char *text, size_t n, vb_rules **out, vb_error *err);
int vb_rules_load_file(const char *path, vb_rules **out, vb_error *err);
void vb_rules_free(vb_rules *rules);
VB_CLEANUP(vb_rules, vb_rules_free)

/* The rules of a file that comes with vbutler, by the file's name without ".yaml" or by the instrument's, in
 * any case of letters; -ENOENT with the nearest as a hint. */
int vb_rules_builtin(const char *name, vb_rules **out, vb_error *err);

/* When the nights of an instrument begin, in nanoseconds after 0h TAI, by the rules that a repository has of it: 1, or
 * 0 and *offset 0 where it has none. */
int vb_rules_day_offset(vb_registry *reg, const char *instrument, int64_t *offset, vb_error *err);

bool vb_rules_match(const vb_rules *rules, const vb_header *header);
bool vb_rules_ignore(const vb_rules *rules, const vb_header *header);

/* The dataset type that a file of that name holds; NULL: none. */
const vb_rules_type *vb_rules_file_type(const vb_rules *rules, const char *path);

/* The detector of an HDU; -EINVAL where the header names none of the instrument's. */
int vb_rules_detector_of(const vb_rules *rules, const vb_header *header, const vb_rules_detector **out, vb_error *err);

/* The band of a filter; -EINVAL where no rule has it. */
int vb_rules_band(const vb_rules *rules, const char *physical_filter, vb_buf *band, vb_error *err);

#endif
