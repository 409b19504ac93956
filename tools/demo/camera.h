/* camera.h - SimCam: two detectors side by side on a telescope on Cerro Tololo, and what it sees of a sky.
 *
 * A survey takes one exposure a band and visit, each visit on a night of its own, dithered by a fraction of a
 * detector.  Pixels are counts (ADU); a magnitude m is 10^(0.4 (zero point - m)) counts a second. */
#ifndef VB_DEMO_CAMERA_H
#define VB_DEMO_CAMERA_H

#include "registry/base/buf.h"
#include "registry/base/error.h"
#include "tools/demo/sky.h"

#include <stdbool.h>

enum { DETECTORS = 2, PV_TERMS = 11 };

extern const char *const camera_bands[BANDS];
extern const char *const camera_detectors[DETECTORS];
extern const double camera_scale;      /* arcseconds a pixel */
extern const double camera_gain;       /* electrons a count */
extern const double camera_read_noise; /* electrons */
extern const double camera_saturation; /* counts */

/* What DQ pixels may hold. */
enum { MASK_BAD = 1, MASK_SATURATED = 2, MASK_COSMIC_RAY = 4 };

typedef struct exposure {
    int64_t number;   /* from 101, in the order of time */
    int visit, band;  /* visit: from 0, the same number in each band */
    int64_t start_ms; /* UTC, milliseconds since 1970, less leap seconds as in Unix time */
    double exptime;   /* s */
    double ra, dec;   /* of the optical axis, degrees */
    double rotation;  /* of the focal plane, degrees */
    double seeing;    /* full width at half maximum, arcseconds */
    double sky;       /* counts a second and pixel */
    double zero_point[DETECTORS];
    double azimuth, zenith_distance, hour_angle, airmass; /* degrees, but for the last */
    bool tpv;                                             /* has distortion terms */
} exposure;

exposure camera_plan(uint64_t seed, int visit, int band, int size);

/* Half the side of the square of sky that covers all exposures of detectors of `size` pixels, in degrees. */
double camera_reach(int size);

/* The linear part of a detector's astrometry, and its distortion. */
typedef struct plate {
    double crpix[2], crval[2], cd[2][2];
    bool tpv;
    double pv[2][PV_TERMS];
    double centre_ra, centre_dec; /* of the middle of the detector */
} plate;

typedef struct frame {
    int size;
    float *image, *weight; /* size * size each; weight: inverse variance, 0 where the mask is not */
    int32_t *mask;
    double background; /* the sky's, in counts */
    double noise;      /* of a pixel of sky, in counts */
} frame;

void frame_init(frame *f, int size);
void frame_free(frame *f);

/* Exposes one detector: fills the frame, the plate, and `cards` with the WCS of the plate. -EINVAL where
 * wcslib refuses the WCS. */
int camera_expose(const exposure *e, int detector, uint64_t seed, const sky *all, frame *f, plate *p, vb_buf *cards,
                  vb_error *err);

#endif
