/* confirm.h - a question before something is taken away. */
#ifndef VB_TOOLS_CONFIRM_H
#define VB_TOOLS_CONFIRM_H

#include "registry/base/error.h"

#include <stdbool.h>

/* Asks on the terminal; true for "y" or "yes".  Where stdin is no terminal nothing is asked: *err says to give
 * --no-confirm. */
bool vb_confirm(const char *question, vb_error *err);

#endif
