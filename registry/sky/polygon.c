#include "registry/sky/polygon.h"

bool vb_polygon_contains(const vb_vec3 *p, size_t n, vb_vec3 v)
{
    for (size_t i = n - 1, j = 0; j < n; i = j++)
        if (vb_orient(v, p[i], p[j]) < 0)
            return false;
    return true;
}

bool vb_polygon_turns_left(const vb_vec3 *p, size_t n)
{
    bool left = false;

    for (size_t i = n - 2, j = n - 1, k = 0; k < n; i = j, j = k++) {
        if (vb_vec3_dot(p[i], vb_vec3_cross(p[j], p[k])) < -VB_ORIENT_SURE)
            return false;
        left = left || vb_orient(p[i], p[j], p[k]) > 0;
    }
    return left;
}

/* True where all of b surely lies to the right of one edge of a: the quick way out, and the usual one. */
static bool edge_separates(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb)
{
    for (size_t i = na - 1, j = 0; j < na; i = j++) {
        vb_vec3 normal = vb_vec3_cross(a[i], a[j]);
        size_t k = 0;

        while (k < nb && vb_vec3_dot(b[k], normal) < -VB_ORIENT_SURE)
            k++;
        if (k == nb)
            return true;
    }
    return false;
}

static size_t count_inside(const vb_vec3 *p, size_t n, const vb_vec3 *points, size_t m)
{
    size_t inside = 0;

    for (size_t k = 0; k < m; k++)
        inside += vb_polygon_contains(p, n, points[k]);
    return inside;
}

/* Do the segments ab and cd cross, at a point inside both?  Where they do, going round the four ends turns
 * one way. */
static bool segments_cross(vb_vec3 a, vb_vec3 b, vb_vec3 c, vb_vec3 d)
{
    int side = vb_orient(a, c, d);

    return side != 0 && vb_orient(b, d, c) == side && vb_orient(c, b, a) == side && vb_orient(d, a, b) == side;
}

static bool edges_cross(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb)
{
    for (size_t i = na - 1, j = 0; j < na; i = j++)
        for (size_t k = nb - 1, l = 0; l < nb; k = l++)
            if (segments_cross(a[i], a[j], b[k], b[l]))
                return true;
    return false;
}

unsigned vb_polygon_relate(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb)
{
    size_t a_in_b, b_in_a;

    if (edge_separates(a, na, b, nb) || edge_separates(b, nb, a, na))
        return VB_DISJOINT;
    a_in_b = count_inside(b, nb, a, na);
    b_in_a = count_inside(a, na, b, nb);
    if (a_in_b == na || b_in_a == nb)
        return (a_in_b == na ? VB_WITHIN : 0) | (b_in_a == nb ? VB_CONTAINS : 0);
    return a_in_b || b_in_a || edges_cross(a, na, b, nb) ? 0 : VB_DISJOINT;
}

static bool any_inside(const vb_vec3 *p, size_t n, const vb_vec3 *points, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (vb_polygon_contains(p, n, points[k]))
            return true;
    return false;
}

bool vb_polygon_overlaps(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb)
{
    if (edge_separates(a, na, b, nb) || edge_separates(b, nb, a, na))
        return false;
    return any_inside(a, na, b, nb) || any_inside(b, nb, a, na) || edges_cross(a, na, b, nb);
}

/* All vertices are inside the circle. */
static unsigned relate_inside(const vb_vec3 *p, size_t n, const vb_circle *c)
{
    for (size_t i = n - 1, j = 0; j < n; i = j++)
        if (vb_edge_farthest_chord2(c->center, p[i], p[j], vb_vec3_robust_cross(p[i], p[j])) >
            c->chord2 - VB_CHORD2_ERROR)
            return 0;
    /* A polygon that holds what the circle leaves out is not within it, though its edge is. */
    return vb_polygon_contains(p, n, vb_vec3_neg(c->center)) ? 0 : VB_WITHIN;
}

/* All vertices are outside the circle. */
static unsigned relate_outside(const vb_vec3 *p, size_t n, const vb_circle *c)
{
    for (size_t i = n - 1, j = 0; j < n; i = j++)
        if (vb_edge_nearest_chord2(c->center, p[i], p[j], vb_vec3_robust_cross(p[i], p[j])) <
            c->chord2 + VB_CHORD2_ERROR)
            return 0;
    return vb_polygon_contains(p, n, c->center) ? VB_CONTAINS : VB_DISJOINT;
}

unsigned vb_polygon_relate_circle(const vb_vec3 *p, size_t n, const vb_circle *c)
{
    unsigned side;

    if (vb_circle_is_empty(c))
        return VB_CONTAINS | VB_DISJOINT;
    if (vb_circle_is_full(c))
        return VB_WITHIN;
    side = vb_points_relate_circle(p, n, c);
    if (side == VB_WITHIN)
        return relate_inside(p, n, c);
    return side == VB_DISJOINT ? relate_outside(p, n, c) : 0;
}

