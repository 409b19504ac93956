#include "registry/storage_class.h"

#include "registry/base/buf.h"
#include "registry/base/log.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/component.h"

#include <pthread.h>
#include <string.h>
#include <uthash.h>

enum { MAX_INHERITED = 32 };

struct known {
    vb_storage_class class;
    char *inherits; /* NULL: nothing */
    bool inherited; /* it has the components of that one too */
    UT_hash_handle hh;
};

struct vb_storage_classes {
    const vb_storage_classes *below; /* what is not here is looked for there; NULL: nowhere */
    struct known *table;
};

static const char *const class_keys[] = {"pytype",     "inheritsFrom", "components", "derivedComponents",
                                         "parameters", "delegate",     "converters", "formatter",
                                         NULL};

/* ---- the table -------------------------------------------------------------------------------------------- */

static void free_components(vb_storage_class *class)
{
    for (size_t i = 0; i < class->count; i++) {
        free(class->components[i].name);
        free(class->components[i].storage_class);
    }
    free(class->components);
    class->components = NULL;
    class->count = class->cap = 0;
}

static void free_known(struct known *k)
{
    free_components(&k->class);
    free(k->class.name);
    free(k->class.formatter);
    free(k->inherits);
    free(k);
}

void vb_storage_classes_close(vb_storage_classes *set)
{
    struct known *k, *next;

    HASH_ITER(hh, set->table, k, next) {
        HASH_DEL(set->table, k);
        free_known(k);
    }
    free(set);
}

static struct known *find_here(const vb_storage_classes *set, const char *name)
{
    struct known *k;

    HASH_FIND_STR(set->table, name, k);
    return k;
}

const vb_storage_class *vb_storage_class_find(const vb_storage_classes *set, const char *name)
{
    for (; set; set = set->below) {
        const struct known *k = find_here(set, name);

        if (k)
            return &k->class;
    }
    return NULL;
}

/* A class of that name in the set itself, empty: what an earlier document said of it is gone. */
static struct known *define(vb_storage_classes *set, const char *name)
{
    struct known *k = find_here(set, name);

    if (k) {
        HASH_DEL(set->table, k);
        free_known(k);
    }
    k = VB_NEW(struct known);
    k->class.name = vb_strdup(name);
    HASH_ADD_KEYPTR(hh, set->table, k->class.name, strlen(k->class.name), k);
    return k;
}

static void add_component(vb_storage_class *class, const char *name, const char *storage_class, bool derived)
{
    vb_storage_component *c = VB_PUSH(class->components, class->count, class->cap);

    *c = (vb_storage_component){vb_strdup(name), vb_strdup(storage_class), derived};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const vb_storage_component *)a)->name, ((const vb_storage_component *)b)->name);
}

