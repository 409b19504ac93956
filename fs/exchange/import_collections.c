/* import_collections.c - dataset types, collections and chains of an export. */
#include "fs/exchange/import_internal.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdarg.h>
#include <string.h>

void vb_import_remark(vb_importing *im, const char *format, ...)
{
    vb_autofree char *text = NULL;
    va_list args;

    if (im->planning) /* it will be said again */
        return;
    va_start(args, format);
    text = vb_vformat(format, args);
    va_end(args);
    if (!im->report->remarks)
        im->report->remarks = vb_alloc(sizeof *im->report->remarks);
    vb_strv_add(&im->report->remarks, text);
}

/* ---- dataset types ---------------------------------------------------------------------------------------- */

/* In universes below 2 a visit is of one visit system, and a dataset type of visits may name it. */
static void drop_visit_system(const vb_importing *im, char **dimensions)
{
    size_t kept = 0;

    if (im->from >= 2 || im->to < 2 || !vb_strv_has(dimensions, "visit"))
        return;
    for (size_t i = 0; dimensions[i]; i++) {
        if (!strcmp(dimensions[i], "visit_system"))
            free(dimensions[i]);
        else
            dimensions[kept++] = dimensions[i];
    }
    dimensions[kept] = NULL;
}

static int conform(vb_importing *im, const vb_yaml_node *entry, const vb_group **group, vb_error *err)
{
    char **dimensions;
    int r = vb_yaml_strings(vb_yaml_get(entry, "dimensions"), &dimensions, err);

    if (r < 0)
        return r;
    drop_visit_system(im, dimensions);
    r = vb_universe_conform_names(vb_registry_universe(im->reg), dimensions, group, err);
    vb_strv_free(dimensions);
    return r;
}

static int each_type(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_importing *im = arg;
    vb_dataset_type wanted = {.name = (char *)vb_yaml_get_text(entry, "name"),
                              .storage_class = (char *)vb_yaml_get_text(entry, "storage_class"),
                              .extension = (char *)vb_yaml_get_text(entry, "extension")};
    int r;

    if (!wanted.name || !wanted.storage_class)
        return vb_yaml_fail(err, entry, "a dataset type needs a name and a storage_class");
    vb_yaml_bool(vb_yaml_get(entry, "is_calibration"), &wanted.is_calibration);
    r = conform(im, entry, &wanted.group, err);
    if (!r)
        r = vb_dataset_type_register(im->reg, &wanted, NULL, err);
    if (r < 0)
        return vb_error_context(err, "%s:%d: dataset type '%s'", entry->file, entry->line, wanted.name);
    im->report->types++;
    return 0;
}

int vb_import_types(vb_importing *im, vb_error *err)
{
    return vb_export_file_each(im->file, "dataset_type", NULL, NULL, each_type, im, err);
}

/* ---- collections ------------------------------------------------------------------------------------------ */

static int type_of(const vb_yaml_node *entry, vb_collection_type *out, vb_error *err)
{
    const char *text = vb_yaml_get_text(entry, "collection_type");

    for (int type = VB_RUN; text && type <= VB_CALIBRATION; type++)
        if (!strcmp(text, vb_collection_type_name((vb_collection_type)type))) {
            *out = (vb_collection_type)type;
            return 0;
        }
    return vb_yaml_fail(err, entry, "collection_type must be RUN, TAGGED, CHAINED or CALIBRATION");
}

/* host, timespan_begin and timespan_end of a RUN: an end that is null is open, both say nothing. */
static int keep_detail(vb_importing *im, const vb_yaml_node *entry, const vb_collection *run, vb_error *err)
{
    const vb_yaml_node *host = vb_yaml_get(entry, "host"), *begin = vb_yaml_get(entry, "timespan_begin"),
                       *end = vb_yaml_get(entry, "timespan_end");
    vb_run_detail detail = {.has_span = !vb_yaml_is_null(begin) || !vb_yaml_is_null(end)};
    int r = vb_import_time(begin, VB_TIME_MIN, &detail.span.begin, err);

    if (!r)
        r = vb_import_time(end, VB_TIME_MAX, &detail.span.end, err);
    if (!r && !vb_yaml_is_null(host) && !vb_yaml_text(host))
        r = vb_yaml_fail(err, host, "a host must be text");
    if (r < 0)
        return vb_error_context(err, "run '%s'", run->name);
    detail.host = vb_yaml_is_null(host) ? NULL : (char *)vb_yaml_text(host);
    return vb_collection_set_run_detail(im->reg, run, &detail, err);
}

