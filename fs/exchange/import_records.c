/* import_records.c - dimension records of an export, brought up to the repository's universe.
 *
 * Universes differ (docs/dimensions.md), and records with them: what an older file says under another name, or at
 * another place, is a rule in the table below; anything else that the element has no column for is refused by name. */
#include "fs/exchange/import_internal.h"
#include "fs/ingest/rules.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/integrity.h"
#include "registry/older.h"

#include <string.h>

/* A record while it is read. */
struct reading {
    vb_importing *im;
    const vb_element *element;
    const vb_yaml_node *node;
    vb_record record;
    const vb_yaml_node *membership; /* of a visit: its visit system */
    vb_error *err;
};

/* The type of a column: a dimension's, or a field's. */
static vb_field_type type_of(const struct reading *r, const char *column)
{
    const vb_field *field = vb_element_field(r->element, column);
    const vb_element *dimension = field ? NULL : vb_universe_find(r->record.universe, column);

    return field ? field->type : dimension ? dimension->keys[0].type : VB_FIELD_STRING;
}

static int set(struct reading *r, const char *column, const vb_yaml_node *node)
{
    vb_value value;
    int status = vb_import_field(node, type_of(r, column), &value, r->err);

    if (status < 0)
        return vb_error_context(r->err, "%s.%s", r->element->name, column);
    vb_record_set(&r->record, column, value);
    return 0;
}

static int set_time(struct reading *r, const char *column, const vb_yaml_node *node, int64_t unbounded)
{
    int64_t t;
    int status = vb_import_time(node, unbounded, &t, r->err);

    if (status < 0)
        return status;
    vb_record_set(&r->record, column, vb_value_int(t));
    return 0;
}

static int set_timespan(struct reading *r, const vb_yaml_node *node)
{
    vb_timespan t;
    int status = vb_yaml_is_null(node) ? 1 : vb_import_timespan(node, &t, r->err);

    if (!status)
        vb_record_set_timespan(&r->record, t);
    return status < 0 ? status : 0;
}

static int set_region(struct reading *r, const vb_yaml_node *node)
{
    vb_value value;
    int status = vb_import_region(node, &value, r->err);

    if (!status)
        vb_record_set(&r->record, "region", value);
    return status;
}

/* What an older universe has, and the repository's does not. */
static int apply(struct reading *r, const char *name, const vb_yaml_node *key, const vb_yaml_node *node)
{
    switch (vb_older_field(r->im->from, r->element->name, name)) {
    case VB_OLDER_GROUP: return set(r, "group", node);
    case VB_OLDER_MEMBERSHIP: r->membership = node; return 0;
    case VB_OLDER_DROP: return 0;
    case VB_OLDER_UNKNOWN: break;
    }
    if (vb_yaml_is_null(node))
        return 0;
    return vb_yaml_fail(r->err, key, "%s of universe %d has no '%s' (the file's universe is %d)", r->element->name,
                        r->im->to, name, r->im->from);
}

static int read_key(struct reading *r, const vb_yaml_node *key, const vb_yaml_node *node)
{
    const vb_element *e = r->element;
    const char *name = vb_yaml_text(key);

    if (!name)
        return vb_yaml_fail(r->err, key, "the key of a record's value must be text");
    if (e->is_dimension && !strcmp(name, e->keys[0].name))
        return set(r, e->name, node);
    if (e->spatial >= 0 && !strcmp(name, "region"))
        return set_region(r, node);
    if (e->temporal >= 0 && !strcmp(name, "timespan"))
        return set_timespan(r, node);
    if (e->temporal >= 0 && !strcmp(name, "datetime_begin"))
        return set_time(r, "timespan_begin", node, VB_TIME_MIN);
    if (e->temporal >= 0 && !strcmp(name, "datetime_end"))
        return set_time(r, "timespan_end", node, VB_TIME_MAX);
    if (strncmp(name, "timespan_", 9) && vb_record_value(&r->record, name))
        return set(r, name, node);
    return apply(r, name, key, node);
}

/* One end of a timespan alone: the other is open. */
static void close_timespan(struct reading *r)
{
    vb_value *begin = vb_record_value(&r->record, "timespan_begin"), *end = vb_record_value(&r->record, "timespan_end");

    if (!begin || begin->kind == end->kind)
        return;
    if (begin->kind == VB_NULL)
        *begin = vb_value_int(VB_TIME_MIN);
    else
        *end = vb_value_int(VB_TIME_MAX);
}

