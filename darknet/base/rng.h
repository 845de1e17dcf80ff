/* rng.h - reproducible random numbers: one generator for each (seed, stream). */
#ifndef DNX_RNG_H
#define DNX_RNG_H
#include <stdint.h>

typedef struct {
    uint64_t s[4];
} dnx_rng;
/* Starts the random numbers of (seed, stream). The streams of one seed are independent. */
void dnx_rng_seed(dnx_rng *r, uint64_t seed, uint64_t stream);
/* Returns 64 random bits. */
uint64_t dnx_rng_next(dnx_rng *r);
float dnx_rng_uniform(dnx_rng *r); /* in [0,1) */
float dnx_rng_normal(dnx_rng *r);  /* mean 0, variance 1 */
#endif
