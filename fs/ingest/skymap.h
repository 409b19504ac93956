/* skymap.h - sky maps: tracts as tangent planes, each cut into a grid of patches (docs/skymaps.md).
 *
 * Pixels of a tract are square; x runs to the west, y to the north, and the middle of the grid is the tangent
 * point.  A patch is a cell of the grid and a border round it, which it shares with its neighbours. */
#ifndef VB_FS_INGEST_SKYMAP_H
#define VB_FS_INGEST_SKYMAP_H

#include "registry/repo.h"
#include "registry/sky/region.h"

#include <stddef.h>

typedef struct vb_tract {
    int64_t id;
    double ra, dec;        /* degrees */
    double pixel_scale;    /* arcseconds */
    int64_t nx, ny;        /* patches */
    int64_t width, height; /* of a patch's cell, in pixels */
    int64_t border;        /* pixels */
} vb_tract;

typedef struct vb_skymap {
    char *name;
    char *text; /* the definition as it was read */
    vb_tract *tracts;
    size_t count, cap;
} vb_skymap;

int vb_skymap_load(const char *name, const char *text, size_t n, vb_skymap *out, vb_error *err);
int vb_skymap_load_file(const char *path, vb_skymap *out, vb_error *err);
void vb_skymap_clear(vb_skymap *map);

/* Cell (x, y) of a tract with its border; its id is y * nx + x. */
int vb_tract_patch_region(const vb_tract *tract, int64_t x, int64_t y, vb_region *out, vb_error *err);
int vb_tract_region(const vb_tract *tract, vb_region *out, vb_error *err);

/* Registers the sky map's records, and its definition as dataset `skyMap` in a run.  1: something is new; 0:
 * all was there; -EEXIST where another definition has that name. */
int vb_skymap_register(const vb_repo *repo, const char *path, const char *run, vb_skymap *out, vb_error *err);

#endif
