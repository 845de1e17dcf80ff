/* act.h - the activation functions on the device, as kernels/activations.h defines them. */
#ifndef DNX_CUDA_ACT_H
#define DNX_CUDA_ACT_H
#include "cuda/target.h"

DEVICE float exp_of(float x) { return EXP2(x * 1.44269504f); }
DEVICE float sigmoid(float u) { return 1 / (1 + exp_of(-u)); }
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

DEVICE float activate(float u, dnx_act act, float slope) {
    switch (act) {
    case DNX_LINEAR: return u;
    case DNX_RELU: return u > 0 ? u : u * 0; /* NaN stays NaN */
    case DNX_LEAKY: return u > 0 ? u : .1f * u;
    case DNX_PRELU: return u > 0 ? u : slope * u;
    case DNX_RELU6: return cut(u);
    case DNX_LOGISTIC: return sigmoid(u);
    case DNX_TANH: return tanh_of(u);
    case DNX_ELU: return u >= 0 ? u : exp_of(u) - 1;
    case DNX_SELU: return u >= 0 ? 1.0507f * u : 1.0507f * 1.6732f * (exp_of(u) - 1);
    case DNX_LOGGY: return 2 * sigmoid(u) - 1;
    case DNX_RELIE: return u > 0 ? u : .01f * u;
    case DNX_RAMP: return u * (u > 0) + .1f * u;
    case DNX_PLSE:
        return u < -4 ? .01f * (u + 4) : u > 4 ? .01f * (u - 4) + 1 : .125f * u + .5f;
    case DNX_STAIR: {
        const float n = floor_of(u), half = floor_of(u / 2);
        return n - 2 * floor_of(n / 2) == 0 ? half : u - n + half;
    }
    case DNX_HARDTAN: return u < -1 ? -1 : u > 1 ? 1 : u;
    case DNX_LHTAN: return u < 0 ? .001f * u : u > 1 ? .001f * (u - 1) + 1 : u;
    case DNX_SWISH: return u * sigmoid(u);
    case DNX_MISH: return u * tanh_of(softplus(u));
    case DNX_HSWISH: return u * cut(u + 3) / 6;
    case DNX_HSIGMOID: return cut(u + 3) / 6;
    case DNX_HARD_MISH: return u <= -2 ? 0 : u > 0 ? u : u * (u / 2 + 1);
    default: return u;
    }
}

DEVICE float activate_grad(float u, dnx_act act, float slope) {
    switch (act) {
    case DNX_RELU: return u > 0;
    case DNX_LEAKY: return u > 0 ? 1 : .1f;
    case DNX_PRELU: return u > 0 ? 1 : slope;
    case DNX_RELU6: return u > 0 && u < 6;
    case DNX_LOGISTIC: {
        const float s = sigmoid(u);
        return s * (1 - s);
    }
    case DNX_TANH: {
        const float t = tanh_of(u);
        return 1 - t * t;
    }
    case DNX_ELU: return u >= 0 ? 1 : exp_of(u);
    case DNX_SELU: return u >= 0 ? 1.0507f : 1.0507f * 1.6732f * exp_of(u);
    case DNX_LOGGY: {
        const float s = sigmoid(u);
        return 2 * s * (1 - s);
    }
    case DNX_RELIE: return u > 0 ? 1 : .01f;
    case DNX_RAMP: return (u > 0) + .1f;
    case DNX_PLSE: return u < -4 || u > 4 ? .01f : .125f;
    case DNX_STAIR: {
        const float n = floor_of(u);
        return n != u && n - 2 * floor_of(n / 2) != 0;
    }
    case DNX_HARDTAN: return u > -1 && u < 1;
    case DNX_LHTAN: return u > 0 && u < 1 ? 1 : .001f;
    case DNX_SWISH: {
        const float s = sigmoid(u);
        return s + u * s * (1 - s);
    }
    case DNX_MISH: {
        const float t = tanh_of(softplus(u));
        return t + u * (1 - t * t) * sigmoid(u);
    }
    case DNX_HSWISH: return u <= -3 ? 0 : u >= 3 ? 1 : (2 * u + 3) / 6;
    case DNX_HSIGMOID: return u > -3 && u < 3 ? 1 / 6.f : 0;
    case DNX_HARD_MISH: return u <= -2 ? 0 : u > 0 ? 1 : u + 1;
    default: return 1;
    }
}
#endif
