/* polygon.h - convex polygons on the sky, as plain arrays of vertices.
 *
 * The geometry underneath regions and pixels: no memory is taken here, so a pixel on the stack can be asked
 * as well as a region.  Vertices run counter-clockwise, seen from outside the sphere; the polygon is what
 * lies to the left of all its edges, edges included.  Which side a point is on is decided exactly
 * (vb_orient), so the answers are sphgeom's to the last bit.  All calls are thread-safe. */
#ifndef VB_SKY_POLYGON_H
#define VB_SKY_POLYGON_H

#include "registry/base/error.h"
#include "registry/sky/shapes.h"

bool vb_polygon_contains(const vb_vec3 *p, size_t n, vb_vec3 v);

/* False where some vertex surely turns right, or none turns left: such vertices are clockwise, not convex, or
 * on one great circle. */
bool vb_polygon_turns_left(const vb_vec3 *p, size_t n);

unsigned vb_polygon_relate(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb);
bool vb_polygon_overlaps(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb);

/* VB_DISJOINT, VB_WITHIN, VB_CONTAINS, or 0.  An edge that comes within a rounding error of the circle's
 * counts as crossing it. */
unsigned vb_polygon_relate_circle(const vb_vec3 *p, size_t n, const vb_circle *c);

/* By the polygon's box, as sphgeom does: VB_DISJOINT and VB_WITHIN are sure; 0 says nothing. */
unsigned vb_polygon_relate_box(const vb_vec3 *p, size_t n, const vb_box *b);

/* The squared chord from `v` to the nearest point of the polygon's edge. */
double vb_polygon_edge_chord2(const vb_vec3 *p, size_t n, vb_vec3 v);

/* The squared chord between the nearest points of two edges that do not cross. */
double vb_polygon_gap_chord2(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb);

/* The centre of mass, on the sphere. */
vb_vec3 vb_polygon_center(const vb_vec3 *p, size_t n);

vb_circle vb_polygon_circle(const vb_vec3 *p, size_t n);

/* The box round a polygon, 0.1 milliarcseconds wider than it need be.  Some polygons across longitude 0 get
 * all longitudes, as they do from sphgeom. */
vb_box vb_polygon_box(const vb_vec3 *p, size_t n);

/* Writes the convex hull of `n` points to `out`, which has room for n, and its size to *count.  The points
 * lie within a hemisphere, three at least not on one great circle; -EINVAL and a sentence otherwise.  Points
 * that are a convex polygon already keep their order, as far as it is counter-clockwise.  Cost: n times the
 * size of the hull. */
int vb_polygon_hull(const vb_vec3 *points, size_t n, vb_vec3 *out, size_t *count, vb_error *err);

#endif
