/* progress.h - a line on the terminal that tells how far long work is. */
#ifndef VB_TOOLS_PROGRESS_H
#define VB_TOOLS_PROGRESS_H

#include "fs/store/parallel.h"

/* For work that may take long: says nothing where stderr is no terminal, and nothing in the first second.
 * NULL where it would never say anything. */
const vb_progress *vb_progress_on_terminal(void);

/* Takes the line away. */
void vb_progress_end(void);

#endif
