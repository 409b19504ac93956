#include "registry/base/text.h"
#include "registry/collection_edit.h"
#include "tools/commands.h"
#include "tools/maintain.h"

#include <stdio.h>
#include <string.h>

static const char *doc, *mode_name = "redefine";
static bool flatten;

/* The arguments, split at commas. */
static char **words(int argc, char **argv)
{
    char **out = vb_strv_dup(NULL);

    for (int i = 0; i < argc; i++) {
        char **parts = vb_split(argv[i], ',', NULL);

        for (char **p = parts; *p; p++)
            vb_strv_add(&out, *p);
        vb_strv_free(parts);
    }
    return out;
}

/* The chain, made where it is not there. */
static int chain_named(vb_registry *reg, const char *name, vb_chain_mode mode, bool children, const vb_collection **out,
                       vb_error *err)
{
    vb_auto_error missing = VB_ERROR_INIT;

    if (vb_collection_find(reg, name, out, &missing) != -ENOENT)
        return vb_collection_register(reg, name, VB_CHAINED, NULL, out, err);
    if (mode == VB_CHAIN_POP || mode == VB_CHAIN_REMOVE) {
        vb_error_move(err, &missing);
        return vb_error_context(err, "--mode %s", mode_name);
    }
    if (!children)
        return vb_fail(err, -EINVAL, "chain '%s' is not there: a new chain needs children", name);
    return vb_collection_register(reg, name, VB_CHAINED, NULL, out, err);
}

static int edit(vb_registry *reg, const char *parent, char *const *given, vb_chain_mode mode, char ***now,
                vb_error *err)
{
    vb_auto_txn txn = {0};
    const vb_collection *chain;
    char **children = NULL;
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = chain_named(reg, parent, mode, *given, &chain, err);
    if (!r && mode == VB_CHAIN_POP)
        children = vb_strv_dup(given);
    else if (!r)
        r = vb_collection_expand(reg, given, flatten, &children, err);
    if (!r)
        r = vb_chain_edit(reg, chain, children, mode, err);
    if (!r && doc)
        r = vb_collection_set_doc(reg, chain, doc, err);
    if (!r)
        r = vb_collection_find(reg, parent, &chain, err);
    if (!r)
        r = vb_collection_children(reg, chain, now, err);
    if (children)
        vb_strv_free(children);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_maintained m = {0};
    char **given, **now = NULL;
    vb_chain_mode mode;
    int r;

    if (vb_chain_mode_parse(mode_name, &mode, err) < 0 ||
        (flatten && mode == VB_CHAIN_POP && vb_fail(err, -EINVAL, "--flatten: positions cannot be flattened")))
        return VB_EXIT_USAGE;
    given = words(argc - 2, argv + 2);
    r = vb_maintain_open(argv[0], &m, err);
    if (!r)
        r = edit(m.reg, argv[1], given, mode, &now, err);
    if (!r) {
        fputs("[", stdout);
        for (char **p = now; *p; p++)
            printf("%s%s", p == now ? "" : ", ", *p);
        puts("]");
    }
    vb_strv_free(given);
    if (now)
        vb_strv_free(now);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"mode", 0, VB_OPTION_TEXT, &mode_name, "MODE",
     "redefine (default), extend, prepend, remove, or pop: CHILDREN are then positions from 0, or none for the first"},
    {"doc", 0, VB_OPTION_TEXT, &doc, "TEXT", "documentation string of the chain"},
    {"flatten", 0, VB_OPTION_FLAG, &flatten, NULL, "put what chains among CHILDREN lead to in their place"},
    {"no-flatten", 0, VB_OPTION_NO_FLAG, &flatten, NULL, "put chains in as they are (default)"},
    VB_OPTION_END,
};

const vb_command vb_cmd_collection_chain = {
    .name = "collection-chain",
    .arguments = "REPO PARENT [CHILDREN...]",
    .summary = "define or change a chain of collections",
    .details = "PARENT is made if it is not there. CHILDREN may be separated by commas, and may be globs. A child "
               "that is in the chain already moves. A chain that would contain itself is refused. Prints the children "
               "that the chain has then.",
    .min_args = 2,
    .max_args = -1,
    .options = options,
    .run = run,
};
