/* parallel.h - the same thing done to many items, by a few threads.
 *
 * For work that waits for disks as much as for the processor: reading headers, linking and copying files. */
#ifndef VB_FS_STORE_PARALLEL_H
#define VB_FS_STORE_PARALLEL_H

#include <stddef.h>

/* Told now and then how far the work is, from the thread that called; `what` is the
 * work, "reading headers". */
typedef struct vb_progress {
    void (*tell)(void *arg, const char *what, size_t done, size_t total);
    void *arg;
} vb_progress;

/* Calls each(arg, i) for every i below count, from up to `threads` threads (0: as many as there are
 * processors), and returns when all are done.  `progress` may be NULL. */
void vb_parallel(size_t count, size_t threads, void (*each)(void *arg, size_t i), void *arg, const char *what,
                 const vb_progress *progress);

#endif
