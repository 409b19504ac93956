/* export_attributes.c - who wrote the registry, and its dimension universe. */
#include "registry/gen3/export_internal.h"

#include "registry/base/mem.h"

#include <jansson.h>
#include <string.h>

static const struct {
    const char *kind, *class, *version;
} managers[] = {
    {"attributes", "attributes.DefaultButlerAttributeManager", "1.0.1"},
    {"dimensions", "dimensions.static.StaticDimensionRecordStorageManager", "6.0.2"},
    {"collections", "collections.synthIntKey.SynthIntKeyCollectionManager", "2.0.0"},
    {"datasets", "datasets.byDimensions._manager.ByDimensionsDatasetRecordStorageManagerUUID", "2.0.0"},
    {"opaque", "opaque.ByNameOpaqueTableStorageManager", "0.2.0"},
    {"datastores", "bridge.monolithic.MonolithicDatastoreRegistryBridgeManager", "0.2.1"},
};

#define PACKAGE "lsst.daf.butler.registry.dimensions."

/* Where Rubin's program keeps the records of an element: by what it is, and whether there are few of them. */
static json_t *storage_of(const vb_universe *u, const vb_element *e)
{
    const char *table = e->view_of >= 0 ? PACKAGE "query.QueryDimensionRecordStorage"
                                        : PACKAGE "table.TableDimensionRecordStorage";
    static const char *const few[] = {"physical_filter", "subfilter", "detector", "visit_system"};
    bool cached = e->view_of >= 0;
    json_t *nested;

    if (e->is_governor)
        return json_pack("{s:s}", "cls", PACKAGE "governor.BasicGovernorDimensionRecordStorage");
    for (size_t i = 0; i < VB_COUNT(few); i++)
        cached = cached || !strcmp(e->name, few[i]);
    nested = json_pack("{s:s}", "cls", table);
    if (e->view_of >= 0)
        json_object_set_new(nested, "view_of", json_string(vb_universe_at(u, e->view_of)->name));
    return cached ? json_pack("{s:s, s:o}", "cls", PACKAGE "caching.CachingDimensionRecordStorage", "nested", nested)
                  : nested;
}

static json_t *packer(const char *class, const char *fixed, const char *a, const char *b, const char *c)
{
    return c ? json_pack("{s:[s], s:[s, s, s, s], s:s}", "fixed", fixed, "dimensions", fixed, a, b, c, "cls", class)
             : json_pack("{s:[s], s:[s, s, s], s:s}", "fixed", fixed, "dimensions", fixed, a, b, "cls", class);
}

/* Classes that turn data IDs into integers. */
static void add_packers(json_t *root, const vb_universe *u)
{
    static const char observation[] = "lsst.daf.butler.instrument.ObservationDimensionPacker";
    static const char sky[] = "lsst.skymap.packers.SkyMapDimensionPacker";
    json_t *packers = json_object();

    if (vb_universe_find(u, "visit") && vb_universe_find(u, "detector"))
        json_object_set_new(packers, "visit_detector", packer(observation, "instrument", "visit", "detector", NULL));
    if (vb_universe_find(u, "exposure") && vb_universe_find(u, "detector"))
        json_object_set_new(packers, "exposure_detector",
                            packer(observation, "instrument", "exposure", "detector", NULL));
    if (vb_universe_find(u, "patch")) {
        json_object_set_new(packers, "tract_patch", packer(sky, "skymap", "tract", "patch", NULL));
        json_object_set_new(packers, "tract_patch_band", packer(sky, "skymap", "tract", "patch", "band"));
    }
    json_object_set_new(root, "packers", packers);
}

static void complete(json_t *root, const vb_universe *u)
{
    static const struct {
        const char *system, *class;
    } pixels[] = {{"htm", "lsst.sphgeom.HtmPixelization"}, {"healpix", "lsst.sphgeom.HealpixPixelization"}};
    json_t *elements = json_object_get(root, "elements"), *element, *storage;
    const char *name;

    for (size_t i = 0; i < VB_COUNT(pixels); i++) {
        json_t *system = json_object_get(json_object_get(root, "skypix"), pixels[i].system);

        if (system && !json_object_get(system, "class"))
            json_object_set_new(system, "class", json_string(pixels[i].class));
    }
    json_object_foreach(elements, name, element) {
        const vb_element *e = vb_universe_find(u, name);

        storage = json_object_get(element, "storage");
        if (e && !(storage && json_object_get(storage, "cls")))
            json_object_set_new(element, "storage", storage_of(u, e));
    }
    if (!json_object_get(root, "packers"))
        add_packers(root, u);
}

char *vb_gen3_universe_json(vb_registry *reg)
{
    const vb_universe *u = vb_registry_universe(reg);
    json_t *root = json_loads(vb_universe_json(u), 0, NULL);
    char *text;

    complete(root, u);
    text = json_dumps(root, JSON_ENSURE_ASCII);
    json_decref(root);
    return text;
}

static int put(vb_gen3_export *x, const char *name, const char *value, vb_error *err)
{
    return vb_sql_exec(x->db, err, "INSERT INTO butler_attributes VALUES (?, ?)", VB_ARGS(name, value));
}

int vb_gen3_export_attributes(vb_gen3_export *x, vb_error *err)
{
    vb_autofree char *json = NULL;
    int r = vb_registry_meta(x->reg, "gen3_dimensions", &json, err);

    for (size_t i = 0; !r && i < VB_COUNT(managers); i++) {
        vb_autofree char *config = vb_format("config:registry.managers.%s", managers[i].kind);
        vb_autofree char *class = vb_format("lsst.daf.butler.registry.%s", managers[i].class);
        vb_autofree char *version = vb_format("version:%s", class);

        r = put(x, config, class, err);
        if (!r)
            r = put(x, version, managers[i].version, err);
    }
    if (!json)
        json = vb_gen3_universe_json(x->reg);
    return r < 0 ? r : put(x, "config:dimensions.json", json, err);
}