static int register_one(vb_importing *im, const vb_yaml_node *entry, vb_collection_type type, vb_error *err)
{
    const char *name = vb_yaml_get_text(entry, "name");
    const vb_collection *ours;
    int r;

    if (!name)
        return vb_yaml_fail(err, entry, "a collection needs a name");
    r = vb_collection_register(im->reg, name, type, vb_yaml_get_text(entry, "doc"), &ours, err);
    if (r < 0)
        return vb_error_context(err, "%s:%d", entry->file, entry->line);
    im->report->collections++;
    return type == VB_RUN ? keep_detail(im, entry, ours, err) : 0;
}

static int each_collection(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_collection_type type = VB_RUN;
    int r = type_of(entry, &type, err);

    return r < 0 ? r : register_one(arg, entry, type, err);
}

static int each_run(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    return register_one(arg, entry, VB_RUN, err);
}

int vb_import_collections(vb_importing *im, vb_error *err)
{
    int r = vb_export_file_each(im->file, "collection", NULL, NULL, each_collection, im, err);

    return r < 0 ? r : vb_export_file_each(im->file, "run", NULL, NULL, each_run, im, err);
}

/* ---- chains ----------------------------------------------------------------------------------------------- */

/* A child by its name; old files have pairs of a name and dataset types that the search was restricted to. */
static int child_name(vb_importing *im, const char *chain, const vb_yaml_node *node, const char **out, vb_error *err)
{
    *out = vb_yaml_text(node);
    if (node->kind == VB_YAML_LIST && node->count) {
        *out = vb_yaml_text(node->items[0].value);
        if (*out && node->count > 1 && !vb_yaml_is_null(node->items[1].value) &&
            (!vb_yaml_text(node->items[1].value) || strcmp(node->items[1].value->text, "...")))
            vb_import_remark(im, "chain '%s': that its child '%s' was searched for some dataset types only is not kept",
                             chain, *out);
    }
    return *out ? 0 : vb_yaml_fail(err, node, "a child of a chain must be a name");
}

static bool same_names(char *const *a, char *const *b)
{
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b))
            return false;
    return !*a && !*b;
}

static int set_children(vb_importing *im, const char *name, char *const *children, vb_error *err)
{
    const vb_collection *chain;
    char **there = NULL;
    int r = vb_collection_find(im->reg, name, &chain, err);

    if (!r)
        r = vb_collection_children(im->reg, chain, &there, err);
    if (r < 0)
        return r;
    if (!*there) {
        r = vb_collection_set_children(im->reg, chain, children, err);
    } else if (!same_names(there, children)) {
        vb_import_remark(im, "chain '%s' is there already, and keeps its children: the file has others", name);
    }
    vb_strv_free(there);
    return r;
}

static int each_chain(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_importing *im = arg;
    const char *name = vb_yaml_get_text(entry, "name");
    const vb_yaml_node *list = vb_yaml_get(entry, "children");
    char **children;
    int r = 0;

    if (list && list->kind != VB_YAML_LIST)
        return vb_yaml_fail(err, list, "'children' must be a list");
    children = vb_alloc(sizeof *children);
    for (size_t i = 0; !r && list && i < list->count; i++) {
        const char *child;

        r = child_name(im, name, list->items[i].value, &child, err);
        if (!r)
            vb_strv_add(&children, child);
    }
    if (!r)
        r = set_children(im, name, children, err);
    vb_strv_free(children);
    if (r == -ENOENT && err && !err->hint)
        vb_hint(err, "the file builds on another export: import that one first");
    return r < 0 ? vb_error_context(err, "%s:%d", entry->file, entry->line) : 0;
}

int vb_import_chains(vb_importing *im, vb_error *err)
{
    return vb_export_file_each(im->file, "collection", "collection_type", "CHAINED", each_chain, im, err);
}
