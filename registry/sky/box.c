#include "registry/sky/shapes.h"

/* Longitudes first.  An interval [a, b] runs eastward and wraps where a > b.  Intervals here are never empty:
 * an empty box is told by its latitudes. */
static const double turn = 2 * M_PI;

static bool lon_wraps(const vb_box *x)
{
    return x->lon_a > x->lon_b;
}

static bool lon_is_full(const vb_box *x)
{
    return x->lon_a == 0 && x->lon_b == turn;
}

static bool lon_contains(const vb_box *x, double lon)
{
    return lon_wraps(x) ? lon <= x->lon_b || x->lon_a <= lon : x->lon_a <= lon && lon <= x->lon_b;
}

static double eastward(double from, double to)
{
    return to < from ? turn + (to - from) : to - from;
}

static double normal_lon(double lon)
{
    if (lon < 0)
        return fmod(lon, turn) + turn;
    return lon > turn ? fmod(lon, turn) : lon;
}

/* `a` contains `b`, where neither equals the other and not both are full. */
static bool lon_contains_all(const vb_box *a, const vb_box *b)
{
    if (lon_wraps(a) && !lon_wraps(b))
        return a->lon_a <= b->lon_a || a->lon_b >= b->lon_b;
    if (lon_wraps(b) && !lon_wraps(a))
        return lon_is_full(a);
    return a->lon_a <= b->lon_a && a->lon_b >= b->lon_b;
}

static bool lon_disjoint(const vb_box *a, const vb_box *b)
{
    if (lon_wraps(a) && lon_wraps(b))
        return false;
    if (lon_wraps(a) || lon_wraps(b))
        return a->lon_a > b->lon_b && a->lon_b < b->lon_a;
    return a->lon_a > b->lon_b || a->lon_b < b->lon_a;
}

static unsigned lon_relate(const vb_box *a, const vb_box *b)
{
    if (a->lon_a == b->lon_a && a->lon_b == b->lon_b)
        return VB_CONTAINS | VB_WITHIN;
    if (lon_contains_all(a, b))
        return VB_CONTAINS;
    if (lon_contains_all(b, a))
        return VB_WITHIN;
    return lon_disjoint(a, b) ? VB_DISJOINT : 0;
}

static unsigned lat_relate(const vb_box *a, const vb_box *b)
{
    if (a->lat_a > b->lat_b || a->lat_b < b->lat_a)
        return VB_DISJOINT;
    return (a->lat_a <= b->lat_a && a->lat_b >= b->lat_b ? VB_CONTAINS : 0) |
           (a->lat_a >= b->lat_a && a->lat_b <= b->lat_b ? VB_WITHIN : 0);
}

static void lon_fill(vb_box *x)
{
    x->lon_a = 0;
    x->lon_b = turn;
}

/* Widens x until it holds y.  Where both ends of y are in x, either x holds y already, or the two go round
 * the sky.  sphgeom takes one that wraps and one that does not for the latter, always; so do we, or polygons
 * beside boxes would not compare as they do there. */
static void lon_expand(vb_box *x, const vb_box *y)
{
    bool has_a = lon_contains(x, y->lon_a), has_b = lon_contains(x, y->lon_b);

    if (has_a && has_b) {
        if (lon_wraps(x) != lon_wraps(y))
            lon_fill(x);
    } else if (has_a) {
        x->lon_b = y->lon_b;
    } else if (has_b) {
        x->lon_a = y->lon_a;
    } else if (lon_contains(y, x->lon_a)) {
        x->lon_a = y->lon_a;
        x->lon_b = y->lon_b;
    } else if (eastward(x->lon_b, y->lon_a) < eastward(y->lon_b, x->lon_a)) {
        x->lon_b = y->lon_b;
    } else {
        x->lon_a = y->lon_a;
    }
}

