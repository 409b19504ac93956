/* universe_load.c - a universe from its YAML or JSON: names become indices, and what cannot be a universe is refused.
 */
#include "registry/universe_internal.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_NAME = 64, MAX_FIELDS = 256 };

/* An element as it stands in the file, before elements are ordered and names become indices. */
struct draft {
    const char *name;
    const vb_yaml_node *node; /* NULL: skypix */
    const char *system;
    int level;
    bool placed;
};

struct loading {
    vb_universe *u;
    struct draft *drafts;
    size_t count, cap;
    vb_error *err;
};

static int add_skypix_drafts(struct loading *l, const vb_yaml_node *skypix)
{
    static const char *const systems[] = {"htm", "healpix"};

    for (size_t s = 0; s < VB_COUNT(systems); s++) {
        const vb_yaml_node *system = vb_yaml_get(skypix, systems[s]);
        int64_t max = -1;

        if (!system)
            continue;
        if (!vb_yaml_int(vb_yaml_get(system, "max_level"), &max) || max < 0 || max > 29)
            return vb_yaml_fail(l->err, system, "skypix.%s: max_level must be from 0 to 29", systems[s]);
        for (int level = 0; level <= max; level++) {
            struct draft *d = VB_PUSH(l->drafts, l->count, l->cap);

            d->system = systems[s];
            d->level = level;
        }
    }
    return 0;
}

static bool dependency_placed(struct loading *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->drafts[i].name && !strcmp(l->drafts[i].name, name))
            return l->drafts[i].placed;
    return true; /* unknown: said where it is resolved */
}

/* True once all that the draft requires or implies has its place. */
static int ready(struct loading *l, const struct draft *d, bool *out)
{
    static const char *const keys[] = {"requires", "implies"};

    *out = true;
    for (size_t k = 0; k < VB_COUNT(keys); k++) {
        char **names;
        int r = vb_yaml_strings(vb_yaml_get(d->node, keys[k]), &names, l->err);

        if (r < 0)
            return r;
        for (char **name = names; *name; name++)
            *out = *out && dependency_placed(l, *name);
        vb_strv_free(names);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct draft *)a)->name, ((const struct draft *)b)->name);
}

/* Orders the elements as Rubin does: in rounds, each round those whose dependencies are placed, by name. */
static int order_drafts(struct loading *l)
{
    size_t done = 0;

    qsort(l->drafts, l->count, sizeof *l->drafts, by_name);
    while (done < l->count) {
        size_t end = done;

        for (size_t i = done; i < l->count; i++) {
            bool is_ready;
            int r = ready(l, &l->drafts[i], &is_ready);

            if (r < 0)
                return r;
            if (is_ready) {
                struct draft d = l->drafts[i];

                memmove(&l->drafts[end + 1], &l->drafts[end], (i - end) * sizeof d);
                l->drafts[end++] = d;
            }
        }
        if (end == done)
            return vb_yaml_fail(l->err, l->drafts[done].node, "element '%s' depends on itself", l->drafts[done].name);
        for (; done < end; done++)
            l->drafts[done].placed = true;
    }
    return 0;
}

/* Names of elements and fields become those of tables and columns. */
static int check_name(struct loading *l, const vb_yaml_node *node, const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    if (*name && strspn(name, letters) == strlen(name) && strlen(name) <= MAX_NAME && !(*name >= '0' && *name <= '9'))
        return 0;
    return vb_yaml_fail(l->err, node, "'%s' is no name: letters, digits and '_', at most %d", name, MAX_NAME);
}

