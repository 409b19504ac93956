#include "fs/ingest/exposure.h"

#include "fs/ingest/element.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static const double MAX_SECONDS = 1e7;

/* ---- reading ------------------------------------------------------------------------------------------- */

/* The card that a field comes from, for messages. */
static const char *card_of(const vb_rules *rules, vb_exposure_field field)
{
    const vb_ways *ways = &rules->exposure[field];

    return ways->count && ways->rules[0].cards ? ways->rules[0].cards[0] : vb_exposure_field_name(field);
}

static int missing(const vb_rules *rules, vb_exposure_field field, vb_error *err)
{
    return vb_fail(err, -EINVAL, "no card tells its %s (%s)", vb_exposure_field_name(field), card_of(rules, field));
}

static int read_scale(const vb_exposure *e, vb_timescale *out, vb_error *err)
{
    const vb_value *v = &e->fields[VB_EXPOSURE_TIMESCALE];

    *out = VB_SCALE_UTC;
    if (v->kind != VB_TEXT || !strncasecmp(v->text, "UTC", 3))
        return 0;
    *out = VB_SCALE_TAI;
    return strncasecmp(v->text, "TAI", 3) ? vb_fail(err, -EINVAL, "its time scale '%s' is neither UTC nor TAI", v->text)
                                          : 0;
}

static int read_begin(const vb_rules *rules, vb_exposure *e, vb_error *err)
{
    const vb_value *v = &e->fields[VB_EXPOSURE_BEGIN];
    vb_timescale scale;
    int r = read_scale(e, &scale, err);

    if (r < 0)
        return r;
    if (v->kind == VB_REAL)
        r = vb_time_from_mjd(v->d, scale, &e->timespan.begin, err);
    else if (v->kind == VB_TEXT && !strpbrk(v->text, "T "))
        r = vb_fail(err, -EINVAL, "'%s' tells no time of the day", v->text);
    else if (v->kind == VB_TEXT)
        r = vb_time_parse_iso(v->text, scale, &e->timespan.begin, err);
    else
        return missing(rules, VB_EXPOSURE_BEGIN, err);
    return r < 0 ? vb_error_context(err, "%s", card_of(rules, VB_EXPOSURE_BEGIN)) : 0;
}

static bool number_of(const vb_value *v, double *out)
{
    if (v->kind == VB_REAL)
        *out = v->d;
    return v->kind == VB_REAL || (v->kind == VB_TEXT && vb_parse_double(v->text, out) && isfinite(*out));
}

static int read_timespan(const vb_rules *rules, vb_exposure *e, vb_error *err)
{
    double seconds;
    vb_timespan day;
    int r = read_begin(rules, e, err);

    if (r < 0)
        return r;
    if (e->fields[VB_EXPOSURE_TIME].kind == VB_NULL)
        return missing(rules, VB_EXPOSURE_TIME, err);
    if (!number_of(&e->fields[VB_EXPOSURE_TIME], &seconds) || seconds < 0 || seconds > MAX_SECONDS)
        return vb_fail(err, -EINVAL, "%s is no time in seconds", card_of(rules, VB_EXPOSURE_TIME));
    e->timespan.end = e->timespan.begin + llround(seconds * 1e9);
    e->day_obs = vb_day_obs(e->timespan.begin, rules->day_offset, &day);
    return 0;
}

static int read_filter(const vb_rules *rules, vb_exposure *e, vb_error *err)
{
    const vb_value *v = &e->fields[VB_EXPOSURE_FILTER];
    vb_auto_buf band = {0};
    int r;

    if (v->kind != VB_TEXT || !*v->text)
        return missing(rules, VB_EXPOSURE_FILTER, err);
    r = vb_rules_band(rules, v->text, &band, err);
    if (r < 0)
        return r;
    e->filter = vb_strdup(v->text);
    e->band = vb_buf_steal(&band);
    return 0;
}

static int read_id(const vb_rules *rules, vb_exposure *e, vb_error *err)
{
    const vb_value *v = &e->fields[VB_EXPOSURE_ID];

    if (v->kind == VB_NULL)
        return missing(rules, VB_EXPOSURE_ID, err);
    if (!vb_value_integer(v, &e->id) || e->id < 0)
        return vb_fail(err, -EINVAL, "its exposure number '%s' (%s) is no integer", v->kind == VB_TEXT ? v->text : "?",
                       card_of(rules, VB_EXPOSURE_ID));
    if (rules->exposure_max >= 0 && e->id >= rules->exposure_max)
        return vb_fail(err, -EINVAL, "its exposure number %" PRId64 " is not below %s's maximum %" PRId64, e->id,
                       rules->name, rules->exposure_max);
    return 0;
}

