/* cmd_associate.c - associate and disassociate: the same options, and a selection. */
#include "registry/association.h"
#include "registry/base/text.h"
#include "tools/commands.h"
#include "tools/maintain.h"

#include <stdio.h>

static char **types, **collections;
static const char *where;
static bool find_first = true;
static int64_t limit;

static int change(vb_registry *reg, const char *name, bool in, int64_t *changed, vb_error *err)
{
    vb_auto_txn txn = {0};
    char *own[] = {(char *)name, NULL};
    vb_selecting what = {.types = types, .where = where, .find_first = in && find_first, .limit = limit};
    const vb_collection *tagged;
    int64_t selected = 0;
    int r = vb_registry_begin(reg, &txn, err);

    what.collections = collections ? collections : own;
    if (!r)
        r = in ? vb_collection_register(reg, name, VB_TAGGED, NULL, &tagged, err)
               : vb_collection_find(reg, name, &tagged, err);
    if (!r)
        r = vb_select(reg, &what, &selected, err);
    if (!r)
        r = in ? vb_associate(reg, tagged, changed, err) : vb_disassociate(reg, tagged, changed, err);
    if (!r && !selected)
        fputs("no dataset was selected\n", stderr);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int run(char **argv, bool in, vb_error *err)
{
    vb_auto_maintained m = {0};
    int64_t changed = 0;
    int r;

    if (limit < 0) {
        vb_fail(err, -EINVAL, "--limit: must be positive");
        return VB_EXIT_USAGE;
    }
    r = vb_maintain_open(argv[0], &m, err);
    if (!r)
        r = change(m.reg, argv[1], in, &changed, err);
    if (!r)
        printf("%s %s %s %s\n", in ? "associated" : "disassociated", vb_datasets(changed), in ? "with" : "from",
               argv[1]);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static int run_associate(int argc, char **argv, vb_error *err)
{
    if (!collections) {
        vb_fail(err, -EINVAL, "--collections: where are the datasets to be found?");
        return VB_EXIT_USAGE;
    }
    return run(argv, true, err);
}

static int run_disassociate(int argc, char **argv, vb_error *err)
{
    return run(argv, false, err);
}

#define DATASET_TYPE                                                                   \
    {                                                                                  \
        "dataset-type", 'd', VB_OPTION_LIST, &types, "GLOB,...", "of these types only" \
    }
#define WHERE                                                                                \
    {                                                                                        \
        "where", 0, VB_OPTION_TEXT, &where, "EXPRESSION", "of data IDs for which this holds" \
    }

static const vb_option associate_options[] = {
    DATASET_TYPE,
    {"collections", 0, VB_OPTION_LIST, &collections, "GLOB,...", "where the datasets are found, in this order"},
    WHERE,
    {"find-first", 0, VB_OPTION_FLAG, &find_first, NULL, "of each data ID that of the first collection (default)"},
    {"no-find-first", 0, VB_OPTION_NO_FLAG, &find_first, NULL, "of each data ID those of all collections"},
    {"limit", 0, VB_OPTION_INT, &limit, "N", "at most N datasets (default: all)"},
    VB_OPTION_END,
};

static const vb_option disassociate_options[] = {
    DATASET_TYPE,
    {"collections", 0, VB_OPTION_LIST, &collections, "GLOB,...", "only what these have too (default: all it has)"},
    WHERE,
    {"limit", 0, VB_OPTION_INT, &limit, "N", "at most N datasets (default: all)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_associate = {
    .name = "associate",
    .arguments = "REPO COLLECTION",
    .summary = "put datasets into a TAGGED collection",
    .details = "COLLECTION is made if it is not there. It can have one dataset of a type and data ID: a second one is "
               "refused, and then nothing is associated. Datasets that it has already stay.",
    .min_args = 2,
    .max_args = 2,
    .options = associate_options,
    .run = run_associate,
};

const vb_command vb_cmd_disassociate = {
    .name = "disassociate",
    .arguments = "REPO COLLECTION",
    .summary = "take datasets out of a TAGGED collection",
    .details = "The datasets stay in their runs. Without options all leave COLLECTION.",
    .min_args = 2,
    .max_args = 2,
    .options = disassociate_options,
    .run = run_disassociate,
};
