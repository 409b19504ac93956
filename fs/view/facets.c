#include "fs/view/facets.h"

#include "fs/view/names.h"
#include "registry/base/mem.h"
#include "registry/record.h"

#include <string.h>

/* ---- values ----------------------------------------------------------------------------------------------- */

static bool spells(const char *component, const vb_element *dimension, const vb_value *value)
{
    vb_auto_buf again = {0};

    vb_name_facet(&again, dimension->name, value);
    return !strcmp(vb_buf_text(&again), component);
}

/* Where the head of a component that was cut begins several values, its hash tells which.  They are found by their
 * order: no others are read. */
static int find_cut(vb_call *c, const vb_faceted *f, const vb_element *dimension, const char *component, vb_value *out)
{
    enum { PAGE = 16, LIMIT = 4096 };
    vb_auto_buf head = {0};
    vb_auto_value after = {0};
    int r = 0, found = 0;
    bool more = dimension->keys[0].type != VB_FIELD_INT &&
                vb_name_head(component, strlen(dimension->name) + 1, &head) && head.len;

    after = vb_value_text(vb_buf_text(&head));
    for (int seen = 0; !r && !found && more && seen < LIMIT; seen += PAGE) {
        vb_value values[PAGE] = {{0}};
        size_t n = 0;

        r = vb_faceted_values(c->reg, f, dimension, &after, PAGE, values, &n, NULL);
        more = n == PAGE && !strncmp(values[n - 1].text, vb_buf_text(&head), head.len);
        for (size_t i = 0; i < n; i++) {
            vb_value_clear(&after);
            after = values[i];
            if (!found && spells(component, dimension, &after)) {
                *out = vb_value_copy(&after);
                found = 1;
            }
        }
    }
    return r < 0 ? r : found;
}

int vb_facet_value(vb_call *c, const vb_faceted *f, const vb_element *dimension, const char *component, vb_value *out)
{
    size_t n = strlen(dimension->name);
    vb_auto_buf text = {0};

    if (strncmp(component, dimension->name, n) || component[n] != '=')
        return 0;
    if (vb_name_is_cut(component))
        return find_cut(c, f, dimension, component, out);
    if (!vb_name_decode(component + n + 1, &text) || vb_dimension_parse(dimension, vb_buf_text(&text), out, NULL) < 0)
        return 0;
    if (spells(component, dimension, out))
        return 1;
    vb_value_clear(out);
    return 0;
}

/* ---- validity --------------------------------------------------------------------------------------------- */

void vb_facet_print_valid(vb_timespan span, vb_buf *out)
{
    vb_buf_puts(out, "valid=");
    if (span.begin > VB_TIME_MIN)
        vb_time_print(span.begin, out);
    vb_buf_puts(out, "..");
    if (span.end < VB_TIME_MAX)
        vb_time_print(span.end, out);
}

bool vb_facet_parse_valid(const char *text, vb_timespan *out)
{
    const char *dots = strstr(text, "..");
    vb_autofree char *begin = dots ? vb_strndup(text, (size_t)(dots - text)) : NULL;
    vb_auto_buf again = {0};

    *out = (vb_timespan){VB_TIME_MIN, VB_TIME_MAX};
    if (!dots || (*begin && vb_time_parse_iso(begin, VB_SCALE_TAI, &out->begin, NULL) < 0) ||
        (dots[2] && vb_time_parse_iso(dots + 2, VB_SCALE_TAI, &out->end, NULL) < 0))
        return false;
    vb_facet_print_valid(*out, &again);
    return !strcmp(vb_buf_text(&again) + strlen("valid="), text);
}

/* The instrument that is chosen, or the only one: 1, 0 where it cannot be told. */
static int find_instrument(vb_call *c, const vb_faceted *f, const vb_element *instrument, vb_value *out)
{
    vb_value values[2] = {{0}};
    size_t n = 0;
    int r;

    for (size_t i = 0; i < f->count; i++)
        if (f->choices[i].dimension == instrument) {
            *out = vb_value_copy(&f->choices[i].value);
            return 1;
        }
    if (!vb_dimset_has(f->type->group->all, instrument->index))
        return 0;
    r = vb_faceted_values(c->reg, f, instrument, NULL, 2, values, &n, NULL);
    if (n == 1) {
        *out = values[0];
        values[0] = (vb_value){0};
    }
    for (size_t i = 0; i < n; i++)
        vb_value_clear(&values[i]);
    return r < 0 ? r : n == 1;
}

/* When an exposure or a visit was: 1, 0 where there is none, or its time is not known. */
static int find_timespan(vb_call *c, const vb_faceted *f, const vb_element *element, vb_value *value, vb_timespan *out)
{
    vb_universe *u = vb_registry_universe(c->reg);
    const vb_element *instrument = vb_universe_find(u, "instrument");
    vb_auto_dataid id = {.group = vb_universe_conform(u, element->required)};
    vb_auto_record record = {0};
    const vb_value *begin, *end;
    int at = vb_group_position(id.group, element), of = instrument ? vb_group_position(id.group, instrument) : -1, r;

    if (at < 0 || of < 0 || id.group->nrequired != 2)
        return 0;
    r = find_instrument(c, f, instrument, &id.values[of]);
    if (r <= 0)
        return r;
    id.values[at] = vb_value_copy(value);
    r = vb_record_find(c->reg, element, &id, &record, NULL);
    if (r <= 0)
        return r;
    begin = vb_record_value(&record, "timespan_begin");
    end = vb_record_value(&record, "timespan_end");
    if (!begin || !end || begin->kind != VB_INT || end->kind != VB_INT)
        return 0;
    *out = (vb_timespan){begin->i, end->i};
    return 1;
}

int vb_facet_validity(vb_call *c, const vb_faceted *f, const char *key, const char *spelling, vb_validity *out)
{
    const vb_element *element = vb_universe_find(vb_registry_universe(c->reg), key);
    vb_autofree char *component = vb_format("%s=%s", key, spelling);
    vb_auto_value value = {0};
    int r;

    *out = (vb_validity){.kind = VB_VALID_DURING};
    if (!strcmp(key, "valid")) {
        out->kind = VB_VALID_EXACTLY;
        return vb_facet_parse_valid(spelling, &out->span);
    }
    if (!strcmp(key, "at")) {
        r = vb_time_parse_iso(spelling, VB_SCALE_TAI, &out->span.begin, NULL);
        out->span.end = out->span.begin;
        return r == 0;
    }
    if (!element || (strcmp(key, "exposure") && strcmp(key, "visit")))
        return 0;
    r = vb_facet_value(c, f, element, component, &value);
    return r > 0 ? find_timespan(c, f, element, &value, &out->span) : r;
}