unsigned vb_polygon_relate_box(const vb_vec3 *p, size_t n, const vb_box *b)
{
    vb_box box = vb_polygon_box(p, n);

    return vb_box_relate(&box, b) & (VB_DISJOINT | VB_WITHIN);
}

double vb_polygon_edge_chord2(const vb_vec3 *p, size_t n, vb_vec3 v)
{
    double least = 4;

    for (size_t i = n - 1, j = 0; j < n; i = j++) {
        least = fmin(least, vb_vec3_chord2(v, p[j]));
        least = fmin(least, vb_edge_nearest_chord2(v, p[i], p[j], vb_vec3_robust_cross(p[i], p[j])));
    }
    return least;
}

double vb_polygon_gap_chord2(const vb_vec3 *a, size_t na, const vb_vec3 *b, size_t nb)
{
    double least = 4;

    for (size_t i = 0; i < na; i++)
        least = fmin(least, vb_polygon_edge_chord2(b, nb, a[i]));
    for (size_t i = 0; i < nb; i++)
        least = fmin(least, vb_polygon_edge_chord2(a, na, b[i]));
    return least;
}

/* t / sin t - 1, by the series of asin where t is small. */
static double excess(double sine, double cosine)
{
    double s2 = sine * sine;

    if (sine < 0.02 && cosine > 0)
        return s2 * (1.0 / 6 + s2 * (3.0 / 40 + s2 * 5 / 112));
    return sine > 0 ? atan2(sine, cosine) / sine - 1 : 0;
}

/* Each edge weighs its angle t and points along its normal (J. E. Brock, "The centroid and inertia tensor for
 * a spherical triangle", 1974, for any polygon): a x b * t / sin t.  In small polygons the sum of a x b
 * cancels to next to nothing, so that is taken from differences, and what remains of the weight
 * on its own. */
vb_vec3 vb_polygon_center(const vb_vec3 *p, size_t n)
{
    vb_vec3 sum = {0};

    for (size_t i = n - 1, j = 0; j < n; i = j++) {
        vb_vec3 normal = vb_vec3_scale(vb_vec3_robust_cross(p[i], p[j]), 0.5);
        double weight = excess(sqrt(vb_vec3_norm2(normal)), vb_vec3_dot(p[i], p[j]));

        sum = vb_vec3_add(sum, vb_vec3_cross(vb_vec3_sub(p[i], p[0]), vb_vec3_sub(p[j], p[0])));
        sum = vb_vec3_add(sum, vb_vec3_scale(normal, weight));
    }
    return vb_vec3_is_zero(sum) ? p[0] : vb_vec3_unit(sum);
}

vb_circle vb_polygon_circle(const vb_vec3 *p, size_t n)
{
    vb_vec3 center = vb_polygon_center(p, n);
    double chord2 = 0;

    for (size_t i = 0; i < n; i++)
        chord2 = fmax(chord2, vb_vec3_chord2(p[i], center));
    return vb_circle_of_chord2(center, chord2 + 2 * VB_CHORD2_ERROR);
}

/* The highest or lowest latitude of a great circle is as far from the equator as its normal is from the pole.
 * Widens the box where that point lies between a and b. */
static void add_summit(vb_box *box, vb_vec3 a, vb_vec3 b, double slack)
{
    vb_vec3 n = vb_vec3_robust_cross(a, b);
    double summit = atan2(sqrt(n.x * n.x + n.y * n.y), fabs(n.z));
    /* On which side of the meridian through the summit? */
    double side_a = a.y * n.x - a.x * n.y, side_b = b.y * n.x - b.x * n.y;

    if (side_a > 0 && side_b < 0)
        box->lat_b = fmin(fmax(box->lat_b, summit + slack), M_PI_2);
    else if (side_a < 0 && side_b > 0)
        box->lat_a = fmax(fmin(box->lat_a, -summit - slack), -M_PI_2);
}

vb_box vb_polygon_box(const vb_vec3 *p, size_t n)
{
    const double slack = 5e-10; /* more than atan2 errs, about 0.1 milliarcseconds */
    const vb_vec3 north = {0, 0, 1};
    vb_box box = vb_box_empty();
    bool eastward = false, westward = false;

    for (size_t i = n - 1, j = 0; j < n; i = j++) {
        double lon = vb_vec3_lon(p[j]), lat = vb_vec3_lat(p[j]);
        vb_box corner = vb_box_make(lon - slack, lon + slack, lat - slack, lat + slack);
        int turn = eastward && westward ? 0 : vb_orient(north, p[i], p[j]);

        box = vb_box_hull(&box, &corner);
        add_summit(&box, p[i], p[j], slack);
        eastward |= turn > 0;
        westward |= turn < 0;
    }
    if (eastward && westward)
        return box;
    /* Edges that all run one way go round a pole. */
    return westward ? vb_box_make(0, 2 * M_PI, -M_PI_2, box.lat_b) : vb_box_make(0, 2 * M_PI, box.lat_a, M_PI_2);
}
