#include "fs/ingest/instrument.h"

#include "fs/ingest/element.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/instrument_rules.h"

#include <string.h>

static int new_record(vb_registry *reg, const char *element, const vb_rules *rules, vb_record *out, vb_error *err)
{
    int r = vb_element_record(reg, element, out, err);

    if (!r)
        vb_record_set(out, "instrument", vb_value_text(rules->name));
    return r;
}

static vb_value maximum(int64_t value)
{
    return value < 0 ? (vb_value){0} : vb_value_int(value);
}

static int put_instrument(vb_registry *reg, const vb_rules *rules, vb_record_mode mode, vb_error *err)
{
    vb_auto_record record = {0};
    int r = new_record(reg, "instrument", rules, &record, err);

    if (r < 0)
        return r;
    vb_record_set(&record, "class_name", vb_value_text(rules->class_name));
    vb_record_set(&record, "exposure_max", maximum(rules->exposure_max));
    vb_record_set(&record, "visit_max", maximum(rules->visit_max));
    vb_record_set(&record, "detector_max", maximum(rules->detector_max));
    vb_record_set(&record, "visit_system", vb_value_int(VB_VISIT_SYSTEM));
    return vb_record_put(reg, &record, mode, err);
}

static int put_detector(vb_registry *reg, const vb_rules *rules, const vb_rules_detector *d, vb_record_mode mode,
                        vb_error *err)
{
    vb_auto_record record = {0};
    int r = new_record(reg, "detector", rules, &record, err);

    if (r < 0)
        return r;
    vb_record_set(&record, "detector", vb_value_int(d->id));
    vb_record_set(&record, "full_name", vb_value_text(d->full_name));
    vb_record_set(&record, "name_in_raft", vb_value_text(d->name_in_raft));
    vb_record_set(&record, "raft", vb_value_text(d->raft));
    vb_record_set(&record, "purpose", vb_value_text(d->purpose));
    return vb_record_put(reg, &record, mode, err);
}

static int put_visit_system(vb_registry *reg, const vb_rules *rules, vb_error *err)
{
    vb_auto_record record = {0};
    int r = new_record(reg, "visit_system", rules, &record, err);

    if (r < 0)
        return r;
    vb_record_set(&record, "visit_system", vb_value_int(VB_VISIT_SYSTEM));
    vb_record_set(&record, "name", vb_value_text(VB_VISIT_SYSTEM_NAME));
    return vb_record_put(reg, &record, VB_RECORD_SAME, err);
}

/* 1: other rules, or none, are there; 0: the same. */
static int compare_rules(vb_registry *reg, const vb_rules *rules, bool update, vb_error *err)
{
    vb_autofree char *kept = NULL;
    int r = vb_instrument_rules_get(reg, rules->name, &kept, err);

    if (r <= 0)
        return r < 0 ? r : 1;
    if (!strcmp(kept, rules->source))
        return 0;
    if (update)
        return 1;
    vb_fail(err, -EEXIST, "instrument '%s' is registered already, with other rules", rules->name);
    vb_hint(err, "--update replaces them");
    return -EEXIST;
}

int vb_instrument_register(vb_registry *reg, const vb_rules *rules, bool update, vb_error *err)
{
    vb_record_mode mode = update ? VB_RECORD_UPDATE : VB_RECORD_SAME;
    int changed = compare_rules(reg, rules, update, err), r;

    if (changed <= 0 && !update)
        return changed;
    r = changed < 0 ? changed : put_instrument(reg, rules, mode, err);
    changed = changed > 0 || r > 0;
    for (size_t i = 0; r >= 0 && i < rules->ndetectors; i++) {
        r = put_detector(reg, rules, &rules->detectors[i], mode, err);
        changed |= r > 0;
    }
    if (r >= 0)
        r = put_visit_system(reg, rules, err);
    if (r >= 0 && changed)
        r = vb_instrument_rules_put(reg, rules->name, rules->source, err);
    return r < 0 ? r : changed;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static int add(vb_instruments *all, const char *name, const char *text, size_t n, vb_error *err)
{
    vb_auto(vb_rules_free) vb_rules *rules = NULL;
    int r = vb_rules_load(name, text, n, &rules, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->rules[i]->name, rules->name))
            return 0;
    *VB_PUSH(all->rules, all->count, all->cap) = VB_STEAL(rules);
    return 0;
}

static int add_registered(vb_registry *reg, vb_instruments *all, vb_error *err)
{
    char **names = NULL;
    int r = vb_instrument_rules_list(reg, &names, err);

    for (char **name = names; r >= 0 && name && *name; name++) {
        vb_autofree char *text = NULL;

        r = vb_instrument_rules_get(reg, *name, &text, err);
        if (r > 0)
            r = add(all, *name, text, strlen(text), err);
    }
    vb_strv_free(names);
    all->registered = all->count;
    return r < 0 ? r : 0;
}

int vb_instruments_load(vb_registry *reg, vb_instruments *out, vb_error *err)
{
    const char *file, *text;
    size_t n;
    int r;

    *out = (vb_instruments){0};
    r = add_registered(reg, out, err);
    for (size_t i = 0; !r && (text = vb_instrument_rules_builtin(i, &file, &n)); i++)
        r = add(out, file, text, n, err);
    if (r < 0)
        vb_instruments_clear(out);
    return r;
}

void vb_instruments_clear(vb_instruments *all)
{
    for (size_t i = 0; i < all->count; i++)
        vb_rules_free(all->rules[i]);
    free(all->rules);
    *all = (vb_instruments){0};
}

int vb_instruments_find(const vb_instruments *all, const char *name, vb_rules **out, vb_error *err)
{
    char **names = NULL;
    const char *near;

    for (size_t i = 0; i < all->registered; i++) {
        if (!strcmp(all->rules[i]->name, name)) {
            vb_strv_free(names);
            *out = all->rules[i];
            return 0;
        }
        vb_strv_add(&names, all->rules[i]->name);
    }
    vb_fail(err, -ENOENT, "no instrument '%s' is registered", name);
    near = vb_nearest(name, (const char *const *)names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    vb_strv_free(names);
    return -ENOENT;
}
