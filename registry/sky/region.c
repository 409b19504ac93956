#include "registry/sky/region.h"

#include "registry/base/mem.h"
#include "registry/sky/polygon.h"

#include <string.h>

static void set_empty(vb_region *region)
{
    region->kind = VB_REGION_UNION;
    region->count = 0;
}

void vb_region_free(vb_region *region)
{
    if (region->kind == VB_REGION_POLYGON && region->count > VB_REGION_FEW)
        free(region->many);
    if (vb_region_is_compound(region) && region->count) {
        for (uint32_t i = 0; i < region->count; i++)
            vb_region_free(&region->parts[i]);
        free(region->parts);
    }
    set_empty(region);
}

/* ---- making ---- */

static int check_points(const vb_vec3 *points, size_t n, vb_error *err)
{
    const size_t limit = VB_REGION_MAX_BYTES / sizeof *points;

    if (n > limit)
        return vb_fail(err, -E2BIG, "%zu points are too many for a convex hull: at most %zu", n, limit);
    for (size_t i = 0; i < n; i++)
        if (!vb_vec3_is_unit(points[i]))
            return vb_fail(err, -EINVAL, "point %zu of %zu is no unit vector", i + 1, n);
    return 0;
}

int vb_region_hull(const vb_vec3 *points, size_t n, vb_region *out, vb_error *err)
{
    vb_autofree vb_vec3 *hull = NULL;
    size_t count;
    int r = check_points(points, n, err);

    set_empty(out);
    if (r < 0)
        return r;
    hull = vb_realloc(NULL, n + 1, sizeof *hull);
    r = vb_polygon_hull(points, n, hull, &count, err);
    if (r < 0)
        return r;
    out->kind = VB_REGION_POLYGON;
    out->count = (uint32_t)count;
    if (count <= VB_REGION_FEW)
        memcpy(out->few, hull, count * sizeof *hull);
    else
        out->many = VB_STEAL(hull);
    return 0;
}

int vb_region_circle(vb_vec3 center, double angle, vb_region *out, vb_error *err)
{
    set_empty(out);
    if (!vb_vec3_is_unit(center))
        return vb_fail(err, -EINVAL, "a circle's centre is no unit vector");
    if (!(angle >= 0 && isfinite(angle)))
        return vb_fail(err, -EINVAL, "a circle's opening angle is %g radians: not 0 or more", angle);
    out->kind = VB_REGION_CIRCLE;
    out->circle = vb_circle_around(center, angle);
    return 0;
}

int vb_region_box_degrees(double lon_a, double lon_b, double lat_a, double lat_b, vb_region *out, vb_error *err)
{
    bool normal = lon_a >= 0 && lon_a <= 360 && lon_b >= 0 && lon_b <= 360, all = lon_b - lon_a >= 360;
    const double radians = M_PI / 180;

    set_empty(out);
    if (!isfinite(lon_a) || !isfinite(lon_b) || (lon_a > lon_b && !normal))
        return vb_fail(err, -EINVAL, "a box's longitudes from %g to %g degrees are no interval", lon_a, lon_b);
    if (!(lat_a <= lat_b && lat_b >= -90 && lat_a <= 90))
        return vb_fail(err, -EINVAL, "a box's latitudes from %g to %g degrees are no interval", lat_a, lat_b);
    out->kind = VB_REGION_BOX;
    out->box = vb_box_make(all ? 0 : lon_a * radians, all ? 2 * M_PI : lon_b * radians, lat_a * radians,
                           lat_b * radians);
    return 0;
}

void vb_region_union(vb_region *parts, size_t n, vb_region *out)
{
    set_empty(out);
    if (n == 0)
        return;
    out->count = (uint32_t)n;
    out->parts = vb_memdup(parts, n * sizeof *parts);
    for (size_t i = 0; i < n; i++)
        set_empty(&parts[i]);
}

/* ---- asking ---- */

static bool parts_contain(const vb_region *region, vb_vec3 v)
{
    bool any = region->kind == VB_REGION_UNION;

    for (uint32_t i = 0; i < region->count; i++)
        if (vb_region_contains(&region->parts[i], v) == any)
            return any;
    return !any;
}

