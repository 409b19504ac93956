/* store.h - places of artifacts.
 *
 * A store is a root, or a chain of roots that are tried in order (vbutler.yaml, `stores:`); what a root is, a local
 * directory, a web server or a bucket of S3, its class tells (class.h).  A location's path below it is joined to the
 * root; one that is an address was ingested `direct`, and its host or bucket is a store by itself.  A location's path
 * may end in "#hdu=N": the artifact is then the primary HDU of the FITS file followed by HDU N; or in
 * "#unzip=MEMBER", "#untar=MEMBER": a member of a zip file or of a tar archive.
 * Thread-safe. */
#ifndef VB_FS_STORE_STORE_H
#define VB_FS_STORE_STORE_H

#include "fs/store/class.h"
#include "fs/view/node.h"
#include "registry/dataset.h"
#include "registry/repo.h"

typedef struct vb_stores vb_stores;
struct vb_wait;
struct vb_fetcher;

/* The stores of a registry file; `root` is the directory that a store's root "." means, and whose vbutler.yaml (if
 * there is one) holds their options. */
int vb_stores_open(vb_registry *reg, const char *root, vb_stores **out, vb_error *err);
void vb_stores_close(vb_stores *s);
VB_CLEANUP(vb_stores, vb_stores_close)

/* True where opening an artifact waits for no network. */
bool vb_stores_is_local(const vb_stores *s, const vb_location *location);

/* Opens an artifact for reading; a remote one is copied into a file without a name first, and checked.  -ENOENT where
 * it is not there; -ESTALE where its size, or its modification time where that is recorded, is no longer what the
 * location says: what was registered is not what is there. */
int vb_stores_open_artifact(vb_stores *s, const vb_location *location, vb_content *out, vb_error *err);

/* The same through the node's cache (fs/fetch/lazy.h), for who must not wait: what needs remote work begins it and says
 * -EINPROGRESS.  Large artifacts come by block.  `wait` NULL: it waits, and gives whole files. */
int vb_stores_open_later(vb_stores *s, const vb_location *location, struct vb_wait *wait, vb_content *out,
                         vb_error *err);

/* Copies an artifact, checked likewise, into a new file.  For a remote one the file may have the first bytes already,
 * of a copy that was broken off: where a checksum is recorded they count, and the rest is fetched. */
int vb_stores_copy_artifact(vb_stores *s, const vb_location *location, int to, vb_error *err);

/* Copies an artifact into a new file through the node's cache, and waits.  *moved: bytes that were fetched for it. */
int vb_stores_copy_cached(vb_stores *s, const vb_location *location, int to, int64_t *moved, vb_error *err);

/* Size and modification time of an artifact whose location does not record them. */
int vb_stores_stat(vb_stores *s, const vb_location *location, int64_t *size, int64_t *mtime, vb_error *err);

/* The same for who must not wait. */
int vb_stores_stat_later(vb_stores *s, const vb_location *location, struct vb_wait *wait, int64_t *size, int64_t *mtime,
                         vb_error *err);

/* The node's cache, as vbutler.yaml has it; made with its first use.  The stores'. */
int vb_stores_fetcher(vb_stores *s, struct vb_fetcher **out, vb_error *err);

/* What the store says of the file, as class.h tells. */
int vb_stores_ask(vb_stores *s, const vb_location *location, vb_object *out, vb_error *err);

/* Bytes of the file that the artifact is, or is a part of: as get() of class.h.  Nothing is checked but the version. */
int vb_stores_get(vb_stores *s, const vb_location *location, int64_t offset, int64_t length, const char *etag,
                  int64_t deadline, vb_sink_fn *sink, void *arg, vb_error *err);

/* When moving `size` bytes (-1: not known) must be done (vb_store_deadline()). */
int64_t vb_stores_deadline(vb_stores *s, const vb_location *location, int64_t size);

/* Unlinks the artifacts that the registry's trash notes, unless a newer file has the name.  Those that cannot be
 * removed stay noted, with a warning.  The handle is open for writing. */
int vb_stores_empty_trash(vb_stores *s, vb_registry *reg, vb_error *err);

/* The absolute path, or the address, of a location's file, without "#..."; the caller frees it. */
char *vb_stores_path(const vb_stores *s, const vb_location *location);

#endif
