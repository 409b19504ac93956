#include "fs/ingest/skymap.h"

#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/base/yaml.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>

enum { MAX_FILE = 1 << 24, MAX_SIDE = 100000, MAX_PATCHES = 1000000, MAX_NAME = 64 };

static const double DEGREE = 3.14159265358979323846 / 180;
static const double MAX_HALF = 60; /* degrees from the tangent point */

/* ---- loading ------------------------------------------------------------------------------------------- */

#define GRID_KEYS "pixel_scale", "patches", "patch_size", "patch_border"

/* One integer for both axes, or a list of two. */
static int load_pair(const vb_yaml_node *node, const char *key, int64_t *x, int64_t *y, vb_error *err)
{
    bool list = node->kind == VB_YAML_LIST && node->count == 2;

    if (!vb_yaml_int(list ? node->items[0].value : node, x) || !vb_yaml_int(list ? node->items[1].value : node, y) ||
        *x < 1 || *y < 1 || *x > MAX_SIDE || *y > MAX_SIDE)
        return vb_yaml_fail(err, node, "'%s' must be one or two integers from 1 to %d", key, MAX_SIDE);
    return 0;
}

/* The keys that a tract may have, or the whole map for all tracts. */
static int load_grid(const vb_yaml_node *map, vb_tract *t, vb_error *err)
{
    const vb_yaml_node *scale = vb_yaml_get(map, "pixel_scale"), *patches = vb_yaml_get(map, "patches");
    const vb_yaml_node *size = vb_yaml_get(map, "patch_size"), *border = vb_yaml_get(map, "patch_border");
    int r = 0;

    if (scale && !(vb_yaml_double(scale, &t->pixel_scale) && t->pixel_scale > 0 && t->pixel_scale < 36000))
        r = vb_yaml_fail(err, scale, "'pixel_scale' must be a number of arcseconds");
    if (!r && patches)
        r = load_pair(patches, "patches", &t->nx, &t->ny, err);
    if (!r && size)
        r = load_pair(size, "patch_size", &t->width, &t->height, err);
    if (!r && border && !(vb_yaml_int(border, &t->border) && t->border >= 0 && t->border <= MAX_SIDE))
        r = vb_yaml_fail(err, border, "'patch_border' must be a number of pixels");
    return r;
}

static int load_center(const vb_yaml_node *node, vb_tract *t, vb_error *err)
{
    if (!node || node->kind != VB_YAML_LIST || node->count != 2 || !vb_yaml_double(node->items[0].value, &t->ra) ||
        !vb_yaml_double(node->items[1].value, &t->dec) || !(t->ra >= -360 && t->ra <= 360) ||
        !(t->dec >= -90 && t->dec <= 90))
        return -EINVAL;
    return 0;
}

static int check_tract(const vb_yaml_node *node, const vb_tract *t, vb_error *err)
{
    double side = hypot((double)(t->nx * t->width + 2 * t->border), (double)(t->ny * t->height + 2 * t->border)) / 2;

    if (!t->pixel_scale || !t->nx || !t->width)
        return vb_yaml_fail(err, node,
                            "a tract needs 'pixel_scale', 'patches' and 'patch_size', here or for the whole map");
    if (t->nx * t->ny > MAX_PATCHES)
        return vb_yaml_fail(err, node, "a tract has at most %d patches", MAX_PATCHES);
    if (atan(side * t->pixel_scale / 3600 * DEGREE) > MAX_HALF * DEGREE)
        return vb_yaml_fail(err, node, "a tract may not reach further than %g degrees from its centre: use several",
                            MAX_HALF);
    return 0;
}

static int load_tract(const vb_yaml_node *node, const vb_tract *defaults, vb_skymap *out, vb_error *err)
{
    static const char *const keys[] = {"id", "center", GRID_KEYS, NULL};
    vb_tract *t = VB_PUSH(out->tracts, out->count, out->cap);
    int r = vb_yaml_check_keys(node, "a tract", keys, err);

    *t = *defaults;
    if (!r && (!vb_yaml_int(vb_yaml_get(node, "id"), &t->id) || t->id < 0 || t->id >= INT32_MAX))
        r = vb_yaml_fail(err, node, "a tract needs an 'id', an integer from 0 on");
    if (!r && load_center(vb_yaml_get(node, "center"), t, err) < 0)
        r = vb_yaml_fail(err, node, "a tract needs a 'center': [right ascension, declination] in degrees");
    if (!r)
        r = load_grid(node, t, err);
    for (size_t i = 0; !r && i + 1 < out->count; i++)
        if (out->tracts[i].id == t->id)
            r = vb_yaml_fail(err, node, "another tract has this id");
    return r < 0 ? r : check_tract(node, t, err);
}

