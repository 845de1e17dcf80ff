/* rng.c - xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64. */
#include "base/rng.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *x) {
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

/* Mixes the seed by splitmix64 before the XOR, so that (seed, stream) = (1,2) and (2,1) give
 * different numbers. */
void dnx_rng_seed(dnx_rng *r, uint64_t seed, uint64_t stream) {
    uint64_t x = splitmix64(&seed) ^ stream;
    for (int i = 0; i < 4; i++) r->s[i] = splitmix64(&x);
}

uint64_t dnx_rng_next(dnx_rng *r) {
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Uses 24 bits: every value is exact in float32, and rounding never gives 1. */
float dnx_rng_uniform(dnx_rng *r) { return (float)(dnx_rng_next(r) >> 40) * 0x1p-24f; }

/* Box-Muller transform without its second number, for which the generator would need more state.
 * Uses 53 bits, because with 24 bits no value would exceed 5.8. */
float dnx_rng_normal(dnx_rng *r) {
    double u = (double)((dnx_rng_next(r) >> 11) + 1) * 0x1p-53; /* (0,1] */
    double v = (double)(dnx_rng_next(r) >> 11) * 0x1p-53;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}
