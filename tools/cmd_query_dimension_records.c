#include "tools/commands.h"
#include "tools/query_options.h"

#include "registry/base/mem.h"

#include <stdlib.h>

/* A dimension, or an element that relates some (visit_definition). */
static int find_element(vb_registry *reg, const char *name, const vb_element **out, vb_error *err)
{
    *out = vb_universe_find(vb_registry_universe(reg), name);
    return *out ? 0 : vb_universe_dimension(vb_registry_universe(reg), name, out, err);
}

static int run(int argc, char **argv, vb_error *err)
{
    vb_auto_query_session s = {0};
    vb_autofree char *reason = NULL;
    vb_result *result = NULL;
    const vb_element *element = NULL;
    int r = vb_query_session_open(&s, argv[0], false, err);

    if (r)
        return r;
    r = find_element(s.reg, argv[1], &element, err);
    if (!r)
        r = vb_query_records(s.reg, &vb_query_opt.query, element, &result, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    reason = vb_result_reason(result) ? vb_strdup(vb_result_reason(result)) : NULL;
    r = vb_query_session_print(&s, result, err);
    if (!r)
        r = vb_query_session_end(&s, NULL, NULL, element, reason, err);
    return r < 0 ? VB_EXIT_FAILED : VB_EXIT_OK;
}

static const vb_option options[] = {
    {"datasets", 0, VB_OPTION_LIST, &vb_query_opt.query.datasets, "TYPE,...",
     "only records for which --collections hold a dataset of each of these types"},
    VB_OPTIONS_SELECTION,
    {"no-check", 0, VB_OPTION_FLAG, &vb_query_opt.query.any_governor, NULL,
     "--where need not say which instrument or skymap it means"},
    VB_OPTION_END,
};

const vb_command vb_cmd_query_dimension_records = {
    .name = "query-dimension-records",
    .arguments = "REPO ELEMENT",
    .summary = "list what is known of the values of a dimension",
    .details =
        "The records of a dimension (exposure), or of an element that relates some (visit_detector_region). Regions are shown as "
        "(elided) in the table, and in base64 as csv and json.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
