#include "registry/sky/pixels.h"
#include "registry/sky/polygon.h"

#include <string.h>

typedef struct pixelization {
    const char *name;
    int max_level;
    uint64_t first_root, roots; /* indices of level 0 */
    unsigned corner_count;
    uint64_t (*index)(int level, vb_vec3 v);
    void (*corners)(int level, uint64_t index, vb_vec3 *corners);
    void (*envelope)(int level, const vb_region *region, vb_ranges *ranges);
} pixelization;

static const pixelization systems[] = {
    {"htm", VB_HTM_MAX_LEVEL, 8, 8, 3, vb_htm_index, vb_htm_trixel, vb_htm_envelope},
    {"healpix", VB_HEALPIX_MAX_ORDER, 0, 12, 4, vb_healpix_index, vb_healpix_corners, vb_healpix_envelope},
};

/* NULL and err where there is no such system or level. */
static const pixelization *find(const char *system, int level, vb_error *err)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        if (strcmp(systems[i].name, system) != 0)
            continue;
        if (level >= 0 && level <= systems[i].max_level)
            return &systems[i];
        vb_fail(err, -EINVAL, "%s has the levels 0 to %d, not %d", system, systems[i].max_level, level);
        return NULL;
    }
    vb_fail(err, -EINVAL, "there is no pixelization '%s': only htm and healpix", system);
    return NULL;
}

int vb_skypix_index(const char *system, int level, vb_vec3 v, uint64_t *out, vb_error *err)
{
    const pixelization *p = find(system, level, err);

    if (!p)
        return -EINVAL;
    *out = p->index(level, v);
    return 0;
}

int vb_skypix_envelope(const char *system, int level, const vb_region *region, vb_ranges *ranges, vb_error *err)
{
    const pixelization *p = find(system, level, err);

    if (!p)
        return -EINVAL;
    p->envelope(level, region, ranges);
    return 0;
}

int vb_skypix_region(const char *system, int level, uint64_t index, vb_region *out, vb_error *err)
{
    const pixelization *p = find(system, level, err);

    *out = (vb_region){.count = 0};
    if (!p)
        return -EINVAL;
    if (index >> 2 * level < p->first_root || index >> 2 * level >= p->first_root + p->roots)
        return vb_fail(err, -EINVAL, "%s has no pixel %llu at level %d", system, (unsigned long long)index, level);
    out->kind = VB_REGION_POLYGON;
    out->count = p->corner_count;
    p->corners(level, index, out->few);
    return 0;
}
