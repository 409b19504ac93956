/* import_internal.h - an import while it is made: what its files share. */
#ifndef VB_FS_EXCHANGE_IMPORT_INTERNAL_H
#define VB_FS_EXCHANGE_IMPORT_INTERNAL_H

#include "fs/exchange/import.h"
#include "fs/ingest/seen.h"
#include "fs/store/store.h"
#include "registry/exchange/export_file.h"
#include "registry/record.h"

#include <uthash.h>

/* A dataset that the file calls by a number, or one whose artifact is not there. */
struct vb_import_number {
    int64_t number;
    vb_uuid uuid;
    UT_hash_handle hh;
};

struct vb_import_absent {
    vb_uuid uuid;
    UT_hash_handle hh;
};

/* Checked records, a table a group of dimensions. */
struct vb_import_seen {
    const vb_group *group;
    vb_seen *seen;
    UT_hash_handle hh;
};

typedef struct vb_importing {
    const vb_repo *repo;
    vb_registry *reg;
    vb_export_file *file;
    const char *directory;
    const vb_import_options *options;
    vb_import_report *report;
    int from, to; /* universes: the file's and the repository's */

    /* Where files are made, the import is gone through twice: once to see that all fits and to plan the files, once,
     * when they are there, for good. */
    bool planning;
    vb_transfer *transfer;
    size_t next_file; /* of the transfer, on the second way */

    vb_stores *stores; /* opened when a part of a file is met */
    bool any_datasets; /* the repository had some before */
    struct vb_import_number *numbers;
    struct vb_import_absent *absent;
    struct vb_import_seen *seen;
} vb_importing;

/* ---- import_records.c */
int vb_import_records(vb_importing *im, vb_error *err);

/* ---- import_values.c: what YAML says, as a record keeps it; -EINVAL with the place otherwise */
int vb_import_field(const vb_yaml_node *node, vb_field_type type, vb_value *out, vb_error *err);
int vb_import_region(const vb_yaml_node *node, vb_value *out, vb_error *err);
int vb_import_time(const vb_yaml_node *node, int64_t unbounded, int64_t *out, vb_error *err);
int vb_import_timespan(const vb_yaml_node *node, vb_timespan *out, vb_error *err);

/* ---- import_collections.c */
int vb_import_types(vb_importing *im, vb_error *err);
int vb_import_collections(vb_importing *im, vb_error *err);
int vb_import_chains(vb_importing *im, vb_error *err);

/* ---- import_datasets.c */
int vb_import_datasets(vb_importing *im, vb_error *err);

/* One artifact. */
typedef struct vb_import_file {
    const vb_yaml_node *node;
    const char *path, *formatter;
    const vb_yaml_node *parts; /* ours: "hdu=3" for each dataset; NULL: the artifact is the whole file */
    bool has_checksum;         /* ours: what was exported */
    vb_hash checksum;
    size_t first, count; /* its datasets */
    bool there;          /* all of them are in the repository already */
    bool absent;
    size_t number; /* of the transfer */
} vb_import_file;

/* The datasets of one piece: of one type, in one run. */
typedef struct vb_import_batch {
    vb_importing *im;
    const vb_dataset_type *type;
    const vb_collection *run;
    struct vb_import_seen *seen;
    vb_dataset *datasets;
    vb_location *locations;
    const vb_yaml_node **nodes;
    size_t *files; /* of which record each is */
    size_t count, cap, locations_cap, nodes_cap, files_cap;
    vb_import_file *records;
    size_t nrecords, records_cap;
    vb_transfer *transfer;
} vb_import_batch;

/* A UUID, or the one of a number. -EINVAL; -ENOENT where no dataset of the file has the number. */
int vb_import_id(vb_importing *im, const vb_yaml_node *node, vb_uuid *out, vb_error *err);
bool vb_import_is_absent(const vb_importing *im, const vb_uuid *uuid);
void vb_import_note_absent(vb_importing *im, const vb_uuid *uuid);

/* ---- import_artifacts.c: plans the files of a batch, or takes those that were made */
int vb_import_files(vb_import_batch *b, vb_error *err);

/* ---- import_associations.c */
int vb_import_associations(vb_importing *im, vb_error *err);

void vb_import_remark(vb_importing *im, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
