#include "registry/repo.h"
#include "tools/commands.h"

#include <stdio.h>

static int64_t universe = 8;

static int run(int argc, char **argv, vb_error *err)
{
    if (vb_repo_create(argv[0], (int)universe, err) < 0)
        return VB_EXIT_FAILED;
    printf("created repository %s (dimension universe %d)\n", argv[0], (int)universe);
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"universe", 0, VB_OPTION_INT, &universe, "VERSION", "the dimension universe (default 8)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_create = {
    .name = "create",
    .arguments = "REPO",
    .summary = "make a new repository",
    .details = "REPO is a directory that is not there yet, or is empty. Its registry.sqlite3 gets the tables of the "
               "dimension universe; its vbutler.yaml says what modes and group artifacts get.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