bool vb_region_contains(const vb_region *region, vb_vec3 v)
{
    switch (region->kind) {
    case VB_REGION_POLYGON: return vb_polygon_contains(vb_region_vertices(region), region->count, v);
    case VB_REGION_BOX: return vb_box_contains(&region->box, v);
    case VB_REGION_CIRCLE: return vb_circle_contains(&region->circle, v);
    case VB_REGION_ELLIPSE: return vb_ellipse_contains(&region->ellipse, v);
    case VB_REGION_UNION:
    case VB_REGION_INTERSECTION: break;
    }
    return parts_contain(region, v);
}

vb_vec3 vb_region_center(const vb_region *region)
{
    switch (region->kind) {
    case VB_REGION_POLYGON: return vb_polygon_center(vb_region_vertices(region), region->count);
    case VB_REGION_BOX: return vb_box_center(&region->box);
    default: return vb_region_bounding_circle(region).center;
    }
}

/* An intersection lies within each of its parts; the smallest tells most.  NULL: there is none. */
static const vb_region *smallest_part(const vb_region *region)
{
    const vb_region *smallest = NULL;
    double least = 0;

    for (uint32_t i = 0; i < region->count; i++) {
        vb_circle circle = vb_region_bounding_circle(&region->parts[i]);

        if (!smallest || circle.chord2 < least) {
            smallest = &region->parts[i];
            least = circle.chord2;
        }
    }
    return smallest;
}

static vb_circle parts_circle(const vb_region *region)
{
    bool all = region->kind == VB_REGION_UNION;
    const vb_region *smallest = all ? NULL : smallest_part(region);
    vb_circle circle = vb_circle_of_chord2((vb_vec3){0, 0, 1}, all ? -1 : 4);

    if (smallest)
        return vb_region_bounding_circle(smallest);
    for (uint32_t i = 0; i < region->count; i++) {
        vb_circle part = vb_region_bounding_circle(&region->parts[i]);

        circle = vb_circle_hull(&circle, &part);
    }
    return circle;
}

vb_circle vb_region_bounding_circle(const vb_region *region)
{
    switch (region->kind) {
    case VB_REGION_POLYGON: return vb_polygon_circle(vb_region_vertices(region), region->count);
    case VB_REGION_BOX: return vb_box_circle(&region->box);
    case VB_REGION_CIRCLE: return region->circle;
    case VB_REGION_ELLIPSE: return vb_ellipse_outer(&region->ellipse);
    case VB_REGION_UNION:
    case VB_REGION_INTERSECTION: break;
    }
    return parts_circle(region);
}

static vb_box parts_box(const vb_region *region)
{
    bool all = region->kind == VB_REGION_UNION;
    const vb_region *smallest = all ? NULL : smallest_part(region);
    vb_box box = all ? vb_box_empty() : vb_box_make(0, 2 * M_PI, -M_PI_2, M_PI_2);

    if (smallest)
        return vb_region_bounding_box(smallest);
    for (uint32_t i = 0; i < region->count; i++) {
        vb_box part = vb_region_bounding_box(&region->parts[i]);

        box = vb_box_hull(&box, &part);
    }
    return box;
}

vb_box vb_region_bounding_box(const vb_region *region)
{
    vb_circle circle;

    switch (region->kind) {
    case VB_REGION_POLYGON: return vb_polygon_box(vb_region_vertices(region), region->count);
    case VB_REGION_BOX: return region->box;
    case VB_REGION_CIRCLE:
    case VB_REGION_ELLIPSE: break;
    case VB_REGION_UNION:
    case VB_REGION_INTERSECTION: return parts_box(region);
    }
    circle = vb_region_bounding_circle(region);
    return vb_circle_box(&circle);
}

double vb_region_distance(const vb_region *a, const vb_region *b)
{
    vb_circle round_a, round_b;

    if (vb_region_overlaps(a, b))
        return 0;
    if (a->kind == VB_REGION_POLYGON && b->kind == VB_REGION_POLYGON)
        return vb_angle_of_chord2(
            vb_polygon_gap_chord2(vb_region_vertices(a), a->count, vb_region_vertices(b), b->count));
    round_a = vb_region_bounding_circle(a);
    round_b = vb_region_bounding_circle(b);
    return fmax(0, vb_vec3_angle(round_a.center, round_b.center) - round_a.angle - round_b.angle);
}
