/* exporting.h - an export while it is written: what its files share. */
#ifndef VB_REGISTRY_EXCHANGE_EXPORTING_H
#define VB_REGISTRY_EXCHANGE_EXPORTING_H

#include "registry/exchange/export.h"
#include "registry/internal.h"

typedef struct vb_exporting {
    vb_registry *reg;
    const vb_export_options *options;
    vb_export_report *report;
    FILE *out;
    vb_buf text; /* not written yet */
    bool all;    /* every dataset and every collection: nothing was asked for */
    bool whole;  /* and no target has any: temp.selected is not needed, and empty */
    vb_error *err;
} vb_exporting;

/* ---- export_plan.c: what is to be exported, as tables of the connection
 *
 * temp.selected (type_id, dataset_id), temp.exported_collection (id), temp.chosen_record (element, id). */
int vb_export_plan(vb_exporting *x);

/* ---- export_target.c: leaves out what a Gen3 repository has, attached as "target" */
int vb_export_attach_target(vb_exporting *x);
int vb_export_skip_datasets(vb_exporting *x);
int vb_export_skip_records(vb_exporting *x, const vb_element *e);
int vb_export_skip_chains(vb_exporting *x);
int vb_export_count_left(vb_exporting *x);

/* ---- export_records.c */
int vb_export_records(vb_exporting *x);

/* ---- export_datasets.c */
int vb_export_datasets(vb_exporting *x);

/* ---- export_collections.c */
int vb_export_collections(vb_exporting *x);
int vb_export_associations(vb_exporting *x);

/* Writes what has come together, now and then. */
int vb_export_flush(vb_exporting *x, size_t above);

#endif
