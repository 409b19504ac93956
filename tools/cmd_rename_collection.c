/* cmd_rename_collection.c - rename-collection and collection-doc. */
#include "registry/collection_edit.h"
#include "runner/run/executions.h"
#include "tools/commands.h"
#include "tools/maintain.h"

#include <stdio.h>

static bool remove_doc;

static int change(vb_registry *reg, const char *name, const char *new_name, const char *doc, vb_error *err)
{
    vb_auto_txn txn = {0};
    const vb_collection *c;
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = vb_collection_find(reg, name, &c, err);
    if (!r)
        r = new_name ? vb_collection_rename(reg, c, new_name, err) : vb_collection_set_doc(reg, c, doc, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int run_rename(int argc, char **argv, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *held = NULL; /* nobody executes into it meanwhile */
    vb_auto_maintained m = {0};
    char *runs[] = {argv[1], NULL};
    int r = vb_maintain_open(argv[0], &m, err);

    if (!r)
        r = vb_executions_hold(m.repo, runs, &held, err);
    if (!r)
        r = change(m.reg, argv[1], argv[2], NULL, err);
    if (!r)
        printf("collection %s is called %s\n", argv[1], argv[2]);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static int run_doc(int argc, char **argv, vb_error *err)
{
    vb_auto_maintained m = {0};
    const vb_collection *c;
    int r;

    if (remove_doc && argc > 2) {
        vb_fail(err, -EINVAL, "--remove: and yet a TEXT is given");
        return VB_EXIT_USAGE;
    }
    r = vb_maintain_open(argv[0], &m, err);
    if (!r && (remove_doc || argc > 2))
        r = change(m.reg, argv[1], NULL, remove_doc ? NULL : argv[2], err);
    else if (!r && !(r = vb_collection_find(m.reg, argv[1], &c, err)) && c->doc)
        puts(c->doc);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

const vb_command vb_cmd_rename_collection = {
    .name = "rename-collection",
    .arguments = "REPO COLLECTION NAME",
    .summary = "give a collection another name",
    .details = "Chains that have it keep it. Artifacts stay where they are. A graph knows its collections by name: one "
               "that was built before does not find a renamed RUN.",
    .min_args = 3,
    .max_args = 3,
    .run = run_rename,
};

static const vb_option doc_options[] = {
    {"remove", 0, VB_OPTION_FLAG, &remove_doc, NULL, "take the documentation string away"},
    VB_OPTION_END,
};

const vb_command vb_cmd_collection_doc = {
    .name = "collection-doc",
    .arguments = "REPO COLLECTION [TEXT]",
    .summary = "print or set the documentation string of a collection",
    .details = "Without TEXT it is printed.",
    .min_args = 2,
    .max_args = 3,
    .options = doc_options,
    .run = run_doc,
};
