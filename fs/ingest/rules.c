#include "fs/ingest/rules.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/yaml.h"
#include "registry/instrument_rules.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILE = 1 << 20, MAX_NAME = 32 };

static const int64_t HOUR_NS = INT64_C(3600000000000);

static const char *const field_names[] = {"id", "obs_id", "begin", "timescale", "exposure_time", "physical_filter",
                                          "group", "can_see_sky",
                                          /* others */
                                          "dark_time", "observation_type", "observation_reason", "seq_num", "seq_start",
                                          "seq_end", "target_name", "science_program", "tracking_ra", "tracking_dec",
                                          "sky_angle", "azimuth", "zenith_angle", "has_simulated", NULL};
_Static_assert(VB_COUNT(field_names) == VB_EXPOSURE_FIELDS + 1, "a name for each field");

const char *vb_exposure_field_name(int field)
{
    return field_names[field];
}

/* ---- loading ------------------------------------------------------------------------------------------- */

/* The text of a key; -EINVAL where it is not there. */
static int need_text(const vb_yaml_node *map, const char *key, char **out, vb_error *err)
{
    const char *text = vb_yaml_get_text(map, key);

    if (!text || !*text)
        return vb_yaml_fail(err, map, "'%s' must be here, as text", key);
    *out = vb_strdup(text);
    return 0;
}

static char *maybe_text(const vb_yaml_node *map, const char *key)
{
    const char *text = vb_yaml_get_text(map, key);

    return text ? vb_strdup(text) : NULL;
}

static int load_exposure(const vb_yaml_node *map, vb_rules *rules, vb_error *err)
{
    static const int needed[] = {VB_EXPOSURE_ID, VB_EXPOSURE_BEGIN, VB_EXPOSURE_TIME, VB_EXPOSURE_FILTER};
    int r = vb_yaml_check_keys(map, "'exposure'", field_names, err);

    for (int i = 0; !r && i < VB_EXPOSURE_FIELDS; i++)
        r = vb_ways_load(vb_yaml_get(map, field_names[i]), &rules->exposure[i], err);
    for (size_t i = 0; !r && i < VB_COUNT(needed); i++)
        if (!rules->exposure[needed[i]].count)
            r = vb_yaml_fail(err, map, "'exposure' must tell its '%s'", field_names[needed[i]]);
    return r;
}

static int load_detector_rules(const vb_yaml_node *map, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"id", "full_name", "ignore", NULL};
    int r = vb_yaml_check_keys(map, "'detector'", keys, err);

    if (!r)
        r = vb_ways_load(vb_yaml_get(map, "id"), &rules->detector_id, err);
    if (!r)
        r = vb_ways_load(vb_yaml_get(map, "full_name"), &rules->detector_name, err);
    if (!r && !rules->detector_id.count && !rules->detector_name.count)
        r = vb_yaml_fail(err, map, "'detector' must tell 'id' or 'full_name'");
    return r < 0 ? r : vb_card_patterns_load(vb_yaml_get(map, "ignore"), &rules->ignore, err);
}

static int load_detector(const vb_yaml_node *node, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"id", "full_name", "name_in_raft", "raft", "purpose", NULL};
    vb_rules_detector *d = VB_PUSH(rules->detectors, rules->ndetectors, rules->detectors_cap);
    int r = vb_yaml_check_keys(node, "a detector", keys, err);

    if (!r && !vb_yaml_int(vb_yaml_get(node, "id"), &d->id))
        r = vb_yaml_fail(err, node, "a detector needs an 'id', an integer");
    if (!r)
        r = need_text(node, "full_name", &d->full_name, err);
    d->name_in_raft = maybe_text(node, "name_in_raft");
    d->raft = maybe_text(node, "raft");
    d->purpose = maybe_text(node, "purpose");
    if (!d->purpose)
        d->purpose = vb_strdup("SCIENCE");
    for (size_t i = 0; !r && i + 1 < rules->ndetectors; i++)
        if (rules->detectors[i].id == d->id || !strcmp(rules->detectors[i].full_name, d->full_name))
            r = vb_yaml_fail(err, node, "another detector has this id or full_name");
    return r;
}

static int load_type(const vb_yaml_pair *pair, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"storage_class", "extension", "region", NULL};
    vb_rules_type *t = VB_PUSH(rules->types, rules->ntypes, rules->types_cap);
    const vb_yaml_node *region = vb_yaml_get(pair->value, "region");
    int r = vb_yaml_check_keys(pair->value, "a dataset type", keys, err);

    if (!r && !vb_yaml_text(pair->key))
        r = vb_yaml_fail(err, pair->key, "a dataset type's name must be text");
    if (r < 0)
        return r;
    t->name = vb_strdup(pair->key->text);
    t->extension = maybe_text(pair->value, "extension");
    if (region && !vb_yaml_bool(region, &t->region))
        return vb_yaml_fail(err, region, "'region' must be true or false");
    return need_text(pair->value, "storage_class", &t->storage_class, err);
}

