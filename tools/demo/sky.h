/* sky.h - a random piece of sky: stars and galaxies round one point, and what a reference catalogue knows of
 * them.
 *
 * The point lies on the edge between two HEALPix pixels of nside 32, the shards of the reference catalogue,
 * so that a task that matches sources needs one shard for some detectors and two for others.  Angles are in
 * degrees (ICRS), sizes in arcseconds. */
#ifndef VB_DEMO_SKY_H
#define VB_DEMO_SKY_H

#include <stddef.h>
#include <stdint.h>

enum { BAND_G, BAND_R, BAND_Z, BANDS };

typedef struct source {
    double ra, dec;
    double mag[BANDS];
    double gaia;         /* magnitude in Gaia's G; stars only */
    double size;         /* of the major axis, to be added in square to the seeing; 0: a star */
    double ratio, angle; /* minor to major axis; position angle of the major one, degrees from x */
} source;

typedef struct sky {
    source *sources;
    size_t count, cap;
} sky;

/* A star of the reference catalogue. */
typedef struct reference {
    int64_t id;
    double ra, dec;
    float ra_error, dec_error; /* milliarcseconds */
    float g, bp, rp, epoch;
} reference;

/* The shard of one HEALPix pixel. */
typedef struct shard {
    int64_t pixel; /* nside 32, ring order: the number in the file's name */
    reference *stars;
    size_t count, cap;
} shard;

/* The middle of the field. */
double sky_centre_ra(void);
double sky_centre_dec(void);

/* Fills a square of `half` degrees each side of the centre. */
void sky_fill(sky *s, uint64_t seed, double half);
void sky_free(sky *s);

/* The shards of the two pixels that share the field, then those of two neighbours that the field does not
 * touch. */
enum { SHARDS_UNDER_FIELD = 2, SHARDS = 4 };
void sky_shards(const sky *s, uint64_t seed, double half, shard shards[SHARDS]);
void shard_free(shard *s);

/* Pixel number of a point in ring order, nside 32, for declinations within 41 degrees of the equator. */
int64_t sky_ring_pixel(double ra, double dec);

#endif
