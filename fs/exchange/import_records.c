/* import_records.c - dimension records of an export, brought up to the repository's universe.
 *
 * Universes differ (docs/dimensions.md), and records with them: what an older file says under another name, or at
 * another place, is a rule in the table below; anything else that the element has no column for is refused by name. */
#include "fs/exchange/import_internal.h"
#include "fs/ingest/exposure.h"
#include "fs/ingest/rules.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/exchange/integrity.h"
#include "registry/instrument_rules.h"

#include <string.h>

enum what {
    DROP,       /* nothing has it any more */
    GROUP,      /* the name of a group, which became a dimension */
    MEMBERSHIP, /* the visit system, which became a relation */
};

static const struct rule {
    const char *element, *key;
    int before; /* files of universes below this have it */
    enum what what;
} rules[] = {
    {"visit", "seeing", 1, DROP},
    {"visit", "visit_system", 2, MEMBERSHIP},
    {"visit_definition", "visit_system", 2, DROP},
    {"exposure", "group_name", 6, GROUP},
    {"exposure", "group_id", 6, DROP},
};

/* A record while it is read. */
struct reading {
    vb_importing *im;
    const vb_element *element;
    const vb_yaml_node *node;
    vb_record record;
    const vb_yaml_node *membership; /* of a visit: its visit system */
    vb_error *err;
};

static const struct rule *find_rule(const struct reading *r, const char *key)
{
    for (size_t i = 0; i < VB_COUNT(rules); i++)
        if (r->im->from < rules[i].before && !strcmp(rules[i].element, r->element->name) && !strcmp(rules[i].key, key))
            return &rules[i];
    return NULL;
}

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

static int apply(struct reading *r, const struct rule *rule, const vb_yaml_node *node)
{
    switch (rule->what) {
    case GROUP: return set(r, "group", node);
    case MEMBERSHIP: r->membership = node; return 0;
    case DROP: break;
    }
    return 0;
}

