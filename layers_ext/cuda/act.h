/* act.h - the activation functions on the GPU. */
#ifndef DNX_CUDA_ACT_H
#define DNX_CUDA_ACT_H
#include "cuda/target.h"

typedef float number;
#define INLINE DEVICE
#define C(x) x##f
/* The functions that the formulas of activations.h call. */
INLINE number exp_of(number u) { return EXP2(u * 1.44269504f); }
INLINE number tanh_of(number u) {
    if (u > 9) return 1;
    if (u < -9) return -1;
    if (u < .03f && u > -.03f) { /* the Taylor series: e - 1 below would lose digits */
        const float s = u * u;
        return u * (1 - s / 3 + s * s * (2 / 15.f));
    }
    const float e = exp_of(2 * u);
    return (e - 1) / (e + 1);
}
INLINE number softplus(number u) {
    const float e = exp_of(u > 0 ? -u : u), big = u > 0 ? u : 0;
    if (e < 1e-3f) return big + e - e * e / 2 + e * e * e / 3;
    return big + LOG2(1 + e) * .693147181f;
}
INLINE number floor_of(number u) {
    if (!(u > -8388608 && u < 8388608)) return u; /* NaN, or a whole number: |u| >= 2^23 */
    const float whole = (float)(long)u;
    return whole > u ? whole - 1 : whole;
}
#include "kernels/activations.inc.h"

// clang-format off
#define ACT(upper, lower, is_vector, f, grad) case DNX_##upper: return f;
#define ACT_GRAD(upper, lower, is_vector, f, grad) case DNX_##upper: return grad;
// clang-format on
DEVICE float activate(float u, dnx_act act, float slope) {
    switch (act) {
        DNX_ALL_ACTIVATIONS(ACT)
    default: return __builtin_nanf("");
    }
}
DEVICE float activate_grad(float u, dnx_act act, float slope) {
    switch (act) {
        DNX_ALL_ACTIVATIONS(ACT_GRAD)
    default: return __builtin_nanf("");
    }
}
/* Not inlined, so that unrolled loops stay short. */
DEVICE_CALL float call_activate(float u, dnx_act act, float slope) {
    return activate(u, act, slope);
}
#undef C

/* Applies the deferred batch norm and activation of channel c to z. Returns z itself when nothing
 * is deferred. */
DEVICE float loaded(const struct dnx_cuda_deferred *d, float z, int c) {
    if (!d->scale) return z;
    const float u = z * d->scale[c] + d->shift[c];
    if (d->act == DNX_LINEAR) return u;
    if (d->act == DNX_PRELU) return u > 0 ? u : d->slopes[c] * u;
    return call_activate(u, d->act, 0);
}
#endif
