#include "registry/sky/shapes.h"

double vb_chord2_of_angle(double angle)
{
    double s = sin(angle / 2);

    if (angle < 0)
        return -1;
    return angle >= M_PI ? 4 : 4 * s * s;
}

double vb_angle_of_chord2(double chord2)
{
    if (chord2 < 0)
        return -1;
    return chord2 >= 4 ? M_PI : 2 * asin(sqrt(chord2) / 2);
}

vb_circle vb_circle_around(vb_vec3 center, double angle)
{
    return (vb_circle){center, vb_chord2_of_angle(angle), angle};
}

vb_circle vb_circle_of_chord2(vb_vec3 center, double chord2)
{
    return (vb_circle){center, chord2, vb_angle_of_chord2(chord2)};
}

bool vb_circle_contains(const vb_circle *c, vb_vec3 v)
{
    return vb_circle_is_full(c) || vb_vec3_chord2(v, c->center) <= c->chord2;
}

static bool same(const vb_circle *a, const vb_circle *b)
{
    return vb_vec3_equal(a->center, b->center) && a->chord2 == b->chord2 && a->angle == b->angle;
}

unsigned vb_circle_relate(const vb_circle *a, const vb_circle *b)
{
    const double slack = 4 * VB_ASIN_ERROR;
    double between;

    if (vb_circle_is_empty(a) || vb_circle_is_empty(b))
        return vb_relation_of_empty(vb_circle_is_empty(a), vb_circle_is_empty(b));
    if (vb_circle_is_full(a) || vb_circle_is_full(b))
        return vb_relation_of_full(vb_circle_is_full(a), vb_circle_is_full(b));
    if (same(a, b))
        return VB_CONTAINS | VB_WITHIN;
    between = vb_vec3_angle(a->center, b->center);
    if (between > a->angle + b->angle + slack)
        return VB_DISJOINT;
    if (between + b->angle + slack <= a->angle)
        return VB_CONTAINS;
    return between + a->angle + slack <= b->angle ? VB_WITHIN : 0;
}

vb_circle vb_circle_hull(const vb_circle *a, const vb_circle *b)
{
    unsigned relation = vb_circle_relate(a, b);
    double angle = (vb_vec3_angle(a->center, b->center) + a->angle + b->angle) / 2, turn = angle - a->angle;
    vb_vec3 axis, sideways, center;

    if (relation & (VB_CONTAINS | VB_WITHIN))
        return relation & VB_CONTAINS ? *a : *b;
    if (angle + 2 * VB_ASIN_ERROR >= M_PI)
        return vb_circle_of_chord2(a->center, 4);
    axis = vb_vec3_robust_cross(a->center, b->center);
    axis = vb_vec3_is_zero(axis) ? vb_vec3_orthogonal(a->center) : vb_vec3_unit(axis);
    /* The great circle through both centres runs from edge to edge; its middle is the new centre. */
    sideways = vb_vec3_cross(axis, a->center);
    center = vb_vec3_add(vb_vec3_scale(a->center, cos(turn)), vb_vec3_scale(sideways, sin(turn)));
    return vb_circle_around(vb_vec3_unit(center), angle + 2 * VB_ASIN_ERROR);
}

unsigned vb_points_relate_circle(const vb_vec3 *points, size_t n, const vb_circle *c)
{
    size_t inside = 0;

    for (size_t i = 0; i < n; i++) {
        double d = vb_vec3_chord2(points[i], c->center) - c->chord2;

        if (fabs(d) < VB_CHORD2_ERROR)
            return 0;
        inside += d < 0;
        if (inside != 0 && inside != i + 1)
            return 0;
    }
    return inside ? VB_WITHIN : VB_DISJOINT;
}

/* The angle t from v to the plane with normal n has sin t = |v.n| / |v||n| and cos t = |v x n| / |v||n|; a
 * squared chord is 2 (1 - cos t). */
static double plane_cosine(vb_vec3 v, vb_vec3 vxn, vb_vec3 n, double *sine2)
{
    double s = vb_vec3_dot(v, n), c2 = vb_vec3_norm2(vxn), h2 = s * s + c2;

    *sine2 = s * s / h2;
    return sqrt(c2 / h2);
}

double vb_edge_nearest_chord2(vb_vec3 v, vb_vec3 a, vb_vec3 b, vb_vec3 n)
{
    vb_vec3 vxn = vb_vec3_cross(v, n);
    double sine2, cosine;

    if (!(vb_vec3_dot(vxn, a) > 0 && vb_vec3_dot(vxn, b) < 0))
        return 4;
    cosine = plane_cosine(v, vxn, n, &sine2);
    return 2 * sine2 / (1 + cosine); /* 1 - cos t without its cancellation */
}

double vb_edge_farthest_chord2(vb_vec3 v, vb_vec3 a, vb_vec3 b, vb_vec3 n)
{
    vb_vec3 vxn = vb_vec3_cross(v, n);
    double sine2;

    if (!(vb_vec3_dot(vxn, a) < 0 && vb_vec3_dot(vxn, b) > 0))
        return 0;
    return 2 * (1 + plane_cosine(v, vxn, n, &sine2));
}