const vb_storage_component *vb_storage_class_component(const vb_storage_class *class, const char *name)
{
    for (size_t i = 0; class && i < class->count; i++)
        if (!strcmp(class->components[i].name, name))
            return &class->components[i];
    return NULL;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* What of a document cannot be is refused in vbutler.yaml (err), and passed over in a butler.yaml, which vbutler does
 * not judge (err NULL, strict false). */
struct reading {
    vb_storage_classes *set;
    bool strict;
    vb_error *err;
};

static int read_components(struct reading *r, struct known *k, const vb_yaml_node *map, bool derived)
{
    if (vb_yaml_is_null(map))
        return 0;
    if (map->kind != VB_YAML_MAP)
        return r->strict ? vb_yaml_fail(r->err, map,
                                        "components of storage class '%s' must be a mapping from names to "
                                        "storage classes",
                                        k->class.name)
                         : 0;
    for (size_t i = 0; i < map->count; i++) {
        const char *name = vb_yaml_text(map->items[i].key), *class = vb_yaml_text(map->items[i].value);
        vb_auto_error why = VB_ERROR_INIT;

        if (name && class && *class && !vb_component_check_name(name, &why)) {
            add_component(&k->class, name, class, derived);
            continue;
        }
        if (!r->strict)
            continue;
        return why.code ? vb_yaml_fail(r->err, map->items[i].key, "%s", why.message)
                        : vb_yaml_fail(r->err, map->items[i].key,
                                       "a component of storage class '%s' must be NAME: STORAGE_CLASS", k->class.name);
    }
    return 0;
}

static int read_class(struct reading *r, const char *name, const vb_yaml_node *node)
{
    const char *inherits = vb_yaml_get_text(node, "inheritsFrom"), *formatter = vb_yaml_get_text(node, "formatter");
    struct known *k = define(r->set, name);
    int status = 0;

    k->inherits = inherits ? vb_strdup(inherits) : NULL;
    k->class.formatter = formatter ? vb_strdup(formatter) : NULL;
    if (r->strict && !vb_yaml_is_null(node))
        status = node->kind == VB_YAML_MAP
                     ? vb_yaml_check_keys(node, "a storage class", class_keys, r->err)
                     : vb_yaml_fail(r->err, node, "storage class '%s' must be a mapping, {components: {...}}", name);
    if (!status)
        status = read_components(r, k, vb_yaml_get(node, "components"), false);
    if (!status)
        status = read_components(r, k, vb_yaml_get(node, "derivedComponents"), true);
    return status;
}

static int read_classes(struct reading *r, const vb_yaml_node *map)
{
    int status = 0;

    if (vb_yaml_is_null(map))
        return 0;
    if (map->kind != VB_YAML_MAP)
        return r->strict ? vb_yaml_fail(r->err, map, "storageClasses must be a mapping from names to storage classes")
                         : 0;
    for (size_t i = 0; !status && i < map->count; i++) {
        const char *name = vb_yaml_text(map->items[i].key);

        if (name && *name)
            status = read_class(r, name, map->items[i].value);
        else if (r->strict)
            status = vb_yaml_fail(r->err, map->items[i].key, "a storage class must have a name");
    }
    return status;
}

/* ---- inheritance ------------------------------------------------------------------------------------------ */

/* Takes over what the class inherits and does not say itself.  One that inherits from its own name means the one of
 * that name below.  -ELOOP: it inherits from itself. */
static int inherit(vb_storage_classes *set, struct known *k, int depth)
{
    bool own = k->inherits && !strcmp(k->inherits, k->class.name);
    struct known *here = k->inherits && !own ? find_here(set, k->inherits) : NULL;
    const vb_storage_class *from;
    int r = 0;

    if (k->inherited)
        return 0;
    if (depth > MAX_INHERITED)
        return -ELOOP;
    if (here)
        r = inherit(set, here, depth + 1);
    if (r < 0)
        return r;
    from = !k->inherits ? NULL : vb_storage_class_find(own ? set->below : set, k->inherits);
    for (size_t i = 0; from && i < from->count; i++)
        if (!vb_storage_class_component(&k->class, from->components[i].name))
            add_component(&k->class, from->components[i].name, from->components[i].storage_class,
                          from->components[i].derived);
    if (k->class.count)
        qsort(k->class.components, k->class.count, sizeof *k->class.components, by_name);
    k->inherited = true;
    return 0;
}

static int inherit_all(vb_storage_classes *set, vb_error *err)
{
    struct known *k, *next;
    int r = 0;

    HASH_ITER(hh, set->table, k, next) {
        if (!r)
            r = inherit(set, k, 0);
        if (r < 0)
            return vb_fail(err, -EINVAL, "storage class '%s' inherits from itself, or from more than %d others",
                           k->class.name, MAX_INHERITED);
    }
    return 0;
}

/* ---- what daf_butler has ---------------------------------------------------------------------------------- */

extern const char vb_embedded_storage_classes[];
extern const size_t vb_embedded_storage_classes_size;

static vb_storage_classes *rubins;
static pthread_once_t rubins_once = PTHREAD_ONCE_INIT;

static void load_rubins(void)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    struct reading r = {.set = VB_NEW(vb_storage_classes), .strict = true, .err = &err};
    int status = vb_yaml_load("storage_classes.yaml", vb_embedded_storage_classes, vb_embedded_storage_classes_size,
                              &doc, &err);

    if (!status)
        status = read_classes(&r, vb_yaml_root(doc));
    if (!status)
        status = inherit_all(r.set, &err);
    if (status < 0) /* the file is part of the program: a test reads it */
        vb_log(VB_ERROR, "%s", err.message);
    rubins = r.set;
}

static const vb_storage_classes *known_to_rubin(void)
{
    pthread_once(&rubins_once, load_rubins);
    return rubins;
}

bool vb_storage_class_is_rubins(const char *name)
{
    return find_here(known_to_rubin(), name) != NULL;
}

const char *vb_storage_class_formatter(const char *name)
{
    const struct known *k = find_here(known_to_rubin(), name);

    return k ? k->class.formatter : NULL;
}

/* ---- what a repository has besides ------------------------------------------------------------------------ */

