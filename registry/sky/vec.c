#include "registry/sky/vec.h"

#include <stddef.h>

static const double rad_per_deg = M_PI / 180;

vb_vec3 vb_vec3_orthogonal(vb_vec3 v)
{
    return vb_vec3_unit(fabs(v.x) > fabs(v.y) ? (vb_vec3){-v.z, 0, v.x} : (vb_vec3){0, v.z, -v.y});
}

vb_vec3 vb_vec3_from_radians(double lon, double lat)
{
    return (vb_vec3){cos(lon) * cos(lat), sin(lon) * cos(lat), sin(lat)};
}

vb_vec3 vb_vec3_from_degrees(double lon, double lat)
{
    return vb_vec3_from_radians(lon * rad_per_deg, lat * rad_per_deg);
}

double vb_vec3_lon(vb_vec3 v)
{
    double lon = v.x == 0 && v.y == 0 ? 0 : atan2(v.y, v.x);

    return lon < 0 ? lon + 2 * M_PI : lon;
}

double vb_vec3_lat(vb_vec3 v)
{
    return v.z == 0 ? 0 : atan2(v.z, sqrt(v.x * v.x + v.y * v.y));
}

void vb_vec3_to_degrees(vb_vec3 v, double *lon, double *lat)
{
    *lon = vb_vec3_lon(v) / rad_per_deg;
    *lat = vb_vec3_lat(v) / rad_per_deg;
}

double vb_vec3_angle(vb_vec3 a, vb_vec3 b)
{
    double s = sqrt(vb_vec3_norm2(vb_vec3_cross(a, b))), c = vb_vec3_dot(a, b);

    return s == 0 && c == 0 ? 0 : atan2(s, c);
}

/* The sum of n doubles is kept as an expansion: doubles that do not overlap, the smallest first, so that the
 * last that is not zero has the sign of them all. */
static int sign_of_sum(const double *terms, size_t n)
{
    double e[24];

    for (size_t m = 0; m < n; m++) {
        double q = terms[m];

        for (size_t k = 0; k < m; k++) {
            double sum = q + e[k], part = sum - q;

            e[k] = (q - (sum - part)) + (e[k] - part); /* what rounding took from the sum */
            q = sum;
        }
        e[m] = q;
    }
    while (n-- > 0)
        if (e[n] != 0)
            return e[n] > 0 ? 1 : -1;
    return 0;
}

/* a * b * c exactly, as four doubles. */
static double *product(double *out, double a, double b, double c)
{
    double ab = a * b, low = fma(a, b, -ab);

    out[0] = ab * c;
    out[1] = fma(ab, c, -out[0]);
    out[2] = low * c;
    out[3] = fma(low, c, -out[2]);
    return out + 4;
}

static int sign_of_determinant(vb_vec3 a, vb_vec3 b, vb_vec3 c)
{
    double terms[24], *p = terms;

    p = product(p, a.x, b.y, c.z);
    p = product(p, -a.x, b.z, c.y);
    p = product(p, a.y, b.z, c.x);
    p = product(p, -a.y, b.x, c.z);
    p = product(p, a.z, b.x, c.y);
    product(p, -a.z, b.y, c.x);
    return sign_of_sum(terms, 24);
}

static double absolute_permanent(vb_vec3 a, vb_vec3 b, vb_vec3 c)
{
    return fabs(a.x) * (fabs(b.y * c.z) + fabs(b.z * c.y)) + fabs(a.y) * (fabs(b.z * c.x) + fabs(b.x * c.z)) +
           fabs(a.z) * (fabs(b.x * c.y) + fabs(b.y * c.x));
}

int vb_orient_exact(vb_vec3 a, vb_vec3 b, vb_vec3 c)
{
    vb_vec3 ab = vb_vec3_sub(b, a), ac = vb_vec3_sub(c, a);
    double det, error;

    /* Neighbours share corners: the most frequent close call. */
    if (vb_vec3_equal(a, b) || vb_vec3_equal(b, c) || vb_vec3_equal(a, c))
        return 0;
    /* det(a, b, c) = det(a, b - a, c - a): for near points these are small, and so is their error. */
    det = vb_vec3_dot(a, vb_vec3_cross(ab, ac));
    error = 8e-16 * absolute_permanent(a, ab, ac) + 1e-300;
    if (fabs(det) > error)
        return det > 0 ? 1 : -1;
    return sign_of_determinant(a, b, c);
}
