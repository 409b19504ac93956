/* pixels.h - the sky cut into numbered pixels: HTM and nested HEALPix.
 *
 * HTM (Kunszt, Szalay, Thakar, "The Hierarchical Triangular Mesh", 2001), levels 0 to 24: eight spherical
 * triangles, each of which is cut into four, again and again.  An index is 8 to 15 for the eight, and gains
 * two bits a level: level l has the indices from 8 << 2l to 16 << 2l.  Numbers and envelopes are sphgeom's
 * (HtmPixelization).
 *
 * HEALPix (Gorski et al., ApJ 622, 2005), orders 0 to 17, nested numbering: twelve base pixels, each cut into
 * four.
 *
 * An envelope is the set of pixels that a region may touch, an interior that of pixels that lie within it.
 * Both are found by descending from the whole sky into what the region's edge crosses, so their cost grows
 * with the length of the edge in pixels.  They are added to `ranges`, which the caller clears.
 *
 * Levels and orders are in their range: the vb_skypix calls check, the others do not.  All calls are
 * thread-safe. */
#ifndef VB_SKY_PIXELS_H
#define VB_SKY_PIXELS_H

#include "registry/sky/ranges.h"
#include "registry/sky/region.h"

enum { VB_HTM_MAX_LEVEL = 24, VB_HEALPIX_MAX_ORDER = 17 };

uint64_t vb_htm_index(int level, vb_vec3 v);
void vb_htm_trixel(int level, uint64_t index, vb_vec3 corners[3]);

/* The pixels that are not surely disjoint from the region: sphgeom's envelope(), range for range.  It is
 * exact for polygons and circles; a pixel counts as touching a box where its own bounding box does, and an
 * ellipse where it touches its bounding circle. */
void vb_htm_envelope(int level, const vb_region *region, vb_ranges *ranges);

/* The pixels that are surely within the region: sphgeom's interior(), but for ellipses, where sphgeom returns
 * what is within the bounding circle and this what is within the circle inside. */
void vb_htm_interior(int level, const vb_region *region, vb_ranges *ranges);

uint64_t vb_healpix_index(int order, vb_vec3 v);
uint64_t vb_healpix_ring_to_nest(int order, uint64_t ring);
uint64_t vb_healpix_nest_to_ring(int order, uint64_t nest);

/* South, east, north, west. */
void vb_healpix_corners(int order, uint64_t index, vb_vec3 corners[4]);

/* Every pixel that the region touches, and few others: a pixel's edges are no great circles, so it is taken
 * for the quadrilateral of its corners, grown by a little more than its edges bulge out of that: at the
 * equator the side squared, over 4, in radians; towards a pole as much more as the rings get shorter.  (At
 * order 9 that is 0.2 arcseconds at the equator, and 1/20 of a pixel at the pole.)  Boxes are compared with
 * the pixel's range of longitudes and latitudes. */
void vb_healpix_envelope(int order, const vb_region *region, vb_ranges *ranges);

/* ---- by name: "htm" or "healpix", as Rubin's skypix systems; -EINVAL for others and for bad levels ---- */

int vb_skypix_index(const char *system, int level, vb_vec3 v, uint64_t *out, vb_error *err);
int vb_skypix_envelope(const char *system, int level, const vb_region *region, vb_ranges *ranges, vb_error *err);

/* The pixel as a polygon of its corners.  -EINVAL where the level has no such index. */
int vb_skypix_region(const char *system, int level, uint64_t index, vb_region *out, vb_error *err);

#endif
