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

/* Finds the first two points that differ and the first that is not on their great circle; writes the three of them
 * counter-clockwise. */
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

/* Extends the hull by a point: the edges that see it on their right or ahead, which follow each other, give way to two
 * edges that meet in it.  False where it is to the right of all of them: then its antipode is inside. */
static bool extend(vb_vec3 *hull, size_t *count, vb_vec3 point)
{
    size_t n = *count, first = n, seen = 0, last, keep;

    for (size_t i = n - 1, j = 0; j < n; i = j++) { /* the edge from i to j */
        if (vb_orient(point, hull[i], hull[j]) > 0)
            continue;
        seen++;
        if (first == n || vb_orient(point, hull[(i + n - 1) % n], hull[i]) > 0)
            first = i;
    }
    if (seen == 0)
        return true;
    if (seen == n)
        return false;
    /* hull[first] stays, the seen - 1 after it go, the point comes in their place. */
    last = first + seen;
    keep = last < n ? n - last : 0;
    if (last > n) { /* what goes wraps round the array's end */
        memmove(hull, hull + (last - n), (first + 1 - (last - n)) * sizeof *hull);
        first -= last - n;
        n -= last - n;
    }
    memmove(hull + first + 2, hull + last, keep * sizeof *hull);
    hull[first + 1] = point;
    *count = first + 2 + keep;
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
