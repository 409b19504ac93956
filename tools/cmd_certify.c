/* cmd_certify.c - certify-calibrations and decertify: validity ranges in CALIBRATION collections. */
#include "registry/base/text.h"
#include "registry/calibration.h"
#include "tools/commands.h"
#include "tools/maintain.h"

#include <stdio.h>

static const char *begin_date, *end_date, *where;
static bool search_all;

/* What is searched: of a chain its first child, unless all are asked for. */
static int input_names(vb_registry *reg, const char *input, char ***out, vb_error *err)
{
    const vb_collection *c;
    int r = vb_collection_find(reg, input, &c, err);

    if (r < 0)
        return r;
    if (c->type == VB_CHAINED && !search_all) {
        r = vb_collection_children(reg, c, out, err);
        if (!r && !**out)
            r = vb_fail(err, -ENOENT, "chain '%s' has no children", input);
        for (char **p = !r ? *out + 1 : NULL; p && *p; p++) {
            free(*p);
            *p = NULL;
        }
        return r;
    }
    *out = vb_strv_dup(NULL);
    vb_strv_add(out, input);
    return 0;
}

static int certify(vb_registry *reg, char **argv, vb_timespan span, int64_t *changed, vb_error *err)
{
    vb_auto_txn txn = {0};
    char *types[] = {argv[3], NULL}, **inputs = NULL;
    vb_selecting what = {.types = types, .where = where, .find_first = true};
    const vb_collection *calibration;
    int64_t selected = 0;
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = input_names(reg, argv[1], &inputs, err);
    what.collections = inputs;
    if (!r)
        r = vb_collection_register(reg, argv[2], VB_CALIBRATION, NULL, &calibration, err);
    if (!r)
        r = vb_select(reg, &what, &selected, err);
    if (!r && !selected)
        r = vb_fail(err, -ENOENT, "no dataset of type '%s' was found in '%s'", argv[3], *inputs);
    if (!r)
        r = vb_calibration_certify(reg, calibration, span, changed, err);
    if (inputs)
        vb_strv_free(inputs);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int decertify(vb_registry *reg, char **argv, vb_timespan span, int64_t *changed, vb_error *err)
{
    vb_auto_txn txn = {0};
    char *types[] = {argv[2], NULL}, *collections[] = {argv[1], NULL};
    const vb_selecting what = {.types = types, .where = where, .collections = collections};
    const vb_collection *calibration;
    const vb_dataset_type *type;
    int64_t selected;
    int r = vb_registry_begin(reg, &txn, err);

    if (!r)
        r = vb_collection_find(reg, argv[1], &calibration, err);
    if (!r)
        r = vb_dataset_type_find(reg, argv[2], &type, err);
    if (!r && where && calibration->type == VB_CALIBRATION)
        r = vb_select(reg, &what, &selected, err);
    if (!r)
        r = vb_calibration_decertify(reg, calibration, type, span, where, changed, err);
    return r < 0 ? r : vb_txn_commit(&txn, err);
}

static int run(char **argv, bool in, vb_error *err)
{
    vb_auto_maintained m = {0};
    vb_timespan span;
    int64_t changed = 0;
    char n[48];
    int r = vb_parse_span(begin_date, end_date, &span, err);

    if (r < 0)
        return VB_EXIT_USAGE;
    r = vb_maintain_open(argv[0], &m, err);
    if (!r)
        r = in ? certify(m.reg, argv, span, &changed, err) : decertify(m.reg, argv, span, &changed, err);
    if (r < 0)
        return VB_EXIT_FAILED;
    if (in)
        printf("certified %s in %s\n", vb_datasets(changed), argv[2]);
    else
        printf("changed %s of %s in %s\n", vb_plural(n, sizeof n, changed, "validity range"), argv[2], argv[1]);
    return VB_EXIT_OK;
}

static int run_certify(int argc, char **argv, vb_error *err)
{
    return run(argv, true, err);
}

static int run_decertify(int argc, char **argv, vb_error *err)
{
    return run(argv, false, err);
}

#define BEGIN_DATE                                                                            \
    {                                                                                         \
        "begin-date", 0, VB_OPTION_TEXT, &begin_date, "DATE", "ISO 8601, TAI (default: open)" \
    }
#define END_DATE                                                                                                    \
    {                                                                                                               \
        "end-date", 0, VB_OPTION_TEXT, &end_date, "DATE", "ISO 8601, TAI, not part of the timespan (default: open)" \
    }
#define WHERE                                                                                \
    {                                                                                        \
        "where", 0, VB_OPTION_TEXT, &where, "EXPRESSION", "of data IDs for which this holds" \
    }

static const vb_option certify_options[] = {
    BEGIN_DATE,
    END_DATE,
    {"search-all-inputs", 0, VB_OPTION_FLAG, &search_all, NULL,
     "search all children of a CHAINED INPUT, not only its first"},
    WHERE,
    VB_OPTION_END,
};

static const vb_option decertify_options[] = {BEGIN_DATE, END_DATE, WHERE, VB_OPTION_END};

const vb_command vb_cmd_certify_calibrations = {
    .name = "certify-calibrations",
    .arguments = "REPO INPUT OUTPUT TYPE",
    .summary = "say for which time calibrations hold",
    .details = "Datasets of TYPE in collection INPUT get a validity range in the CALIBRATION collection OUTPUT, which "
               "is made if it is not there. Where one of that data ID holds for a part of the timespan already, "
               "nothing is certified.",
    .min_args = 4,
    .max_args = 4,
    .options = certify_options,
    .run = run_certify,
};

const vb_command vb_cmd_decertify = {
    .name = "decertify",
    .arguments = "REPO COLLECTION TYPE",
    .summary = "take a timespan out of validity ranges",
    .details = "Ranges of TYPE in the CALIBRATION collection that lie in the timespan go; those that reach beyond it "
               "are cut, or split in two. The datasets stay in their runs.",
    .min_args = 3,
    .max_args = 3,
    .options = decertify_options,
    .run = run_decertify,
};
