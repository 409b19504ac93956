#include "registry/sky/polygon.h"

#include <string.h>

static int refuse_flat(vb_error *err)
{
    return vb_fail(err, -EINVAL, "the points lie on one great circle, so they enclose nothing");
}

static int refuse_wide(vb_error *err)
{
    return vb_fail(err, -EINVAL, "the points do not lie within one hemisphere, so they have no convex hull");
}

/* Finds the first two points that differ and the first that is not on their great circle; writes the three of
 * them counter-clockwise. */
static int first_triangle(const vb_vec3 *points, size_t n, vb_vec3 out[3], vb_error *err)
{
    size_t second = 1, third;

    while (second < n && vb_vec3_equal(points[0], points[second]))
        second++;
    for (third = second + 1; third < n; third++) {
        int turn = vb_orient(points[0], points[second], points[third]);

        if (turn != 0) {
            out[0] = points[turn > 0 ? 0 : second];
            out[1] = points[turn > 0 ? second : 0];
            out[2] = points[third];
            return 0;
        }
    }
    return refuse_flat(err);
}

/* The hull's edges that do not have the point on their left, which follow each other: how many there are, and
 * the first of them (edge i goes from vertex i to the next). */
static size_t edges_seen(const vb_vec3 *hull, size_t n, vb_vec3 point, size_t *first)
{
    size_t seen = 0;
    bool before = vb_orient(point, hull[n - 1], hull[0]) <= 0;

    *first = 0;
    for (size_t i = 0; i < n; i++) {
        bool now = vb_orient(point, hull[i], hull[(i + 1) % n]) <= 0;

        seen += now;
        if (now && !before)
            *first = i;
        before = now;
    }
    return seen;
}

/* Extends the hull by a point: the edges that it is not left of give way to two that meet in it.  False where
 * those are all edges: then its antipode is inside. */
static bool extend(vb_vec3 *hull, size_t *count, vb_vec3 point)
{
    size_t n = *count, first, seen = edges_seen(hull, n, point, &first), next = (first + seen) % n, place = first + 1;

    if (seen == n)
        return false;
    if (seen == 0)
        return true;
    *count = n + 2 - seen;
    if (next > 0 && first + seen > n) {
        /* What goes wraps round the array's end; vertices next to first stay.  Where vertex 0 is the first to
         * go the point takes its place, as in sphgeom; else it comes last. */
        place = first == n - 1 ? 0 : first + 1 - next;
        memmove(hull + (place == 0), hull + next, (first + 1 - next) * sizeof *hull);
    } else if (next > 0) {
        memmove(hull + place + 1, hull + next, (n - next) * sizeof *hull);
    }
    hull[place] = point;
    return true;
}

int vb_polygon_hull(const vb_vec3 *points, size_t n, vb_vec3 *out, size_t *count, vb_error *err)
{
    int r = first_triangle(points, n, out, err);

    if (r < 0)
        return r;
    *count = 3;
    for (size_t i = 0; i < n; i++)
        if (!extend(out, count, points[i]))
            return refuse_wide(err);
    return 0;
}