static int read_key(struct reading *r, const vb_yaml_node *key, const vb_yaml_node *node)
{
    const vb_element *e = r->element;
    const char *name = vb_yaml_text(key);
    const struct rule *rule;

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
    rule = find_rule(r, name);
    if (rule)
        return apply(r, rule, node);
    if (vb_yaml_is_null(node))
        return 0;
    return vb_yaml_fail(r->err, key, "%s of universe %d has no '%s' (the file's universe is %d)", e->name, r->im->to,
                        name, r->im->from);
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

/* ---- what older records bring with them ------------------------------------------------------------------------ */

/* When the nights of an instrument begin, by the rules that the repository has of it; 0: it has none. */
static int day_offset(vb_importing *im, const char *instrument, int64_t *offset, vb_error *err)
{
    vb_auto(vb_rules_free) vb_rules *loaded = NULL;
    vb_autofree char *text = NULL;
    int r = vb_instrument_rules_get(im->reg, instrument, &text, err);

    *offset = 0;
    if (r <= 0)
        return r;
    r = vb_rules_load(instrument, text, strlen(text), &loaded, err);
    if (!r)
        *offset = loaded->day_offset;
    return r < 0 ? r : 1;
}

static int put(vb_importing *im, vb_record *record, vb_error *err)
{
    int r = vb_record_put(im->reg, record, VB_RECORD_KEEP, err);

    if (r < 0)
        return r;
    *(r ? &im->report->records : &im->report->records_there) += 1;
    return 0;
}

/* visit.day_obs, which files before universe 1 do not have: the night of its begin. */
static int derive_day_obs(struct reading *r)
{
    vb_value *day = vb_record_value(&r->record, "day_obs"), *begin = vb_record_value(&r->record, "timespan_begin");
    const vb_value *instrument = vb_record_value(&r->record, "instrument");
    vb_timespan night;
    int64_t offset;
    int status;

    if (r->im->from >= 1 || strcmp(r->element->name, "visit") || !day || day->kind != VB_NULL)
        return 0;
    if (!begin || begin->kind != VB_INT)
        return vb_yaml_fail(r->err, r->node, "a visit of universe 0 has no datetime_begin, which tells its day_obs");
    status = day_offset(r->im, instrument->text, &offset, r->err);
    if (status >= 0)
        *day = vb_value_int(vb_day_obs(begin->i, offset, &night));
    return status < 0 ? status : 0;
}

/* The night as a record, which files before universe 6 do not have. */
static int put_day_obs(struct reading *r)
{
    const vb_element *e = vb_universe_find(r->record.universe, "day_obs");
    const vb_value *day = e ? vb_record_value(&r->record, "day_obs") : NULL;
    const vb_value *instrument = vb_record_value(&r->record, "instrument");
    vb_auto_record record = {0};
    vb_auto_buf iso = {0};
    int64_t offset, begin;
    int status;

    if (r->im->from >= 6 || !day || day->kind != VB_INT || !vb_dimset_has(r->element->implied, e->index))
        return 0;
    status = day_offset(r->im, instrument->text, &offset, r->err);
    if (status < 0)
        return status;
    record = vb_record_new(r->im->reg, e);
    vb_record_set(&record, "instrument", vb_value_copy(instrument));
    vb_record_set(&record, "day_obs", vb_value_int(day->i));
    vb_buf_printf(&iso, "%04d-%02d-%02d", (int)(day->i / 10000 % 10000), (int)(day->i / 100 % 100),
                  (int)(day->i % 100));
    if (status && !vb_time_parse_iso(iso.data, VB_SCALE_TAI, &begin, NULL)) {
        begin += offset;
        vb_record_set_timespan(&record, (vb_timespan){begin, begin + INT64_C(86400000000000)});
    }
    return put(r->im, &record, r->err);
}

static int put_group(struct reading *r)
{
    const vb_element *e = vb_universe_find(r->record.universe, "group");
    const vb_value *group = e ? vb_record_value(&r->record, "group") : NULL;
    vb_auto_record record = {0};

    if (r->im->from >= 6 || !group || group->kind != VB_TEXT || !vb_dimset_has(r->element->implied, e->index))
        return 0;
    record = vb_record_new(r->im->reg, e);
    vb_record_set(&record, "instrument", vb_value_copy(vb_record_value(&r->record, "instrument")));
    vb_record_set(&record, "group", vb_value_copy(group));
    return put(r->im, &record, r->err);
}

static int put_membership(struct reading *r)
{
    const vb_element *e = vb_universe_find(r->record.universe, "visit_system_membership");
    vb_auto_record record = {0};
    vb_value system;
    int status;

    if (!r->membership || !e)
        return 0;
    status = vb_import_field(r->membership, VB_FIELD_INT, &system, r->err);
    if (status < 0)
        return status;
    record = vb_record_new(r->im->reg, e);
    vb_record_set(&record, "instrument", vb_value_copy(vb_record_value(&r->record, "instrument")));
    vb_record_set(&record, "visit", vb_value_copy(vb_record_value(&r->record, "visit")));
    vb_record_set(&record, "visit_system", system);
    return put(r->im, &record, r->err);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static int read_record(struct reading *r)
{
    int status = 0;

    if (r->node->kind != VB_YAML_MAP)
        return vb_yaml_fail(r->err, r->node, "a record must be a mapping");
    for (size_t i = 0; !status && i < r->node->count; i++)
        status = read_key(r, r->node->items[i].key, r->node->items[i].value);
    if (!status)
        close_timespan(r);
    if (!status)
        status = derive_day_obs(r);
    if (!status)
        status = check_complete(r);
    if (!status)
        status = put_day_obs(r);
    if (!status)
        status = put_group(r);
    if (!status && put(r->im, &r->record, r->err) < 0)
        status = vb_error_context(r->err, "%s:%d", r->node->file, r->node->line);
    return status < 0 ? status : put_membership(r);
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
