/* sweep.h - private files (registry/gen3/private.h) do not outlive a command that is interrupted. */
#ifndef VB_TOOLS_SWEEP_H
#define VB_TOOLS_SWEEP_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP remove private files before they end the process; false: no more. */
void vb_sweep_on_signals(bool on);

#endif