static bool is_true(const vb_value *v)
{
    static const char *const words[] = {"true", "T", "yes", "1"};

    for (size_t i = 0; v->kind == VB_TEXT && i < VB_COUNT(words); i++)
        if (!strcasecmp(v->text, words[i]))
            return true;
    return v->kind == VB_REAL && v->d != 0;
}

int vb_exposure_read(const vb_rules *rules, const vb_header *header, vb_exposure *out, vb_error *err)
{
    const vb_value *sky = &out->fields[VB_EXPOSURE_CAN_SEE_SKY];
    int r = 0;

    *out = (vb_exposure){0};
    for (int i = 0; r >= 0 && i < VB_EXPOSURE_FIELDS; i++)
        r = vb_ways_value(&rules->exposure[i], header, &out->fields[i], err);
    if (r < 0)
        return r;
    r = read_id(rules, out, err);
    if (!r)
        r = read_timespan(rules, out, err);
    if (!r)
        r = read_filter(rules, out, err);
    out->sees_sky = sky->kind == VB_NULL || is_true(sky);
    return r;
}

void vb_exposure_clear(vb_exposure *e)
{
    free(e->filter);
    free(e->band);
    for (int i = 0; i < VB_EXPOSURE_FIELDS; i++)
        vb_value_clear(&e->fields[i]);
    *e = (vb_exposure){0};
}

const char *vb_exposure_difference(const vb_exposure *a, const vb_exposure *b)
{
    if (a->timespan.begin != b->timespan.begin)
        return vb_exposure_field_name(VB_EXPOSURE_BEGIN);
    if (a->timespan.end != b->timespan.end)
        return vb_exposure_field_name(VB_EXPOSURE_TIME);
    if (strcmp(a->filter, b->filter))
        return vb_exposure_field_name(VB_EXPOSURE_FILTER);
    if (vb_value_compare(&a->fields[VB_EXPOSURE_OBS_ID], &b->fields[VB_EXPOSURE_OBS_ID]))
        return vb_exposure_field_name(VB_EXPOSURE_OBS_ID);
    return NULL;
}

/* ---- records ------------------------------------------------------------------------------------------- */

/* Cuts text to at most `limit` characters; they are bytes that are well-formed UTF-8, or are taken for
 * Latin-1's '?'. */
static vb_value cut_text(const char *text, int limit)
{
    vb_auto_buf out = {0};
    size_t n = strlen(text);

    for (int i = 0; n && (limit <= 0 || i < limit); i++) {
        size_t width = vb_utf8_width(text, n);

        if (width)
            vb_buf_add(&out, text, width);
        else
            vb_buf_putc(&out, '?');
        text += width ? width : 1;
        n -= width ? width : 1;
    }
    return vb_value_text(vb_buf_text(&out));
}

/* A value as its column wants it. */
static int convert(const vb_field *field, const vb_value *v, vb_value *out, vb_error *err)
{
    vb_auto_buf text = {0};
    int64_t integer;
    double number;

    switch (field->type) {
    case VB_FIELD_BOOL: *out = vb_value_int(is_true(v)); return 0;
    case VB_FIELD_FLOAT:
        if (!number_of(v, &number))
            break;
        *out = vb_value_real(number);
        return 0;
    case VB_FIELD_INT:
        if (!vb_value_integer(v, &integer))
            break;
        *out = vb_value_int(integer);
        return 0;
    case VB_FIELD_STRING:
        vb_value_print(v, &text);
        *out = cut_text(vb_buf_text(&text), field->length);
        return 0;
    case VB_FIELD_HASH: break;
    }
    vb_value_print(v, &text);
    return vb_fail(err, -EINVAL, "its %s is '%.60s', which is no number", field->name, vb_buf_text(&text));
}

static int set_field(vb_record *record, int number, const vb_value *v, vb_error *err)
{
    const char *name = vb_exposure_field_name(number);
    const vb_field *field = vb_element_field(record->element, name);
    vb_value value = {0};
    int r;

    if (!field || v->kind == VB_NULL)
        return 0;
    r = convert(field, v, &value, err);
    if (!r)
        vb_record_set(record, name, value);
    return r;
}

