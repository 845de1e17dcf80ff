/* kernels.inc.h - the one source of all kernel sets. The including file defines
 *   SET  the set's name,  VW  floats per vector,  MR  rows of a register tile (4, 6 or 14).
 * In mm(), MR x 2 vectors of sums, two vectors of b and one of a must fit the registers. */
#include "kernels/kernels.h"

#include <stdint.h>
#include <string.h>

#if VW == 8 && defined(__AVX2__) && defined(__FMA__)
#define USE_AVX2 1
#include <immintrin.h>
#elif VW == 16 && defined(__AVX512F__)
#define USE_AVX512 1
#include <immintrin.h>
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif
/* GCC warns that the ABI of vector arguments has changed. This does not matter here, because all
 * functions with vector arguments are inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

#define PANEL (2 * VW)
#define MMT_ROWS 128    /* rows of d that mmt copies at a time */
#define MM_BLOCK 8192   /* floats of `a` in a block of mm(); 6 times as many for a large b */
#define LINE 16         /* floats of a cache line */
#define MM_LARGE 131072 /* a matrix b with more floats is large */

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef float vf_mem __attribute__((vector_size(4 * VW), aligned(4), may_alias));

INLINE vf ld(const float *p) { return *(const vf_mem *)p; }
INLINE void st(float *p, vf v) { *(vf_mem *)p = v; }
INLINE vf zero(void) { return (vf){0}; }

INLINE vf set1(float x) { return x - zero(); /* the compiler repeats x in all lanes */ }

/* Returns a*b + c, fused if the set has FMA. The intrinsics are needed, because GCC does not fuse a
 * product and a sum with -std=c11. */
INLINE vf fma_(vf a, vf b, vf c) {
#if defined(USE_AVX512)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(USE_AVX2)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* Returns u > 0 ? a : b. */
INLINE vf if_pos(vf u, vf a, vf b) {
#if defined(USE_AVX512)
    return (vf)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)u, _mm512_setzero_ps(), _CMP_GT_OQ),
                                    (__m512)b, (__m512)a);
#elif defined(USE_AVX2)
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a,
                                _mm256_cmp_ps((__m256)u, _mm256_setzero_ps(), _CMP_GT_OQ));
#else
    vi m = (vi)(u > zero());
    return (vf)((m & (vi)a) | (~m & (vi)b));
#endif
}

#if defined(USE_AVX2)
static const int32_t lane_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

/* Loads n floats, 1 <= n < VW. The other lanes are 0. */
INLINE vf ld_part(const float *p, int n) {
#if defined(USE_AVX512)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(USE_AVX2)
    __m256i m = _mm256_loadu_si256((const __m256i *)(lane_mask + 8 - n));
    return (vf)_mm256_maskload_ps(p, m);
#else
    float t[VW] = {0};
    for (int i = 0; i < n; i++) t[i] = p[i];
    return ld(t);
#endif
}

INLINE void st_part(float *p, vf v, int n) {
#if defined(USE_AVX512)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(USE_AVX2)
    __m256i m = _mm256_loadu_si256((const __m256i *)(lane_mask + 8 - n));
    _mm256_maskstore_ps(p, m, (__m256)v);
#else
    float t[VW];
    st(t, v);
    for (int i = 0; i < n; i++) p[i] = t[i];
#endif
}

/* Stores non-temporally if the processor can. p is aligned to vectors. end_stream() must follow. */
INLINE void st_stream(float *p, vf v) {
#if defined(USE_AVX512)
    _mm512_stream_ps(p, (__m512)v);
#elif defined(USE_AVX2)
    _mm256_stream_ps(p, (__m256)v);
#else
    st(p, v);
#endif
}

INLINE void end_stream(void) {
#if defined(USE_AVX512) || defined(USE_AVX2)
    _mm_sfence();
#endif
}

INLINE vf ldn(const float *p, int n) { return n == VW ? ld(p) : ld_part(p, n); }
INLINE void stn(float *p, vf v, int n) {
    if (n == VW) st(p, v);
    else st_part(p, v, n);
}

/* Runs BODY(c, n) over C channels: whole vectors, then one partial vector. */
#define EACH_VECTOR(C, BODY)                                                                       \
    do {                                                                                           \
        int c_ = 0;                                                                                \
        for (; c_ + VW <= (C); c_ += VW) BODY(c_, VW);                                             \
        if (c_ < (C)) BODY(c_, (C)-c_);                                                            \
    } while (0)

/* A dnx_epilogue for vectors: act is u > 0 ? u : u*leak, at most 6 if is_capped; NaN stays NaN.
 * is_slow: act has no such form, and is computed number by number. */
