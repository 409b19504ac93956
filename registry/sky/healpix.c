#include "registry/base/library.h"
#include "registry/sky/compose.h"
#include "registry/sky/pixels.h"
#include "registry/sky/polygon.h"

#include <chealpix.h>

/* libchealpix brings cfitsio along, and that TLS and more. */
#define FUNCTIONS(X) X(vec2pix_nest64) X(ring2nest64) X(nest2ring64)
VB_LIBRARY(chealpix, VB_LIB_CHEALPIX, FUNCTIONS)

static int64_t nside(int order)
{
    return INT64_C(1) << order;
}

uint64_t vb_healpix_index(int order, vb_vec3 v)
{
    const double xyz[] = {v.x, v.y, v.z};
    int64_t index;

    vb_library_need(&chealpix_library);
    chealpix.vec2pix_nest64(nside(order), xyz, &index);
    return (uint64_t)index;
}

uint64_t vb_healpix_ring_to_nest(int order, uint64_t ring)
{
    int64_t nest;

    vb_library_need(&chealpix_library);
    chealpix.ring2nest64(nside(order), (int64_t)ring, &nest);
    return (uint64_t)nest;
}

uint64_t vb_healpix_nest_to_ring(int order, uint64_t nest)
{
    int64_t ring;

    vb_library_need(&chealpix_library);
    chealpix.nest2ring64(nside(order), (int64_t)nest, &ring);
    return (uint64_t)ring;
}

/* The even bits of a number, moved together. */
static uint64_t even_bits(uint64_t bits)
{
    bits &= 0x5555555555555555;
    bits = (bits | bits >> 1) & 0x3333333333333333;
    bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0f;
    bits = (bits | bits >> 4) & 0x00ff00ff00ff00ff;
    bits = (bits | bits >> 8) & 0x0000ffff0000ffff;
    return (bits | bits >> 16) & 0xffffffff;
}

/* A pixel, or a point where the side is 0, in the square of its base pixel: x runs from the southern corner
 * to the eastern, y to the western, from 0 to 1. */
typedef struct pixel {
    unsigned base;
    double x, y, side;
} pixel;

static pixel locate(int order, uint64_t index)
{
    double side = 1.0 / (double)nside(order);
    uint64_t inside = index & ((UINT64_C(1) << 2 * order) - 1);

    return (pixel){(unsigned)(index >> 2 * order), (double)even_bits(inside) * side,
                   (double)even_bits(inside >> 1) * side, side};
}

/* u and v from 0 to 1, across the pixel. */
static pixel point_in(pixel p, double u, double v)
{
    return (pixel){p.base, p.x + u * p.side, p.y + v * p.side, 0};
}

/* How far south of the north pole, in sides of a base pixel: 4 at the south pole. */
static double ring_of(pixel p)
{
    return 2 + p.base / 4 - p.x - p.y;
}

/* How long the ring is, as a part of the equator: in the polar caps, beyond 1 and 3, it shrinks to nought. */
static double width_of(pixel p)
{
    double ring = ring_of(p), width = ring < 2 ? ring : 4 - ring;

    return width < 1 ? width : 1;
}

/* Radians, not normalised (Gorski et al. 2005, section 5; Calabretta and Roukema, MNRAS 381, 2007). */
static double lon_of(pixel p)
{
    /* The middle of the base pixel: 1 3 5 7 eighths of a turn north and south, 0 2 4 6 between. */
    double middle = 2 * (p.base % 4) + (p.base / 4 != 1), width = width_of(p);

    return M_PI / 4 * (middle + (width > 0 ? (p.x - p.y) / width : 0));
}

/* The sine of the latitude, and its cosine. */
static double z_of(pixel p, double *cosine)
{
    double ring = ring_of(p), width = width_of(p), cap = width * width / 3, z = (2 - ring) * 2 / 3;

    if (width == 1) {
        *cosine = sqrt((1 - z) * (1 + z));
        return z;
    }
    *cosine = sqrt(cap * (2 - cap));
    return ring < 2 ? 1 - cap : cap - 1;
}

static vb_vec3 vec_of(pixel p)
{
    double cosine, z = z_of(p, &cosine), lon = lon_of(p);

    return (vb_vec3){cosine * cos(lon), cosine * sin(lon), z};
}

static double lat_of(pixel p)
{
    double cosine, z = z_of(p, &cosine);

    return atan2(z, cosine);
}

static void corners_of(pixel p, vb_vec3 corners[4])
{
    corners[0] = vec_of(p);
    corners[1] = vec_of(point_in(p, 1, 0));
    corners[2] = vec_of(point_in(p, 1, 1));
    corners[3] = vec_of(point_in(p, 0, 1));
}

