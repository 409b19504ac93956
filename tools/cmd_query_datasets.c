#include "tools/commands.h"
#include "tools/query_options.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

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

/* One type after the other; --limit counts through all of them. */
static int print_types(vb_query_session *s, const vb_dataset_type **types, size_t count, char **reason, vb_error *err)
{
    vb_query *q = &vb_query_opt.query;
    int64_t limit = q->limit;
    int r = 0;

    for (size_t i = 0; !r && i < count && q->limit != 0; i++) {
        vb_result *result = NULL;

        r = vb_query_datasets(s->reg, q, types[i], &result, err);
        if (r < 0)
            break;
        if (vb_result_reason(result) && count == 1)
            *reason = vb_strdup(vb_result_reason(result));
        r = vb_query_session_print(s, result, err);
        if (limit >= 0)
            q->limit = limit > s->rows ? limit - s->rows : 0;
    }
    q->limit = limit;
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
        r = vb_query_session_end(&s, count == 1 ? types[0] : NULL, NULL, NULL,
                                 count ? reason : "no dataset type matches", err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    VB_OPTIONS_SELECTION,
    {"find-first", 0, VB_OPTION_FLAG, &vb_query_opt.query.find_first, NULL,
     "of each data ID only the dataset of the first collection that has one"},
    {"no-find-first", 0, VB_OPTION_NO_FLAG, &vb_query_opt.query.find_first, NULL, "all of them (the default)"},
    {"show-uri", 0, VB_OPTION_FLAG, &vb_query_opt.query.show_uri, NULL, "a column with the artifact's URI"},
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
