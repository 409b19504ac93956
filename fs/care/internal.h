/* internal.h - what the parts of fsck share. */
#ifndef VB_FS_CARE_INTERNAL_H
#define VB_FS_CARE_INTERNAL_H

#include "fs/care/fsck.h"
#include "fs/store/store.h"
#include "registry/check.h"

#include <sys/stat.h>

/* A finding that can be mended, or that is to be looked at again before it is told. */
struct kept {
    vb_damage kind;
    char *path;
    char *component; /* of the dataset, whose file it is; NULL: the whole */
    int64_t dataset_id, store_id, mtime;
    mode_t mode;
};

struct to_hash {
    char *path;
    char *component; /* as in `kept` */
    int64_t dataset_id, store_id, mtime;
    vb_hash wanted, found;
    bool touched; /* its time differs */
    vb_error err;
};

/* An artifact that its store has to be asked for. */
struct to_ask {
    vb_held held; /* with a file of its own */
    vb_object object;
    bool hashed;
    vb_hash found;
    vb_error err;
};

enum { HASH_BATCH = 256, ASK_BATCH = 256 };

struct vb_fsck {
    const vb_repo *repo;
    vb_fsck_options options;
    vb_fsck_counts counts;
    vb_registry *reg;
    vb_stores *stores;
    vb_held_list *held;
    const vb_held *next; /* the location that the walk has not reached yet; NULL: no more */
    struct kept *mends;  /* what vb_fsck_mend() is to do */
    size_t nmends, mends_cap;
    struct kept *absent; /* artifacts that were not there */
    size_t nabsent, absent_cap;
    struct kept *strangers; /* files that no location names */
    size_t nstrangers, strangers_cap;
    struct to_hash hashes[HASH_BATCH];
    size_t nhashes;
    struct to_ask asks[ASK_BATCH];
    size_t nasks;
    int64_t total; /* locations, for progress */
    char *lost;    /* where strangers go */
};

/* Tells a finding, and counts it. */
void vb_fsck_tell(vb_fsck *f, const vb_finding *finding);

/* "raw {instrument: Cam, ...}", which the caller frees. */
char *vb_fsck_dataset(vb_fsck *f, int64_t dataset_id);

struct kept *vb_fsck_keep(struct kept **list, size_t *n, size_t *cap, vb_damage kind, const char *path);

/* judge.c: an artifact beside what was registered of it. */
int vb_fsck_judge(vb_fsck *f, const vb_held *held, vb_error *err);
int vb_fsck_absent(vb_fsck *f, vb_error *err);   /* after the walk: which are missing still */
bool vb_fsck_is_absence(int code);               /* a negative errno that says that there is no such file */
int vb_fsck_hash_all(vb_fsck *f, vb_error *err); /* what is waiting for its checksum */
void vb_fsck_ask_all(vb_fsck *f);                /* what is waiting for its store to be asked */

/* 0, -errno: whether the file is there, here or afar; other errors than -ENOENT say that it could not be told. */
int vb_fsck_look(vb_fsck *f, int64_t store_id, char *file);

/* strangers.c: which of the files that no location names are anyone's. */
int vb_fsck_strangers(vb_fsck *f, vb_error *err);

#endif
