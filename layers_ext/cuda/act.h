/* act.h - the activation functions on the device: the table of activations.h as two functions. */
#ifndef DNX_CUDA_ACT_H
#define DNX_CUDA_ACT_H
#include "cuda/activations.h"
#include "cuda/target.h"

DEVICE float exp_of(float x) { return EXP2(x * 1.44269504f); }
DEVICE float sigmoid(float u) { return 1 / (1 + exp_of(-u)); }
DEVICE float sigmoid_grad(float u) { return sigmoid(u) * (1 - sigmoid(u)); }
DEVICE float square(float u) { return u * u; }
DEVICE float tanh_of(float u) {
    if (u > 9) return 1;
    if (u < -9) return -1;
    if (u < .03f && u > -.03f) { /* the difference below would lose digits */
        const float s = u * u;
        return u * (1 - s / 3 + s * s * (2 / 15.f));
    }
    const float e = exp_of(2 * u);
    return (e - 1) / (e + 1);
}
DEVICE float cut(float u) { return u < 0 ? 0 : u > 6 ? 6 : u; }
/* ln(1 + e^u) */
DEVICE float softplus(float u) {
    const float e = exp_of(u > 0 ? -u : u), big = u > 0 ? u : 0;
    if (e < 1e-3f) return big + e - e * e / 2 + e * e * e / 3;
    return big + LOG2(1 + e) * .693147181f;
}
DEVICE float floor_of(float u) {
    const float whole = (float)(long)u;
    return whole > u ? whole - 1 : whole;
}

DEVICE bool is_odd(float whole) { return whole - 2 * floor_of(whole / 2) != 0; }
/* Constant from 2n to 2n + 1, then linear up to the next step. */
DEVICE float stair(float u) {
    const float n = floor_of(u), half = floor_of(u / 2);
    return is_odd(n) ? u - n + half : half;
}

#define ACT(upper, f, grad) case DNX_##upper: return f;
#define ACT_GRAD(upper, f, grad) case DNX_##upper: return grad;
/* Returns NaN for an activation that is not in the table. dnx_gpu_can_activate() keeps layers with
 * such an activation on the processor. */
DEVICE float activate(float u, dnx_act act, float slope) {
    switch (act) {
        DNX_CUDA_ACTIVATIONS(ACT)
    default: return __builtin_nanf("");
    }
}
DEVICE float activate_grad(float u, dnx_act act, float slope) {
    switch (act) {
        DNX_CUDA_ACTIVATIONS(ACT_GRAD)
    default: return __builtin_nanf("");
    }
}
#endif
