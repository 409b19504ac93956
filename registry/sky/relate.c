#include "registry/sky/polygon.h"
#include "registry/sky/region.h"

static unsigned relate_polygon(const vb_region *p, const vb_region *b)
{
    const vb_vec3 *vertices = vb_region_vertices(p);

    if (b->kind == VB_REGION_POLYGON)
        return vb_polygon_relate(vertices, p->count, vb_region_vertices(b), b->count);
    if (b->kind == VB_REGION_BOX)
        return vb_polygon_relate_box(vertices, p->count, &b->box);
    return vb_polygon_relate_circle(vertices, p->count, &b->circle);
}

/* Neither is an ellipse or a compound. */
static unsigned relate_simple(const vb_region *a, const vb_region *b)
{
    if (a->kind > b->kind)
        return vb_relation_invert(relate_simple(b, a));
    if (a->kind == VB_REGION_POLYGON)
        return relate_polygon(a, b);
    if (a->kind == VB_REGION_CIRCLE)
        return vb_circle_relate(&a->circle, &b->circle);
    return b->kind == VB_REGION_BOX ? vb_box_relate(&a->box, &b->box) : vb_box_relate_circle(&a->box, &b->circle);
}

static vb_region round_ellipse(const vb_region *region)
{
    return (vb_region){.kind = VB_REGION_CIRCLE, .circle = vb_ellipse_outer(&region->ellipse)};
}

/* A union is disjoint, or within, where all parts are, and contains what any part does; an intersection the
 * other way round. */
static unsigned relate_parts(const vb_region *a, const vb_region *b)
{
    unsigned all = VB_DISJOINT | VB_CONTAINS | VB_WITHIN, any = 0;

    for (uint32_t i = 0; i < a->count; i++) {
        unsigned r = vb_region_relate(&a->parts[i], b);

        all &= r;
        any |= r;
    }
    if (a->kind == VB_REGION_INTERSECTION)
        return (all & VB_CONTAINS) | (any & (VB_DISJOINT | VB_WITHIN));
    return a->count ? (all & (VB_DISJOINT | VB_WITHIN)) | (any & VB_CONTAINS) : VB_DISJOINT;
}

unsigned vb_region_relate(const vb_region *a, const vb_region *b)
{
    vb_region circle;

    if (vb_region_is_compound(a))
        return relate_parts(a, b);
    if (vb_region_is_compound(b))
        return vb_relation_invert(relate_parts(b, a));
    if (a->kind == VB_REGION_ELLIPSE) {
        circle = round_ellipse(a);
        return vb_region_relate(&circle, b) & (VB_DISJOINT | VB_WITHIN);
    }
    if (b->kind == VB_REGION_ELLIPSE) {
        circle = round_ellipse(b);
        return vb_region_relate(a, &circle) & (VB_DISJOINT | VB_CONTAINS);
    }
    return relate_simple(a, b);
}

bool vb_region_overlaps(const vb_region *a, const vb_region *b)
{
    if (a->kind == VB_REGION_POLYGON && b->kind == VB_REGION_POLYGON)
        return vb_polygon_overlaps(vb_region_vertices(a), a->count, vb_region_vertices(b), b->count);
    if (vb_region_relate(a, b) & VB_DISJOINT)
        return false;
    /* The parts of the other may tell what the parts of the one do not: (a1 and a2) against (b1 or b2). */
    return !(vb_region_is_compound(a) && vb_region_is_compound(b) && vb_region_relate(b, a) & VB_DISJOINT);
}

int vb_region_overlaps_encoded(const void *a, size_t na, const void *b, size_t nb, bool *out, vb_error *err)
{
    vb_auto_region one = {.count = 0}, other = {.count = 0};
    int r = vb_region_decode(a, na, &one, err);

    if (r >= 0)
        r = vb_region_decode(b, nb, &other, err);
    if (r >= 0)
        *out = vb_region_overlaps(&one, &other);
    return r;
}
