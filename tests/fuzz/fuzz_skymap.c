/* Any bytes are read as a sky map and refused in a sentence, or they are one, whose tracts hold their
 * patches. */
#include "fs/ingest/skymap.h"
#include "tests/fuzz/fuzz.h"

static void check_tract(const vb_tract *t)
{
    vb_auto_region whole = {0}, first = {0}, last = {0};

    check(t->nx > 0 && t->ny > 0 && t->width > 0 && t->height > 0);
    if (vb_tract_region(t, &whole, NULL) < 0) /* too small for a double */
        return;
    if (!vb_tract_patch_region(t, 0, 0, &first, NULL))
        check(vb_region_overlaps(&whole, &first));
    if (!vb_tract_patch_region(t, t->nx - 1, t->ny - 1, &last, NULL))
        check(vb_region_overlaps(&whole, &last));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto_error err = VB_ERROR_INIT;
    vb_skymap map;

    if (vb_skymap_load("fuzz.yaml", (const char *)data, size, &map, &err) < 0) {
        check(err.message);
        return 0;
    }
    for (size_t i = 0; i < map.count; i++)
        check_tract(&map.tracts[i]);
    vb_skymap_clear(&map);
    return 0;
}
