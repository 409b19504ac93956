#include "registry/sky/compose.h"

static void compose_intersection(vb_pixel_walk *walk, int level, bool interior, vb_range universe,
                                 const vb_region *region, vb_ranges *out)
{
    vb_auto_ranges common = {0};

    vb_ranges_add(&common, universe.begin, universe.end);
    for (uint32_t i = 0; i < region->count; i++) {
        vb_auto_ranges part = {0};

        vb_pixels_compose(walk, level, interior, universe, &region->parts[i], &part);
        vb_ranges_intersect(&common, &part);
    }
    for (size_t i = 0; i < common.count; i++)
        vb_ranges_add(out, common.items[i].begin, common.items[i].end);
}

void vb_pixels_compose(vb_pixel_walk *walk, int level, bool interior, vb_range universe, const vb_region *region,
                       vb_ranges *out)
{
    vb_region circle = {.count = 0};

    switch (region->kind) {
    case VB_REGION_POLYGON:
    case VB_REGION_BOX:
    case VB_REGION_CIRCLE: walk(level, interior, region, out); break;
    case VB_REGION_ELLIPSE:
        circle.kind = VB_REGION_CIRCLE;
        circle.circle = interior ? vb_ellipse_inner(&region->ellipse) : vb_ellipse_outer(&region->ellipse);
        walk(level, interior, &circle, out);
        break;
    case VB_REGION_UNION:
        for (uint32_t i = 0; i < region->count; i++)
            vb_pixels_compose(walk, level, interior, universe, &region->parts[i], out);
        break;
    case VB_REGION_INTERSECTION: compose_intersection(walk, level, interior, universe, region, out); break;
    }
}
