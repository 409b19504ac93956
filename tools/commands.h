/* commands.h - the commands of vbutler, one a file. */
#ifndef VB_TOOLS_COMMANDS_H
#define VB_TOOLS_COMMANDS_H

#include "tools/cli.h"

extern const vb_command vb_cmd_create;

#endif
