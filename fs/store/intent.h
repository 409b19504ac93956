/* intent.h - what a transfer is about to make in a repository's own store, so that a later one can sweep it
 * up if this one is killed.
 *
 * An intent is a file in .vbutler/transfers, one line a file to be made, locked (flock) as long as its writer
 * lives.  A sweep removes what the intents of dead writers name, but for what the registry knows or a living
 * writer is making: order is kept by a lock of the folder, which is held for a sweep, and for the writing of
 * an intent.
 *
 * Over a network the lock may hold on one machine only: there the first line, "# PID on HOST", is asked too, and what a
 * process of another machine has written is left alone for a week. */
#ifndef VB_FS_STORE_INTENT_H
#define VB_FS_STORE_INTENT_H

#include "registry/base/buf.h"
#include "registry/base/uuid.h"
#include "registry/repo.h"

typedef struct vb_intent vb_intent;

/* Sweeps, and begins an intent. */
int vb_intent_begin(const vb_repo *repo, vb_registry *reg, vb_intent **out, vb_error *err);

/* Adds a file below the root, which is written under a temporary name first (vb_intent_temporary). */
void vb_intent_add(vb_intent *intent, const vb_uuid *uuid, const char *path);

/* Writes the intent; nothing that it names may be made before. */
int vb_intent_write(vb_intent *intent, vb_error *err);

/* Removes the intent: what it names is either registered or gone.  Frees. */
void vb_intent_end(vb_intent *intent);
VB_CLEANUP(vb_intent, vb_intent_end)

/* The temporary name of a file, in its directory; appended. */
void vb_intent_temporary(vb_buf *out, const vb_uuid *uuid, const char *path);

/* What the intents that are there name: files below the root that are being made (alive), or whose maker is dead.  The
 * caller frees them with vb_intent_files_free(). */
typedef struct vb_intent_file {
    char *path;
    vb_uuid uuid;
    bool alive;
} vb_intent_file;

int vb_intents_list(const vb_repo *repo, vb_intent_file **out, size_t *count, vb_error *err);
void vb_intent_files_free(vb_intent_file *items, size_t count);

#endif
