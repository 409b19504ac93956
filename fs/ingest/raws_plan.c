#include "fs/ingest/raws_plan.h"

#include "registry/dataset_uuid.h"

#include "fs/ingest/artifact.h"
#include "fs/ingest/element.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/lookup.h"

#include <inttypes.h>
#include <string.h>

/* A dataset that some file of this ingest has: type and data ID. */
struct vb_raws_seen {
    struct {
        size_t type;
        int64_t exposure, detector;
    } key;
    const char *path;
    UT_hash_handle hh;
};

/* ---- exposures ----------------------------------------------------------------------------------------- */

/* Why a record that the registry has cannot be that of the file; all columns count where the file tells them
 * best. */
static int compare_record(const vb_record *file, const vb_record *there, bool all, vb_error *err)
{
    static const char *const identity[] = {"timespan_begin", "timespan_end", "physical_filter", "obs_id", NULL};

    for (int i = 0; i < vb_record_columns(file); i++) {
        const char *name = vb_record_column(file, i);
        vb_auto_buf is = {0}, wanted = {0};

        if (!vb_value_compare(&file->values[i], &there->values[i]) ||
            (!all && !vb_strv_has((char *const *)identity, name)))
            continue;
        vb_value_print(&there->values[i], &is);
        vb_value_print(&file->values[i], &wanted);
        vb_fail(err, -EEXIST, "its exposure is registered with another %s: '%.60s', here it is '%.60s'", name,
                vb_buf_text(&is), vb_buf_text(&wanted));
        vb_hint(err, "--update-records takes the values of the files");
        return -EEXIST;
    }
    return 0;
}

/* NULL in a universe whose exposures have none. */
static const char *obs_id_of(const vb_record *record)
{
    const vb_value *v = vb_record_value(record, "obs_id");

    return v && v->kind == VB_TEXT ? v->text : NULL;
}

/* -EEXIST where another exposure has the obs_id, in the registry or among the files. */
static int check_obs_id(vb_raws_plan *plan, const vb_scan *scan, const vb_record *record, const char *key,
                        vb_error *why, vb_error *err)
{
    const char *obs_id = obs_id_of(record);
    vb_auto_value other = {0};
    vb_auto_dataid id = {0};
    vb_raws_exposure *e;
    int r;

    if (!obs_id)
        return 0;
    vb_record_dataid(record, plan->reg, &id);
    r = vb_dimension_by_key(plan->reg, record->element, "obs_id", obs_id, &id, &other, err);
    if (r < 0)
        return r;
    if (r && other.i != scan->exposure.id)
        return vb_fail(why, -EEXIST, "its obs_id '%s' is that of exposure %" PRId64 ", which is registered", obs_id,
                       other.i);
    HASH_FIND(by_obs_id, plan->by_obs_id, key, strlen(key), e);
    return !e ? 0
              : vb_fail(why, -EEXIST, "its obs_id '%s' is that of %s, which is exposure %" PRId64, obs_id,
                        e->first->path, e->key.id);
}

/* What the registry says against an exposure is told in `why`; *obs_id is the caller's. */
static int check_registered(vb_raws_plan *plan, const vb_scan *scan, char **obs_id, vb_error *why, vb_error *err)
{
    vb_auto_record record = {0}, there = {0};
    int r = vb_exposure_record(plan->reg, scan->rules, &scan->exposure, &record, why);

    if (r < 0)
        return r;
    *obs_id = obs_id_of(&record) ? vb_format("%s %s", scan->rules->name, obs_id_of(&record))
                                 : vb_format("%s %" PRId64, scan->rules->name, scan->exposure.id);
    r = check_obs_id(plan, scan, &record, *obs_id, why, err);
    if (r < 0 || plan->options->update_records)
        return r;
    r = vb_element_find(plan->reg, &record, &there, err);
    return r <= 0 ? r : compare_record(&record, &there, scan->type->region, why);
}

static int add_exposure(vb_raws_plan *plan, vb_scan *scan, vb_raws_exposure **out, vb_error *err)
{
    vb_autofree char *obs_id = NULL;
    vb_raws_exposure *e;
    int r = check_registered(plan, scan, &obs_id, &scan->error, err);

    if (scan->error.code || r < 0)
        return scan->error.code ? 0 : r;
    e = VB_NEW(vb_raws_exposure); /* zeroed, its padding too: the key is hashed whole */
    e->key.rules = scan->rules;
    e->key.id = scan->exposure.id;
    e->first = scan;
    e->obs_id = VB_STEAL(obs_id);
    HASH_ADD(hh, plan->exposures, key, sizeof e->key, e);
    HASH_ADD_KEYPTR(by_obs_id, plan->by_obs_id, e->obs_id, strlen(e->obs_id), e);
    *out = e;
    return 0;
}

