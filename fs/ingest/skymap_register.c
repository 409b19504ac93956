/* skymap_register.c - the records of a sky map, and its definition as a dataset. */
#include "fs/ingest/artifact.h"
#include "fs/ingest/element.h"
#include "fs/ingest/skymap.h"
#include "registry/base/mem.h"

#include <inttypes.h>
#include <string.h>

static const char type_name[] = "skyMap";

/* The definition in one spelling, so that comments and order do not matter. */
static vb_hash hash_of(const vb_skymap *map)
{
    vb_auto_buf text = {0};

    vb_buf_printf(&text, "tangent-plane grid\n%s\n", map->name);
    for (size_t i = 0; i < map->count; i++) {
        const vb_tract *t = &map->tracts[i];

        vb_buf_printf(&text,
                      "%" PRId64 " %.17g %.17g %.17g %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                      t->id, t->ra, t->dec, t->pixel_scale, t->nx, t->ny, t->width, t->height, t->border);
    }
    return vb_hash_bytes(text.data, text.len);
}

static int new_record(vb_registry *reg, const char *element, const vb_skymap *map, vb_record *out, vb_error *err)
{
    int r = vb_element_record(reg, element, out, err);

    if (!r)
        vb_record_set(out, "skymap", vb_value_text(map->name));
    return r;
}

static int put_skymap(vb_registry *reg, const vb_skymap *map, vb_error *err)
{
    vb_auto_record record = {0};
    vb_hash hash = hash_of(map);
    int64_t tracts = 0, nx = 0, ny = 0;
    int r = new_record(reg, "skymap", map, &record, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < map->count; i++) {
        tracts = map->tracts[i].id >= tracts ? map->tracts[i].id + 1 : tracts;
        nx = map->tracts[i].nx > nx ? map->tracts[i].nx : nx;
        ny = map->tracts[i].ny > ny ? map->tracts[i].ny : ny;
    }
    vb_record_set(&record, "hash", vb_value_bytes(hash.bytes, sizeof hash.bytes));
    vb_record_set(&record, "tract_max", vb_value_int(tracts));
    vb_record_set(&record, "patch_nx_max", vb_value_int(nx));
    vb_record_set(&record, "patch_ny_max", vb_value_int(ny));
    r = vb_record_put(reg, &record, VB_RECORD_SAME, err);
    if (r == -EEXIST) {
        vb_fail(err, -EEXIST, "a sky map '%s' is registered already, with another definition", map->name);
        vb_hint(err, "give this one another name: data IDs with tract and patch depend on it");
    }
    return r;
}

static int put_patch(vb_registry *reg, const vb_skymap *map, const vb_tract *t, int64_t x, int64_t y, vb_error *err)
{
    vb_auto_record record = {0};
    vb_auto_region region = {0};
    int r = new_record(reg, "patch", map, &record, err);

    if (!r)
        r = vb_tract_patch_region(t, x, y, &region, err);
    if (r < 0)
        return r;
    vb_record_set(&record, "tract", vb_value_int(t->id));
    vb_record_set(&record, "patch", vb_value_int(y * t->nx + x));
    vb_record_set(&record, "cell_x", vb_value_int(x));
    vb_record_set(&record, "cell_y", vb_value_int(y));
    vb_record_set_region(&record, &region);
    return vb_record_put(reg, &record, VB_RECORD_SAME, err);
}

static int put_tract(vb_registry *reg, const vb_skymap *map, const vb_tract *t, vb_error *err)
{
    vb_auto_record record = {0};
    vb_auto_region region = {0};
    int r = new_record(reg, "tract", map, &record, err);

    if (!r)
        r = vb_tract_region(t, &region, err);
    if (r < 0)
        return r;
    vb_record_set(&record, "tract", vb_value_int(t->id));
    vb_record_set_region(&record, &region);
    r = vb_record_put(reg, &record, VB_RECORD_SAME, err);
    for (int64_t y = 0; r >= 0 && y < t->ny; y++)
        for (int64_t x = 0; r >= 0 && x < t->nx; x++)
            r = put_patch(reg, map, t, x, y, err);
    return r;
}

/* ---- the dataset --------------------------------------------------------------------------------------- */

static int register_type(vb_registry *reg, const vb_dataset_type **out, vb_error *err)
{
    static char *dimensions[] = {(char *)"skymap", NULL};
    vb_dataset_type wanted = {.name = (char *)type_name,
                              .storage_class = (char *)"StructuredDataDict",
                              .extension = (char *)".yaml"};
    int r = vb_universe_conform_names(vb_registry_universe(reg), dimensions, &wanted.group, err);

    return r < 0 ? r : vb_dataset_type_register(reg, &wanted, out, err);
}

static vb_dataid dataid_of(const vb_skymap *map, const vb_dataset_type *type)
{
    return (vb_dataid){.group = type->group, .values = {vb_value_text(map->name)}};
}

/* 1 where the run has the sky map's definition. */
static int is_there(vb_registry *reg, const vb_skymap *map, const char *run, const vb_dataset_type *type, vb_error *err)
{
    vb_auto_dataset found = {0};
    vb_auto_search search = {0};
    vb_auto_dataid id = dataid_of(map, type);
    const vb_collection *collection;

    if (vb_collection_find(reg, run, &collection, NULL) < 0)
        return 0;
    *VB_PUSH(search.items, search.count, search.cap) = collection;
    return vb_dataset_find(reg, type, &id, &search, &found, err);
}

static int put_dataset(vb_registry *reg, const vb_skymap *map, const char *run, const vb_dataset_type *type,
                       const vb_transfer_file *file, vb_error *err)
{
    vb_auto_dataset d = {.uuid = file->uuid, .type = type, .dataid = dataid_of(map, type)};
    const vb_collection *collection;
    int r = vb_collection_register(reg, run, VB_RUN, NULL, &collection, err);

    if (r < 0)
        return r;
    d.run_id = collection->id;
    return vb_dataset_insert(reg, &d, &file->location, err);
}

/* The file is small: it is copied while the registry's lock is held. */
static int put_definition(const vb_repo *repo, vb_registry *reg, const vb_skymap *map, const char *path,
                          const char *run, vb_transfer **transfer, vb_error *err)
{
    const vb_dataset_type *type;
    vb_auto_dataid id = {0};
    vb_uuid uuid = vb_uuid_v7();
    int r = register_type(reg, &type, err);

    if (!r)
        r = is_there(reg, map, run, type, err);
    if (r)
        return r < 0 ? r : 0;
    r = vb_transfer_begin(repo, reg, VB_TRANSFER_COPY, transfer, err);
    if (r < 0)
        return r;
    id = dataid_of(map, type);
    vb_artifact_add(*transfer, path, run, type, &id, &uuid);
    r = vb_transfer_run(*transfer, 1, NULL, err);
    if (!r && (*transfer)->files[0].error.code) {
        vb_error_move(err, &(*transfer)->files[0].error);
        vb_error_context(err, "%s", path);
        return -EINVAL;
    }
    if (!r)
        r = put_dataset(reg, map, run, type, &(*transfer)->files[0], err);
    return r < 0 ? r : 1;
}

int vb_skymap_register(const vb_repo *repo, const char *path, const char *run, vb_skymap *out, vb_error *err)
{
    vb_auto(vb_registry_close) vb_registry *reg = NULL;
    vb_auto(vb_transfer_end) vb_transfer *transfer = NULL;
    vb_auto_txn txn = {0};
    int changed = 0, r = vb_skymap_load_file(path, out, err);

    if (!r)
        r = vb_repo_registry(repo, VB_ACCESS_WRITE, &reg, err);
    if (!r)
        r = vb_registry_begin(reg, &txn, err);
    if (!r)
        changed = r = put_skymap(reg, out, err);
    for (size_t i = 0; changed > 0 && r >= 0 && i < out->count; i++)
        r = put_tract(reg, out, &out->tracts[i], err);
    if (r >= 0)
        r = put_definition(repo, reg, out, path, run, &transfer, err);
    if (r > 0)
        changed = 1;
    if (r >= 0)
        r = vb_txn_commit(&txn, err);
    if (r < 0)
        vb_skymap_clear(out);
    else if (transfer)
        vb_transfer_commit(transfer);
    return r < 0 ? r : changed > 0;
}
