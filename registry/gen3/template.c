#include "registry/gen3/template.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"
#include "registry/record.h"

#include <string.h>

/* Rubin's own: for data of one exposure and detector, and for all else. */
static const char of_raws[] = "{run:/}/{datasetType}.{component:?}/{day_obs|exposure.day_obs}/{exposure.obs_id}/"
                              "{datasetType}_{component:?}_{instrument:?}_{physical_filter}_{exposure.obs_id}_"
                              "{detector.full_name}_{run}";
static const char of_others[] =
    "{run:/}/{datasetType}.{component:?}/{tract:?}/{patch:?}/{day_obs|visit.day_obs|exposure.day_obs:?}/{band:?}/"
    "{subfilter:?}/{physical_filter:?}/{visit:?}/{exposure.obs_id|group:?}/{datasetType}_{component:?}_{instrument:?}_"
    "{tract:?}_{patch:?}_{band:?}_{physical_filter:?}_{visit:?}_{exposure.obs_id|group:?}_{detector.full_name:?}_"
    "{skymap:?}_{skypix:?}_{ssp_hypothesis_table:?}_{ssp_hypothesis_bundle:?}_{ssp_balanced_index:?}_{run}";

/* The record of an element that was looked at last: datasets come in the order of their data IDs. */
struct seen {
    vb_dataid id;
    vb_record record;
    bool has;
};

struct vb_gen3_templates {
    vb_registry *reg;
    json_t *overrides;
    struct seen seen[VB_MAX_ELEMENTS];
};

/* What is formatted now. */
struct formatting {
    vb_gen3_templates *t;
    const vb_dataset *d;
    const char *run, *component; /* the latter may be NULL */
    char uuid[VB_UUID_TEXT];
    vb_error *err;
};

vb_gen3_templates *vb_gen3_templates_new(vb_registry *reg, const json_t *overrides)
{
    vb_gen3_templates *t = VB_NEW(vb_gen3_templates);

    t->reg = reg;
    t->overrides = overrides ? json_deep_copy(overrides) : NULL;
    return t;
}

void vb_gen3_templates_free(vb_gen3_templates *t)
{
    for (int i = 0; i < VB_MAX_ELEMENTS; i++) {
        vb_dataid_clear(&t->seen[i].id);
        vb_record_clear(&t->seen[i].record);
    }
    json_decref(t->overrides);
    free(t);
}

/* ---- which ---------------------------------------------------------------------------------------------------- */

/* The group that a key like "tract+patch" or "instrument+" means; NULL where it means none. */
static const vb_group *group_of(vb_registry *reg, const char *key)
{
    char **names = vb_split(key, '+', NULL);
    const vb_group *group = NULL;
    size_t n = vb_strv_count(names);

    if (n > 1 && !*names[n - 1]) {
        free(names[n - 1]);
        names[n - 1] = NULL;
    }
    if (!strchr(key, '+') || vb_universe_conform_names(vb_registry_universe(reg), names, &group, NULL) < 0)
        group = NULL;
    vb_strv_free(names);
    return group;
}

static const char *of_dimensions(vb_gen3_templates *t, json_t *section, const vb_dataset_type *type)
{
    const char *key;
    json_t *value;

    json_object_foreach(section, key, value)
        if (json_is_string(value) && group_of(t->reg, key) == type->group)
            return json_string_value(value);
    return NULL;
}

static const char *of_name(json_t *section, const char *name)
{
    return json_string_value(json_object_get(section, name));
}