static int find_exposure(vb_raws_plan *plan, vb_scan *scan, vb_raws_exposure **out, vb_error *err)
{
    vb_raws_exposure probe = {0};
    const char *difference;

    probe.key.rules = scan->rules;
    probe.key.id = scan->exposure.id;
    HASH_FIND(hh, plan->exposures, &probe.key, sizeof probe.key, *out);
    if (!*out)
        return add_exposure(plan, scan, out, err);
    difference = vb_exposure_difference(&(*out)->first->exposure, &scan->exposure);
    if (difference)
        vb_fail(&scan->error, -EINVAL, "its %s is not that of %s, which is exposure %" PRId64 " too", difference,
                (*out)->first->path, probe.key.id);
    return 0;
}

/* ---- dataset types ------------------------------------------------------------------------------------- */

static int find_type(vb_raws_plan *plan, const vb_scan *scan, size_t *out, vb_error *err)
{
    static char *dimensions[] = {(char *)"instrument", (char *)"exposure", (char *)"detector", NULL};
    const vb_collection *run;
    vb_raws_type *t;
    int r;

    for (*out = 0; *out < plan->ntypes; ++*out)
        if (plan->types[*out].rule == scan->type)
            return 0;
    t = VB_PUSH(plan->types, plan->ntypes, plan->types_cap);
    t->rules = scan->rules;
    t->rule = scan->type;
    t->run = plan->options->run ? plan->options->run : scan->rules->run;
    t->wanted = (vb_dataset_type){.name = t->rule->name,
                                  .storage_class = t->rule->storage_class,
                                  .extension = t->rule->extension};
    r = vb_universe_conform_names(vb_registry_universe(plan->reg), dimensions, &t->wanted.group, err);
    if (r < 0)
        return r;
    if (vb_dataset_type_find(plan->reg, t->wanted.name, &t->type, NULL) < 0 || t->type->group != t->wanted.group)
        t->type = NULL;
    if (!vb_collection_find(plan->reg, t->run, &run, NULL))
        *VB_PUSH(t->search.items, t->search.count, t->search.cap) = run;
    return 0;
}

static void fill_dataid(const vb_raws_type *t, int64_t exposure, int64_t detector, vb_dataid *out)
{
    *out = (vb_dataid){.group = t->wanted.group};
    for (int i = 0; i < out->group->nrequired; i++) {
        const char *name = out->group->dims[i]->name;

        out->values[i] = !strcmp(name, "instrument") ? vb_value_text(t->rules->name)
                         : !strcmp(name, "exposure") ? vb_value_int(exposure)
                                                     : vb_value_int(detector);
    }
}

/* ---- datasets ------------------------------------------------------------------------------------------ */

/* False where another file of this ingest has the same dataset; the scan's error tells. */
static bool claim(vb_raws_plan *plan, vb_scan *scan, size_t type, const vb_dataid *id, int64_t detector)
{
    struct vb_raws_seen *seen, probe = {0};
    vb_auto_buf text = {0};

    probe.key.type = type;
    probe.key.exposure = scan->exposure.id;
    probe.key.detector = detector;
    HASH_FIND(hh, plan->seen, &probe.key, sizeof probe.key, seen);
    if (seen) {
        vb_dataid_print(id, &text);
        vb_fail(&scan->error, -EEXIST, "is %s %s, as %s is", scan->type->name, vb_buf_text(&text), seen->path);
        return false;
    }
    seen = VB_NEW(struct vb_raws_seen);
    seen->key = probe.key;
    seen->path = scan->path;
    HASH_ADD(hh, plan->seen, key, sizeof seen->key, seen);
    return true;
}

static void refuse_existing(vb_scan *scan, const vb_raws_type *t, const vb_dataid *id)
{
    vb_auto_buf text = {0};

    vb_dataid_print(id, &text);
    vb_fail(&scan->error, -EEXIST, "%s %s is in %s already", t->rule->name, vb_buf_text(&text), t->run);
    vb_hint(&scan->error, "--skip-existing-exposures leaves out what is there");
}