void vb_healpix_corners(int order, uint64_t index, vb_vec3 corners[4])
{
    corners_of(locate(order, index), corners);
}

/* ---- envelopes ---- */

typedef struct walk {
    const vb_region *shape; /* a polygon, a circle or a box */
    vb_circle round;        /* the circle round it */
    int order;
    vb_ranges *out;
} walk;

/* How far a pixel reaches from its middle, at most: 0.84 (order 0) to 1.0687 sides were measured. */
static double reach(pixel p)
{
    return 1.07 * p.side + VB_ASIN_ERROR;
}

/* How far a pixel bulges out of the quadrilateral of its corners, at most.  Edges bend the more the nearer
 * they are to a pole; 0.08 (order 0) to 0.213 (the limit, at the poles) in the place of 1/4 were measured. */
static double bulge(pixel p)
{
    return p.side * p.side / width_of(point_in(p, 0.5, 0.5)) / 4 + VB_ASIN_ERROR;
}

/* Longitude and latitude are monotonic in x and y, so the corners bound them. */
static unsigned relate_to_box(pixel p, const vb_box *box)
{
    const double slack = VB_ASIN_ERROR;
    vb_box own = vb_box_make(lon_of(point_in(p, 0, 1)) - slack, lon_of(point_in(p, 1, 0)) + slack, lat_of(p) - slack,
                             lat_of(point_in(p, 1, 1)) + slack);

    if ((own.lat_b == M_PI_2 && box->lat_b == M_PI_2) || (own.lat_a == -M_PI_2 && box->lat_a == -M_PI_2))
        return 0; /* they meet in the pole, whatever their longitudes */
    return vb_box_relate(&own, box);
}

/* By the circle round the pixel.  What the circle round the shape tells is asked first: chords obey the
 * triangle inequality, so they add up to no less than the chord of the sum. */
static unsigned relate_circle(const walk *w, pixel p)
{
    const vb_region *shape = w->shape;
    double arc = reach(p), chords = sqrt(w->round.chord2) + arc; /* a chord is no longer than its arc */
    vb_circle round = {vec_of(point_in(p, 0.5, 0.5)), arc * arc, arc};
    const vb_vec3 *vertices;

    if (vb_vec3_chord2(w->round.center, round.center) > chords * chords)
        return VB_DISJOINT;
    if (shape->kind == VB_REGION_CIRCLE)
        return vb_circle_relate(&round, &shape->circle);
    vertices = vb_region_vertices(shape);
    if (vb_polygon_edge_chord2(vertices, shape->count, round.center) <= round.chord2 + VB_CHORD2_ERROR)
        return 0;
    return vb_polygon_contains(vertices, shape->count, round.center) ? VB_WITHIN : VB_DISJOINT;
}

/* Does the quadrilateral, grown by what the pixel bulges, touch the circle or the polygon? */
static bool touches(const vb_region *shape, pixel p)
{
    double grow = bulge(p);
    vb_circle circle;
    vb_vec3 corners[4];

    corners_of(p, corners);
    if (shape->kind == VB_REGION_CIRCLE) {
        circle = vb_circle_around(shape->circle.center, shape->circle.angle + grow);
        return !(vb_polygon_relate_circle(corners, 4, &circle) & VB_DISJOINT);
    }
    return vb_polygon_overlaps(corners, 4, vb_region_vertices(shape), shape->count) ||
           vb_polygon_gap_chord2(corners, 4, vb_region_vertices(shape), shape->count) <= grow * grow;
}

static void visit(const walk *w, int order, uint64_t index)
{
    bool box = w->shape->kind == VB_REGION_BOX;
    pixel p = locate(order, index);
    unsigned relation = box ? relate_to_box(p, &w->shape->box) : relate_circle(w, p);
    int shift = 2 * (w->order - order);

    if (relation & VB_DISJOINT)
        return;
    if (relation & VB_WITHIN || (order == w->order && (box || touches(w->shape, p))))
        vb_ranges_add(w->out, index << shift, (index + 1) << shift);
    for (unsigned child = 0; !(relation & VB_WITHIN) && order < w->order && child < 4; child++)
        visit(w, order + 1, index << 2 | child);
}

static void walk_shape(int order, bool interior, const vb_region *shape, vb_ranges *out)
{
    walk w = {shape, vb_region_bounding_circle(shape), order, out};

    if (w.round.chord2 > 2) /* wider than a hemisphere, so not convex: a polygon's edges may leave it */
        w.round.chord2 = 4;
    for (uint64_t base = 0; base < 12; base++)
        visit(&w, 0, base);
}

void vb_healpix_envelope(int order, const vb_region *region, vb_ranges *ranges)
{
    vb_range universe = {0, UINT64_C(12) << 2 * order};

    vb_pixels_compose(walk_shape, order, false, universe, region, ranges);
}
