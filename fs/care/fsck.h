/* fsck.h - whether a repository's registry and its files agree, in both directions; a snapshot's in one: files that it
 * does not name are its repository's.
 *
 *     vb_auto(vb_fsck_free) vb_fsck *f = vb_fsck_new(repo, &options);
 *     vb_fsck_check(f, &err);                   tells every finding; changes nothing
 *     if (vb_fsck_mendable(f)) vb_fsck_mend(f, &err);
 *
 * It may run while others ingest and run: what they are making is known by their intents, and is no finding.  Memory is
 * flat but for what is found.  One thread at a time; it starts its own for checksums. */
#ifndef VB_FS_CARE_FSCK_H
#define VB_FS_CARE_FSCK_H

#include "fs/store/parallel.h"
#include "registry/repo.h"

#include <stddef.h>
#include <stdint.h>

typedef enum vb_damage {
    VB_DAMAGE_DATABASE,    /* the registry file itself */
    VB_DAMAGE_DANGLING,    /* a row refers to what is not there, or lacks its other half */
    VB_DAMAGE_MISSING,     /* an artifact is not there */
    VB_DAMAGE_SIZE,        /* it has another size than was registered */
    VB_DAMAGE_TIME,        /* it was written to, or copied, since: same size, another time */
    VB_DAMAGE_CHECKSUM,    /* it has other bytes */
    VB_DAMAGE_PERMISSION,  /* it cannot be read, or has not the repository's mode or group */
    VB_DAMAGE_ORPHANED,    /* a file that nothing knows */
    VB_DAMAGE_INTERRUPTED, /* a file that an ingest or a run was making when it was killed */
    VB_DAMAGE_TRASH,       /* an artifact that was pruned, and is still to be unlinked */
    VB_DAMAGE_KINDS,
} vb_damage;

const char *vb_damage_name(vb_damage kind); /* "missing", ... */

typedef struct vb_finding {
    vb_damage kind;
    const char *path;    /* below the repository, or absolute; NULL: of no file */
    const char *dataset; /* "raw {instrument: ...}"; NULL: of no dataset */
    const char *detail;  /* a sentence */
    const char *mending; /* what --repair does about it; NULL: nothing can, and the sentence says what a person can */
} vb_finding;

typedef void vb_finding_fn(void *arg, const vb_finding *finding);

/* Files that executions of graphs have named, or were about to.  The caller frees them with vb_claims_free(). */
typedef enum vb_claim_kind { VB_CLAIM_LIVE, VB_CLAIM_UNMERGED, VB_CLAIM_DEAD } vb_claim_kind;
typedef struct vb_claim {
    char *path;
    vb_claim_kind kind;
} vb_claim;
typedef struct vb_claims {
    vb_claim *items; /* sorted by path */
    size_t count, cap;
} vb_claims;

void vb_claims_free(vb_claims *claims);
typedef int vb_claims_fn(const vb_repo *repo, vb_registry *reg, vb_claims *out, vb_error *err);

typedef struct vb_fsck_options {
    bool checksum;  /* read all artifacts that have one */
    size_t threads; /* for that; 0: one a processor */
    const vb_progress *progress;
    vb_claims_fn *claims; /* NULL: there are none */
    vb_finding_fn *each;
    void *arg;
} vb_fsck_options;

typedef struct vb_fsck_counts {
    int64_t datasets, files;          /* locations and files that were looked at */
    int64_t found[VB_DAMAGE_KINDS];   /* by kind */
    int64_t mendable, mended, failed; /* of what was found; by vb_fsck_mend() */
} vb_fsck_counts;

typedef struct vb_fsck vb_fsck;

vb_fsck *vb_fsck_new(const vb_repo *repo, const vb_fsck_options *options);
void vb_fsck_free(vb_fsck *f);
VB_CLEANUP(vb_fsck, vb_fsck_free)

int vb_fsck_check(vb_fsck *f, vb_error *err);

/* Mends what vb_fsck_check() has found, looking again at each before it is touched.  Files that nothing knows are moved
 * to .vbutler/lost/, never removed. */
int vb_fsck_mend(vb_fsck *f, vb_error *err);

const vb_fsck_counts *vb_fsck_result(const vb_fsck *f);

#endif
