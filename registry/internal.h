/* internal.h - what the modules of this floor share of a registry handle; other floors do not include it. */
#ifndef VB_REGISTRY_INTERNAL_H
#define VB_REGISTRY_INTERNAL_H

#include "registry/dataset.h"
#include "registry/record.h"
#include "registry/registry.h"
#include "registry/sql.h"

#include <uthash.h>

/* A collection or a dataset type that the handle remembers, by name and by id. */
struct vb_known_collection {
    vb_collection c;
    struct vb_known_collection *next_retired;
    UT_hash_handle by_id, by_name;
};

struct vb_known_type {
    vb_dataset_type t;
    char *find_sql, *insert_sql; /* on its member table; made at first use */
    char *along_sql;             /* finds along `along`, the collections of the last search */
    int64_t *along;
    size_t nalong;
    struct vb_known_type *next_retired;
    UT_hash_handle by_id, by_name;
};

struct vb_known_task;

/* Statements on the table of an element; made at first use. */
struct vb_record_sql {
    char *insert, *add_overlap, *find;
};

enum { VB_KNOWN_SUMMARIES = 8 };

struct vb_registry {
    vb_db *db;
    vb_look look; /* of a request that is being answered */
    vb_universe *universe;
    vb_access access;
    char *format;
    int64_t data_version;
    uint64_t rollbacks; /* of db, when the memory below was last dropped */
    struct vb_known_collection *collections_by_id, *collections_by_name;
    struct vb_known_type *types_by_id, *types_by_name;
    struct vb_known_collection *retired_collections;
    struct vb_known_type *retired_types;
    struct vb_record_sql record_sql[VB_MAX_ELEMENTS]; /* by the element's index */
    struct vb_known_task *tasks, *retired_tasks; /* known_task.h */
    struct {
        int64_t run, type;
    } summaries[VB_KNOWN_SUMMARIES]; /* pairs that collection_summary was last seen to have */
    unsigned next_summary;
};

/* Drops what is remembered: after a change of what collections and dataset types there are, or are called. */
void vb_registry_forget(vb_registry *reg);

/* Parts of that: as of other things, a writer may still hold pointers to tasks that are forgotten. */
void vb_known_tasks_retire(vb_registry *reg);
void vb_known_tasks_free(vb_registry *reg); /* the retired ones */

/* Drops what is remembered if something was undone since it was learnt. */
void vb_registry_check_memory(vb_registry *reg);

/* Notes that a run holds a type; almost always it is a pair of the last inserts. */
int vb_dataset_note_summary(vb_registry *reg, int64_t run_id, int64_t type_id, vb_error *err);

/* "a", "b", ... of the required dimensions of a group, each after `before` (which is `first` for the first). */
void vb_sql_dimensions(vb_buf *out, const vb_group *group, const char *first, const char *before);

/* The columns of a dataset, and reading the row of them that a statement stands on; with `known`, the data ID is taken
 * from there. */
#define VB_SELECT_DATASET "SELECT id, uuid, type_id, run_id, dataid, ingest_date, state FROM dataset"
int vb_dataset_read(vb_registry *reg, vb_stmt *s, const vb_dataid *known, vb_dataset *out, vb_error *err);

/* The statement that finds a record of an element by its required dimensions, in the universe's order; and reading the
 * row of it that a statement stands on. */
const char *vb_record_find_sql(vb_registry *reg, const vb_element *element);
void vb_record_read(vb_registry *reg, const vb_element *element, vb_stmt *s, vb_record *out);

/* The arguments of a data ID. */
void vb_dataid_args(const vb_dataid *id, vb_arg *args);

#endif