static int load_file(const vb_yaml_node *node, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"name", "type", NULL};
    vb_rules_file *f = VB_PUSH(rules->files, rules->nfiles, rules->files_cap);
    const char *type = vb_yaml_get_text(node, "type");
    int r = vb_yaml_check_keys(node, "a file", keys, err);

    if (!r)
        r = need_text(node, "name", &f->glob, err);
    for (f->type = 0; !r && f->type < rules->ntypes; f->type++)
        if (type && !strcmp(type, rules->types[f->type].name))
            return 0;
    return r < 0 ? r : vb_yaml_fail(err, node, "'type' must be one of 'dataset_types'");
}

static int load_filter(const vb_yaml_node *node, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"match", "band", NULL};
    vb_rules_filter *f = VB_PUSH(rules->filters, rules->nfilters, rules->filters_cap);
    int r = vb_yaml_check_keys(node, "a filter", keys, err);

    if (!r)
        r = vb_pattern_load(vb_yaml_get(node, "match"), &f->pattern, err);
    return r < 0 ? r : need_text(node, "band", &f->band, err);
}

static int load_list(const vb_yaml_node *root, const char *key, vb_rules *rules,
                     int (*each)(const vb_yaml_node *, vb_rules *, vb_error *), vb_error *err)
{
    const vb_yaml_node *list = vb_yaml_get(root, key);
    int r = 0;

    if (!list || list->kind != VB_YAML_LIST || !list->count)
        return vb_yaml_fail(err, list ? list : root, "'%s' must be here, as a list", key);
    for (size_t i = 0; !r && i < list->count; i++)
        r = each(list->items[i].value, rules, err);
    return r;
}

static int load_types(const vb_yaml_node *root, vb_rules *rules, vb_error *err)
{
    const vb_yaml_node *map = vb_yaml_get(root, "dataset_types");
    int r = 0;

    if (!map || map->kind != VB_YAML_MAP || !map->count)
        return vb_yaml_fail(err, map ? map : root, "'dataset_types' must be here, as a mapping");
    for (size_t i = 0; !r && i < map->count; i++)
        r = load_type(&map->items[i], rules, err);
    return r;
}

static int load_maximum(const vb_yaml_node *map, const char *key, int64_t *out, vb_error *err)
{
    const vb_yaml_node *node = vb_yaml_get(map, key);

    *out = -1;
    return !node || (vb_yaml_int(node, out) && *out > 0)
               ? 0
               : vb_yaml_fail(err, node, "a maximum must be a positive integer");
}

static int load_maxima(const vb_yaml_node *map, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"exposure", "visit", "detector", NULL};
    int r = map ? vb_yaml_check_keys(map, "'maxima'", keys, err) : 0;

    if (!r)
        r = load_maximum(map, "exposure", &rules->exposure_max, err);
    if (!r)
        r = load_maximum(map, "visit", &rules->visit_max, err);
    return r < 0 ? r : load_maximum(map, "detector", &rules->detector_max, err);
}

static int load_day(const vb_yaml_node *map, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"offset", NULL};
    double hours = 12;
    int r = map ? vb_yaml_check_keys(map, "'day_obs'", keys, err) : 0;

    if (!r && map && !(vb_yaml_double(vb_yaml_get(map, "offset"), &hours) && hours > -24 && hours < 24))
        r = vb_yaml_fail(err, map, "'offset' must be hours between -24 and 24");
    rules->day_offset = llround(hours * (double)HOUR_NS);
    return r;
}

static int load_name(const vb_yaml_node *root, vb_rules *rules, vb_error *err)
{
    int r = need_text(root, "name", &rules->name, err);

    if (!r && (strlen(rules->name) > MAX_NAME || !vb_utf8_valid(rules->name, strlen(rules->name)) ||
               strpbrk(rules->name, "*?[],/\n")))
        r = vb_yaml_fail(err, vb_yaml_get(root, "name"),
                         "an instrument's name has at most %d characters, none of *?[],/", MAX_NAME);
    if (r < 0)
        return r;
    rules->class_name = maybe_text(root, "class_name");
    rules->run = maybe_text(root, "run");
    if (!rules->run)
        rules->run = vb_format("%s/raw/all", rules->name);
    return 0;
}

