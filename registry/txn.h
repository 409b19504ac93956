/* txn.h - transactions on a registry.
 *
 * They nest: an inner one is a savepoint.  One that goes out of scope without vb_txn_commit() is undone:
 *
 *     vb_auto_txn txn = {0};
 *     r = vb_registry_begin(reg, &txn, err); ... return vb_txn_commit(&txn, err); */
#ifndef VB_REGISTRY_TXN_H
#define VB_REGISTRY_TXN_H

#include "registry/base/error.h"

typedef struct vb_db vb_db;

typedef struct vb_txn {
    vb_db *db; /* NULL: not begun, or ended */
    int depth;
} vb_txn;

int vb_txn_begin(vb_txn *txn, vb_db *db, vb_error *err); /* takes the write lock at once */
int vb_txn_commit(vb_txn *txn, vb_error *err);           /* on failure it stays open, and the scope undoes it */
void vb_txn_rollback(vb_txn *txn);
#define vb_auto_txn __attribute__((cleanup(vb_txn_rollback))) vb_txn

#endif
