/* place.h - one file into a store: what transfer.c is made of.
 *
 * A source is a file outside; places are names below a repository's root, which are made and never replaced.
 * All calls but open and close may be made by several threads. */
#ifndef VB_FS_STORE_PLACE_H
#define VB_FS_STORE_PLACE_H

#include "registry/dataset.h"
#include "registry/repo.h"

#include <sys/stat.h>

typedef struct vb_source {
    const char *path;
    struct stat st; /* of the file, links followed */
    bool is_link;

    /* Of a source that is not a file of this machine, by which vb_put_fetch() gets its bytes: writes them to a new
     * file, and fills the checksum and, where it is told, the time. */
    int (*fetch)(void *arg, const char *path, int to, vb_location *out, vb_error *err);
    void *arg;
} vb_source;

int vb_source_look(const char *path, vb_source *out, vb_error *err); /* -EINVAL where it is no regular file */
bool vb_source_may_link(const vb_source *s); /* a link of ours may get another mode and group: we own it */
int vb_source_hash(const vb_source *s, vb_hash *out, vb_error *err);

/* Removes a source after a move, where it still has the size and time of what was moved; 0 where
 * it is gone. */
int vb_source_remove(const char *path, const vb_location *moved, vb_error *err);

typedef struct vb_places vb_places;

int vb_places_open(const vb_repo *repo, vb_places **out, vb_error *err);
void vb_places_close(vb_places *p);

/* Makes the directories of a place; `again`: also those that it knows to be there (another process may have
 * undone its own work). */
int vb_places_prepare(vb_places *p, const char *path, bool again, vb_error *err);

/* Puts a source at a place; fills size, modification time and (copies) checksum. -EEXIST where the place is
 * taken. */
typedef int vb_put_fn(vb_places *p, const vb_source *s, const char *path, const vb_uuid *uuid, vb_location *out,
                      vb_error *err);
vb_put_fn vb_put_copy, vb_put_hardlink, vb_put_symlink, vb_put_relsymlink, vb_put_fetch;

/* The path by which a source is registered where it stays: below the root, or absolute. The
 * caller frees it. */
int vb_places_name(vb_places *p, const vb_source *s, char **out, vb_error *err);
bool vb_places_inside(vb_places *p, const vb_source *s);

int vb_places_adopt(vb_places *p, const char *path, vb_error *err); /* gives it the repository's mode and group */
int vb_places_sync(vb_places *p, vb_error *err);                    /* all that was made reaches the disk */
void vb_places_remove(vb_places *p, const char *path);
void vb_places_remove_directories(vb_places *p); /* that were made, as far as they are empty */

#endif
