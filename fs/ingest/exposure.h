/* exposure.h - an exposure as a header tells it, and the records that it needs: itself, its filter, its
 * night, its group. */
#ifndef VB_FS_INGEST_EXPOSURE_H
#define VB_FS_INGEST_EXPOSURE_H

#include "fs/ingest/rules.h"
#include "registry/record.h"

typedef struct vb_exposure {
    int64_t id;
    int64_t day_obs; /* YYYYMMDD */
    vb_timespan timespan;
    char *filter, *band;
    bool sees_sky;
    vb_value fields[VB_EXPOSURE_FIELDS]; /* as the rules gave them */
} vb_exposure;

/* -EINVAL and a sentence where a card that is needed is missing or makes no sense.  *out is to be cleared
 * then too. */
int vb_exposure_read(const vb_rules *rules, const vb_header *header, vb_exposure *out, vb_error *err);
void vb_exposure_clear(vb_exposure *e);

/* What differs, of all that tells two exposures apart, between two that have one id: a field's
 * name, or NULL. */
const char *vb_exposure_difference(const vb_exposure *a, const vb_exposure *b);

/* The record; -EINVAL where a value is not of its column's type. */
int vb_exposure_record(vb_registry *reg, const vb_rules *rules, const vb_exposure *e, vb_record *out, vb_error *err);

/* Puts the exposure's record and those that it refers to. Call it in a transaction. */
int vb_exposure_put(vb_registry *reg, const vb_rules *rules, const vb_exposure *e, vb_record_mode mode, vb_error *err);

#endif
