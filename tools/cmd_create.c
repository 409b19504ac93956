#include "registry/base/text.h"
#include "registry/base/yaml.h"
#include "registry/repo.h"
#include "tools/commands.h"

#include <limits.h>
#include <stdio.h>

static int64_t version = 8;
static const char *config;

/* "7" is one that comes with vbutler, anything else a file. */
static int load_universe(vb_universe **out, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    int64_t number = version;
    int r;

    if (!config || vb_parse_int(config, &number))
        return vb_universe_builtin(number < 0 || number > INT_MAX ? -1 : (int)number, out, err);
    r = vb_yaml_load_file(config, &doc, err);
    return r < 0 ? r : vb_universe_load(vb_yaml_root(doc), out, err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_universe_free) vb_universe *universe = NULL;

    if (load_universe(&universe, err) < 0 || vb_repo_create_with(argv[0], universe, err) < 0)
        return VB_EXIT_FAILED;
    printf("created repository %s (dimension universe %d)\n", argv[0], vb_universe_version(universe));
    return VB_EXIT_OK;
}

static const vb_option options[] = {
    {"dimension-config", 0, VB_OPTION_TEXT, &config, "FILE|N", "the dimension universe: a YAML file, or a number"},
    {"universe", 0, VB_OPTION_INT, &version, "VERSION", "the same, by its number: 0 to 8 (default 8)"},
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
