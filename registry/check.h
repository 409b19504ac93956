/* check.h - whether a registry hangs together: what refers to something that is not there, and what lacks its other
 * half.
 *
 * Every rule is a row of a table in check.c: what it is called, which rows break it, and the statement that mends them,
 * where one can.  Only an outside hand or a damaged disk breaks them: vbutler changes these rows in one transaction. */
#ifndef VB_REGISTRY_CHECK_H
#define VB_REGISTRY_CHECK_H

#include "registry/base/hash.h"
#include "registry/registry.h"

#include <stdint.h>

/* `what`: "location"; `detail`: "raw/1.fits: of dataset 17, which is not there". */
typedef int vb_check_fn(void *arg, const char *what, const char *detail, bool mendable, vb_error *err);

/* Calls `each` for every row that breaks a rule; what it returns other than 0 ends the check. */
int vb_check_references(vb_registry *reg, vb_check_fn *each, void *arg, vb_error *err);

/* Mends what can be, in one transaction; *changed rows were. */
int vb_check_mend(vb_registry *reg, int64_t *changed, vb_error *err);

/* Calls `each` with every fault that SQLite finds in the file itself (what is "database"). */
int vb_check_database(vb_registry *reg, vb_check_fn *each, void *arg, vb_error *err);

/* An artifact and who has it, in the order of the file's path (bytes), absolute paths first or last as they sort. */
typedef struct vb_held {
    int64_t dataset_id;
    char *file; /* without "#hdu=N" or "#unzip=MEMBER" */
    bool part;
    char *component;               /* of a dataset in several files; NULL: the whole is in this one */
    int64_t store_id, size, mtime; /* of the location; -1: not recorded */
    bool has_checksum;
    vb_hash checksum;
} vb_held;

typedef struct vb_held_list vb_held_list;

/* A cursor over all locations whose dataset is there; memory stays flat. */
int vb_held_open(vb_registry *reg, vb_held_list **out, vb_error *err);
int vb_held_next(vb_held_list *l, const vb_held **out, vb_error *err); /* 1, 0 at the end; valid until the next call */
void vb_held_close(vb_held_list *l);
VB_CLEANUP(vb_held_list, vb_held_close)

/* Files that the registry knows. */
int vb_location_count(vb_registry *reg, int64_t *out, vb_error *err);

/* Forgets where a dataset's artifact is: it was lost.  In a transaction. */
int vb_location_forget(vb_registry *reg, int64_t dataset_id, int64_t store_id, vb_error *err);

/* Records another time of the same bytes.  In a transaction. */
int vb_location_set_mtime(vb_registry *reg, int64_t dataset_id, int64_t store_id, int64_t mtime, vb_error *err);

#endif
