/* transfer.h - bringing files into a repository's own store, many at a time, so that a kill at any moment
 * loses nothing.
 *
 *     vb_auto(vb_transfer_end) vb_transfer *t = NULL;
 *     vb_transfer_begin(repo, reg, mode, &t, err);       sweeps up what a killed transfer left
 *     vb_transfer_add(t, source, target, spare, uuid);   for each file: plans
 *     vb_transfer_run(t, threads, progress, err);        makes them all; t->files[i].error tells which failed
 *     ... insert t->files[i].location into the registry, and commit ...
 *     vb_transfer_commit(t);                             what is left to do: `move` removes the sources
 *
 * Until vb_transfer_commit() everything can be undone, and vb_transfer_end() undoes it: files that were made,
 * and the directories for them, are removed, and sources are as they were.  A move is therefore a hard link
 * (or a copy, where a link cannot be) until the registry knows the file.  Files and directories that are made
 * get the repository's modes and group, whatever the umask; a link leaves the mode of what it links to alone.
 * A file never takes the place of another. One transfer belongs to one thread; it starts its own. */
#ifndef VB_FS_STORE_TRANSFER_H
#define VB_FS_STORE_TRANSFER_H

#include "fs/store/parallel.h"
#include "registry/dataset.h"
#include "registry/repo.h"

typedef enum vb_transfer_mode {
    VB_TRANSFER_COPY,
    VB_TRANSFER_MOVE,
    VB_TRANSFER_HARDLINK,
    VB_TRANSFER_SYMLINK,
    VB_TRANSFER_RELSYMLINK,
    VB_TRANSFER_LINK,   /* a hard link, or else a symlink */
    VB_TRANSFER_DIRECT, /* the file stays where it is */
    VB_TRANSFER_AUTO,   /* direct where it is in the repository already, else link */
} vb_transfer_mode;

#define VB_TRANSFER_MODES "copy, move, link, hardlink, symlink, relsymlink, direct or auto"

int vb_transfer_mode_parse(const char *text, vb_transfer_mode *out, vb_error *err);

/* A file: how far it came is transfer.c's to know. */
typedef enum vb_transfer_state {
    VB_TRANSFER_PLANNED,
    VB_TRANSFER_STAYS,  /* direct: nothing was made */
    VB_TRANSFER_MADE,   /* the target is there */
    VB_TRANSFER_LINKED, /* the same, for `move`: a second name of the source */
    VB_TRANSFER_COPIED, /* the same, for `move`: with bytes of its own */
} vb_transfer_state;

typedef struct vb_transfer_file {
    char *source;         /* as it was given */
    char *target, *spare; /* below the root; the spare is taken where the target is; NULL: none */
    vb_uuid uuid;
    vb_location location; /* where it is now: path, size, modification time, checksum */
    vb_error error;       /* a sentence that does not name the source */
    vb_transfer_state state;
    const char *made; /* target or spare */
} vb_transfer_file;

typedef struct vb_transfer {
    const vb_repo *repo;
    vb_transfer_mode mode;
    bool checksum;    /* copies get one always, others where this is set */
    bool own_sources; /* they lie in the repository's .vbutler, and no dataset has them: `move` may take them */
    vb_transfer_file *files;
    size_t count, cap;
    struct vb_transfer_work *work; /* transfer.c's */
} vb_transfer;

int vb_transfer_begin(const vb_repo *repo, vb_registry *reg, vb_transfer_mode mode, vb_transfer **out, vb_error *err);

/* Plans a file, whose number is t->count - 1 then.  `target` and `spare` may be NULL with direct. */
void vb_transfer_add(vb_transfer *t, const char *source, const char *target, const char *spare, const vb_uuid *uuid);

/* Makes all that is planned, and has it written to disk.  Negative only where nothing could be tried: a file
 * that failed has its own error, and is not there. */
int vb_transfer_run(vb_transfer *t, size_t threads, const vb_progress *progress, vb_error *err);

/* To be called when the registry has committed.  What fails then is logged: the datasets are there. */
void vb_transfer_commit(vb_transfer *t);

void vb_transfer_end(vb_transfer *t);
VB_CLEANUP(vb_transfer, vb_transfer_end)

#endif
