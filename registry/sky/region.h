/* region.h - regions on the sky: convex polygons, circles, boxes, ellipses, their unions and intersections.
 *
 * The encoding is that of LSST's sphgeom, which Rubin's registries store (lsst/sphgeom: the encode() of each
 * class): a type byte, then little-endian doubles.
 *
 *     p  convex polygon   x y z of each vertex, three at least
 *     c  circle           x y z of the centre, squared chord, opening angle
 *     b  box              longitude from, to, latitude from, to
 *     e  ellipse          the fields of vb_ellipse, in their order
 *     u  union            parts, each with its length before it, 64 bits
 *     i  intersection     likewise
 *
 * What is decoded is encoded again byte by byte.  A vb_region is a plain value, and a polygon of up to 16
 * vertices needs no memory beside it, so that millions can be decoded on the stack.  Zeroed it is the empty
 * union.  A copy shares what the region owns: move it, or free only one.  Angles are radians unless a name
 * says degrees.  A region that does not change may be used by several threads. */
#ifndef VB_SKY_REGION_H
#define VB_SKY_REGION_H

#include "registry/base/buf.h"
#include "registry/base/error.h"
#include "registry/sky/shapes.h"

#include <stdint.h>

typedef enum vb_region_kind {
    VB_REGION_UNION,
    VB_REGION_INTERSECTION,
    VB_REGION_POLYGON,
    VB_REGION_BOX,
    VB_REGION_CIRCLE,
    VB_REGION_ELLIPSE,
} vb_region_kind;

enum {
    VB_REGION_FEW = 16,            /* vertices that are kept inside */
    VB_REGION_DEPTH = 8,           /* unions of intersections of unions ... */
    VB_REGION_MAX_BYTES = 1 << 20, /* of an encoded region: what takes more is refused */
};

typedef struct vb_region {
    vb_region_kind kind;
    uint32_t count; /* vertices of a polygon, parts of a union or an intersection */
    union {
        vb_vec3 few[VB_REGION_FEW]; /* ask with vb_region_vertices() */
        vb_vec3 *many;
        vb_circle circle;
        vb_box box;
        vb_ellipse ellipse;
        struct vb_region *parts;
    };
} vb_region;

static inline bool vb_region_is_compound(const vb_region *region)
{
    return region->kind == VB_REGION_UNION || region->kind == VB_REGION_INTERSECTION;
}

/* Gives back what the region owns; it is the empty union then. */
void vb_region_free(vb_region *region);
#define vb_auto_region __attribute__((cleanup(vb_region_free))) vb_region

/* ---- making: *out is overwritten, not freed; on failure it is the empty union ---- */

/* The convex hull of points; see vb_polygon_hull() for what is refused and for the order of the vertices. */
int vb_region_hull(const vb_vec3 *points, size_t n, vb_region *out, vb_error *err);

/* -EINVAL where the centre is no unit vector or the angle is negative. */
int vb_region_circle(vb_vec3 center, double angle, vb_region *out, vb_error *err);

/* From `lon_a` eastward to `lon_b`.  Longitudes are taken modulo 360, where they lie outside [0, 360] in
 * rising order only; latitudes beyond a pole end there.  -EINVAL otherwise. */
int vb_region_box_degrees(double lon_a, double lon_b, double lat_a, double lat_b, vb_region *out, vb_error *err);

/* Moves the parts out of the array, which the caller keeps; they are empty unions then. */
void vb_region_union(vb_region *parts, size_t n, vb_region *out);

/* ---- encoding ---- */

/* -EINVAL and a sentence for what is no encoded region: a length that does not fit, a vector that has not
 * length 1, a number that is none, a polygon that is not convex and counter-clockwise, parts nested too
 * deep. */
int vb_region_decode(const void *data, size_t n, vb_region *out, vb_error *err);

/* Base64 (RFC 4648, as registries hold it) or hexadecimal (as export files do); the first character tells
 * which. */
int vb_region_decode_text(const char *text, size_t n, vb_region *out, vb_error *err);

void vb_region_encode(const vb_region *region, vb_buf *out); /* adds bytes */
void vb_region_encode_base64(const vb_region *region, vb_buf *out);
void vb_region_encode_hex(const vb_region *region, vb_buf *out);

/* ---- asking ---- */

static inline const vb_vec3 *vb_region_vertices(const vb_region *polygon)
{
    return polygon->count <= VB_REGION_FEW ? polygon->few : polygon->many;
}

/* Edges belong to a region. */
bool vb_region_contains(const vb_region *region, vb_vec3 v);

/* VB_DISJOINT, VB_CONTAINS and VB_WITHIN of `a` to `b`, as sphgeom's relate().  A bit that is set is sure.
 * Without VB_DISJOINT the regions surely overlap where each is a polygon or a circle, or each a circle or a
 * box.  They may overlap where a polygon stands beside a box, which is judged by its bounding box, or an
 * ellipse beside anything (by its bounding circle), or an intersection (part by part). */
unsigned vb_region_relate(const vb_region *a, const vb_region *b);

/* True unless they are surely disjoint: where sphgeom's overlaps() is True or None.  Sooner told than the
 * relation, and symmetric for compounds too. */
bool vb_region_overlaps(const vb_region *a, const vb_region *b);

/* The same of encoded regions; *out tells.  Needs no memory for polygons of up to 16 vertices. */
int vb_region_overlaps_encoded(const void *a, size_t na, const void *b, size_t nb, bool *out, vb_error *err);

/* The centre of mass of a polygon, the centre of a circle, a box or an ellipse, of a compound its bounding
 * circle's. */
vb_vec3 vb_region_center(const vb_region *region);

vb_circle vb_region_bounding_circle(const vb_region *region);
vb_box vb_region_bounding_box(const vb_region *region);

/* How far `a` lies from `b` at least, in radians; 0 where they overlap.  The distance of two polygons, or of
 * others' bounding circles: for messages. */
double vb_region_distance(const vb_region *a, const vb_region *b);

#endif
