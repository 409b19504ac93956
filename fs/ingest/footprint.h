/* footprint.h - where on the sky an image lies, from the WCS of its header.
 *
 * wcslib reads the header, so every projection and distortion that it knows will do (TAN, TPV, SIP, TNX, ZPX,
 * ...).  The edges of an undistorted tangent-plane image are great circles, and its four corners tell all; of
 * others, points along the edges count too.  The region is the convex hull.  Thread-safe. */
#ifndef VB_FS_INGEST_FOOTPRINT_H
#define VB_FS_INGEST_FOOTPRINT_H

#include "fs/ingest/header.h"
#include "registry/sky/region.h"

/* -EINVAL and a sentence where the header has no celestial WCS, or none that can be used: equatorial (FK5,
 * ICRS) and galactic coordinates can. */
int vb_footprint(const vb_hdu *hdu, vb_region *out, vb_error *err);

#endif