/* By name, by dimensions, by storage class: what is said of the data ID's instrument comes first. */
static const char *template_of(vb_gen3_templates *t, const vb_dataset *d)
{
    const vb_value *instrument = vb_dataid_get(&d->dataid, "instrument");
    const vb_dataset_type *type = d->type;
    const char *found = NULL;

    if (instrument && instrument->kind == VB_TEXT) {
        vb_autofree char *key = vb_format("instrument<%s>", instrument->text);
        json_t *own = json_object_get(t->overrides, key);

        found = of_name(own, type->name);
        if (!found)
            found = of_dimensions(t, own, type);
        if (!found)
            found = of_name(own, type->storage_class);
    }
    if (!found)
        found = of_name(t->overrides, type->name);
    if (!found)
        found = of_dimensions(t, t->overrides, type);
    if (!found && group_of(t->reg, "physical_filter+detector+exposure") == type->group)
        found = of_raws;
    if (!found)
        found = of_name(t->overrides, type->storage_class);
    if (!found)
        found = of_name(t->overrides, "default");
    return found ? found : of_others;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static int dimension_value(struct formatting *f, const vb_element *dimension, const vb_value **out);

/* The record of an element whose dimensions the data ID tells; *out is NULL where there is none. */
static int record_of(struct formatting *f, const vb_element *e, const vb_record **out)
{
    struct seen *seen = &f->t->seen[e->index];
    vb_auto_dataid id = {.group = vb_universe_conform(vb_registry_universe(f->t->reg), e->required)};
    int r = 0;

    *out = NULL;
    for (int i = 0; !r && i < id.group->nrequired; i++) {
        const vb_value *v = NULL;

        r = dimension_value(f, id.group->dims[i], &v);
        if (!r && !v)
            return 0;
        if (!r)
            id.values[i] = vb_value_copy(v);
    }
    if (r < 0)
        return r;
    if (!seen->id.group || !vb_dataid_equal(&seen->id, &id)) {
        vb_record_clear(&seen->record);
        vb_dataid_clear(&seen->id);
        r = vb_record_find(f->t->reg, e, &id, &seen->record, f->err);
        seen->has = r > 0;
        seen->id = vb_dataid_copy(&id);
    }
    *out = seen->has ? &seen->record : NULL;
    return r < 0 ? r : 0;
}

/* The value of a dimension that the data ID has, or implies through a record. */
static int dimension_value(struct formatting *f, const vb_element *dimension, const vb_value **out)
{
    const vb_group *group = f->d->type->group;

    *out = vb_dataid_get(&f->d->dataid, dimension->name);
    if (*out || !vb_dimset_has(group->all, dimension->index))
        return 0;
    VB_EACH_DIMENSION(i, group->all) {
        const vb_element *e = vb_universe_at(group->universe, i);
        const vb_record *record = NULL;
        int r;

        if (!vb_dimset_has(e->implied, dimension->index) || !e->has_table)
            continue;
        r = record_of(f, e, &record);
        if (r < 0)
            return r;
        *out = record ? vb_record_value(record, dimension->name) : NULL;
        if (*out && (*out)->kind != VB_NULL)
            return 0;
    }
    *out = NULL;
    return 0;
}

static void add_text(vb_buf *out, const char *text, bool keep_slashes)
{
    for (; *text; text++)
        vb_buf_putc(out, (*text == '/' && !keep_slashes) || strchr(" <>:\"\\|?*", *text) ? '_' : *text);
}

static void add_value(vb_buf *out, const vb_value *v, bool keep_slashes)
{
    vb_auto_buf text = {0};

    vb_value_print(v, &text);
    add_text(out, vb_buf_text(&text), keep_slashes);
}

static int skypix_value(struct formatting *f, const vb_value **out)
{
    const vb_group *group = f->d->type->group;

    for (int i = 0; i < group->nrequired; i++)
        if (group->dims[i]->is_skypix)
            *out = &f->d->dataid.values[i];
    return 0;
}

/* The value of one name; *out is NULL where it has none. */
static int named_value(struct formatting *f, const char *name, const vb_value **out)
{
    const vb_universe *u = f->d->type->group->universe;
    const char *dot = strchr(name, '.');
    vb_autofree char *element = vb_strndup(name, dot ? (size_t)(dot - name) : strlen(name));
    const vb_element *e = vb_universe_find(u, element);
    const vb_record *record = NULL;
    int r;

    *out = NULL;
    if (!dot && !strcmp(name, "skypix"))
        return skypix_value(f, out);
    if (!e || !vb_dimset_has(f->d->type->group->all, e->index))
        return 0;
    if (!dot)
        return dimension_value(f, e, out);
    r = record_of(f, e, &record);
    *out = record ? vb_record_value(record, dot + 1) : NULL;
    if (*out && (*out)->kind == VB_NULL)
        *out = NULL;
    return r;
}

/* What a field that is no dimension stands for; NULL: it is one, or has no value. */
static const char *own_word(const struct formatting *f, const char *name)
{
    if (!strcmp(name, "run"))
        return f->run;
    if (!strcmp(name, "datasetType"))
        return f->d->type->name;
    if (!strcmp(name, "id"))
        return f->uuid;
    return !strcmp(name, "component") ? f->component : NULL;
}

/* Appends the value of the first alternative that has one: 1; 0 where none has. */
static int add_field(struct formatting *f, const char *names, bool keep_slashes, vb_buf *out)
{
    char **all = vb_split(names, '|', NULL);
    int r = 0;

    for (char **name = all; !r && *name; name++) {
        const vb_value *v = NULL;

        const char *word = own_word(f, *name);

        if (word) {
            add_text(out, word, keep_slashes);
            r = 1;
            continue;
        }
        r = named_value(f, *name, &v);
        if (!r && v) {
            add_value(out, v, keep_slashes);
            r = 1;
        }
    }
    vb_strv_free(all);
    return r;
}

/* ---- formatting ----------------------------------------------------------------------------------------------- */

static int missing(const struct formatting *f, const char *field)
{
    vb_auto_buf what = {0};

    vb_dataset_print(f->d, &what);
    return vb_fail(f->err, -EINVAL, "%s: the file template wants {%s}, which has no value", vb_buf_text(&what), field);
}

/* "{name:spec}" at *p, with the text that came before it. */
static int format_field(struct formatting *f, const char **p, vb_buf *literal, vb_buf *out)
{
    const char *end = strchr(*p, '}'), *colon = end ? memchr(*p, ':', (size_t)(end - *p)) : NULL;
    vb_autofree char *names = end ? vb_strndup(*p + 1, (size_t)((colon ? colon : end) - *p - 1)) : NULL;
    bool optional, keep_slashes;
    vb_auto_buf value = {0};
    int r;

    if (!end)
        return vb_fail(f->err, -EINVAL, "a file template has a '{' without its '}'");
    optional = colon && memchr(colon, '?', (size_t)(end - colon));
    keep_slashes = colon && memchr(colon, '/', (size_t)(end - colon));
    *p = end + 1;
    r = add_field(f, names, keep_slashes, &value);
    if (r < 0 || (!r && !optional))
        return r < 0 ? r : missing(f, names);
    if (r || (literal->len && strchr(literal->data, '/')))
        vb_buf_puts(out, vb_buf_text(literal));
    vb_buf_puts(out, vb_buf_text(&value));
    vb_buf_clear(literal);
    return 0;
}

/* The last component has no '.' and no '#', which would look like an extension and a fragment; slashes are single. */
static void normalize(const vb_buf *path, vb_buf *out)
{
    const char *text = vb_buf_text(path), *tail = strrchr(text, '/');

    for (const char *p = text; *p; p++) {
        if (*p == '/' && (p[1] == '/' || p == text))
            continue;
        if ((!tail || p > tail) && *p == '#')
            vb_buf_puts(out, "HASH");
        else
            vb_buf_putc(out, (!tail || p > tail) && *p == '.' ? '_' : *p);
    }
}

int vb_gen3_template_path(vb_gen3_templates *t, const vb_dataset *d, const char *run, const char *component,
                          vb_buf *out, vb_error *err)
{
    struct formatting f = {.t = t, .d = d, .run = run, .component = component, .err = err};
    vb_auto_buf path = {0}, literal = {0};
    int r = 0;

    vb_uuid_format(d->uuid, f.uuid);
    for (const char *p = template_of(t, d); !r && *p;) {
        if (*p == '{')
            r = format_field(&f, &p, &literal, &path);
        else
            vb_buf_putc(&literal, *p++);
    }
    vb_buf_puts(&path, vb_buf_text(&literal));
    if (!r)
        normalize(&path, out);
    return r;
}
