/* journal.h - what one session saw touched: a line for each dataset, record, directory, missing name and scratch file.
 *
 * A journal belongs to its session's thread. */
#ifndef VB_FS_VIEW_JOURNAL_H
#define VB_FS_VIEW_JOURNAL_H

#include "registry/base/uuid.h"
#include "registry/receipt.h"

#include <stdint.h>

typedef enum vb_journal_kind {
    VB_JOURNAL_DATASET,
    VB_JOURNAL_RECORD,    /* of a dimension */
    VB_JOURNAL_DIRECTORY, /* of the view: whose members depend on the repository */
    VB_JOURNAL_MISSING,   /* a name beside repository files that is not there */
    VB_JOURNAL_FILE,      /* of the task's own: `files:` of the pipeline */
    VB_JOURNAL_SCRATCH,
} vb_journal_kind;

typedef struct vb_journal_entry {
    vb_journal_kind kind;
    char *path; /* below the mount, as it was first touched */
    unsigned touch;
    vb_uuid dataset; /* of a dataset; of a missing name that would be one, where it can be told */
    int64_t dataset_id;
    char *type, *dataid; /* of those; dataid packed */
    bool declared;
} vb_journal_entry;

typedef struct vb_journal vb_journal;

vb_journal *vb_journal_new(void);
void vb_journal_free(vb_journal *j);
VB_CLEANUP(vb_journal, vb_journal_free)

/* The entry of a path (for datasets: of the dataset), made at first touch; `touch` is added to it.  A NULL journal is
 * allowed, and gives NULL. */
vb_journal_entry *vb_journal_touch(vb_journal *j, vb_journal_kind kind, const char *path, int64_t dataset_id,
                                   unsigned touch);

/* The entries, in the order of their first touch. */
size_t vb_journal_count(const vb_journal *j);
const vb_journal_entry *vb_journal_at(const vb_journal *j, size_t i);

/* The entry of a dataset; NULL: it was not touched. */
const vb_journal_entry *vb_journal_find_dataset(const vb_journal *j, int64_t dataset_id);

const char *vb_journal_kind_name(vb_journal_kind kind); /* "dataset", ... */

#endif
