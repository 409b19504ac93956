/* read_find.c - one dataset: by data ID in a collection, along a chain, by UUID; and opening a repository for that. */
#include "registry/base/mem.h"
#include "tools/bench/work/bench.h"

enum { LOOKUPS = 20000, OPENS = 20 };

static int find_some(bench *b, const char *name, const char *type_name, const char *collection)
{
    char *names[] = {(char *)(uintptr_t)collection, NULL};
    vb_auto_search search = {0};
    vb_autofree vb_dataid *ids = vb_alloc(LOOKUPS * sizeof *ids);
    const vb_dataset_type *type;
    int found = 0, r = vb_search_resolve(b->reg, names, &search, b->err);
    double begun;

    if (!r)
        r = vb_dataset_type_find(b->reg, type_name, &type, b->err);
    for (int64_t i = 0; !r && i < LOOKUPS; i++) {
        uint64_t mixed = vb_hash64(&i, sizeof i);

        ids[i] = world_dataid(type->group, (int64_t)(mixed % (uint64_t)b->world.visits),
                              (int64_t)(mixed >> 40) % WORLD_DETECTORS);
    }
    begun = world_seconds();
    for (int64_t i = 0; r >= 0 && i < LOOKUPS; i++) {
        vb_auto_dataset d = {0};

        r = vb_dataset_find(b->reg, type, &ids[i], &search, &d, b->err);
        found += r > 0;
    }
    if (r >= 0)
        bench_tell(name, (world_seconds() - begun) / LOOKUPS * 1e6, LOOKUPS);
    for (int64_t i = 0; i < LOOKUPS; i++)
        vb_dataid_clear(&ids[i]);
    if (r >= 0 && found != LOOKUPS)
        r = vb_fail(b->err, -EIO, "%s: found %d of %d", name, found, LOOKUPS);
    return r < 0 ? r : 0;
}

int read_find(bench *b)
{
    return find_some(b, "find", "raw", "Cam/raw/all");
}

int read_find_chain(bench *b)
{
    return find_some(b, "find_chain", "src", "u/prod");
}

int read_find_uuid(bench *b)
{
    size_t room = (size_t)b->datasets, n = 0;
    vb_autofree vb_uuid *uuids = vb_alloc(room * sizeof *uuids);
    vb_uuid first = {{0}};
    int r = vb_dataset_list_uuids(b->reg, &first, room, uuids, &n, b->err);
    double begun = world_seconds();

    for (size_t i = 0; r >= 0 && i < LOOKUPS; i++) {
        vb_auto_dataset d = {0};

        r = vb_dataset_by_uuid(b->reg, &uuids[vb_hash64(&i, sizeof i) % n], &d, b->err);
    }
    if (r >= 0)
        bench_tell("find_uuid", (world_seconds() - begun) / LOOKUPS * 1e6, LOOKUPS);
    return r < 0 ? r : 0;
}

int read_open(bench *b)
{
    double begun = world_seconds();
    int r = 0;

    for (int i = 0; !r && i < OPENS; i++) {
        vb_auto(vb_repo_close) vb_repo *repo = NULL;
        vb_auto(vb_registry_close) vb_registry *reg = NULL;
        const vb_collection *c;

        r = vb_repo_open(b->repo->root, &repo, b->err);
        if (!r)
            r = vb_repo_registry(repo, VB_ACCESS_READ, &reg, b->err);
        if (!r)
            r = vb_collection_find(reg, "u/prod", &c, b->err);
    }
    if (!r)
        bench_tell("open", (world_seconds() - begun) / OPENS * 1e3, OPENS);
    return r;
}