static int load_field(struct loading *l, const vb_yaml_node *node, vb_field *field)
{
    static const struct {
        const char *name;
        vb_field_type type;
    } types[] = {{"int", VB_FIELD_INT},
                 {"float", VB_FIELD_FLOAT},
                 {"string", VB_FIELD_STRING},
                 {"bool", VB_FIELD_BOOL},
                 {"hash", VB_FIELD_HASH}};
    const char *name = vb_yaml_get_text(node, "name"), *type = vb_yaml_get_text(node, "type");
    int64_t length = 0;

    if (!name || !type)
        return vb_yaml_fail(l->err, node, "a field needs a name and a type");
    if (check_name(l, node, name) < 0)
        return -EINVAL;
    field->name = vb_strdup(name);
    field->doc = vb_yaml_get_text(node, "doc") ? vb_strdup(vb_yaml_get_text(node, "doc")) : NULL;
    field->nullable = true;
    vb_yaml_bool(vb_yaml_get(node, "nullable"), &field->nullable);
    if (vb_yaml_int(vb_yaml_get(node, "length"), &length) || vb_yaml_int(vb_yaml_get(node, "nbytes"), &length))
        field->length = (int)length;
    for (size_t i = 0; i < VB_COUNT(types); i++)
        if (!strcmp(type, types[i].name)) {
            field->type = types[i].type;
            return 0;
        }
    return vb_yaml_fail(l->err, node, "field '%s': unknown type '%s'", name, type);
}

static int load_fields(struct loading *l, const vb_yaml_node *list, vb_field **fields, size_t *count)
{
    size_t n = list ? list->count : 0;

    *fields = vb_alloc((n + 1) * sizeof **fields);
    for (*count = 0; *count < n; ++*count) {
        int r = load_field(l, list->items[*count].value, &(*fields)[*count]);

        if (r < 0) {
            ++*count; /* what was allocated is freed with the universe */
            return r;
        }
    }
    return 0;
}

/* Turns a list of names into a set; with `closed`, also what they require. */
static int load_names(struct loading *l, const vb_yaml_node *list, bool closed, vb_dimset *out)
{
    char **names;
    int r = vb_yaml_strings(list, &names, l->err);

    if (r < 0)
        return r;
    for (char **name = names; !r && *name; name++) {
        const vb_element *e = vb_universe_find(l->u, *name);

        if (!e || !e->is_dimension) {
            r = vb_yaml_fail(l->err, list, "no dimension '%s'", *name);
            continue;
        }
        vb_dimset_add(out, e->index);
        if (closed)
            *out = vb_dimset_union(*out, e->required);
    }
    vb_strv_free(names);
    return r;
}

/* Where an element's rows are: Rubin writes `storage: {nested: {view_of: ...}}`, we `storage: {view_of: ...}`. */
static const char *view_of(const vb_yaml_node *node)
{
    const vb_yaml_node *storage = vb_yaml_get(node, "storage");
    const char *name = vb_yaml_get_text(storage, "view_of");

    return name ? name : vb_yaml_get_text(vb_yaml_get(storage, "nested"), "view_of");
}

static int count_of(vb_dimset set)
{
    return __builtin_popcountll(set.bits[0]) + __builtin_popcountll(set.bits[1]);
}

/* A data ID has a value for what an element requires, and its record one for all else that the group has. */
static int check_dimensions(struct loading *l, const struct draft *d, const vb_element *e)
{
    if (count_of(e->required) > VB_MAX_REQUIRED)
        return vb_yaml_fail(l->err, d->node, "element '%s' requires %d dimensions; the most is %d", e->name,
                            count_of(e->required), VB_MAX_REQUIRED);
    VB_EACH_DIMENSION(i, e->implied) {
        const vb_element *other = vb_universe_at(l->u, i);
        vb_dimset known = e->required;

        vb_dimset_add(&known, i);
        if (vb_dimset_has(e->required, i))
            return vb_yaml_fail(l->err, d->node, "element '%s' requires and implies '%s'", e->name, other->name);
        if (!vb_dimset_within(other->required, known))
            return vb_yaml_fail(l->err, d->node, "element '%s' implies '%s' but does not require what that requires",
                                e->name, other->name);
    }
    return 0;
}

static int column_twice(struct loading *l, const struct draft *d, const char *name)
{
    return vb_yaml_fail(l->err, d->node, "element '%s' has two columns '%s'", d->name, name);
}

