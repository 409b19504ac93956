#include "fs/ingest/visits.h"

#include "fs/ingest/element.h"
#include "fs/ingest/instrument.h"
#include "registry/base/mem.h"

static int new_record(vb_registry *reg, const char *element, const vb_record *exposure, vb_record *out, vb_error *err)
{
    static const char *const ids[][2] = {{"instrument", "instrument"}, {"exposure", "exposure"}, {"visit", "exposure"}};
    int r = vb_element_record(reg, element, out, err);

    for (size_t i = 0; !r && i < VB_COUNT(ids); i++)
        vb_record_set(out, ids[i][0], vb_value_copy(vb_record_value(exposure, ids[i][1])));
    return r;
}

/* The hull of what the visit had and what is new; the region that it had comes first, so that it stays as it
 * is where nothing lies outside. */
static int widen(const vb_record *visit, const vb_detector_region *regions, size_t count, vb_region *out, vb_error *err)
{
    const vb_value *bytes = visit->element ? vb_record_value(visit, "region") : NULL;
    vb_vec3 *points = NULL;
    vb_auto_region had = {0};
    size_t n = 0, cap = 0;
    int r = bytes && bytes->kind == VB_BYTES ? vb_region_decode(bytes->bytes, bytes->len, &had, err) : 0;

    if (!r && had.kind == VB_REGION_POLYGON)
        for (size_t i = 0; i < had.count; i++)
            *VB_PUSH(points, n, cap) = vb_region_vertices(&had)[i];
    for (size_t k = 0; !r && k < count; k++)
        for (size_t i = 0; i < regions[k].region->count; i++)
            *VB_PUSH(points, n, cap) = vb_region_vertices(regions[k].region)[i];
    if (!r)
        r = vb_region_hull(points, n, out, err);
    free(points);
    return r;
}

static int put_visit(vb_registry *reg, const vb_record *exposure, const vb_detector_region *regions, size_t count,
                     vb_error *err)
{
    static const char *const same[] = {"physical_filter",    "day_obs",        "seq_num",      "exposure_time",
                                       "target_name",        "azimuth",        "zenith_angle", "science_program",
                                       "observation_reason", "timespan_begin", "timespan_end"};
    vb_auto_record visit = {0}, had = {0};
    vb_auto_region region = {0};
    int r = new_record(reg, "visit", exposure, &visit, err);

    if (r < 0)
        return r;
    r = vb_element_find(reg, &visit, &had, err);
    if (r >= 0)
        r = widen(&had, regions, count, &region, err);
    if (r < 0)
        return r;
    vb_record_set(&visit, "name", vb_value_copy(vb_record_value(exposure, "obs_id")));
    for (size_t i = 0; i < VB_COUNT(same); i++) {
        const vb_value *v = vb_record_value(exposure, same[i]);

        if (v)
            vb_record_set(&visit, same[i], vb_value_copy(v));
    }
    vb_record_set(&visit, "visit_system", vb_value_int(VB_VISIT_SYSTEM)); /* universes before 2 */
    vb_record_set_region(&visit, &region);
    return vb_record_put(reg, &visit, VB_RECORD_UPDATE, err);
}

static int put_relation(vb_registry *reg, const char *element, const vb_record *exposure, vb_error *err)
{
    vb_auto_record record = {0};
    int r;

    if (!vb_universe_find(vb_registry_universe(reg), element))
        return 0;
    r = new_record(reg, element, exposure, &record, err);
    if (r < 0)
        return r;
    vb_record_set(&record, "visit_system", vb_value_int(VB_VISIT_SYSTEM));
    return vb_record_put(reg, &record, VB_RECORD_KEEP, err);
}

static int put_detector(vb_registry *reg, const vb_record *exposure, const vb_detector_region *d, vb_error *err)
{
    vb_auto_record record = {0};
    int r = new_record(reg, "visit_detector_region", exposure, &record, err);

    if (r < 0)
        return r;
    vb_record_set(&record, "detector", vb_value_int(d->detector));
    vb_record_set_region(&record, d->region);
    return vb_record_put(reg, &record, VB_RECORD_UPDATE, err);
}

int vb_visit_define(vb_registry *reg, const vb_record *exposure, const vb_detector_region *regions, size_t count,
                    vb_error *err)
{
    static const char *const relations[] = {"visit_definition", "visit_system_membership"};
    int changed, r = put_visit(reg, exposure, regions, count, err);

    changed = r > 0;
    for (size_t i = 0; r >= 0 && i < VB_COUNT(relations); i++) {
        r = put_relation(reg, relations[i], exposure, err);
        changed |= r > 0;
    }
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = put_detector(reg, exposure, &regions[i], err);
        changed |= r > 0;
    }
    return r < 0 ? r : changed;
}
