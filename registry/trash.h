/* trash.h - artifacts that nothing names any more.
 *
 * The transaction that forgets a location notes it here; the file is unlinked after the commit, and then the note is.
 * So a kill in between leaves a note, never a file that nobody knows nor a name without its file.  A file that a
 * dataset still has, or has again, by the time it would be unlinked stays (store_paths.h tells which). */
#ifndef VB_REGISTRY_TRASH_H
#define VB_REGISTRY_TRASH_H

#include "registry/dataset.h"

typedef struct vb_trash {
    int64_t id, store_id;
    char *path; /* of the file, without "#hdu=N" */
    int64_t size,
        mtime; /* of what was registered, by which it is told from a newer file of that name; -1: not recorded */
} vb_trash;

/* Notes a file that no location names: it was never registered.  In a transaction. */
int vb_trash_add(vb_registry *reg, int64_t store_id, const char *path, int64_t size, int64_t mtime, vb_error *err);

/* The oldest notes, at most `limit`; the caller frees them with vb_trash_free(). */
int vb_trash_list(vb_registry *reg, size_t limit, vb_trash **out, size_t *count, vb_error *err);
void vb_trash_free(vb_trash *items, size_t count);

/* Drops notes.  In a transaction of its own. */
int vb_trash_forget(vb_registry *reg, const vb_trash *items, size_t count, vb_error *err);

#endif
