/* store.h - places of artifacts.
 *
 * A store is a table of functions with a directory of its own.  `file` is the one there is: a local directory.  A
 * location's path may end in "#hdu=N": the artifact is then the primary HDU of the FITS file followed by HDU N; or in
 * "#unzip=MEMBER": a member of a zip file.
 * Thread-safe. */
#ifndef VB_FS_STORE_STORE_H
#define VB_FS_STORE_STORE_H

#include "fs/view/node.h"
#include "registry/dataset.h"
#include "registry/repo.h"

typedef struct vb_stores vb_stores;

/* The stores of a registry file; `root` is the directory that a store's root "." means. */
int vb_stores_open(vb_registry *reg, const char *root, vb_stores **out, vb_error *err);
void vb_stores_close(vb_stores *s);
VB_CLEANUP(vb_stores, vb_stores_close)

/* Opens an artifact for reading.  -ENOENT where it is not there; -ESTALE where its size, or its modification time where
 * that is recorded, is no longer what the location says: what was registered is not what is there. */
int vb_stores_open_artifact(vb_stores *s, const vb_location *location, vb_content *out, vb_error *err);

/* Copies an artifact, checked likewise, into a new file. */
int vb_stores_copy_artifact(vb_stores *s, const vb_location *location, int to, vb_error *err);

/* Size and modification time of an artifact whose location does not record them. */
int vb_stores_stat(vb_stores *s, const vb_location *location, int64_t *size, int64_t *mtime, vb_error *err);

/* Unlinks the artifacts that the registry's trash notes, unless a newer file has the name.  Those that cannot be
 * removed stay noted, with a warning.  The handle is open for writing. */
int vb_stores_empty_trash(vb_stores *s, vb_registry *reg, vb_error *err);

/* The absolute path of a location's file, without "#..."; the caller frees it. */
char *vb_stores_path(const vb_stores *s, const vb_location *location);

#endif