static int load_root(const vb_yaml_node *root, vb_rules *rules, vb_error *err)
{
    static const char *const keys[] = {"name",     "class_name",    "run",   "match",   "maxima",
                                       "day_obs",  "dataset_types", "files", "filters", "detector",
                                       "exposure", "detectors",     NULL};
    int r = vb_yaml_check_keys(root, "the rules of an instrument", keys, err);

    if (!r)
        r = load_name(root, rules, err);
    if (!r)
        r = vb_card_patterns_load(vb_yaml_get(root, "match"), &rules->match, err);
    if (!r && !rules->match.count)
        r = vb_yaml_fail(err, root, "'match' must say which cards tell that a file is this instrument's");
    if (!r)
        r = load_maxima(vb_yaml_get(root, "maxima"), rules, err);
    if (!r)
        r = load_day(vb_yaml_get(root, "day_obs"), rules, err);
    if (!r)
        r = load_types(root, rules, err);
    if (!r)
        r = load_list(root, "files", rules, load_file, err);
    if (!r)
        r = load_list(root, "filters", rules, load_filter, err);
    if (!r)
        r = load_list(root, "detectors", rules, load_detector, err);
    if (!r)
        r = load_detector_rules(vb_yaml_get(root, "detector"), rules, err);
    return r < 0 ? r : load_exposure(vb_yaml_get(root, "exposure"), rules, err);
}

int vb_rules_load(const char *name, const char *text, size_t n, vb_rules **out, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    vb_auto(vb_rules_free) vb_rules *rules = VB_NEW(vb_rules);
    int r;

    if (n > MAX_FILE || memchr(text, 0, n))
        return vb_fail(err, -EINVAL, "%s: is no file of rules (longer than 1 MiB, or not text)", name);
    r = vb_yaml_load(name, text, n, &doc, err);
    if (!r && !vb_yaml_root(doc))
        r = vb_fail(err, -EINVAL, "%s: is empty", name);
    if (!r)
        r = load_root(vb_yaml_root(doc), rules, err);
    if (r < 0)
        return r;
    rules->source = vb_strndup(text, n);
    *out = VB_STEAL(rules);
    return 0;
}

int vb_rules_load_file(const char *path, vb_rules **out, vb_error *err)
{
    vb_auto_buf text = {0};
    int r = vb_read_file(AT_FDCWD, path, MAX_FILE, &text, err);

    return r < 0 ? r : vb_rules_load(path, vb_buf_text(&text), text.len, out, err);
}

int vb_rules_builtin(const char *name, vb_rules **out, vb_error *err)
{
    const char *file, *text, *near;
    char **names = NULL;
    size_t n;

    for (size_t i = 0; (text = vb_instrument_rules_builtin(i, &file, &n)); i++) {
        vb_auto(vb_rules_free) vb_rules *rules = NULL;
        int r = vb_rules_load(file, text, n, &rules, err);

        if (r < 0) {
            vb_strv_free(names);
            return r;
        }
        if (!strcasecmp(rules->name, name) || (!strncasecmp(file, name, strlen(name)) && file[strlen(name)] == '.')) {
            vb_strv_free(names);
            *out = VB_STEAL(rules);
            return 0;
        }
        vb_strv_add(&names, rules->name);
    }
    vb_fail(err, -ENOENT, "no rules for instrument '%s' come with vbutler", name);
    near = vb_nearest(name, (const char *const *)names);
    if (near)
        vb_hint(err, "did you mean '%s'?", near);
    else
        vb_hint(err, "there are DECam, 90prime and Mosaic3; others need a file of rules (docs/instruments.md)");
    vb_strv_free(names);
    return -ENOENT;
}

/* ---- freeing ------------------------------------------------------------------------------------------- */

static void free_tables(vb_rules *rules)
{
    for (size_t i = 0; i < rules->ndetectors; i++) {
        free(rules->detectors[i].full_name);
        free(rules->detectors[i].name_in_raft);
        free(rules->detectors[i].raft);
        free(rules->detectors[i].purpose);
    }
    for (size_t i = 0; i < rules->ntypes; i++) {
        free(rules->types[i].name);
        free(rules->types[i].storage_class);
        free(rules->types[i].extension);
    }
    for (size_t i = 0; i < rules->nfiles; i++)
        free(rules->files[i].glob);
    for (size_t i = 0; i < rules->nfilters; i++) {
        vb_pattern_clear(&rules->filters[i].pattern);
        free(rules->filters[i].band);
    }
    free(rules->detectors);
    free(rules->types);
    free(rules->files);
    free(rules->filters);
}

void vb_rules_free(vb_rules *rules)
{
    free_tables(rules);
    vb_card_patterns_clear(&rules->match);
    vb_card_patterns_clear(&rules->ignore);
    vb_ways_clear(&rules->detector_id);
    vb_ways_clear(&rules->detector_name);
    for (int i = 0; i < VB_EXPOSURE_FIELDS; i++)
        vb_ways_clear(&rules->exposure[i]);
    free(rules->name);
    free(rules->class_name);
    free(rules->run);
    free(rules->source);
    free(rules);
}
