/* published.h - artifacts of intermediates, from when their attempt has named them: what downstream quanta of this run
 * read.
 *
 * Thread-safe. */
#ifndef VB_RUNNER_RUN_PUBLISHED_H
#define VB_RUNNER_RUN_PUBLISHED_H

#include "registry/dataset.h"
#include "registry/receipt.h"

typedef struct vb_published vb_published;

vb_published *vb_published_new(void);
void vb_published_free(vb_published *p);
VB_CLEANUP(vb_published, vb_published_free)

/* Adds what a receipt says was made. */
void vb_published_add(vb_published *p, const vb_receipt *receipt);

/* 1 and a copy, 0 where it was not made. */
int vb_published_find(vb_published *p, const vb_uuid *dataset, vb_location *out);

#endif