static void lon_grow(vb_box *x, double by)
{
    if (eastward(x->lon_a, x->lon_b) + 2 * by >= turn) {
        lon_fill(x);
    } else {
        x->lon_a = normal_lon(x->lon_a - by);
        x->lon_b = normal_lon(x->lon_b + by);
    }
}

vb_box vb_box_empty(void)
{
    return (vb_box){NAN, NAN, 1, 0};
}

vb_box vb_box_make(double lon_a, double lon_b, double lat_a, double lat_b)
{
    vb_box b = {normal_lon(lon_a), normal_lon(lon_b), fmax(lat_a, -M_PI_2), fmin(lat_b, M_PI_2)};

    if (!(b.lat_a <= b.lat_b))
        return vb_box_empty();
    if (lon_b - lon_a >= turn)
        lon_fill(&b);
    return b;
}

bool vb_box_is_empty(const vb_box *b)
{
    return !(b->lat_a <= b->lat_b);
}

bool vb_box_is_full(const vb_box *b)
{
    return lon_is_full(b) && b->lat_a == -M_PI_2 && b->lat_b == M_PI_2;
}

static bool contains(const vb_box *b, double lon, double lat)
{
    return b->lat_a <= lat && lat <= b->lat_b && lon_contains(b, lon);
}

bool vb_box_contains(const vb_box *b, vb_vec3 v)
{
    return contains(b, vb_vec3_lon(v), vb_vec3_lat(v));
}

unsigned vb_box_relate(const vb_box *a, const vb_box *b)
{
    unsigned lon, lat;

    if (vb_box_is_empty(a) || vb_box_is_empty(b))
        return vb_relation_of_empty(vb_box_is_empty(a), vb_box_is_empty(b));
    lon = lon_relate(a, b);
    lat = lat_relate(a, b);
    return (lon & lat & (VB_CONTAINS | VB_WITHIN)) | ((lon | lat) & VB_DISJOINT);
}

vb_box vb_box_hull(const vb_box *a, const vb_box *b)
{
    vb_box both = *a;

    if (vb_box_is_empty(a))
        return *b;
    if (vb_box_is_empty(b))
        return *a;
    lon_expand(&both, b);
    both.lat_a = fmin(a->lat_a, b->lat_a);
    both.lat_b = fmax(a->lat_b, b->lat_b);
    return both;
}

/* Half the longitudes that a circle spans: asin(sin angle / cos lat), all where it holds a pole.  (The
 * meridian that touches the circle has a normal at pi/2 + angle from its centre.) */
static double half_width(double angle, double lat)
{
    if (fabs(lat) + angle >= M_PI_2)
        return M_PI;
    return asin(fmin(1, sin(angle) / cos(lat)));
}

vb_box vb_circle_box(const vb_circle *c)
{
    double lon = vb_vec3_lon(c->center), lat = vb_vec3_lat(c->center), h = c->angle + 2 * VB_ASIN_ERROR;
    vb_box box = {lon, lon, fmax(lat - h, -M_PI_2), fmin(lat + h, M_PI_2)};

    if (vb_circle_is_empty(c))
        return vb_box_empty();
    lon_grow(&box, half_width(h, lat) + VB_ASIN_ERROR);
    return box;
}

static double center_lon(const vb_box *b)
{
    return normal_lon(b->lon_a + eastward(b->lon_a, b->lon_b) / 2);
}

vb_vec3 vb_box_center(const vb_box *b)
{
    return vb_box_is_empty(b) ? (vb_vec3){0, 0, 1} : vb_vec3_from_radians(center_lon(b), (b->lat_a + b->lat_b) / 2);
}

static void corners(const vb_box *b, vb_vec3 out[4])
{
    out[0] = vb_vec3_from_radians(b->lon_a, b->lat_a);
    out[1] = vb_vec3_from_radians(b->lon_a, b->lat_b);
    out[2] = vb_vec3_from_radians(b->lon_b, b->lat_a);
    out[3] = vb_vec3_from_radians(b->lon_b, b->lat_b);
}

