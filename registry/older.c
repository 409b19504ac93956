#include "registry/older.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/time.h"

#include <string.h>

static const struct rule {
    const char *element, *field;
    int before; /* universes below this have it */
    vb_older what;
} rules[] = {
    {"visit", "seeing", 1, VB_OLDER_DROP},
    {"visit", "visit_system", 2, VB_OLDER_MEMBERSHIP},
    {"visit_definition", "visit_system", 2, VB_OLDER_DROP},
    {"exposure", "group_name", 6, VB_OLDER_GROUP},
    {"exposure", "group_id", 6, VB_OLDER_DROP},
};

vb_older vb_older_field(int from, const char *element, const char *field)
{
    for (size_t i = 0; i < VB_COUNT(rules); i++)
        if (from < rules[i].before && !strcmp(rules[i].element, element) && !strcmp(rules[i].field, field))
            return rules[i].what;
    return VB_OLDER_UNKNOWN;
}

static int day_offset(const vb_bringing_up *b, const vb_record *record, int64_t *offset, vb_error *err)
{
    const vb_value *instrument = vb_record_value(record, "instrument");

    *offset = 0;
    return b->day_offset && instrument && instrument->kind == VB_TEXT
               ? b->day_offset(b->arg, instrument->text, offset, err)
               : 0;
}

static int put(vb_bringing_up *b, vb_record *record, vb_error *err)
{
    int r = vb_record_put(b->reg, record, VB_RECORD_KEEP, err);

    if (r >= 0)
        *(r ? &b->records : &b->there) += 1;
    return r < 0 ? r : 0;
}

/* visit.day_obs, which universes before 1 do not have: the night of its begin. */
static int derive_day_obs(vb_bringing_up *b, vb_record *record, vb_error *err)
{
    vb_value *day = vb_record_value(record, "day_obs"), *begin = vb_record_value(record, "timespan_begin");
    vb_timespan night;
    int64_t offset;
    int r;

    if (b->from >= 1 || strcmp(record->element->name, "visit") || !day || day->kind != VB_NULL)
        return 0;
    if (!begin || begin->kind != VB_INT)
        return vb_fail(err, -ENODATA, "a visit of universe 0 has no datetime_begin, which tells its day_obs");
    r = day_offset(b, record, &offset, err);
    if (r >= 0)
        *day = vb_value_int(vb_day_obs(begin->i, offset, &night));
    return r < 0 ? r : 0;
}

/* The element that a record implies, if it has one, and its value there of that kind. */
static const vb_element *implied(const vb_record *record, const char *name, vb_kind kind, const vb_value **value)
{
    const vb_element *e = vb_universe_find(record->universe, name);

    *value = e && vb_dimset_has(record->element->implied, e->index) ? vb_record_value(record, name) : NULL;
    return *value && (*value)->kind == kind ? e : NULL;
}

/* The night as a record, which universes before 6 do not have. */
static int put_day_obs(vb_bringing_up *b, const vb_record *of, vb_error *err)
{
    const vb_value *day;
    const vb_element *e = implied(of, "day_obs", VB_INT, &day);
    vb_auto_record record = {0};
    vb_auto_buf iso = {0};
    int64_t offset, begin;
    int r;

    if (b->from >= 6 || !e)
        return 0;
    r = day_offset(b, of, &offset, err);
    if (r < 0)
        return r;
    record = vb_record_new(b->reg, e);
    vb_record_set(&record, "instrument", vb_value_copy(vb_record_value(of, "instrument")));
    vb_record_set(&record, "day_obs", vb_value_int(day->i));
    vb_buf_printf(&iso, "%04d-%02d-%02d", (int)(day->i / 10000 % 10000), (int)(day->i / 100 % 100),
                  (int)(day->i % 100));
    if (r && !vb_time_parse_iso(iso.data, VB_SCALE_TAI, &begin, NULL)) {
        begin += offset;
        vb_record_set_timespan(&record, (vb_timespan){begin, begin + INT64_C(86400000000000)});
    }
    return put(b, &record, err);
}

static int put_group(vb_bringing_up *b, const vb_record *of, vb_error *err)
{
    const vb_value *group;
    const vb_element *e = implied(of, "group", VB_TEXT, &group);
    vb_auto_record record = {0};

    if (b->from >= 6 || !e)
        return 0;
    record = vb_record_new(b->reg, e);
    vb_record_set(&record, "instrument", vb_value_copy(vb_record_value(of, "instrument")));
    vb_record_set(&record, "group", vb_value_copy(group));
    return put(b, &record, err);
}

int vb_older_before(vb_bringing_up *b, vb_record *record, vb_error *err)
{
    int r = derive_day_obs(b, record, err);

    if (!r)
        r = put_day_obs(b, record, err);
    return r < 0 ? r : put_group(b, record, err);
}

int vb_older_after(vb_bringing_up *b, const vb_record *of, const vb_value *visit_system, vb_error *err)
{
    const vb_element *e = vb_universe_find(of->universe, "visit_system_membership");
    vb_auto_record record = {0};

    if (!visit_system || visit_system->kind == VB_NULL || !e)
        return 0;
    record = vb_record_new(b->reg, e);
    vb_record_set(&record, "instrument", vb_value_copy(vb_record_value(of, "instrument")));
    vb_record_set(&record, "visit", vb_value_copy(vb_record_value(of, "visit")));
    vb_record_set(&record, "visit_system", vb_value_copy(visit_system));
    return put(b, &record, err);
}
