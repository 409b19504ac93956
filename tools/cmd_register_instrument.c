#include "fs/ingest/instrument.h"
#include "registry/base/text.h"
#include "registry/repo.h"
#include "tools/commands.h"

#include <stdio.h>
#include <string.h>

static bool update;

/* A file of rules where the argument looks like a path, else the name of rules that come with vbutler. */
static int load(const char *argument, vb_rules **out, vb_error *err)
{
    if (strchr(argument, '/') || vb_ends_with(argument, ".yaml") || vb_ends_with(argument, ".yml"))
        return vb_rules_load_file(argument, out, err);
    return vb_rules_builtin(argument, out, err);
}

static int register_one(vb_registry *reg, const char *argument, vb_error *err)
{
    vb_auto(vb_rules_free) vb_rules *rules = NULL;
    char detectors[32];
    int r = load(argument, &rules, err);

    if (!r)
        r = vb_instrument_register(reg, rules, update, err);
    if (r > 0)
        printf("registered instrument %s (%s)\n", rules->name,
               vb_plural(detectors, sizeof detectors, (int64_t)rules->ndetectors, "detector"));
    else if (!r)
        printf("instrument %s was registered already\n", rules->name);
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_repo_close) vb_repo *repo = NULL;
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto_txn txn = {0};
    int r = vb_repo_open(argv[0], &repo, err);

    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);
    if (!r)
        r = vb_registry_begin(reg, &txn, err);
    for (int i = 1; r >= 0 && i < argc; i++)
        r = register_one(reg, argv[i], err);
    if (r >= 0)
        r = vb_txn_commit(&txn, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"update", 0, VB_OPTION_FLAG, &update, NULL, "replace the rules and records of an instrument that is there"},
    VB_OPTION_END,
};

const vb_command vb_cmd_register_instrument = {
    .name = "register-instrument",
    .arguments = "REPO NAME|FILE...",
    .summary = "teach a repository an instrument",
    .details = "An instrument is its detectors, and rules that tell what the headers of its files mean. "
               "NAME is one whose rules come with vbutler: DECam, 90prime, Mosaic3. FILE.yaml is a file of "
               "rules of your own (docs/instruments.md tells its keys). ingest-raws registers those that "
               "come with vbutler by itself.",
    .min_args = 2,
    .max_args = -1,
    .options = options,
    .run = run,
};
