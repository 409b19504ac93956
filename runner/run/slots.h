/* slots.h - processors to give away to programs.
 *
 * Only the program of a quantum takes them: its view is made, and its outputs are hashed and named, while others'
 * programs run. Thread-safe. */
#ifndef VB_RUNNER_RUN_SLOTS_H
#define VB_RUNNER_RUN_SLOTS_H

#include "registry/base/cleanup.h"

typedef struct vb_slots vb_slots;

vb_slots *vb_slots_new(int count);
void vb_slots_free(vb_slots *s);
VB_CLEANUP(vb_slots, vb_slots_free)

/* Waits for `n` (all of them, where there are fewer); how many were taken.  Who came first is served first. */
int vb_slots_take(vb_slots *s, int n);
void vb_slots_give(vb_slots *s, int n);

#endif
