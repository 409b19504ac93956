/* rules_ask.c - what rules make of a file. */
#include "fs/ingest/rules.h"

#include "registry/base/path.h"
#include "registry/instrument_rules.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_FILTER = 32 };

int vb_rules_day_offset(vb_registry *reg, const char *instrument, int64_t *offset, vb_error *err)
{
    vb_auto(vb_rules_free) vb_rules *loaded = NULL;
    vb_autofree char *text = NULL;
    int r = vb_instrument_rules_get(reg, instrument, &text, err);

    *offset = 0;
    if (r <= 0)
        return r;
    r = vb_rules_load(instrument, text, strlen(text), &loaded, err);
    if (!r)
        *offset = loaded->day_offset;
    return r < 0 ? r : 1;
}

bool vb_rules_match(const vb_rules *rules, const vb_header *header)
{
    return vb_card_patterns_all(&rules->match, header);
}

bool vb_rules_ignore(const vb_rules *rules, const vb_header *header)
{
    return vb_card_patterns_any(&rules->ignore, header);
}

const vb_rules_type *vb_rules_file_type(const vb_rules *rules, const char *path)
{
    for (size_t i = 0; i < rules->nfiles; i++)
        if (!fnmatch(rules->files[i].glob, vb_path_base(path), 0))
            return &rules->types[rules->files[i].type];
    return NULL;
}

/* A detector of that id, or, where id is NULL, of that name. */
static const vb_rules_detector *find(const vb_rules *rules, const int64_t *id, const char *name)
{
    for (size_t i = 0; i < rules->ndetectors; i++)
        if (id ? rules->detectors[i].id == *id : !strcmp(rules->detectors[i].full_name, name))
            return &rules->detectors[i];
    return NULL;
}

int vb_rules_detector_of(const vb_rules *rules, const vb_header *header, const vb_rules_detector **out, vb_error *err)
{
    vb_auto_value id = {0}, name = {0};
    int has_id = vb_ways_value(&rules->detector_id, header, &id, err), has_name = 0;
    int64_t number;

    if (has_id >= 0)
        has_name = vb_ways_value(&rules->detector_name, header, &name, err);
    if (has_id < 0 || has_name < 0)
        return -EINVAL;
    if (has_name && name.kind != VB_TEXT)
        has_name = 0;
    if (!has_id && !has_name)
        return vb_fail(err, -EINVAL, "no card tells its detector (%s)",
                       rules->detector_id.count && rules->detector_id.rules[0].cards
                           ? rules->detector_id.rules[0].cards[0]
                           : "see its rules");
    if (has_id && !vb_value_integer(&id, &number))
        return vb_fail(err, -EINVAL, "its detector number '%s' is no integer", id.kind == VB_TEXT ? id.text : "?");
    *out = find(rules, has_id ? &number : NULL, has_name ? name.text : NULL);
    if (!*out && has_id)
        return vb_fail(err, -EINVAL, "detector %" PRId64 " is none of %s's %zu", number, rules->name,
                       rules->ndetectors);
    if (!*out)
        return vb_fail(err, -EINVAL, "detector '%s' is none of %s's %zu", name.text, rules->name, rules->ndetectors);
    if (has_name && strcmp((*out)->full_name, name.text))
        return vb_fail(err, -EINVAL, "detector %" PRId64 " is %s by the rules of %s, and %s by the header", number,
                       (*out)->full_name, rules->name, name.text);
    return 0;
}

int vb_rules_band(const vb_rules *rules, const char *physical_filter, vb_buf *band, vb_error *err)
{
    if (strlen(physical_filter) > MAX_FILTER)
        return vb_fail(err, -EINVAL, "its filter '%s' has more than %d characters", physical_filter, MAX_FILTER);
    for (size_t i = 0; i < rules->nfilters; i++)
        if (vb_pattern_replace(&rules->filters[i].pattern, physical_filter, rules->filters[i].band, band) && band->len)
            return 0;
    return vb_fail(err, -EINVAL, "no rule of %s tells the band of its filter '%s'", rules->name, physical_filter);
}