static int read_text(vb_storage_classes *set, const char *name, const char *text, const char *key)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    struct reading r = {.set = set};

    if (vb_yaml_load(name, text, strlen(text), &doc, NULL) < 0)
        return 0; /* it is no concern of ours */
    return read_classes(&r, key ? vb_yaml_get(vb_yaml_root(doc), key) : vb_yaml_root(doc));
}

/* vbutler.yaml beside a registry; a snapshot and a graph have noted what it said. */
static int read_repository(vb_storage_classes *set, vb_registry *reg, vb_error *err)
{
    vb_autofree char *dir = vb_path_dir(vb_registry_path(reg)), *path = vb_path_join(dir, "vbutler.yaml");
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    struct reading r = {.set = set, .strict = true, .err = err};
    int status;

    if (strcmp(vb_registry_format(reg), "registry") || access(path, F_OK))
        return 0;
    status = vb_yaml_load_file(path, &doc, err);
    return status < 0 ? status : read_classes(&r, vb_yaml_get(vb_yaml_root(doc), "storageClasses"));
}

int vb_storage_classes_open(vb_registry *reg, vb_storage_classes **out, vb_error *err)
{
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = VB_NEW(vb_storage_classes);
    vb_autofree char *gen3 = NULL, *noted = NULL;
    int r = vb_registry_meta(reg, "gen3_configuration", &gen3, err);

    set->below = known_to_rubin();
    if (!r)
        r = vb_registry_meta(reg, "storage_classes", &noted, err);
    if (!r && gen3)
        r = read_text(set, "gen3_configuration", gen3, "storageClasses");
    if (!r && noted)
        r = read_text(set, "storage_classes", noted, NULL);
    if (!r)
        r = read_repository(set, reg, err);
    if (!r)
        r = inherit_all(set, err);
    if (!r)
        *out = VB_STEAL(set);
    return r;
}

int vb_storage_classes_check(const vb_yaml_node *node, vb_error *err)
{
    vb_auto(vb_storage_classes_close) vb_storage_classes *set = VB_NEW(vb_storage_classes);
    struct reading r = {.set = set, .strict = true, .err = err};
    int status;

    if (vb_yaml_is_null(node))
        return 0;
    set->below = known_to_rubin();
    status = read_classes(&r, node);
    if (!status)
        status = inherit_all(set, err);
    return status;
}

/* ---- telling ---------------------------------------------------------------------------------------------- */

int vb_storage_classes_component(const vb_storage_classes *set, const char *storage_class, const char *name,
                                 const vb_storage_component **out, vb_error *err)
{
    const vb_storage_class *class = vb_storage_class_find(set, storage_class);
    char **names = NULL;
    const char *near;

    *out = vb_storage_class_component(class, name);
    if (*out)
        return 0;
    vb_fail(err, -EINVAL, "storage class %s has no component '%s'", storage_class, name);
    if (!class || !class->count) {
        vb_hint(err, "it has none; storageClasses of vbutler.yaml can give it components");
        return -EINVAL;
    }
    for (size_t i = 0; i < class->count; i++)
        vb_strv_add(&names, class->components[i].name);
    near = vb_nearest(name, (const char *const *)names);
    if (near) {
        vb_hint(err, "did you mean '%s'?", near);
    } else {
        vb_auto_buf all = {0};

        for (char **n = names; *n; n++)
            vb_buf_printf(&all, "%s%s", n == names ? "" : ", ", *n);
        vb_hint(err, "it has %s", vb_buf_text(&all));
    }
    vb_strv_free(names);
    return -EINVAL;
}

json_t *vb_storage_class_json(const vb_storage_class *class)
{
    json_t *out = json_object();

    for (size_t i = 0; class && i < class->count; i++) {
        const vb_storage_component *c = &class->components[i];
        const char *key = c->derived ? "derivedComponents" : "components";

        if (!json_object_get(out, key))
            json_object_set_new(out, key, json_object());
        json_object_set_new(json_object_get(out, key), c->name, json_string(c->storage_class));
    }
    if (json_object_size(out))
        return out;
    json_decref(out);
    return NULL;
}

char *vb_storage_classes_text(const vb_storage_classes *set)
{
    json_t *all = json_object();
    struct known *k, *next;
    char *text;

    HASH_ITER(hh, set->table, k, next) {
        json_t *class = vb_storage_class_json(&k->class);

        if (class)
            json_object_set_new(all, k->class.name, class);
    }
    text = json_object_size(all) ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(all);
    return text;
}