/* What the rules left open. */
static void set_defaults(vb_record *r, const vb_exposure *e)
{
    static const char *const copies[][2] = {{"dark_time", "exposure_time"},
                                            {"seq_start", "seq_num"},
                                            {"seq_end", "seq_num"}};
    vb_value *seq = vb_record_value(r, "seq_num"), *obs_id = vb_record_value(r, "obs_id");
    char number[32];

    snprintf(number, sizeof number, "%" PRId64, e->id);
    if (seq && seq->kind == VB_NULL)
        *seq = vb_value_int(e->id);
    if (obs_id && obs_id->kind == VB_NULL)
        *obs_id = vb_value_text(number);
    for (size_t i = 0; i < VB_COUNT(copies); i++) {
        vb_value *to = vb_record_value(r, copies[i][0]), *from = vb_record_value(r, copies[i][1]);

        if (to && from && to->kind == VB_NULL)
            *to = vb_value_copy(from);
    }
    vb_record_set(r, "can_see_sky", vb_value_int(e->sees_sky));
}

static vb_value group_name(const vb_exposure *e)
{
    const vb_value *v = &e->fields[VB_EXPOSURE_GROUP];
    vb_auto_buf text = {0};

    vb_value_print(v, &text);
    if (v->kind == VB_NULL)
        vb_buf_printf(&text, "%" PRId64, e->id);
    return cut_text(vb_buf_text(&text), 64);
}

int vb_exposure_record(vb_registry *reg, const vb_rules *rules, const vb_exposure *e, vb_record *out, vb_error *err)
{
    int r = vb_element_record(reg, "exposure", out, err);

    if (r < 0)
        return r;
    vb_record_set(out, "instrument", vb_value_text(rules->name));
    vb_record_set(out, "exposure", vb_value_int(e->id));
    vb_record_set(out, "physical_filter", vb_value_text(e->filter));
    vb_record_set(out, "day_obs", vb_value_int(e->day_obs));
    vb_record_set(out, "group", group_name(e));
    vb_record_set_timespan(out, e->timespan);
    for (int i = VB_EXPOSURE_OBS_ID; !r && i < VB_EXPOSURE_FIELDS; i++)
        if (i != VB_EXPOSURE_FILTER && i != VB_EXPOSURE_GROUP)
            r = set_field(out, i, &e->fields[i], err);
    set_defaults(out, e);
    return r;
}

/* Puts a record of an element that not every universe has. */
static int put_new(vb_registry *reg, const char *name, const vb_rules *rules, vb_value key, const char *column,
                   vb_value value, const vb_timespan *span, vb_error *err)
{
    const vb_element *element = vb_universe_find(vb_registry_universe(reg), name);
    vb_auto_record record = {0};
    int r;

    if (!element) {
        vb_value_clear(&key);
        vb_value_clear(&value);
        return 0;
    }
    record = vb_record_new(reg, element);
    vb_record_set(&record, "instrument", vb_value_text(rules->name));
    vb_record_set(&record, name, key);
    if (column)
        vb_record_set(&record, column, value);
    if (span)
        vb_record_set_timespan(&record, *span);
    r = vb_record_put(reg, &record, VB_RECORD_SAME, err);
    return r < 0 ? r : 0;
}

int vb_exposure_put(vb_registry *reg, const vb_rules *rules, const vb_exposure *e, vb_record_mode mode, vb_error *err)
{
    vb_auto_record record = {0};
    vb_timespan day;
    int r = put_new(reg, "physical_filter", rules, vb_value_text(e->filter), "band", vb_value_text(e->band), NULL, err);

    vb_day_obs(e->timespan.begin, rules->day_offset, &day);
    if (!r)
        r = put_new(reg, "day_obs", rules, vb_value_int(e->day_obs), NULL, (vb_value){0}, &day, err);
    if (!r)
        r = put_new(reg, "group", rules, group_name(e), NULL, (vb_value){0}, NULL, err);
    if (!r)
        r = vb_exposure_record(reg, rules, e, &record, err);
    if (!r)
        r = vb_record_put(reg, &record, mode, err);
    return r < 0 ? r : 0;
}