static int load_root(const vb_yaml_node *root, vb_skymap *out, vb_error *err)
{
    static const char *const keys[] = {"name", "tracts", GRID_KEYS, NULL};
    const vb_yaml_node *tracts = vb_yaml_get(root, "tracts");
    const char *name = vb_yaml_get_text(root, "name");
    vb_tract defaults = {0};
    int r = vb_yaml_check_keys(root, "a sky map", keys, err);

    if (!r && (!name || !*name || strlen(name) > MAX_NAME || !vb_utf8_valid(name, strlen(name))))
        r = vb_yaml_fail(err, root, "a sky map needs a 'name' of at most %d characters", MAX_NAME);
    if (!r && (!tracts || tracts->kind != VB_YAML_LIST || !tracts->count))
        r = vb_yaml_fail(err, root, "a sky map needs 'tracts', a list");
    if (!r)
        r = load_grid(root, &defaults, err);
    if (r < 0)
        return r;
    out->name = vb_strdup(name);
    for (size_t i = 0; !r && i < tracts->count; i++)
        r = load_tract(tracts->items[i].value, &defaults, out, err);
    return r;
}

int vb_skymap_load(const char *name, const char *text, size_t n, vb_skymap *out, vb_error *err)
{
    vb_auto(vb_yaml_free) vb_yaml *doc = NULL;
    int r = vb_yaml_load(name, text, n, &doc, err);

    *out = (vb_skymap){0};
    if (!r && !vb_yaml_root(doc))
        r = vb_fail(err, -EINVAL, "%s: is empty", name);
    if (!r)
        r = load_root(vb_yaml_root(doc), out, err);
    if (r < 0)
        vb_skymap_clear(out);
    else
        out->text = vb_strndup(text, n);
    return r;
}

int vb_skymap_load_file(const char *path, vb_skymap *out, vb_error *err)
{
    vb_auto_buf text = {0};
    int r = vb_read_file(AT_FDCWD, path, MAX_FILE, &text, err);

    *out = (vb_skymap){0};
    return r < 0 ? r : vb_skymap_load(path, vb_buf_text(&text), text.len, out, err);
}

void vb_skymap_clear(vb_skymap *map)
{
    free(map->name);
    free(map->text);
    free(map->tracts);
    *map = (vb_skymap){0};
}

/* ---- geometry ------------------------------------------------------------------------------------------ */

/* The direction of a point of the tangent plane, in pixels from the tangent point. */
static vb_vec3 deproject(const vb_tract *t, double x, double y)
{
    double lon = t->ra * DEGREE, lat = t->dec * DEGREE, unit = t->pixel_scale / 3600 * DEGREE;
    vb_vec3 center = vb_vec3_from_radians(lon, lat);
    vb_vec3 east = {-sin(lon), cos(lon), 0}, north = {-sin(lat) * cos(lon), -sin(lat) * sin(lon), cos(lat)};
    vb_vec3 sum = vb_vec3_add(center, vb_vec3_add(vb_vec3_scale(east, -x * unit), vb_vec3_scale(north, y * unit)));

    return vb_vec3_unit(sum);
}

/* A rectangle of the grid, from its lower left corner, in pixels. */
static int rectangle(const vb_tract *t, double x0, double y0, double x1, double y1, vb_region *out, vb_error *err)
{
    double cx = (double)(t->nx * t->width) / 2, cy = (double)(t->ny * t->height) / 2;
    vb_vec3 corners[4] = {deproject(t, x1 - cx, y0 - cy), deproject(t, x0 - cx, y0 - cy),
                          deproject(t, x0 - cx, y1 - cy), deproject(t, x1 - cx, y1 - cy)};

    return vb_region_hull(corners, 4, out, err);
}

int vb_tract_patch_region(const vb_tract *t, int64_t x, int64_t y, vb_region *out, vb_error *err)
{
    double x0 = (double)(x * t->width - t->border), y0 = (double)(y * t->height - t->border);

    return rectangle(t, x0, y0, x0 + (double)(t->width + 2 * t->border), y0 + (double)(t->height + 2 * t->border), out,
                     err);
}

int vb_tract_region(const vb_tract *t, vb_region *out, vb_error *err)
{
    double border = (double)t->border;

    return rectangle(t, -border, -border, (double)(t->nx * t->width) + border, (double)(t->ny * t->height) + border,
                     out, err);
}
