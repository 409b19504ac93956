#include "tools/commands.h"
#include "tools/query_options.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdlib.h>

/* Without dimensions: those that all the types of --datasets have. */
static int common_dimensions(vb_registry *reg, vb_dimset *out, vb_error *err)
{
    vb_autofree const vb_dataset_type **types = NULL;
    size_t count = 0;
    int r = vb_query_types(reg, vb_query_opt.query.datasets, &types, &count, err);

    for (size_t i = 0; !r && i < count; i++)
        *out = i ? vb_dimset_minus(*out, vb_dimset_minus(*out, types[i]->group->all)) : types[i]->group->all;
    if (!r && vb_dimset_empty(*out))
        r = vb_fail(err, -EINVAL, "the types of --datasets have no dimension in common; name the dimensions");
    return r;
}

static int find_group(vb_registry *reg, char **names, const vb_group **out, vb_error *err)
{
    vb_universe *u = vb_registry_universe(reg);
    vb_dimset dims = {{0}};
    int r;

    if (*names || !vb_query_opt.query.datasets)
        return vb_universe_conform_names(u, names, out, err);
    r = common_dimensions(reg, &dims, err);
    *out = vb_universe_conform(u, dims);
    return r;
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_query_session s = {0};
    vb_autofree char *reason = NULL;
    vb_result *result = NULL;
    const vb_group *group = NULL;
    int r = vb_query_session_open(&s, argv[0], false, err);

    if (r)
        return r;
    r = find_group(s.reg, argv + 1, &group, err);
    if (!r)
        r = vb_query_data_ids(s.reg, &vb_query_opt.query, group, &result, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    reason = vb_result_reason(result) ? vb_strdup(vb_result_reason(result)) : NULL;
    r = vb_query_session_print(&s, result, err);
    if (!r)
        r = vb_query_session_end(&s, NULL, group, NULL, reason, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"datasets", 0, VB_OPTION_LIST, &vb_query_opt.query.datasets, "TYPE,...",
     "only data IDs for which --collections hold a dataset of each of these types"},
    VB_OPTIONS_SELECTION,
    VB_OPTION_END,
};

const vb_command vb_cmd_query_data_ids = {
    .name = "query-data-ids",
    .arguments = "REPO [DIMENSION]...",
    .summary = "list combinations of dimension values",
    .details =
        "Dimensions are related as their records tell: exposures to visits, visits to tracts by the sky. Without a dimension, those "
        "that the types of --datasets have in common.",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .run = run,
};