/* Dimensions, keys and metadata are columns of one table, whose names SQL takes without regard to case. */
static int check_columns(struct loading *l, const struct draft *d, const vb_element *e)
{
    const char *names[VB_MAX_ELEMENTS + MAX_FIELDS + 4] = {"_id", "region", "timespan_begin", "timespan_end"};
    size_t n = 4, fixed;

    VB_EACH_DIMENSION(i, vb_dimset_union(e->required, e->implied))
        names[n++] = vb_universe_at(l->u, i)->name;
    fixed = n;
    if (fixed == 4)
        return vb_yaml_fail(l->err, d->node, "element '%s' has no keys and requires nothing", d->name);
    if (e->nkeys + e->nmetadata > MAX_FIELDS)
        return vb_yaml_fail(l->err, d->node, "element '%s' has more than %d fields", d->name, MAX_FIELDS);
    for (size_t i = 1; i < e->nkeys; i++)
        names[n++] = e->keys[i].name;
    for (size_t i = 0; i < e->nmetadata; i++)
        names[n++] = e->metadata[i].name;
    for (size_t i = fixed; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcasecmp(names[i], names[k]))
                return column_twice(l, d, names[i]);
    return 0;
}

static int load_element(struct loading *l, const struct draft *d)
{
    vb_element *e = &l->u->elements[l->u->count];
    const char *populated_by = vb_yaml_get_text(d->node, "populated_by");
    int r;

    *e = (vb_element){.index = l->u->count,
                      .view_of = -1,
                      .spatial = -1,
                      .temporal = -1,
                      .spatial_family = -1,
                      .temporal_family = -1};
    l->u->count++;
    e->name = vb_strdup(d->name);
    e->doc = vb_yaml_get_text(d->node, "doc") ? vb_strdup(vb_yaml_get_text(d->node, "doc")) : NULL;
    e->populated_by = populated_by ? vb_strdup(populated_by) : NULL;
    vb_yaml_bool(vb_yaml_get(d->node, "governor"), &e->is_governor);
    vb_yaml_bool(vb_yaml_get(d->node, "always_join"), &e->always_join);
    r = load_fields(l, vb_yaml_get(d->node, "keys"), &e->keys, &e->nkeys);
    if (!r)
        r = load_fields(l, vb_yaml_get(d->node, "metadata"), &e->metadata, &e->nmetadata);
    if (!r)
        r = load_names(l, vb_yaml_get(d->node, "requires"), true, &e->required);
    if (!r)
        r = load_names(l, vb_yaml_get(d->node, "implies"), false, &e->implied);
    e->is_dimension = e->nkeys > 0;
    e->has_table = !view_of(d->node);
    if (e->is_dimension)
        vb_dimset_add(&e->required, e->index);
    if (!r)
        r = check_columns(l, d, e);
    return r < 0 ? r : check_dimensions(l, d, e);
}

static void load_skypix(struct loading *l, const struct draft *d)
{
    vb_element *e = &l->u->elements[l->u->count];

    *e = (vb_element){.index = l->u->count,
                      .view_of = -1,
                      .spatial = -1,
                      .temporal = -1,
                      .spatial_family = -1,
                      .temporal_family = -1,
                      .is_dimension = true,
                      .is_skypix = true,
                      .level = d->level,
                      .system = d->system,
                      .nkeys = 1};
    l->u->count++;
    e->name = vb_format("%s%d", d->system, d->level);
    e->keys = VB_NEW(vb_field);
    e->keys[0] = (vb_field){.name = vb_strdup("id"), .type = VB_FIELD_INT};
    vb_dimset_add(&e->required, e->index);
}

static bool names_pixels(const struct loading *l, const char *name)
{
    for (int i = 0; i < l->u->count; i++)
        if (l->u->elements[i].is_skypix && !strcasecmp(l->u->elements[i].name, name))
            return true;
    return false;
}

