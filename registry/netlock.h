/* netlock.h - SQLite's locks on a file of a network file system, where they may hold on one machine, or in one mount, only.
 *
 * Whoever finds a rollback journal whose writer's lock he does not see takes it for that of a dead one, and rolls it back:
 * under the hands of a living one on another machine. So the lease (lease.h) is asked too:
 *
 *     to write, or to roll back, is for who holds the lease;
 *     to read waits while another process holds it and has a journal.
 *
 * What a reader on another machine has begun to read when a writer begins is not protected where locks are not: it may
 * find the file damaged. So the writer trusts nothing that it has read before it had the lease (sql.c). */
#ifndef VB_REGISTRY_NETLOCK_H
#define VB_REGISTRY_NETLOCK_H

#include "registry/base/cleanup.h"
#include "registry/lease.h"

#include <stdbool.h>

struct sqlite3;

typedef struct vb_netlock vb_netlock;

/* Puts itself before the locks of a connection's file that was not read yet.  `lease` is where the connection has its own
 * while it holds it; `writes`: it may, if it does.  To be freed after the connection was closed. */
vb_netlock *vb_netlock_new(struct sqlite3 *db, const char *path, vb_lease *const *lease, bool writes);
void vb_netlock_free(vb_netlock *n);

/* Nobody else has the file: locks are SQLite's own. */
void vb_netlock_lift(vb_netlock *n);

#endif
