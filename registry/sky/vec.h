/* vec.h - directions on the sky as unit vectors, and what can be asked of two or three of them.
 *
 * x points to longitude 0 on the equator, y to longitude 90 degrees, z to the north pole.  Distances between
 * directions are compared as squared chords (|a - b| squared, 4 sin^2 of half the angle): no trigonometry,
 * and exact enough for a milliarcsecond.  All calls are thread-safe. */
#ifndef VB_SKY_VEC_H
#define VB_SKY_VEC_H

#include <math.h>
#include <stdbool.h>

typedef struct vb_vec3 {
    double x, y, z;
} vb_vec3;

static inline vb_vec3 vb_vec3_add(vb_vec3 a, vb_vec3 b)
{
    return (vb_vec3){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline vb_vec3 vb_vec3_sub(vb_vec3 a, vb_vec3 b)
{
    return (vb_vec3){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline vb_vec3 vb_vec3_scale(vb_vec3 a, double s)
{
    return (vb_vec3){a.x * s, a.y * s, a.z * s};
}

static inline vb_vec3 vb_vec3_neg(vb_vec3 a)
{
    return (vb_vec3){-a.x, -a.y, -a.z};
}

static inline double vb_vec3_dot(vb_vec3 a, vb_vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline vb_vec3 vb_vec3_cross(vb_vec3 a, vb_vec3 b)
{
    return (vb_vec3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

/* Twice a x b, whose direction is still right where a and b are close: the difference of near numbers is
 * exact. */
static inline vb_vec3 vb_vec3_robust_cross(vb_vec3 a, vb_vec3 b)
{
    return vb_vec3_cross(vb_vec3_add(b, a), vb_vec3_sub(b, a));
}

static inline double vb_vec3_norm2(vb_vec3 a)
{
    return vb_vec3_dot(a, a);
}

static inline double vb_vec3_chord2(vb_vec3 a, vb_vec3 b)
{
    return vb_vec3_norm2(vb_vec3_sub(a, b));
}

static inline bool vb_vec3_equal(vb_vec3 a, vb_vec3 b)
{
    return a.x == b.x && a.y == b.y && a.z == b.z;
}

/* A length of 1, as far as sums of squares of doubles go; false for NaN. */
static inline bool vb_vec3_is_unit(vb_vec3 a)
{
    return fabs(vb_vec3_norm2(a) - 1) < 1e-9;
}

static inline bool vb_vec3_is_zero(vb_vec3 a)
{
    return vb_vec3_equal(a, (vb_vec3){0});
}

/* A vector of length 1 in the direction of `v`, which is not zero.  The largest component is divided out
 * first, so nothing overflows, and so that the corners of HTM's trixels come out with sphgeom's very bits. */
static inline vb_vec3 vb_vec3_unit(vb_vec3 v)
{
    double ax = fabs(v.x), ay = fabs(v.y), az = fabs(v.z), x2, y2, z2, norm;
    double largest = ax > ay ? ax : ay;

    largest = largest > az ? largest : az;
    v = (vb_vec3){v.x / largest, v.y / largest, v.z / largest};
    x2 = v.x * v.x;
    y2 = v.y * v.y;
    z2 = v.z * v.z;
    norm = sqrt(1 + (ax == largest ? y2 + z2 : ay == largest ? x2 + z2 : x2 + y2));
    return (vb_vec3){v.x / norm, v.y / norm, v.z / norm};
}

/* Any unit vector at right angles to `v`. */
vb_vec3 vb_vec3_orthogonal(vb_vec3 v);

vb_vec3 vb_vec3_from_radians(double lon, double lat);
vb_vec3 vb_vec3_from_degrees(double lon, double lat);

/* Radians: longitude in [0, 2 pi], 0 at the poles; latitude in [-pi/2, pi/2].  `v` need not have length 1. */
double vb_vec3_lon(vb_vec3 v);
double vb_vec3_lat(vb_vec3 v);

void vb_vec3_to_degrees(vb_vec3 v, double *lon, double *lat);

/* The angle between two vectors of any length, in radians, good from nought to pi. */
double vb_vec3_angle(vb_vec3 a, vb_vec3 b);

/* No rounding error of the determinant of three unit vectors is larger: 5 epsilon times the permanent of the
 * absolute values, which is at most 6/sqrt(27). */
#define VB_ORIENT_SURE 1e-15

/* On which side of the great circle from b to c is a?  The exact sign of det(a, b, c): 1 left (a, b, c run
 * counter-clockwise), -1 right, 0 on it.  The filter decides nearly always; what it cannot is worked out with
 * expansions of doubles (Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
 * Predicates", 1997), exact as long as no product of three components underflows. */
int vb_orient_exact(vb_vec3 a, vb_vec3 b, vb_vec3 c);

static inline int vb_orient(vb_vec3 a, vb_vec3 b, vb_vec3 c)
{
    double det = vb_vec3_dot(a, vb_vec3_cross(b, c));

    if (det > VB_ORIENT_SURE)
        return 1;
    return det < -VB_ORIENT_SURE ? -1 : vb_orient_exact(a, b, c);
}

#endif