static int load_elements(struct loading *l, const vb_yaml_node *root)
{
    const vb_yaml_node *elements = vb_yaml_get(root, "elements");
    size_t plain;
    int r;

    for (size_t i = 0; elements && elements->kind == VB_YAML_MAP && i < elements->count; i++) {
        struct draft *d = VB_PUSH(l->drafts, l->count, l->cap);

        d->name = vb_yaml_text(elements->items[i].key);
        d->node = elements->items[i].value;
        if (!d->name)
            return vb_yaml_fail(l->err, elements->items[i].key, "an element needs a name");
        if (check_name(l, elements->items[i].key, d->name) < 0)
            return -EINVAL;
        for (size_t k = 0; k < i; k++)
            if (!strcasecmp(l->drafts[k].name, d->name))
                return vb_yaml_fail(l->err, elements->items[i].key, "'%s' and '%s' differ in case alone", d->name,
                                    l->drafts[k].name);
    }
    plain = l->count;
    r = plain ? order_drafts(l) : vb_yaml_fail(l->err, root, "no 'elements': this is not a dimension universe");
    if (!r)
        r = add_skypix_drafts(l, vb_yaml_get(root, "skypix"));
    if (!r && l->count > VB_MAX_ELEMENTS)
        r = vb_yaml_fail(l->err, root, "%zu elements; the most is %d", l->count, VB_MAX_ELEMENTS);
    if (r < 0)
        return r;
    l->u->elements = vb_alloc(l->count * sizeof *l->u->elements);
    for (size_t i = 0; !r && i < l->count; i++) {
        if (i < plain)
            r = load_element(l, &l->drafts[i]);
        else
            load_skypix(l, &l->drafts[i]);
    }
    for (size_t i = 0; !r && i < plain; i++) {
        const char *base = view_of(l->drafts[i].node);
        const vb_element *e = base ? vb_universe_find(l->u, base) : NULL;

        if (names_pixels(l, l->drafts[i].name))
            r = vb_yaml_fail(l->err, l->drafts[i].node, "element '%s' is a sky pixelisation too", l->drafts[i].name);
        else if (base && !e)
            r = vb_yaml_fail(l->err, l->drafts[i].node, "view of '%s', which does not exist", base);
        else if (e && (!e->has_table || !vb_dimset_has(e->implied, (int)i)))
            r = vb_yaml_fail(l->err, l->drafts[i].node, "view of '%s', whose records do not tell '%s'", base,
                             l->drafts[i].name);
        if (e)
            l->u->elements[i].view_of = e->index;
    }
    return r;
}

/* A family lists its elements from the finest to the coarsest. */
static int load_topology(struct loading *l, const vb_yaml_node *families, bool spatial, int *count)
{
    for (size_t f = 0; families && families->kind == VB_YAML_MAP && f < families->count; f++) {
        const vb_yaml_node *list = families->items[f].value;

        for (size_t i = 0; i < list->count; i++) {
            const char *name = vb_yaml_text(list->items[i].value);
            const vb_element *found = name ? vb_universe_find(l->u, name) : NULL;
            vb_element *e = found ? &l->u->elements[found->index] : NULL;

            if (!e)
                return vb_yaml_fail(l->err, list->items[i].value, "topology: no element '%s'", name ? name : "?");
            *(spatial ? &e->spatial : &e->temporal) = (int)i;
            *(spatial ? &e->spatial_family : &e->temporal_family) = (int)f;
        }
        *count = (int)f + 1;
    }
    return 0;
}

int vb_universe_load(const vb_yaml_node *root, vb_universe **out, vb_error *err)
{
    vb_auto(vb_universe_free) vb_universe *u = VB_NEW(vb_universe);
    struct loading l = {.u = u, .err = err};
    const char *namespace = vb_yaml_get_text(root, "namespace");
    const char *common = vb_yaml_get_text(vb_yaml_get(root, "skypix"), "common");
    const vb_yaml_node *topology = vb_yaml_get(root, "topology");
    json_t *json;
    int64_t version;
    int r;

    if (!vb_yaml_int(vb_yaml_get(root, "version"), &version))
        return vb_yaml_fail(err, root, "no 'version': this is not a dimension universe");
    u->version = (int)version;
    u->namespace = vb_strdup(namespace ? namespace : "daf_butler");
    r = load_elements(&l, root);
    free(l.drafts);
    if (!r)
        r = load_topology(&l, vb_yaml_get(topology, "spatial"), true, &u->spatial_families);
    if (!r)
        r = load_topology(&l, vb_yaml_get(topology, "temporal"), false, &u->temporal_families);
    if (r < 0)
        return r;
    u->common = vb_universe_find(u, common ? common : "htm7");
    if (!u->common || !u->common->is_skypix)
        return vb_yaml_fail(err, root, "skypix.common '%s' is no sky pixelisation", common ? common : "htm7");
    json = vb_yaml_json(root);
    u->json = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    *out = VB_STEAL(u);
    return 0;
}

int vb_universe_load_text(const char *name, const char *text, size_t n, vb_universe **out, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    int r = vb_yaml_load(name, text, n, &doc, err);

    return r < 0 ? r : vb_universe_load(vb_yaml_root(doc), out, err);
}
