#include "registry/gen3/gen3.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/gen3/read.h"

#include <string.h>

/* Managers by the last word of their class, and the versions of their schema that can be read: a major version, and
 * where that is 0 a minor one. */
static const struct {
    const char *kind, *class;
    int versions[4][2];
    int count;
} managers[] = {
    {"attributes", "DefaultButlerAttributeManager", {{1, -1}}, 1},
    {"dimensions", "StaticDimensionRecordStorageManager", {{5, -1}, {6, -1}}, 2},
    {"collections", "SynthIntKeyCollectionManager", {{1, -1}, {2, -1}}, 2},
    {"datasets", "ByDimensionsDatasetRecordStorageManagerUUID", {{1, -1}, {2, -1}}, 2},
    {"opaque", "ByNameOpaqueTableStorageManager", {{0, 2}}, 1},
    {"datastores", "MonolithicDatastoreRegistryBridgeManager", {{0, 2}}, 1},
};

static int check_version(const vb_gen3 *g, size_t m, const char *class, vb_error *err)
{
    vb_autofree char *key = vb_format("version:%s", class), *version = NULL;
    int major = -1, minor = -1, r = vb_gen3_attribute(g, key, &version, err);

    if (r < 0)
        return r;
    if (!version)
        return vb_fail(err, -EINVAL, "%s: butler_attributes has no '%s'", g->source->name, key);
    if (sscanf(version, "%d.%d", &major, &minor) == 2)
        for (int i = 0; i < managers[m].count; i++)
            if (managers[m].versions[i][0] == major &&
                (managers[m].versions[i][1] < 0 || managers[m].versions[i][1] == minor))
                return 0;
    vb_fail(err, -EINVAL, "%s: version '%.40s' of the %s manager %s is not known", g->source->name, version,
            managers[m].kind, managers[m].class);
    vb_hint(err,
            "this vbutler (%s) knows %d.*; an older registry can be brought up to date with Rubin's 'butler "
            "migrate'",
            VB_VERSION, managers[m].versions[managers[m].count - 1][0]);
    return -EINVAL;
}

static int check_manager(const vb_gen3 *g, size_t m, vb_error *err)
{
    vb_autofree char *key = vb_format("config:registry.managers.%s", managers[m].kind), *class = NULL;
    const char *dot;
    int r = vb_gen3_attribute(g, key, &class, err);

    if (r < 0)
        return r;
    if (!class)
        return vb_fail(err, -EINVAL, "%s: butler_attributes has no '%s'", g->source->name, key);
    dot = strrchr(class, '.');
    if (strcmp(dot ? dot + 1 : class, managers[m].class)) {
        vb_fail(err, -EINVAL, "%s: its %s manager '%.120s' is not known", g->source->name, managers[m].kind, class);
        vb_hint(err, "known is %s", managers[m].class);
        return -EINVAL;
    }
    return check_version(g, m, class, err);
}

static int load_universe(vb_gen3 *g, vb_error *err)
{
    vb_autofree char *json = NULL;
    int r = vb_gen3_attribute(g, "config:dimensions.json", &json, err);

    if (!r && !json)
        r = vb_fail(err, -EINVAL, "%s: butler_attributes has no 'config:dimensions.json'", g->source->name);
    if (r < 0)
        return r;
    r = vb_universe_load_text("config:dimensions.json", json, strlen(json), &g->universe, err);
    return r < 0 ? vb_error_context(err, "%s", g->source->name) : 0;
}

int vb_gen3_open_source(vb_gen3_config *config, vb_gen3_source *source, vb_gen3 **out, vb_error *err)
{
    vb_auto(vb_gen3_close) vb_gen3 *g = VB_NEW(vb_gen3);
    char **columns = NULL;
    int r;

    g->config = config;
    g->source = source;
    r = vb_gen3_columns(source, "butler_attributes", &columns, err);
    if (!r && !columns)
        r = vb_fail(err, -EINVAL, "%s: is no Gen3 registry (it has no table butler_attributes)", source->name);
    vb_strv_free(columns);
    for (size_t m = 0; !r && m < VB_COUNT(managers); m++)
        r = check_manager(g, m, err);
    if (!r)
        r = load_universe(g, err);
    if (!r)
        r = vb_gen3_read_collections(g, err);
    if (!r)
        r = vb_gen3_read_types(g, err);
    if (!r)
        *out = VB_STEAL(g);
    return r;
}

int vb_gen3_open(const char *path, vb_gen3 **out, vb_error *err)
{
    vb_auto(vb_gen3_config_free) vb_gen3_config *config = NULL;
    vb_gen3_source *source;
    int r = vb_gen3_config_read(path, &config, err);

    if (!r)
        r = config->is_postgres ? vb_gen3_source_postgres(config->db, config->namespace, &source, err)
                                : vb_gen3_source_sqlite(config->db, &source, err);
    return r < 0 ? r : vb_gen3_open_source(VB_STEAL(config), source, out, err);
}

void vb_gen3_close(vb_gen3 *g)
{
    for (size_t i = 0; i < g->ncollections; i++) {
        vb_gen3_collection *c = &g->collections[i];

        free(c->name);
        free(c->doc);
        free(c->host);
        free(c->children);
    }
    for (size_t i = 0; i < g->ntypes; i++) {
        vb_gen3_type *t = &g->types[i];

        free(t->name);
        free(t->storage_class);
        free(t->tags);
        free(t->calibs);
    }
    free(g->collections);
    free(g->types);
    if (g->universe)
        vb_universe_free(g->universe);
    if (g->source)
        vb_gen3_source_close(g->source);
    if (g->config)
        vb_gen3_config_free(g->config);
    free(g);
}
