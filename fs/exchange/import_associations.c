/* import_associations.c - what TAGGED and CALIBRATION collections of an export have. */
#include "fs/exchange/import_internal.h"
#include "registry/association.h"
#include "registry/base/mem.h"
#include "registry/calibration.h"
#include "registry/exchange/ranges.h"

#include <string.h>

/* What a list of ids is to be associated with: a TAGGED collection, or a CALIBRATION collection and a time. */
struct target {
    const vb_collection *collection;
    const vb_timespan *span; /* NULL: TAGGED */
};

/* Takes a dataset by its id; 1, or 0 where it is not to be selected: its artifact was not there, or it has the range.
 */
static int take_id(vb_importing *im, const vb_yaml_node *node, const struct target *target, vb_dataset *out,
                   vb_error *err)
{
    char text[VB_UUID_TEXT];
    vb_uuid uuid;
    int r = vb_import_id(im, node, &uuid, err);

    if (r < 0 || vb_import_is_absent(im, &uuid))
        return r;
    r = vb_dataset_by_uuid(im->reg, &uuid, out, err);
    if (!r || (r > 0 && !out->run_id)) {
        r = vb_yaml_fail(err, node, "neither the file nor the repository has dataset %s", vb_uuid_format(uuid, text));
        vb_hint(err, "the file builds on another export: import that one first");
    }
    if (r < 0 || !target->span)
        return r;
    r = vb_range_exists(im->reg, target->collection, out, *target->span, err);
    if (!r)
        return 1;
    vb_dataset_clear(out);
    return r < 0 ? r : 0;
}

/* Selects the datasets of a list of ids; *count is how many. */
static int select_ids(vb_importing *im, const vb_yaml_node *list, const struct target *target, size_t *count,
                      vb_error *err)
{
    size_t n = list && list->kind == VB_YAML_LIST ? list->count : 0;
    vb_autofree vb_dataset *datasets = vb_alloc((n + 1) * sizeof *datasets);
    int r = 0;

    *count = 0;
    if (list && list->kind != VB_YAML_LIST)
        return vb_yaml_fail(err, list, "'dataset_ids' must be a list");
    for (size_t i = 0; !r && i < n; i++) {
        r = take_id(im, list->items[i].value, target, &datasets[*count], err);
        *count += r > 0;
        r = r < 0 ? r : 0;
    }
    if (!r && *count)
        r = vb_select_datasets(im->reg, datasets, *count, err);
    for (size_t i = 0; i < n; i++)
        vb_dataset_clear(&datasets[i]);
    return r;
}

static int find_collection(vb_importing *im, const vb_yaml_node *entry, vb_collection_type type,
                           const vb_collection **out, vb_error *err)
{
    const char *name = vb_yaml_get_text(entry, "collection");
    int r;

    if (!name)
        return vb_yaml_fail(err, entry, "associations need a collection");
    r = vb_collection_register(im->reg, name, type, NULL, out, err);
    return r < 0 ? vb_error_context(err, "%s:%d", entry->file, entry->line) : 0;
}

static int each_tagged(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_importing *im = arg;
    const vb_collection *tagged;
    int64_t changed = 0;
    size_t count;
    int r = find_collection(im, entry, VB_TAGGED, &tagged, err);

    if (!r)
        r = select_ids(im, items, &(struct target){.collection = tagged}, &count, err);
    if (!r && count)
        r = vb_associate(im->reg, tagged, &changed, err);
    im->report->associated += (size_t)changed;
    return r;
}

/* A range with its datasets; old files have begin and end beside them. */
static int certify(vb_importing *im, const vb_collection *calibration, const vb_yaml_node *range, vb_error *err)
{
    const vb_yaml_node *timespan = vb_yaml_get(range, "timespan");
    vb_timespan span;
    int64_t changed = 0;
    size_t count;
    int r = vb_import_timespan(timespan ? timespan : range, &span, err);

    if (!r)
        r = select_ids(im, vb_yaml_get(range, "dataset_ids"), &(struct target){calibration, &span}, &count, err);
    if (!r && count)
        r = vb_calibration_certify(im->reg, calibration, span, &changed, err);
    im->report->associated += (size_t)changed;
    return r < 0 ? vb_error_context(err, "%s:%d", range->file, range->line) : 0;
}

static int each_calibration(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_importing *im = arg;
    const vb_collection *calibration;
    int r = find_collection(im, entry, VB_CALIBRATION, &calibration, err);

    if (!r && items && items->kind != VB_YAML_LIST)
        r = vb_yaml_fail(err, items, "'validity_ranges' must be a list");
    for (size_t i = 0; !r && items && i < items->count; i++)
        r = certify(im, calibration, items->items[i].value, err);
    return r;
}

static int check_type(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    const char *type = vb_yaml_get_text(entry, "collection_type");

    if (type && (!strcmp(type, "TAGGED") || !strcmp(type, "CALIBRATION")))
        return 0;
    return vb_yaml_fail(err, entry, "associations are those of a TAGGED or a CALIBRATION collection");
}

int vb_import_associations(vb_importing *im, vb_error *err)
{
    int r = vb_export_file_each(im->file, "associations", NULL, NULL, check_type, im, err);

    if (!r)
        r = vb_export_file_each(im->file, "associations", "collection_type", "TAGGED", each_tagged, im, err);
    if (!r)
        r = vb_export_file_each(im->file, "associations", "collection_type", "CALIBRATION", each_calibration, im, err);
    return r;
}
