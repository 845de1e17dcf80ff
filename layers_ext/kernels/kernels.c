/* kernels.c - which kernel set this processor gets, and the scalar activations. */
#include "kernels/kernels.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#define IS_X86 1
#include <xmmintrin.h>
#else
#define IS_X86 0
#endif

extern const dnx_kernel_set dnx_kernels_plain;
#if IS_X86
extern const dnx_kernel_set dnx_kernels_avx2, dnx_kernels_avx512;
extern const dnx_kernel_set dnx_kernels_wide __attribute__((weak)); /* only tests link it */
#endif

const dnx_kernel_set *dnx_kernels_named(const char *name) {
    if (!strcmp(name, "plain"))
        return &dnx_kernels_plain;
#if IS_X86
    __builtin_cpu_init();
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq");
    if (!strcmp(name, "avx2") && has_avx2)
        return &dnx_kernels_avx2;
    if (!strcmp(name, "avx512") && has_avx512)
        return &dnx_kernels_avx512;
    if (!strcmp(name, "wide") && has_avx2)
        return &dnx_kernels_wide; /* NULL when not linked */
#endif
    return NULL;
}

const dnx_kernel_set *dnx_kernels(void) {
    static _Atomic(const dnx_kernel_set *) cached;
    const dnx_kernel_set *s = atomic_load(&cached);
    if (s)
        return s;
    const char *isa = getenv("DNX_ISA");
    if (isa && strcmp(isa, "wide"))
        s = dnx_kernels_named(isa);
    if (!s)
        s = dnx_kernels_named("avx512");
    if (!s)
        s = dnx_kernels_named("avx2");
    if (!s)
        s = &dnx_kernels_plain;
    atomic_store(&cached, s);
    return s;
}

void dnx_flush_denormals(void) {
#if IS_X86 && defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ, DAZ */
#endif
}

/* The host computes these in double from a float; tanh() replaces its quotient of exponentials,
 * which is NaN for large u. */
static double logistic(double u) { return 1 / (1 + exp(-u)); }
static double relu6(double u) { return u < 0 ? 0 : u > 6 ? 6 : u; }

float dnx_activate(float x, dnx_act act, float slope) {
    double u = x;
    switch (act) {
    case DNX_LINEAR: return x;
    case DNX_RELU: return x * (x > 0);
    case DNX_LEAKY: return (float)(u > 0 ? u : .1 * u);
    case DNX_PRELU: return x > 0 ? x : x * slope;
    case DNX_RELU6: return (float)relu6(u);
    case DNX_LOGISTIC: return (float)logistic(u);
    case DNX_TANH: return (float)tanh(u);
    case DNX_ELU: return (float)(u >= 0 ? u : exp(u) - 1);
    case DNX_SELU: return (float)(u >= 0 ? 1.0507 * u : 1.0507 * 1.6732 * (exp(u) - 1));
    case DNX_LOGGY: return (float)(2 * logistic(u) - 1);
    case DNX_RELIE: return (float)(u > 0 ? u : .01 * u);
    case DNX_RAMP: return (float)(u * (u > 0) + .1 * u);
    case DNX_PLSE:
        return (float)(u < -4 ? .01 * (u + 4) : u > 4 ? .01 * (u - 4) + 1 : .125 * u + .5);
    case DNX_STAIR: {
        double n = floor(u), half = floor(u / 2);
        return (float)(fmod(n, 2) == 0 ? half : u - n + half);
    }
    case DNX_HARDTAN: return x < -1 ? -1 : x > 1 ? 1 : x;
    case DNX_LHTAN: return (float)(u < 0 ? .001 * u : u > 1 ? .001 * (u - 1) + 1 : u);
    case DNX_SWISH: return (float)(u * logistic(u));
    case DNX_HSWISH: return (float)(u * relu6(u + 3) / 6);
    case DNX_HSIGMOID: return (float)(relu6(u + 3) / 6);
    }
    return x;
}

/* The derivative of the function above. The host's differ for stair (1 on its flat steps too) and
 * plse (it compares the output with the input's corners). */
float dnx_activate_grad(float x, dnx_act act, float slope) {
    double u = x, s;
    switch (act) {
    case DNX_LINEAR: return 1;
    case DNX_RELU: return x > 0;
    case DNX_LEAKY: return x > 0 ? 1 : .1f;
    case DNX_PRELU: return x > 0 ? 1 : slope;
    case DNX_RELU6: return x > 0 && x < 6;
    case DNX_LOGISTIC: s = logistic(u); return (float)(s * (1 - s));
    case DNX_TANH: s = tanh(u); return (float)(1 - s * s);
    case DNX_ELU: return (float)(u >= 0 ? 1 : exp(u));
    case DNX_SELU: return (float)(u >= 0 ? 1.0507 : 1.0507 * 1.6732 * exp(u));
    case DNX_LOGGY: s = logistic(u); return (float)(2 * s * (1 - s));
    case DNX_RELIE: return x > 0 ? 1 : .01f;
    case DNX_RAMP: return (x > 0) + .1f;
    case DNX_PLSE: return x < -4 || x > 4 ? .01f : .125f;
    case DNX_STAIR: return floor(u) != u && fmod(floor(u), 2) != 0;
    case DNX_HARDTAN: return x > -1 && x < 1;
    case DNX_LHTAN: return x > 0 && x < 1 ? 1 : .001f;
    case DNX_SWISH: s = logistic(u); return (float)(s + u * s * (1 - s));
    case DNX_HSWISH: return (float)(u <= -3 ? 0 : u >= 3 ? 1 : (2 * u + 3) / 6);
    case DNX_HSIGMOID: return (float)(u > -3 && u < 3 ? 1. / 6 : 0);
    }
    return 1;
}
