/* repo.h - a repository: a directory with vbutler.yaml, registry.sqlite3 and artifacts.
 *
 * vbutler.yaml holds what an administrator decides: the modes and the group of artifacts.  `.vbutler/` below the
 * repository is ours: the runs' shared directories. */
#ifndef VB_REGISTRY_REPO_H
#define VB_REGISTRY_REPO_H

#include "registry/registry.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct vb_repo {
    char *root;                 /* absolute */
    char *registry_path;        /* absolute; of a snapshot: its file */
    bool snapshot;              /* nothing of it is to be changed */
    mode_t file_mode, dir_mode; /* of artifacts and their directories, whatever the umask */
    gid_t group;                /* (gid_t)-1: as the file system gives it */
} vb_repo;

/* Makes a repository in a directory that is not there or empty.  `universe` is the number of a built-in dimension
 * universe. Nothing is left behind on failure. */
int vb_repo_create(const char *dir, int universe, vb_error *err);
int vb_repo_create_with(const char *dir, const vb_universe *universe, vb_error *err);

/* Reads vbutler.yaml; -ENOENT with a hint where the directory is no repository. */
int vb_repo_open(const char *dir, vb_repo **out, vb_error *err);

/* The same for what is only to be read: a repository, or a snapshot, which is the part of a repository that it holds.
 * Its root is the repository that it names, or `repository` where that one has moved (NULL: it has not).  -EINVAL for a
 * graph, and for a repository with `repository`. */
int vb_repo_open_source(const char *path, const char *repository, vb_repo **out, vb_error *err);
void vb_repo_close(vb_repo *repo);
VB_CLEANUP(vb_repo, vb_repo_close)

/* Opens the repository's registry; -EROFS for writing to a snapshot. */
int vb_repo_registry(const vb_repo *repo, vb_access access, vb_registry **out, vb_error *err);

/* A path below the root is the repository's own (vbutler.yaml, the registry, .vbutler), and none of its store. */
bool vb_repo_is_own(const char *path);

#endif
