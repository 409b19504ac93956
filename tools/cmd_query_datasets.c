#include "tools/commands.h"
#include "tools/query_options.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/component.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Names that are no globs and no types: a note each, as Rubin's command gives it. */
static void note_unknown(vb_registry *reg, char *const *globs)
{
    for (; *globs; globs++) {
        vb_auto_error err = VB_ERROR_INIT;
        const vb_dataset_type *type;

        if (!strpbrk(*globs, "*?[") && vb_dataset_type_find(reg, *globs, &type, &err) == -ENOENT)
            fprintf(stderr, "dataset type '%s' does not exist%s%s%s\n", *globs, err.hint ? " (" : "",
                    err.hint ? err.hint : "", err.hint ? ")" : "");
    }
}

/* Components cannot be queried, as Rubin's butler no longer can either. */
static int refuse_components(char *const *names, vb_error *err)
{
    for (; *names; names++) {
        vb_autofree char *type = NULL, *component = NULL;

        if (!vb_component_split(*names, &type, &component))
            continue;
        vb_fail(err, -EINVAL, "'%s' is a component of dataset type '%s': components cannot be queried", *names, type);
        vb_hint(err, "query '%s'; with --show-uri each component that is in a file of its own has a row", type);
        return -EINVAL;
    }
    return 0;
}

/* The datasets of a type, or of datasets in parts the files of a component; --limit counts through all of them. */
static int print_datasets(vb_query_session *s, const vb_dataset_type *type, int64_t *left, char **reason, vb_error *err)
{
    vb_query *q = &vb_query_opt.query;
    int64_t before = s->rows;
    vb_result *result = NULL;
    int r;

    q->limit = *left;
    r = vb_query_datasets(s->reg, q, type, &result, err);
    if (r < 0)
        return r;
    if (vb_result_reason(result) && reason)
        *reason = vb_strdup(vb_result_reason(result));
    r = vb_query_session_print(s, result, err);
    if (*left >= 0)
        *left -= s->rows - before < *left ? s->rows - before : *left;
    return r;
}

/* A table for each component, as Rubin's command has it. */
static int print_components(vb_query_session *s, const vb_dataset_type *type, int64_t *left, vb_error *err)
{
    vb_query *q = &vb_query_opt.query;
    char **names = NULL;
    int r = vb_component_names(s->reg, type->id, &names, err);

    if (!r && *names && q->offset)
        r = vb_fail(err, -EINVAL,
                    "--offset goes with one table, and '%s' has datasets in several files: one a component",
                    type->name);
    for (char **name = names; !r && *name && *left; name++) {
        q->component = *name;
        r = print_datasets(s, type, left, NULL, err);
    }
    q->component = NULL;
    vb_strv_free(names);
    return r;
}

/* One type after the other. */
static int print_types(vb_query_session *s, const vb_dataset_type **types, size_t count, char **reason, vb_error *err)
{
    int64_t limit = vb_query_opt.query.limit, left = limit;
    int r = 0;

    for (size_t i = 0; !r && i < count && left; i++) {
        r = print_datasets(s, types[i], &left, count == 1 ? reason : NULL, err);
        if (!r && vb_query_opt.query.show_uri)
            r = print_components(s, types[i], &left, err);
    }
    vb_query_opt.query.limit = limit;
    return r;
}

/* Why nothing is found of several types is told of each. */
static int end(vb_query_session *s, const vb_dataset_type **types, size_t count, const char *reason, vb_error *err)
{
    int r = 0;

    if (count < 2 || s->rows || !vb_query_opt.why_empty)
        return vb_query_session_end(s, count == 1 ? types[0] : NULL, NULL, NULL,
                                    count ? reason : "no dataset type matches", err);
    for (size_t i = 0; !r && i < count; i++) {
        r = vb_query_session_end(s, types[i], NULL, NULL, NULL, err);
        s->blank = false; /* once */
    }
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_query_session s = {.blank = true};
    vb_autofree const vb_dataset_type **types = NULL;
    vb_autofree char *reason = NULL;
    size_t count = 0;
    int r = vb_query_session_open(&s, argv[0], false, err);

    if (r)
        return r;
    r = refuse_components(argv + 1, err);
    if (!r)
        r = vb_query_types(s.reg, argv + 1, &types, &count, err);
    if (!r && count > 1 && vb_query_opt.query.order_by) {
        vb_fail(err, -EINVAL, "--order-by goes with one dataset type, and %zu match", count);
        return VB_EXIT_USAGE;
    }
    if (!r && count > 1 && vb_query_opt.query.offset) {
        vb_fail(err, -EINVAL, "--offset goes with one dataset type, and %zu match", count);
        return VB_EXIT_USAGE;
    }
    if (!r)
        note_unknown(s.reg, argv + 1);
    if (!r)
        r = print_types(&s, types, count, &reason, err);
    if (!r)
        r = end(&s, types, count, reason, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    VB_OPTIONS_SELECTION,
    {"find-first", 0, VB_OPTION_FLAG, &vb_query_opt.query.find_first, NULL,
     "of each data ID only the dataset of the first collection that has one"},
    {"no-find-first", 0, VB_OPTION_NO_FLAG, &vb_query_opt.query.find_first, NULL, "all of them (the default)"},
    {"show-uri", 0, VB_OPTION_FLAG, &vb_query_opt.query.show_uri, NULL,
     "a column with the artifact's URI; a row for each component that is in a file of its own"},
    VB_OPTION_END,
};

const vb_command vb_cmd_query_datasets = {
    .name = "query-datasets",
    .arguments = "REPO [GLOB]...",
    .summary = "list datasets",
    .details =
        "The datasets of the types that match one of the globs (all types without one), a table a type: run, UUID and data ID. "
        "REPO may be a graph file too. An empty answer is no error; the reason is told on stderr.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
};