vb_circle vb_box_circle(const vb_box *b)
{
    vb_vec3 corner[4], center = vb_box_center(b);
    double chord2 = 0;

    if (vb_box_is_empty(b))
        return vb_circle_of_chord2(center, -1);
    if (eastward(b->lon_a, b->lon_b) > M_PI) {
        double to_north = M_PI_2 - b->lat_a, to_south = M_PI_2 + b->lat_b;
        vb_vec3 pole = {0, 0, to_north <= to_south ? 1 : -1};

        return vb_circle_around(pole, fmin(to_north, to_south) + 4 * VB_ASIN_ERROR);
    }
    /* At most half the sky wide: a parallel's points are the farther the more they differ in longitude, and
     * along a meridian less than pi/2 away the farthest point is an end. */
    corners(b, corner);
    for (size_t i = 0; i < 4; i++)
        chord2 = fmax(chord2, vb_vec3_chord2(center, corner[i]));
    return vb_circle_of_chord2(center, chord2 + 2 * VB_CHORD2_ERROR);
}

/* The least angle from latitude `lat` to the box's two parallels. */
static double to_parallels(const vb_box *b, double lat)
{
    return fmin(fabs(lat - b->lat_a), fabs(lat - b->lat_b));
}

static vb_vec3 meridian_normal(double lon)
{
    return (vb_vec3){-sin(lon), cos(lon), 0};
}

/* All corners of the box are inside the circle. */
static unsigned relate_inside(const vb_box *b, const vb_circle *c, const vb_vec3 corner[4])
{
    double limit = c->chord2 - VB_CHORD2_ERROR, lon = vb_vec3_lon(vb_vec3_neg(c->center)),
           lat = vb_vec3_lat(vb_vec3_neg(c->center));

    if (vb_edge_farthest_chord2(c->center, corner[1], corner[0], meridian_normal(b->lon_a)) > limit ||
        vb_edge_farthest_chord2(c->center, corner[3], corner[2], meridian_normal(b->lon_b)) > limit)
        return 0;
    if (lon_contains(b, lon) && vb_chord2_of_angle(M_PI - to_parallels(b, lat)) > limit)
        return 0;
    /* A box that holds what the circle leaves out is not within it, though its edge is. */
    return contains(b, lon, lat) ? 0 : VB_WITHIN;
}

/* All corners of the box are outside the circle. */
static unsigned relate_outside(const vb_box *b, const vb_circle *c, const vb_vec3 corner[4])
{
    double limit = c->chord2 + VB_CHORD2_ERROR, lon = vb_vec3_lon(c->center), lat = vb_vec3_lat(c->center);

    if (vb_edge_nearest_chord2(c->center, corner[1], corner[0], meridian_normal(b->lon_a)) < limit ||
        vb_edge_nearest_chord2(c->center, corner[3], corner[2], meridian_normal(b->lon_b)) < limit)
        return 0;
    if (lon_contains(b, lon) && vb_chord2_of_angle(to_parallels(b, lat)) < limit)
        return 0;
    return contains(b, lon, lat) ? VB_CONTAINS : VB_DISJOINT;
}

unsigned vb_box_relate_circle(const vb_box *b, const vb_circle *c)
{
    vb_vec3 corner[4];
    unsigned side;

    if (vb_box_is_empty(b) || vb_circle_is_empty(c))
        return vb_relation_of_empty(vb_box_is_empty(b), vb_circle_is_empty(c));
    if (vb_box_is_full(b) || vb_circle_is_full(c))
        return vb_relation_of_full(vb_box_is_full(b), vb_circle_is_full(c));
    corners(b, corner);
    side = vb_points_relate_circle(corner, 4, c);
    if (side == VB_WITHIN)
        return relate_inside(b, c, corner);
    return side == VB_DISJOINT ? relate_outside(b, c, corner) : 0;
}
