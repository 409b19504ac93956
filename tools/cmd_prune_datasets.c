#include "registry/association.h"
#include "registry/base/text.h"
#include "registry/prune.h"
#include "runner/run/executions.h"
#include "tools/commands.h"
#include "tools/confirm.h"
#include "tools/maintain.h"

#include <stdio.h>
#include <string.h>

static char **types, **tags;
static const char *where, *purge, *format_name = "table";
static bool find_all, unstore, dry_run, confirm = true, quiet, force;

static int check_options(char **collections, vb_error *err)
{
    if (!purge && !unstore && !tags)
        return vb_fail(err, -EINVAL, "nothing to do: one of --purge, --unstore and --disassociate must be given");
    if (purge && tags)
        return vb_fail(err, -EINVAL, "--purge and --disassociate exclude each other");
    if (purge && unstore)
        return vb_fail(err, -EINVAL, "--purge removes artifacts too: leave --unstore out");
    if (quiet && dry_run)
        return vb_fail(err, -EINVAL, "--quiet and --dry-run exclude each other");
    if (!collections && !purge && !tags)
        return vb_fail(err, -EINVAL,
                       "which datasets? name collections ('*' for all), a run with --purge, or a TAGGED "
                       "collection with --disassociate");
    return 0;
}

static int select_them(vb_registry *reg, char **collections, int64_t *count, vb_error *err)
{
    char *run[] = {(char *)purge, NULL};
    const vb_selecting what = {.types = types,
                               .where = where,
                               .find_first = !find_all,
                               .collections = collections ? collections
                                              : purge     ? run
                                                          : tags};
    const vb_collection *c;
    int64_t others = 0;
    int r = purge ? vb_collection_find(reg, purge, &c, err) : 0;

    if (!r && purge && c->type != VB_RUN)
        r = vb_fail(err, -EINVAL, "--purge: collection '%s' is a %s, not a RUN", purge,
                    vb_collection_type_name(c->type));
    if (!r)
        r = vb_select(reg, &what, count, err);
    if (!r && purge)
        r = vb_prune_only_run(reg, c, &others, err);
    *count -= others;
    if (!r && others)
        fprintf(stderr, "%s of other runs than '%s' stay\n", vb_datasets(others), purge);
    return r;
}

/* What the change means for others. */
static int tell_references(vb_registry *reg, vb_error *err)
{
    vb_auto_references refs = {0};
    int r = vb_prune_references(reg, &refs, err);

    for (size_t i = 0; !r && i < refs.count; i++)
        fprintf(stderr, "%s '%s' has %s of these%s\n", vb_collection_type_name(refs.items[i].collection->type),
                refs.items[i].collection->name, vb_datasets(refs.items[i].count),
                purge && force ? ", which leave it" : "");
    if (!r && refs.in_provenance)
        fprintf(stderr, "provenance speaks of %s of these, and goes on doing so\n", vb_datasets(refs.in_provenance));
    return r;
}

static int disassociate_all(vb_registry *reg, vb_error *err)
{
    int r = 0;

    for (char **tag = tags; !r && tag && *tag; tag++) {
        const vb_collection *c;
        int64_t changed;

        r = vb_collection_find(reg, *tag, &c, err);
        if (!r)
            r = vb_disassociate(reg, c, &changed, err);
    }
    return r;
}

static int check_force(vb_registry *reg, vb_error *err)
{
    int r = purge && !force ? vb_prune_check_unreferenced(reg, err) : 0;

    if (r == -EBUSY)
        vb_hint(err, "disassociate or decertify them first; or --force, and they leave these collections too");
    return r;
}

/* Runs that lose artifacts are not executed meanwhile: what is pruned could be what a quantum is about to read. */
static int hold_runs(const vb_maintained *m, vb_executions **out, vb_error *err)
{
    char **runs = NULL;
    int r = vb_selected_runs(m->reg, &runs, err);

    if (!r && (purge || unstore))
        r = vb_executions_hold(m->repo, runs, out, err);
    vb_strv_free(runs);
    return r;
}

static int check_executions(const vb_maintained *m, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *held = NULL;

    return hold_runs(m, &held, err);
}

