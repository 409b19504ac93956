#include "registry/base/clock.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/collection_edit.h"
#include "registry/prune.h"
#include "registry/trash.h"
#include "runner/run/executions.h"
#include "tools/commands.h"
#include "tools/confirm.h"
#include "tools/maintain.h"

#include <stdio.h>
#include <sys/stat.h>

static bool confirm = true, force;

/* The RUNs among what was named; a collection that is none is left out, aloud. */
static int runs_among(vb_registry *reg, char **names, char ***out, vb_error *err)
{
    char **all = NULL;
    int r = vb_collection_expand(reg, names, false, &all, err);

    if (r < 0)
        return r;
    *out = vb_strv_dup(NULL);
    for (char **name = all; !r && *name; name++) {
        const vb_collection *c;

        r = vb_collection_find(reg, *name, &c, err);
        if (!r && c->type == VB_RUN)
            vb_strv_add(out, *name);
        else if (!r)
            fprintf(stderr, "'%s' is a %s, not a RUN, and stays: see remove-collections\n", *name,
                    vb_collection_type_name(c->type));
    }
    vb_strv_free(all);
    return r;
}

/* What would go with a run, and who has a part of it. */
static int describe(vb_registry *reg, const char *name, vb_error *err)
{
    const vb_collection *run;
    vb_run_contents has;
    char **parents = NULL, n[48];
    int r = vb_collection_find(reg, name, &run, err);

    if (!r)
        r = vb_run_select(reg, run, &has, err);
    if (r < 0)
        return r;
    printf("%s: %s", name, vb_datasets(has.datasets));
    printf(", provenance of %s\n", vb_plural(n, sizeof n, has.quanta, "quantum"));
    r = vb_print_selected_types(reg, err);
    if (has.read_by_others)
        printf("  %s of these were read by quanta of other runs, whose provenance goes on saying so\n",
               vb_datasets(has.read_by_others));
    if (!r)
        r = vb_collection_parents(reg, run, &parents, err);
    for (char **p = parents; p && *p; p++)
        printf("  chain %s has it\n", *p);
    if (parents)
        vb_strv_free(parents);
    return r;
}

/* Files of receipts that were never merged belong to no dataset: they become trash with the run. */
static int trash_unmerged(const vb_maintained *m, char **paths, vb_error *err)
{
    int r = 0;

    for (; !r && paths && *paths; paths++) {
        vb_autofree char *path = vb_path_join(m->repo->root, *paths);
        struct stat st;

        if (!lstat(path, &st))
            r = vb_trash_add(m->reg, 1, *paths, st.st_size, vb_clock_ns(st.st_mtim), err);
    }
    return r;
}

static int remove_all(const vb_maintained *m, char **names, char **unmerged, vb_error *err)
{
    vb_registry *reg = m->reg;
    vb_auto_txn txn = {0};
    int r = vb_registry_begin(reg, &txn, err);

    for (; !r && *names; names++) {
        const vb_collection *run;

        r = vb_collection_find(reg, *names, &run, err);
        if (!r)
            r = vb_run_remove(reg, run, force, err);
        if (r == -EBUSY && !force) {
            vb_error_context(err, "removing run '%s'", *names);
            vb_hint(err, "--force takes it, and its datasets, out of these");
        }
    }
    if (!r)
        r = trash_unmerged(m, unmerged, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

/* Executions of the runs are held and moved away first, so that none goes on in a run that is gone. */
static int remove_runs(vb_maintained *m, char **names, vb_error *err)
{
    vb_auto(vb_executions_release) vb_executions *held = NULL;
    char **unmerged = NULL;
    int r = vb_executions_settle(m->repo, err);

    if (!r)
        r = vb_executions_hold(m->repo, names, &held, err);
    if (!r)
        r = vb_executions_unmerged(held, m->reg, &unmerged, err);
    if (!r)
        r = vb_executions_move_away(held, err);
    if (!r)
        r = remove_all(m, names, unmerged, err);
    if (!r)
        vb_executions_discard(held);
    vb_strv_free(unmerged);
    return r < 0 ? r : vb_empty_trash(m, err);
}

static int run_on(vb_maintained *m, char **given, vb_error *err)
{
    char **names = NULL, n[32];
    int yes = 0, r = runs_among(m->reg, given, &names, err);

    for (char **name = names; !r && name && *name; name++)
        r = describe(m->reg, *name, err);
    if (!r && !*names) {
        fputs("no RUN was found\n", stderr);
        r = vb_executions_settle(m->repo, err); /* of one that was killed when it was nearly done */
        if (!r)
            r = vb_empty_trash(m, err);
    } else if (!r) {
        yes = confirm ? vb_confirm("Remove these runs, and all that is listed?", err) : 1;
        r = yes < 0 ? yes : 0;
    }
    if (yes > 0) {
        r = remove_runs(m, names, err);
        if (!r)
            printf("removed %s\n", vb_plural(n, sizeof n, (int64_t)vb_strv_count(names), "run"));
    }
    if (names)
        vb_strv_free(names);
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_maintained m = {0};
    int r = vb_maintain_open(argv[0], &m, err);

    if (!r)
        r = run_on(&m, argv + 1, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"force", 0, VB_OPTION_FLAG, &force, NULL, "also runs that a chain has, or whose datasets others refer to"},
    {"confirm", 0, VB_OPTION_FLAG, &confirm, NULL, "ask before anything is done (default)"},
    {"no-confirm", 0, VB_OPTION_NO_FLAG, &confirm, NULL, "do it without asking"},
    VB_OPTION_END,
};

const vb_command vb_cmd_remove_runs = {
    .name = "remove-runs",
    .arguments = "REPO COLLECTION...",
    .summary = "remove RUNs, with their datasets, artifacts and provenance",
    .details = "COLLECTION may be a glob. All are removed, or none: not without --force where a chain has one of them, "
               "or a TAGGED or CALIBRATION collection has one of their datasets; not while one is being executed.",
    .min_args = 2,
    .max_args = -1,
    .options = options,
    .run = run,
};
