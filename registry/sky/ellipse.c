#include "registry/sky/shapes.h"

bool vb_ellipse_contains(const vb_ellipse *e, vb_vec3 v)
{
    double x = vb_vec3_dot(e->basis[0], v) * e->tan_a, y = vb_vec3_dot(e->basis[1], v) * e->tan_b,
           z = vb_vec3_dot(e->basis[2], v);

    if (e->a > 0)
        return z >= 0 || !(x * x + y * y < z * z); /* infinite tangents: the whole sky */
    return z >= 0 && x * x + y * y <= z * z;
}

vb_circle vb_ellipse_outer(const vb_ellipse *e)
{
    return vb_circle_around(e->basis[2], M_PI_2 + fmax(e->a, e->b) + 2 * VB_ASIN_ERROR);
}

vb_circle vb_ellipse_inner(const vb_ellipse *e)
{
    return vb_circle_around(e->basis[2], M_PI_2 + fmin(e->a, e->b) - 2 * VB_ASIN_ERROR);
}