static int change(vb_registry *reg, vb_error *err)
{
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = check_force(reg, err); /* again: others may have associated some since */
    if (!r)
        r = disassociate_all(reg, err);
    if (!r && (purge || unstore))
        r = vb_prune_selected(reg, purge, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int prune(vb_maintained *m, char **collections, vb_format_kind format, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *held = NULL;
    int64_t count = 0;
    int r = select_them(m->reg, collections, &count, err);

    if (r < 0)
        return r;
    if (!count) {
        fputs("no dataset was found\n", stderr);
        return dry_run ? 0 : vb_empty_trash(m, err); /* of one that was killed when it was nearly done */
    }
    r = check_executions(m, err);
    if (!r)
        r = check_force(m->reg, err);
    if (!r && !quiet) {
        fprintf(stderr, "%s %s:\n", vb_datasets(count),
                purge     ? "to be removed, with their artifacts"
                : unstore ? "to lose their artifacts"
                          : "to be disassociated");
        r = vb_print_selected(m->reg, format, err);
    }
    if (!r && !quiet)
        r = tell_references(m->reg, err);
    if (r < 0 || dry_run)
        return r;
    if (confirm && (r = vb_confirm("Continue?", err)) <= 0)
        return r;
    r = hold_runs(m, &held, err);
    if (!r)
        r = change(m->reg, err);
    if (!r)
        r = vb_empty_trash(m, err);
    if (!r && !quiet)
        fprintf(stderr, "done\n");
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_maintained m = {0};
    char **collections = NULL;
    vb_format_kind format;
    int r;

    for (int i = 1; i < argc; i++) {
        char **parts = vb_split(argv[i], ',', NULL);

        for (char **p = parts; *p; p++)
            vb_strv_add(&collections, *p);
        vb_strv_free(parts);
    }
    r = check_options(collections, err);
    if (!r)
        r = vb_format_parse(format_name, &format, err);
    if (r < 0) {
        vb_strv_free(collections);
        return VB_EXIT_USAGE;
    }
    r = vb_maintain_open(argv[0], &m, err);
    if (!r)
        r = prune(&m, collections, format, err);
    vb_strv_free(collections);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"datasets", 0, VB_OPTION_LIST, &types, "GLOB,...", "of these dataset types only"},
    {"where", 0, VB_OPTION_TEXT, &where, "EXPRESSION", "of data IDs for which this holds"},
    {"find-all", 0, VB_OPTION_FLAG, &find_all, NULL,
     "of each data ID those of all COLLECTIONS, not only that of the first one that has it"},
    {"purge", 0, VB_OPTION_TEXT, &purge, "RUN", "remove the datasets from this run, and their artifacts"},
    {"unstore", 0, VB_OPTION_FLAG, &unstore, NULL, "remove the artifacts, and keep the datasets"},
    {"disassociate", 0, VB_OPTION_LIST, &tags, "TAG,...", "take the datasets out of these TAGGED collections"},
    {"force", 0, VB_OPTION_FLAG, &force, NULL, "purge also what TAGGED and CALIBRATION collections have"},
    {"dry-run", 0, VB_OPTION_FLAG, &dry_run, NULL, "show what would be done, and do nothing"},
    {"confirm", 0, VB_OPTION_FLAG, &confirm, NULL, "ask before anything is done (default)"},
    {"no-confirm", 0, VB_OPTION_NO_FLAG, &confirm, NULL, "do it without asking"},
    {"quiet", 0, VB_OPTION_FLAG, &quiet, NULL, "do not list the datasets"},
    VB_OPTION_FORMAT(&format_name),
    VB_OPTION_END,
};

const vb_command vb_cmd_prune_datasets = {
    .name = "prune-datasets",
    .arguments = "REPO [COLLECTION...]",
    .summary = "remove datasets, their artifacts, or their tags",
    .details = "COLLECTIONS say where the datasets are found, in their order; without them it is the run of --purge or "
               "the collections of --disassociate. What is to be done is listed, and done after a yes. A dataset that "
               "a TAGGED or CALIBRATION collection has is purged with --force only; one whose RUN is being executed is neither "
               "purged nor unstored. Provenance goes on speaking of what was purged.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
};
