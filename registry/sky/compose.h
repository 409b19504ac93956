/* compose.h - the pixels of any region from those of simple shapes; for the pixelizations of this room. */
#ifndef VB_SKY_COMPOSE_H
#define VB_SKY_COMPOSE_H

#include "registry/sky/ranges.h"
#include "registry/sky/region.h"

/* Adds the pixels that touch (interior: that lie within) a polygon, a circle or a box. */
typedef void vb_pixel_walk(int level, bool interior, const vb_region *shape, vb_ranges *out);

/* Does so for any region: an ellipse by the circle round it (interior: in it), a union by the union of its
 * parts' pixels, an intersection by theirs.  `universe` are all pixels of the level. */
void vb_pixels_compose(vb_pixel_walk *walk, int level, bool interior, vb_range universe, const vb_region *region,
                       vb_ranges *out);

#endif