typedef struct {
    float *y;
    size_t ldy;
    const float *bias, *slope, *residual;
    float leak;
    dnx_act act;
    bool acts, is_capped, is_slow, adds;
} epi;

static epi epi_of(const dnx_epilogue *e) {
    return (epi){.y = e->y,
                 .ldy = e->ldy,
                 .bias = e->bias,
                 .slope = e->act == DNX_PRELU ? e->slope : NULL,
                 .residual = e->residual,
                 .leak = e->act == DNX_LEAKY    ? .1f
                         : e->act == DNX_LINEAR ? 1
                                                : 0,
                 .act = e->act,
                 .acts = e->act != DNX_LINEAR,
                 .is_capped = e->act == DNX_RELU6,
                 .is_slow = !dnx_act_is_cheap(e->act),
                 .adds = e->adds};
}

/* Returns e with its pointers advanced by `row` rows and c channels. */
INLINE epi epi_at(epi e, long row, int c) {
    size_t at = (size_t)row * e.ldy + (size_t)c;
    e.y += at;
    if (e.residual) e.residual += at;
    if (e.bias) e.bias += c;
    if (e.slope) e.slope += c;
    return e;
}

INLINE vf act_vector(vf u, const epi *e, vf leak) {
    u = if_pos(u, u, u * leak);
    return e->is_capped ? if_pos(u - set1(6), set1(6), u) : u;
}

INLINE vf grad_vector(vf u, const epi *e, vf leak) {
    vf one = set1(1);
    if (e->is_capped) one = if_pos(set1(6) - u, one, zero());
    return if_pos(u, one, leak);
}

/* Applies e to the sums u[0], u[step], ... of `count` rows of n channels, and stores them. */
INLINE void finish(vf *u, const int step, const int count, epi e, const int n) {
    if (e.bias) {
        vf b = ldn(e.bias, n);
        UNROLL for (int i = 0; i < count; i++) u[i * step] += b;
    }
    if (e.acts) {
        vf leak = e.slope ? ldn(e.slope, n) : set1(e.leak);
        UNROLL for (int i = 0; i < count; i++) u[i * step] = act_vector(u[i * step], &e, leak);
    }
    if (e.residual) UNROLL
        for (int i = 0; i < count; i++) u[i * step] += ldn(e.residual + (size_t)i * e.ldy, n);
    if (e.adds) UNROLL
        for (int i = 0; i < count; i++) u[i * step] += ldn(e.y + (size_t)i * e.ldy, n);
    UNROLL for (int i = 0; i < count; i++) stn(e.y + (size_t)i * e.ldy, u[i * step], n);
}

/* Like finish(), for any width and any activation. Rows of u are `stride` floats apart. */
NOINLINE void finish_rows(const float *u, int stride, int rows, int width, epi e) {
    for (int r = 0; r < rows; r++, u += stride, e = epi_at(e, 1, 0)) {
        if (e.is_slow) {
            for (int i = 0; i < width; i++) {
                float v = dnx_activate(u[i] + (e.bias ? e.bias[i] : 0), e.act, 0);
                e.y[i] = v + (e.residual ? e.residual[i] : 0) + (e.adds ? e.y[i] : 0);
            }
        } else {
#define BODY(i, n)                                                                                 \
    do {                                                                                           \
        vf v = ldn(u + (i), n);                                                                    \
        finish(&v, 1, 1, epi_at(e, 0, i), n);                                                      \
    } while (0)
            EACH_VECTOR(width, BODY);
#undef BODY
        }
    }
}

#include "kernels/mm.inc.h"
#include "kernels/depthwise.inc.h"
#include "kernels/groups.inc.h"
#include "kernels/elementwise.inc.h"
#include "kernels/winograd.inc.h"

#define NAME2(s) dnx_kernels_##s
#define NAME1(s) NAME2(s)
#define TEXT2(s) #s
#define TEXT1(s) TEXT2(s)
extern const dnx_kernel_set NAME1(SET);
// clang-format off
const dnx_kernel_set NAME1(SET) = {
    .name = TEXT1(SET), .panel = PANEL, .packed = packed, .pack = pack, .mm = mm, .mmt = mmt,
    .group_row = group_row, .group_row_dw = group_row_dw, .dw_dx = dw_dx, .stats = stats,
    .scale_act = scale_act, .scale_act_stream = scale_act_stream, .act_back = act_back,
    .act_dz = act_dz, .copy_runs = copy_runs, .add = add, .dot = dot,
    .wino_in = wino_in, .wino_out = wino_out};
// clang-format on