/* 1: planned; 0: it is there already, and that is well, or the scan's error says why not. */
static int plan_part(vb_raws_plan *plan, vb_scan *scan, const vb_scan_part *part, size_t type,
                     vb_raws_exposure *exposure, vb_error *err)
{
    const vb_raws_type *t = &plan->types[type];
    vb_auto_dataset there = {0};
    vb_dataid id;
    int r = 0;

    fill_dataid(t, scan->exposure.id, part->detector->id, &id);
    if (t->type && t->search.count)
        r = vb_dataset_find(plan->reg, t->type, &id, &t->search, &there, err);
    if (r > 0 && !plan->options->skip_existing)
        refuse_existing(scan, t, &id);
    if (r || !claim(plan, scan, type, &id, part->detector->id)) {
        vb_dataid_clear(&id);
        return r < 0 ? r : 0;
    }
    *VB_PUSH(plan->items, plan->nitems,
             plan->items_cap) = (vb_raws_item){.scan = (size_t)(scan - plan->scans),
                                               .type = type,
                                               .transfer = SIZE_MAX,
                                               .part = part,
                                               .exposure = exposure,
                                               .uuid = vb_dataset_uuid(VB_ID_DATAID_TYPE_RUN, t->wanted.name, t->run,
                                                                       &id),
                                               .dataid = id};
    return 1;
}

static void drop_items(vb_raws_plan *plan, size_t from)
{
    while (plan->nitems > from)
        vb_dataid_clear(&plan->items[--plan->nitems].dataid);
}

static int plan_scan(vb_raws_plan *plan, vb_scan *scan, vb_error *err)
{
    size_t before = plan->nitems, type;
    vb_raws_exposure *exposure;
    int r = find_exposure(plan, scan, &exposure, err);

    if (r < 0 || scan->error.code)
        return r;
    r = find_type(plan, scan, &type, err);
    for (size_t i = 0; r >= 0 && !scan->error.code && i < scan->count; i++)
        r = plan_part(plan, scan, &scan->parts[i], type, exposure, err);
    if (scan->error.code)
        drop_items(plan, before);
    else if (r >= 0 && plan->nitems == before)
        plan->existing++;
    return r < 0 ? r : 0;
}

int vb_raws_plan_make(vb_raws_plan *plan, vb_error *err)
{
    int r = 0;

    /* First the images themselves: their headers tell an exposure best. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; !r && i < plan->nscans; i++)
            if (!plan->scans[i].error.code && plan->scans[i].type->region == !pass)
                r = plan_scan(plan, &plan->scans[i], err);
    return r;
}

/* ---- transfers ----------------------------------------------------------------------------------------- */

/* A file of one detector is named by its data ID, one of several by what they share. */
static void add_transfer(vb_raws_plan *plan, vb_transfer *transfer, const vb_raws_item *item)
{
    static char *shared[] = {(char *)"instrument", (char *)"exposure", NULL};
    const vb_raws_type *t = &plan->types[item->type];
    const vb_group *group = t->wanted.group;
    vb_auto_dataid id = {0};

    if (item->part->hdu >= 0)
        vb_universe_conform_names(vb_registry_universe(plan->reg), shared, &group, NULL);
    vb_dataid_project(&item->dataid, group, &id);
    vb_artifact_add(transfer, plan->scans[item->scan].path, t->run, &t->wanted, &id, &item->uuid);
}

void vb_raws_plan_transfers(vb_raws_plan *plan, vb_transfer *transfer)
{
    size_t last = SIZE_MAX;

    for (size_t i = 0; i < plan->nitems; i++) {
        if (plan->items[i].scan != last)
            add_transfer(plan, transfer, &plan->items[i]);
        last = plan->items[i].scan;
        plan->items[i].transfer = transfer->count - 1;
    }
}

void vb_raws_plan_clear(vb_raws_plan *plan)
{
    vb_raws_exposure *e, *next_e;
    struct vb_raws_seen *s, *next_s;

    HASH_CLEAR(by_obs_id, plan->by_obs_id);
    HASH_ITER(hh, plan->exposures, e, next_e) {
        HASH_DEL(plan->exposures, e);
        free(e->obs_id);
        free(e->regions);
        free(e);
    }
    HASH_ITER(hh, plan->seen, s, next_s) {
        HASH_DEL(plan->seen, s);
        free(s);
    }
    for (size_t i = 0; i < plan->ntypes; i++)
        vb_search_clear(&plan->types[i].search);
    free(plan->types);
    drop_items(plan, 0);
    free(plan->items);
    for (size_t i = 0; i < plan->nscans; i++)
        vb_scan_clear(&plan->scans[i]);
    free(plan->scans);
}
