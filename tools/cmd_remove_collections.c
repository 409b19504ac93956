/* cmd_remove_collections.c - remove-collections and remove-dataset-type. */
#include "registry/base/text.h"
#include "registry/collection_edit.h"
#include "runner/run/executions.h"
#include "tools/commands.h"
#include "tools/confirm.h"
#include "tools/maintain.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static bool confirm = true, from_parents;

/* What would go; RUNs are left out, aloud. */
static int describe(vb_registry *reg, char **all, char ***out, vb_error *err)
{
    int r = 0;

    *out = vb_strv_dup(NULL);
    for (; !r && *all; all++) {
        const vb_collection *c;

        r = vb_collection_find(reg, *all, &c, err);
        if (!r && c->type == VB_RUN) {
            fprintf(stderr, "'%s' is a RUN, and stays: see remove-runs\n", *all);
        } else if (!r) {
            printf("%s %s\n", vb_collection_type_name(c->type), *all);
            vb_strv_add(out, *all);
        }
    }
    return r;
}

/* A chain by which people find what is being made stays until it is made. */
static int check_executions(const vb_maintained *m, const vb_collection *chain, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *held = NULL;
    char **children = NULL;
    int r = vb_collection_children(m->reg, chain, &children, err);

    if (!r)
        r = vb_executions_hold(m->repo, children, &held, err);
    if (r < 0)
        vb_error_context(err, "removing chain '%s'", chain->name);
    vb_strv_free(children);
    return r;
}

static int remove_all(const vb_maintained *m, char **names, vb_error *err)
{
    vb_registry *reg = m->reg;
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    for (; !r && *names; names++) {
        const vb_collection *c;

        r = vb_collection_find(reg, *names, &c, err);
        if (!r && c->type == VB_CHAINED)
            r = check_executions(m, c, err);
        if (r < 0)
            break;
        r = vb_collection_remove(reg, c, from_parents, err);
        if (r == -EBUSY)
            vb_hint(err, "--remove-from-parents takes it out of these");
    }
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int remove_collections(const vb_maintained *m, char **given, vb_error *err)
{
    vb_registry *reg = m->reg;
    char **all = NULL, **names = NULL, n[32];
    int yes = 0, r = vb_collection_expand(reg, given, false, &all, err);

    if (!r)
        r = describe(reg, all, &names, err);
    if (!r && !*names) {
        fputs("no collection was found that is not a RUN\n", stderr);
    } else if (!r) {
        yes = confirm ? vb_confirm("Remove these collections? Their datasets stay.", err) : 1;
        r = yes < 0 ? yes : 0;
    }
    if (yes > 0) {
        r = remove_all(m, names, err);
        if (!r)
            printf("removed %s\n", vb_plural(n, sizeof n, (int64_t)vb_strv_count(names), "collection"));
    }
    if (all)
        vb_strv_free(all);
    if (names)
        vb_strv_free(names);
    return r;
}

static int run_collections(int argc, char **argv, vb_error *err)
{
    vb_auto_maintained m = {0};
    int r = vb_maintain_open(argv[0], &m, err);

    if (!r)
        r = remove_collections(&m, argv + 1, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

/* ---- dataset types ----------------------------------------------------------------------------------------------- */

static int types_among(vb_registry *reg, char **given, char ***out, vb_error *err)
{
    char **all = NULL;
    int r = vb_dataset_type_names(reg, &all, err);

    *out = vb_strv_dup(NULL);
    for (; !r && *given; given++) {
        const vb_dataset_type *type;

        if (!strpbrk(*given, "*?[")) {
            r = vb_dataset_type_find(reg, *given, &type, err);
            if (!r && !vb_strv_has(*out, *given))
                vb_strv_add(out, *given);
            continue;
        }
        for (char **name = all; *name; name++)
            if (!fnmatch(*given, *name, 0) && !vb_strv_has(*out, *name))
                vb_strv_add(out, *name);
    }
    if (all)
        vb_strv_free(all);
    return r;
}

static int remove_types(vb_registry *reg, char **names, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    for (; !r && *names; names++) {
        const vb_dataset_type *type;

        r = vb_dataset_type_find(reg, *names, &type, err);
        if (!r)
            r = vb_dataset_type_remove(reg, type, err);
    }
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int run_types(int argc, char **argv, vb_error *err)
{
    vb_auto_maintained m = {0};
    char **names = NULL;
    int r = vb_maintain_open(argv[0], &m, err);

    if (!r)
        r = types_among(m.reg, argv + 1, &names, err);
    if (!r)
        r = remove_types(m.reg, names, err);
    for (char **name = names; !r && *name; name++)
        printf("removed dataset type %s\n", *name);
    if (!r && !*names)
        fputs("no dataset type was found\n", stderr);
    if (names)
        vb_strv_free(names);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"remove-from-parents", 0, VB_OPTION_FLAG, &from_parents, NULL, "also collections that a chain has"},
    {"confirm", 0, VB_OPTION_FLAG, &confirm, NULL, "ask before anything is done (default)"},
    {"no-confirm", 0, VB_OPTION_NO_FLAG, &confirm, NULL, "do it without asking"},
    VB_OPTION_END,
};

const vb_command vb_cmd_remove_collections = {
    .name = "remove-collections",
    .arguments = "REPO COLLECTION...",
    .summary = "remove TAGGED, CHAINED and CALIBRATION collections",
    .details = "COLLECTION may be a glob. The datasets stay in their runs; tags, validity ranges and lists of children "
               "go. All are removed, or none: not without --remove-from-parents where a chain has one of them, "
               "and not where a RUN of a chain is being executed.",
    .min_args = 2,
    .max_args = -1,
    .options = options,
    .run = run_collections,
};

const vb_command vb_cmd_remove_dataset_type = {
    .name = "remove-dataset-type",
    .arguments = "REPO TYPE...",
    .summary = "remove dataset types of which there are no datasets",
    .details = "TYPE may be a glob. All are removed, or none: not where a collection has datasets of one of them, or "
               "provenance speaks of it.",
    .min_args = 2,
    .max_args = -1,
    .run = run_types,
};
