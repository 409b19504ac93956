/* lease.h - who may write to a registry on a network file system, where locks are not to be trusted.
 *
 * A lease is a small file beside the registry (registry.sqlite3-lease) that names its holder: host, process, command.
 * Taking it is one link(2), which is atomic on every file system of this kind.  Its holder gives a sign of life (the
 * file's time) every few seconds, from a thread of its own.  One without a sign of life for VB_LEASE_STALE_S seconds is
 * stale: that is told, and a person breaks it (`vbutler lease --break`); one whose process is seen to be dead, on this
 * host, is taken over. */
#ifndef VB_REGISTRY_LEASE_H
#define VB_REGISTRY_LEASE_H

#include "registry/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { VB_LEASE_BEAT_S = 5, VB_LEASE_STALE_S = 60 };

typedef struct vb_lease vb_lease;

typedef struct vb_lease_holder {
    char *host, *command;
    char *pids;         /* the namespace that `pid` is of (/proc/PID/ns/pid); "?": not known */
    char *file;         /* its own name of the lease, in the same directory */
    int64_t pid, since; /* UTC nanoseconds */
    double silent;      /* seconds since its last sign of life */
    bool stale, dead;   /* dead: its process is not there, on this host */
} vb_lease_holder;

void vb_lease_holder_clear(vb_lease_holder *h);
#define vb_auto_lease_holder __attribute__((cleanup(vb_lease_holder_clear))) vb_lease_holder

/* Waits for it, `wait_ms` at most; -EBUSY then, and who has it. */
int vb_lease_take(const char *registry, int wait_ms, vb_lease **out, vb_error *err);

/* Gives it back, if it is still ours: -ESTALE where somebody has broken it. */
int vb_lease_release(vb_lease *lease, vb_error *err);

/* Who has it: 1, 0 where nobody has. */
int vb_lease_look(const char *registry, vb_lease_holder *out, vb_error *err);

/* Some other process has it, which is not seen to be dead. */
bool vb_lease_is_anothers(const char *registry);

/* "PID on HOST": how a process calls itself where one of another machine may read it; the caller frees it. */
char *vb_process_name(void);

/* It is another process than this one, and not seen to be dead: on another machine that cannot be seen. */
bool vb_process_may_live(const char *name);

/* -EBUSY, and who has it. */
int vb_lease_refuse(const char *registry, const vb_lease_holder *h, vb_error *err);

/* Takes a stale lease away; -EBUSY where its holder lives, unless `force`. */
int vb_lease_break(const char *registry, bool force, vb_error *err);

#endif
