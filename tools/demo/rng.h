/* rng.h - random numbers that are the same everywhere, for ever: xoshiro256** (Blackman and Vigna), seeded by
 * splitmix64.
 *
 * A survey has one seed and many streams (the sky, one an exposure, ...), so that a survey with more visits
 * starts with the same exposures as one with fewer.  Not thread-safe. */
#ifndef VB_DEMO_RNG_H
#define VB_DEMO_RNG_H

#include <stdint.h>

typedef struct rng {
    uint64_t state[4];
} rng;

rng rng_new(uint64_t seed, uint64_t stream);
uint64_t rng_next(rng *r);
double rng_uniform(rng *r, double from, double to); /* from <= x < to */
double rng_gauss(rng *r);                           /* mean 0, standard deviation 1 */

#endif
