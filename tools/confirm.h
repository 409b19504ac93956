/* confirm.h - a question before something is taken away. */
#ifndef VB_TOOLS_CONFIRM_H
#define VB_TOOLS_CONFIRM_H

#include "registry/base/error.h"

/* Asks on stderr, and reads a line from stdin: 1 for "y" or "yes"; else 0, and says that nothing was changed.
 * -ECANCELED where stdin ends before there is an answer: *err says to give --no-confirm. */
int vb_confirm(const char *question, vb_error *err);

#endif
