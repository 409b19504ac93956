#include "tools/demo/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

rng rng_new(uint64_t seed, uint64_t stream)
{
    uint64_t mixed = splitmix(&stream); /* else seed 1, stream 2 would be seed 2, stream 1 */
    uint64_t state = seed ^ mixed;
    rng r;

    for (int i = 0; i < 4; i++)
        r.state[i] = splitmix(&state);
    return r;
}

static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t rng_next(rng *r)
{
    uint64_t *s = r->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double rng_uniform(rng *r, double from, double to)
{
    return from + (to - from) * ((double)(rng_next(r) >> 11) * 0x1p-53);
}

double rng_gauss(rng *r)
{
    double x, y, square;

    do { /* Marsaglia's polar method; the second deviate is thrown away for a smaller state */
        x = rng_uniform(r, -1, 1);
        y = rng_uniform(r, -1, 1);
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    return x * sqrt(-2 * log(square) / square);
}
