/* artifact.h - the files of an attempt get their names in the store: the one place that does it.
 *
 * A file is first made whole in the attempt's scratch directory.  Before any gets its name, the attempt's file says
 * which names are meant, with the files' inode numbers; then each is renamed, never over another.  So what a dead
 * attempt has left is told from what another has put under the same name: it has the inode, and no registry holds it.
 * Internal to runner/run. */
#ifndef VB_RUNNER_RUN_ARTIFACT_H
#define VB_RUNNER_RUN_ARTIFACT_H

#include "runner/run/attempt.h"

#include <sys/types.h>

typedef struct vb_artifact {
    char *from;  /* below the scratch directory; NULL: there is no such artifact */
    char *path;  /* the name below the repository's root that it is to have; then the one that it has */
    char *other; /* the name where that one is taken (two data IDs that are spelled alike) */
    ino_t inode;
    bool named;
} vb_artifact;

void vb_artifacts_free(vb_artifact *all, size_t count);

/* The names of a dataset that attempt `number` makes. */
void vb_artifact_plan(const char *run, const vb_dataset *d, int number, vb_artifact *out);

/* A new file in the scratch directory for what the runner itself writes; fills a->from and a->inode.  The descriptor.
 */
int vb_artifact_create(int scratch, vb_artifact *a, vb_error *err);

/* The repository's mode and group. */
int vb_artifact_permit(const vb_site *site, int fd, const char *name, vb_error *err);

/* Notes the intent in the attempt's file, then names all.  Where one cannot be named, none is. */
int vb_artifacts_name(const vb_site *site, int attempt, int scratch, vb_artifact *all, size_t count, vb_error *err);

/* Takes the names back from those that have got them. */
void vb_artifacts_withdraw(const vb_site *site, vb_artifact *all, size_t count);

#endif
