#include "registry/sky/compose.h"
#include "registry/sky/pixels.h"
#include "registry/sky/polygon.h"

#include <string.h>

/* The corners of the eight triangles of level 0.  Four lie south of the equator, from longitude 0 on; the
 * four north of it are numbered backwards. */
static void root_trixel(unsigned root, vb_vec3 t[3])
{
    static const vb_vec3 equator[] = {{1, 0, 0}, {0, 1, 0}, {-1, 0, 0}, {0, -1, 0}, {1, 0, 0}};
    unsigned quadrant = root < 4 ? root : 7 - root;

    t[0] = equator[root < 4 ? quadrant : quadrant + 1];
    t[1] = (vb_vec3){0, 0, root < 4 ? -1 : 1};
    t[2] = equator[root < 4 ? quadrant + 1 : quadrant];
}

static unsigned root_of(vb_vec3 v)
{
    unsigned quadrant;

    if (v.y == 0)
        quadrant = v.x >= 0 ? 0 : 2;
    else if (v.y > 0)
        quadrant = v.x > 0 ? 0 : 1;
    else
        quadrant = v.x < 0 ? 2 : 3;
    return v.z < 0 ? quadrant : 7 - quadrant;
}

/* The middle of the side opposite to each corner. */
static void middles(const vb_vec3 t[3], vb_vec3 mid[3])
{
    mid[0] = vb_vec3_unit(vb_vec3_add(t[1], t[2]));
    mid[1] = vb_vec3_unit(vb_vec3_add(t[2], t[0]));
    mid[2] = vb_vec3_unit(vb_vec3_add(t[0], t[1]));
}

/* Children 0 to 2 sit in the corners, 3 in the middle.  A corner's own edge, between it and the middle, runs
 * from its second to its third vertex. */
static void child_trixel(const vb_vec3 t[3], const vb_vec3 mid[3], unsigned child, vb_vec3 out[3])
{
    if (child == 3) {
        memcpy(out, mid, 3 * sizeof *mid);
        return;
    }
    out[0] = t[child];
    out[1] = mid[(child + 2) % 3];
    out[2] = mid[(child + 1) % 3];
}

uint64_t vb_htm_index(int level, vb_vec3 v)
{
    unsigned root = root_of(v);
    uint64_t index = 8 + root;
    vb_vec3 t[3], mid[3];

    root_trixel(root, t);
    for (int l = 0; l < level; l++) {
        vb_vec3 next[3];
        unsigned child = 0;

        middles(t, mid);
        while (child < 3 && vb_orient(v, mid[(child + 2) % 3], mid[(child + 1) % 3]) < 0)
            child++;
        child_trixel(t, mid, child, next);
        memcpy(t, next, sizeof next);
        index = index << 2 | child;
    }
    return index;
}

void vb_htm_trixel(int level, uint64_t index, vb_vec3 corners[3])
{
    root_trixel(index >> 2 * level & 7, corners);
    for (int l = level - 1; l >= 0; l--) {
        vb_vec3 mid[3], next[3];

        middles(corners, mid);
        child_trixel(corners, mid, index >> 2 * l & 3, next);
        memcpy(corners, next, sizeof next);
    }
}

/* ---- envelopes ---- */

typedef struct walk {
    const vb_region *region; /* a polygon, a circle or a box */
    const vb_vec3 *vertices; /* of a polygon */
    int level;
    bool interior;
    vb_ranges *out;
} walk;

static unsigned relate_trixel(const walk *w, const vb_vec3 t[3])
{
    switch (w->region->kind) {
    case VB_REGION_POLYGON: return vb_polygon_relate(t, 3, w->vertices, w->region->count);
    case VB_REGION_CIRCLE: return vb_polygon_relate_circle(t, 3, &w->region->circle);
    default: return vb_polygon_relate_box(t, 3, &w->region->box);
    }
}

/* Which children can a polygon touch?  Telling by the three edges round the middle child is much cheaper than
 * asking each child, and nearly always leaves one or two.  Bits. */
static unsigned candidates(const walk *w, const vb_vec3 mid[3])
{
    unsigned children = 15;

    for (unsigned k = 0; k < 3; k++) {
        vb_vec3 normal = vb_vec3_cross(mid[(k + 2) % 3], mid[(k + 1) % 3]); /* towards corner k */
        bool corner = true, middle = true;

        for (uint32_t i = 0; i < w->region->count && (corner || middle); i++) {
            double side = vb_vec3_dot(w->vertices[i], normal);

            corner &= side > VB_ORIENT_SURE;
            middle &= side < -VB_ORIENT_SURE;
        }
        if (corner)
            return 1u << k;
        if (middle)
            children &= ~(1u << k);
    }
    return children;
}

static void visit(const walk *w, const vb_vec3 t[3], uint64_t index, int level, bool holds);

/* `holds`: the region is a polygon that lies strictly inside the trixel. */
static void visit_children(const walk *w, const vb_vec3 t[3], uint64_t index, int level, bool holds)
{
    vb_vec3 mid[3], next[3];
    unsigned children = 15;

    middles(t, mid);
    if (w->region->kind == VB_REGION_POLYGON)
        children = candidates(w, mid);
    holds = holds && (children & (children - 1)) == 0;
    for (unsigned child = 0; child < 4; child++) {
        if (children >> child & 1) {
            child_trixel(t, mid, child, next);
            visit(w, next, index << 2 | child, level + 1, holds);
        }
    }
}

static void visit(const walk *w, const vb_vec3 t[3], uint64_t index, int level, bool holds)
{
    unsigned relation = holds ? VB_CONTAINS : relate_trixel(w, t);
    int shift = 2 * (w->level - level);

    if (relation & VB_DISJOINT)
        return;
    if (relation & VB_WITHIN || (level == w->level && !w->interior))
        vb_ranges_add(w->out, index << shift, (index + 1) << shift);
    else if (level < w->level)
        visit_children(w, t, index, level, holds);
}

/* The polygon lies strictly inside one of the eight. */
static bool one_root(const vb_vec3 *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fabs(p[i].x) < VB_ORIENT_SURE || fabs(p[i].y) < VB_ORIENT_SURE || fabs(p[i].z) < VB_ORIENT_SURE ||
            root_of(p[i]) != root_of(p[0]))
            return false;
    return true;
}

static void walk_shape(int level, bool interior, const vb_region *region, vb_ranges *out)
{
    bool polygon = region->kind == VB_REGION_POLYGON;
    walk w = {region, polygon ? vb_region_vertices(region) : NULL, level, interior, out};
    unsigned first = 0, last = 7;
    bool holds = polygon && one_root(w.vertices, region->count);
    vb_vec3 t[3];

    if (holds)
        first = last = root_of(w.vertices[0]);
    for (unsigned root = first; root <= last; root++) {
        root_trixel(root, t);
        visit(&w, t, 8 + root, 0, holds);
    }
}

static vb_range universe(int level)
{
    return (vb_range){UINT64_C(8) << 2 * level, UINT64_C(16) << 2 * level};
}

void vb_htm_envelope(int level, const vb_region *region, vb_ranges *ranges)
{
    vb_pixels_compose(walk_shape, level, false, universe(level), region, ranges);
}

void vb_htm_interior(int level, const vb_region *region, vb_ranges *ranges)
{
    vb_pixels_compose(walk_shape, level, true, universe(level), region, ranges);
}
