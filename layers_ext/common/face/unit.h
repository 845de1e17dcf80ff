/* unit.h - vectors of length 1. A length of 1e-15 or less counts as 0; NaN stays NaN. */
#ifndef DNX_UNIT_H
#define DNX_UNIT_H
#include <math.h>

#include "kernels/kernels.h"

/* Returns 1/|v|, or 0 for a zero vector. */
static inline double dnx_inverse_norm(const float *v, size_t size) {
    double sq = dnx_kernels()->dot(v, v, size);
    return sq > 1e-30 || isnan(sq) ? 1 / sqrt(sq) : 0;
}

/* Sets unit = v/|v|, `size` floats, and returns 1/|v|. Both are 0 for a zero vector. */
static inline float dnx_unit(const float *v, size_t size, float *unit) {
    float inv = (float)dnx_inverse_norm(v, size);
    for (size_t i = 0; i < size; i++) unit[i] = v[i] * inv;
    return inv;
}
#endif
