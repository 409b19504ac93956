/* main.c - the program vbutler: a table of commands. */
#include "tools/commands.h"

#include <stddef.h>

static const vb_command *const commands[] = {
    &vb_cmd_create,
    NULL,
};

int main(int argc, char **argv)
{
    return vb_cli_run(commands, argc, argv);
}
