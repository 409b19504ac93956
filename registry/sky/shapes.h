/* shapes.h - circles, longitude-latitude boxes and ellipses on the sky, and how they relate.
 *
 * The relations are those of LSST's sphgeom, with its tolerances (lsst/sphgeom: Circle, Box,
 * NormalizedAngleInterval), because what a registry joins must not depend on who asks.  Angles are radians.
 * All calls are thread-safe. */
#ifndef VB_SKY_SHAPES_H
#define VB_SKY_SHAPES_H

#include "registry/sky/vec.h"

#include <stddef.h>

/* How A relates to B: bits, as in sphgeom.  0: they have points in common, or may have, and neither holds the
 * other. */
enum {
    VB_DISJOINT = 1, /* no common point */
    VB_CONTAINS = 2, /* all of B is in A */
    VB_WITHIN = 4,   /* all of A is in B */
};

/* How B relates to A, from how A relates to B. */
static inline unsigned vb_relation_invert(unsigned r)
{
    return (r & VB_DISJOINT) | (r & VB_CONTAINS ? VB_WITHIN : 0) | (r & VB_WITHIN ? VB_CONTAINS : 0);
}

/* How two relate of which one or both are empty, or of which none is and one or both are the whole sky. */
static inline unsigned vb_relation_of_empty(bool a, bool b)
{
    return VB_DISJOINT | (a ? VB_WITHIN : 0) | (b ? VB_CONTAINS : 0);
}

static inline unsigned vb_relation_of_full(bool a, bool b)
{
    return (a ? VB_CONTAINS : 0) | (b ? VB_WITHIN : 0);
}

/* No rounding error of a squared chord is larger.  What is nearer to a circle's edge counts as on it. */
#define VB_CHORD2_ERROR 2.5e-15
/* Nor of an opening angle that was computed with asin. */
#define VB_ASIN_ERROR 1.5e-8

typedef struct vb_circle {
    vb_vec3 center;
    double chord2; /* squared chord from the centre to the edge; negative: empty; 4 and more: the whole sky */
    double angle;  /* the opening angle: from the centre to the edge */
} vb_circle;

/* From `lon_a` eastward to `lon_b`, across 0 where lon_a > lon_b; [0, 2 pi] is all.  Empty where lat_a >
 * lat_b; the longitudes are NaN then. */
typedef struct vb_box {
    double lon_a, lon_b; /* in [0, 2 pi] */
    double lat_a, lat_b; /* in [-pi/2, pi/2] */
} vb_box;

/* All v with (x tan_a)^2 + (y tan_b)^2 <= z^2 and z >= 0, where x, y, z are v's coordinates in the basis; for
 * one that is wider than a hemisphere (a > 0), all but the inside of the same cone about -z. */
typedef struct vb_ellipse {
    vb_vec3 basis[3];    /* orthonormal; the last is the centre */
    double a, b;         /* semi-axis angles, less pi/2 */
    double gamma;        /* half the angle between the foci */
    double tan_a, tan_b; /* absolute; infinite for no sky and for all of it */
} vb_ellipse;

static inline bool vb_circle_is_empty(const vb_circle *c)
{
    return !(c->chord2 >= 0);
}

static inline bool vb_circle_is_full(const vb_circle *c)
{
    return c->chord2 >= 4;
}

double vb_chord2_of_angle(double angle);
double vb_angle_of_chord2(double chord2);

vb_circle vb_circle_around(vb_vec3 center, double angle);
vb_circle vb_circle_of_chord2(vb_vec3 center, double chord2);
bool vb_circle_contains(const vb_circle *c, vb_vec3 v);
unsigned vb_circle_relate(const vb_circle *a, const vb_circle *b);
vb_circle vb_circle_hull(const vb_circle *a, const vb_circle *b); /* the smallest circle round both */

/* How the points relate to the circle: VB_WITHIN, VB_DISJOINT, or 0 where some are in and some out, or one is
 * too close to the edge to tell. */
unsigned vb_points_relate_circle(const vb_vec3 *points, size_t n, const vb_circle *c);

/* The squared chord from `v` to the nearest (farthest) point of the great circle with normal `n` (of any
 * length, along a x b), where that point lies between a and b; 4 (0) where it does not, and an end is nearest
 * (farthest). */
double vb_edge_nearest_chord2(vb_vec3 v, vb_vec3 a, vb_vec3 b, vb_vec3 n);
double vb_edge_farthest_chord2(vb_vec3 v, vb_vec3 a, vb_vec3 b, vb_vec3 n);

vb_box vb_box_empty(void);

/* A box from longitudes that may lie outside [0, 2 pi] and latitudes that may lie beyond the poles. */
vb_box vb_box_make(double lon_a, double lon_b, double lat_a, double lat_b);
bool vb_box_is_empty(const vb_box *b);
bool vb_box_is_full(const vb_box *b);
bool vb_box_contains(const vb_box *b, vb_vec3 v);
unsigned vb_box_relate(const vb_box *a, const vb_box *b);
unsigned vb_box_relate_circle(const vb_box *b, const vb_circle *c);

/* The smallest box round both.  Where two gaps of longitude are there to close, the smaller one is closed. */
vb_box vb_box_hull(const vb_box *a, const vb_box *b);

vb_vec3 vb_box_center(const vb_box *b);

vb_box vb_circle_box(const vb_circle *c);
vb_circle vb_box_circle(const vb_box *b);

bool vb_ellipse_contains(const vb_ellipse *e, vb_vec3 v);
vb_circle vb_ellipse_outer(const vb_ellipse *e); /* the circle round it */
vb_circle vb_ellipse_inner(const vb_ellipse *e); /* the circle in it */

#endif