static int check_complete(const struct reading *r)
{
    const vb_element *e = r->element;

    VB_EACH_DIMENSION(i, e->required) {
        const vb_element *d = vb_universe_at(r->record.universe, i);

        if (vb_record_value(&r->record, d->name)->kind == VB_NULL)
            return vb_yaml_fail(r->err, r->node, "a record of %s has no %s", e->name, d->name);
    }
    for (size_t i = 0; i < e->nmetadata; i++)
        if (!e->metadata[i].nullable && vb_record_value(&r->record, e->metadata[i].name)->kind == VB_NULL)
            return vb_yaml_fail(r->err, r->node, "a record of %s has no %s", e->name, e->metadata[i].name);
    return 0;
}

static int put(vb_importing *im, vb_record *record, vb_error *err)
{
    int r = vb_record_put(im->reg, record, VB_RECORD_KEEP, err);

    if (r < 0)
        return r;
    *(r ? &im->report->records : &im->report->records_there) += 1;
    return 0;
}

static int day_offset(void *arg, const char *instrument, int64_t *offset, vb_error *err)
{
    return vb_rules_day_offset(arg, instrument, offset, err);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static int read_record(struct reading *r)
{
    vb_bringing_up up = {.reg = r->im->reg, .from = r->im->from, .day_offset = day_offset, .arg = r->im->reg};
    vb_value visit_system = {0};
    int status = 0;

    if (r->node->kind != VB_YAML_MAP)
        return vb_yaml_fail(r->err, r->node, "a record must be a mapping");
    for (size_t i = 0; !status && i < r->node->count; i++)
        status = read_key(r, r->node->items[i].key, r->node->items[i].value);
    if (!status)
        close_timespan(r);
    if (!status)
        status = check_complete(r);
    if (!status && r->membership)
        status = vb_import_field(r->membership, VB_FIELD_INT, &visit_system, r->err);
    if (status < 0)
        return status;
    status = vb_older_before(&up, &r->record, r->err);
    if (!status)
        status = put(r->im, &r->record, r->err);
    if (!status)
        status = vb_older_after(&up, &r->record, &visit_system, r->err);
    r->im->report->records += up.records;
    r->im->report->records_there += up.there;
    return status < 0 ? vb_error_context(r->err, "%s:%d", r->node->file, r->node->line) : 0;
}

/* Every element whose records an entry brings: its own, and those that older ones bring with them. */
static int each_entry(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_importing *im = arg;
    const char *name = vb_yaml_get_text(entry, "element");
    const vb_element *e = name ? vb_universe_find(vb_registry_universe(im->reg), name) : NULL;
    int r = 0;

    if (!items || items->kind != VB_YAML_LIST)
        return vb_yaml_is_null(items) ? 0 : vb_yaml_fail(err, items, "'records' must be a list");
    if (e->is_skypix || !e->has_table)
        return items->count ? vb_yaml_fail(err, entry, "%s has no records of its own", name) : 0;
    for (size_t i = 0; !r && i < items->count; i++) {
        struct reading reading = {.im = im,
                                  .element = e,
                                  .node = items->items[i].value,
                                  .record = vb_record_new(im->reg, e),
                                  .err = err};

        r = read_record(&reading);
        vb_record_clear(&reading.record);
    }
    return r;
}

/* An element that the repository's universe does not have cannot be imported. */
static int check_element(void *arg, const vb_yaml_node *entry, const vb_yaml_node *items, vb_error *err)
{
    vb_importing *im = arg;
    const char *name = vb_yaml_get_text(entry, "element");

    if (!name)
        return vb_yaml_fail(err, entry, "records of which element?");
    if (vb_universe_find(vb_registry_universe(im->reg), name) || vb_strv_has(im->options->skip_elements, name) ||
        !items || !items->count)
        return 0;
    vb_yaml_fail(err, entry, "universe %d of the repository has no '%s' (the file's universe is %d)", im->to, name,
                 im->from);
    vb_hint(err, "--skip-dimensions %s leaves its records out", name);
    return -EINVAL;
}

int vb_import_records(vb_importing *im, vb_error *err)
{
    const vb_universe *u = vb_registry_universe(im->reg);
    vb_auto(vb_integrity_free) vb_integrity *before = NULL;
    int r = vb_integrity_begin(im->reg, &before, err);

    if (!r)
        r = vb_export_file_each(im->file, "dimension", NULL, NULL, check_element, im, err);
    for (int i = 0; !r && i < vb_universe_count(u); i++) {
        const char *name = vb_universe_at(u, i)->name;

        if (!vb_strv_has(im->options->skip_elements, name))
            r = vb_export_file_each(im->file, "dimension", "element", name, each_entry, im, err);
    }
    if (!r)
        r = vb_integrity_check(before, err);
    if (r == -ENOENT && err && !err->hint)
        vb_hint(err, "the file builds on another export: import that one first");
    return r;
}
