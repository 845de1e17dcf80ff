/* kernels.inc.h - the one source of all kernel sets. The including file defines
 *   SET  the set's name,  VW  floats per vector,  MR  rows of a register tile (4, 6 or 14).
 * A tile is MR x PANEL = MR x 2 vectors of sums; with two vectors of b and one of a it must fit
 * the registers of the instruction set, otherwise every step goes through memory. */
#include "kernels.h"

#include <math.h>
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
#pragma GCC diagnostic ignored "-Wpsabi" /* everything that takes a vector is inlined */
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

#define PANEL (2 * VW)
#define MMT_ROWS 128 /* rows of d that mmt copies: 128 x PANEL floats, at most 16 KB */
#define SUM_ROWS 64  /* rows summed in float before a sum goes to double */
#define MM_BLOCK 8192 /* floats of a that stay in L1 while the panels pass */

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef float vf_mem __attribute__((vector_size(4 * VW), aligned(4), may_alias));

/* ---- one vector ---- */

INLINE vf ld(const float *p) { return *(const vf_mem *)p; }
INLINE void st(float *p, vf v) { *(vf_mem *)p = v; }
INLINE vf zero(void) { return (vf){0}; }

INLINE vf set1(float x) {
#if VW == 4
    return (vf){x, x, x, x};
#elif VW == 8
    return (vf){x, x, x, x, x, x, x, x};
#else
    return (vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
#endif
}

/* a*b + c. Written out because -std=c11 forbids the compiler to fuse. */
INLINE vf fma_(vf a, vf b, vf c) {
#if defined(USE_AVX512)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(USE_AVX2)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* u > 0 ? a : b; a NaN takes b */
INLINE vf if_pos(vf u, vf a, vf b) {
#if defined(USE_AVX512)
    return (vf)_mm512_mask_blend_ps(
        _mm512_cmp_ps_mask((__m512)u, _mm512_setzero_ps(), _CMP_GT_OQ), (__m512)b, (__m512)a);
#elif defined(USE_AVX2)
    return (vf)_mm256_blendv_ps(
        (__m256)b, (__m256)a, _mm256_cmp_ps((__m256)u, _mm256_setzero_ps(), _CMP_GT_OQ));
#else
    vi m = (vi)(u > zero());
    return (vf)((m & (vi)a) | (~m & (vi)b));
#endif
}

#if defined(USE_AVX2)
static const int32_t lane_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

/* The first n floats (1 <= n < VW); nothing beyond them is touched, missing ones read as 0. */
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

/* n == VW is known when compiling wherever a whole vector is meant: then the test vanishes. */
INLINE vf ldn(const float *p, int n) { return n == VW ? ld(p) : ld_part(p, n); }
INLINE void stn(float *p, vf v, int n) {
    if (n == VW)
        st(p, v);
    else
        st_part(p, v, n);
}

/* Runs BODY(c, n) over C channels: whole vectors, then one part. */
#define EACH_VECTOR(C, BODY)                       \
    do {                                           \
        int c_ = 0;                                \
        for (; c_ + VW <= (C); c_ += VW) BODY(c_, VW); \
        if (c_ < (C))                              \
            BODY(c_, (C) - c_);                    \
    } while (0)

/* ---- activations and epilogues ---- */

/* All vectorised activations are u > 0 ? min(u, cap) : u*leak, with leak a number or a slope per
 * channel. A product, not a maximum, so that NaN stays NaN. */
typedef struct {
    const float *bias, *slope, *residual;
    float leak;
    dnx_act act;
    bool acts, is_capped, is_slow, adds;
} epi;

static epi epi_of(const dnx_epilogue *e) {
    epi r = {.leak = 1};
    if (!e)
        return r;
    r = (epi){.bias = e->bias, .residual = e->residual, .act = e->act, .adds = e->adds};
    r.acts = e->act != DNX_LINEAR;
    r.slope = e->act == DNX_PRELU ? e->slope : NULL;
    r.is_capped = e->act == DNX_RELU6;
    r.leak = e->act == DNX_LEAKY ? .1f : e->act == DNX_LINEAR ? 1 : 0;
    r.is_slow = e->act > DNX_RELU6;
    return r;
}

INLINE vf act_vector(vf u, const epi *e, int c, int n) {
    u = if_pos(u, u, u * (e->slope ? ldn(e->slope + c, n) : set1(e->leak)));
    return e->is_capped ? if_pos(u - set1(6), set1(6), u) : u;
}

/* act'(u) likewise */
INLINE vf grad_vector(vf u, const epi *e, int c, int n) {
    vf s = e->slope ? ldn(e->slope + c, n) : set1(e->leak), one = set1(1);
    if (e->is_capped)
        one = if_pos(set1(6) - u, one, zero());
    return if_pos(u, one, s);
}

/* The sums u[0], u[step], ... of channels c.. of `count` rows go to y. One test of each option
 * serves all of them. */
INLINE void finish(vf *u, const int step, const int count, const epi *e, int c, float *y,
                   size_t ldy, const float *residual, const int n) {
    if (e->bias) {
        vf b = ldn(e->bias + c, n);
        UNROLL for (int i = 0; i < count; i++) u[i * step] += b;
    }
    if (e->acts) {
        vf s = e->slope ? ldn(e->slope + c, n) : set1(e->leak);
        UNROLL for (int i = 0; i < count; i++)
            u[i * step] = if_pos(u[i * step], u[i * step], u[i * step] * s);
        if (e->is_capped)
            UNROLL for (int i = 0; i < count; i++)
                u[i * step] = if_pos(u[i * step] - set1(6), set1(6), u[i * step]);
    }
    if (residual)
        UNROLL for (int i = 0; i < count; i++)
            u[i * step] += ldn(residual + (size_t)i * ldy, n);
    if (e->adds)
        UNROLL for (int i = 0; i < count; i++) u[i * step] += ldn(y + (size_t)i * ldy, n);
    UNROLL for (int i = 0; i < count; i++) stn(y + (size_t)i * ldy, u[i * step], n);
}

/* The same for `rows` rows of up to `width` columns, for part-filled panels and slow activations.
 * u has row stride `stride`. */
NOINLINE void finish_rows(const float *u, int stride, int rows, int width, const epi *e, int c,
                          float *y, size_t ldy, const float *residual) {
    for (int r = 0; r < rows; r++, u += stride, y += ldy) {
        if (e->is_slow) {
            for (int i = 0; i < width; i++) {
                float v = u[i] + (e->bias ? e->bias[c + i] : 0);
                v = dnx_activate(v, e->act, 0);
                y[i] = v + (residual ? residual[i] : 0) + (e->adds ? y[i] : 0);
            }
        } else {
#define BODY(i, n)                                                                         \
    do {                                                                                   \
        vf v = ldn(u + (i), n);                                                            \
        finish(&v, 1, 1, e, c + (i), y + (i), 0, residual ? residual + (i) : NULL, n);     \
    } while (0)
            EACH_VECTOR(width, BODY);
#undef BODY
        }
        if (residual)
            residual += ldy;
    }
}

/* ---- matrix products ---- */

static size_t packed(int K, int N) {
    return (size_t)K * (size_t)((N + PANEL - 1) / PANEL) * PANEL;
}

static void pack(const float *b, size_t sk, size_t sn, int K, int N, float *out) {
    for (int n0 = 0; n0 < N; n0 += PANEL) {
        int width = N - n0 < PANEL ? N - n0 : PANEL;
        for (int k = 0; k < K; k++, out += PANEL) {
            const float *row = b + (size_t)k * sk + (size_t)n0 * sn;
            if (sn == 1 && width == PANEL) {
                st(out, ld(row));
                st(out + VW, ld(row + VW));
                continue;
            }
            for (int n = 0; n < width; n++) out[n] = row[(size_t)n * sn];
            for (int n = width; n < PANEL; n++) out[n] = 0;
        }
    }
}

/* m rows of a times one panel. A pointer per three rows: the addressing modes p, p+lda, p+2*lda
 * reach the others, so that pointers fit the integer registers. */
INLINE void mm_tile(const int m, const float *a, size_t lda, int K, const float *b, float *y,
                    size_t ldy, const epi *e, int c, int width, const float *residual) {
    vf acc[MR][2];
    const float *p[(MR + 2) / 3];
    UNROLL for (int r = 0; r < m; r++) acc[r][0] = acc[r][1] = zero();
    UNROLL for (int i = 0; i < (m + 2) / 3; i++) p[i] = a + 3 * (size_t)i * lda;
    for (int k = 0; k < K; k++, b += PANEL) {
        vf b0 = ld(b), b1 = ld(b + VW);
        UNROLL for (int r = 0; r < m; r++) {
            vf x = set1(p[r / 3][(size_t)(r % 3) * lda]);
            acc[r][0] = fma_(x, b0, acc[r][0]);
            acc[r][1] = fma_(x, b1, acc[r][1]);
        }
        UNROLL for (int i = 0; i < (m + 2) / 3; i++) p[i]++;
    }
    if (width == PANEL && !e->is_slow) {
        finish(&acc[0][0], 2, m, e, c, y, ldy, residual, VW);
        finish(&acc[0][1], 2, m, e, c + VW, y + VW, ldy, residual ? residual + VW : NULL, VW);
    } else {
        float u[MR * PANEL];
        UNROLL for (int r = 0; r < m; r++) {
            st(u + r * PANEL, acc[r][0]);
            st(u + r * PANEL + VW, acc[r][1]);
        }
        finish_rows(u, PANEL, m, width, e, c, y, ldy, residual);
    }
}

NOINLINE void add_rows(const float *u, int rows, int width, float *w, size_t ldw) {
    for (int r = 0; r < rows; r++, u += PANEL, w += ldw)
        for (int i = 0; i < width; i++) w[i] += u[i];
}

/* w[m][width] += sum over `rows` rows of a[m] d[PANEL] */
INLINE void mmt_tile(const int m, const float *a, size_t lda, const float *d, int rows, float *w,
                     size_t ldw, int width) {
    vf acc[MR][2];
    UNROLL for (int r = 0; r < m; r++) acc[r][0] = acc[r][1] = zero();
    for (int i = 0; i < rows; i++, a += lda, d += PANEL) {
        vf d0 = ld(d), d1 = ld(d + VW);
        UNROLL for (int r = 0; r < m; r++) {
            vf x = set1(a[r]);
            acc[r][0] = fma_(x, d0, acc[r][0]);
            acc[r][1] = fma_(x, d1, acc[r][1]);
        }
    }
    if (width == PANEL) {
        UNROLL for (int r = 0; r < m; r++, w += ldw) {
            st(w, ld(w) + acc[r][0]);
            st(w + VW, ld(w + VW) + acc[r][1]);
        }
    } else {
        float u[MR * PANEL];
        UNROLL for (int r = 0; r < m; r++) {
            st(u + r * PANEL, acc[r][0]);
            st(u + r * PANEL + VW, acc[r][1]);
        }
        add_rows(u, m, width, w, ldw);
    }
}

typedef void (*mm_fn)(const float *, size_t, int, const float *, float *, size_t, const epi *, int,
                      int, const float *);
typedef void (*mmt_fn)(const float *, size_t, const float *, int, float *, size_t, int);
#define TILE(m)                                                                                  \
    NOINLINE void mm_##m(const float *a, size_t lda, int K, const float *b, float *y, size_t ldy, \
                         const epi *e, int c, int width, const float *residual) {                \
        mm_tile(m, a, lda, K, b, y, ldy, e, c, width, residual);                                 \
    }                                                                                            \
    NOINLINE void mmt_##m(const float *a, size_t lda, const float *d, int rows, float *w,        \
                          size_t ldw, int width) {                                               \
        mmt_tile(m, a, lda, d, rows, w, ldw, width);                                             \
    }
TILE(1) TILE(2) TILE(3) TILE(4)
#if MR == 4
#define EACH_TILE(f) f##1, f##2, f##3, f##4
#else
TILE(5) TILE(6)
#if MR == 6
#define EACH_TILE(f) f##1, f##2, f##3, f##4, f##5, f##6
#else
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#define EACH_TILE(f) \
    f##1, f##2, f##3, f##4, f##5, f##6, f##7, f##8, f##9, f##10, f##11, f##12, f##13, f##14
#endif
#endif
static const mm_fn mm_tiles[MR] = {EACH_TILE(mm_)};
static const mmt_fn mmt_tiles[MR] = {EACH_TILE(mmt_)};

static void mm(const float *a, size_t lda, int P, int K, const float *b, int N, float *y,
               size_t ldy, const dnx_epilogue *given) {
    epi e = epi_of(given);
    int block = K > 0 ? MM_BLOCK / K / MR * MR : MR;
    if (block < MR)
        block = MR;
    for (int p0 = 0; p0 < P; p0 += block) {
        int p1 = P - p0 < block ? P : p0 + block;
        for (int n0 = 0; n0 < N; n0 += PANEL) {
            const float *panel = b + (size_t)n0 * (size_t)K;
            int width = N - n0 < PANEL ? N - n0 : PANEL;
            for (int p = p0; p < p1; p += MR) {
                int m = p1 - p < MR ? p1 - p : MR;
                size_t at = (size_t)p * ldy + (size_t)n0;
                mm_tiles[m - 1](a + (size_t)p * lda, lda, K, panel, y + at, ldy, &e, n0, width,
                                e.residual ? e.residual + at : NULL);
            }
        }
    }
}

static void mmt(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                float *w, size_t ldw) {
    float panel[MMT_ROWS * PANEL];
    for (int p0 = 0; p0 < P; p0 += MMT_ROWS) {
        int rows = P - p0 < MMT_ROWS ? P - p0 : MMT_ROWS;
        for (int n0 = 0; n0 < N; n0 += PANEL) {
            int width = N - n0 < PANEL ? N - n0 : PANEL;
            /* A copy, because rows a power of two apart would fight for few cache lines. */
            pack(d + (size_t)p0 * ldd + n0, ldd, 1, rows, width, panel);
            for (int k = 0; k < K; k += MR) {
                int m = K - k < MR ? K - k : MR;
                mmt_tiles[m - 1](a + (size_t)p0 * lda + k, lda, panel, rows,
                                 w + (size_t)k * ldw + n0, ldw, width);
            }
        }
    }
}

/* ---- depthwise: strips of pixels outside, channels inside: memory is read in order ---- */

#define STRIP 4    /* output pixels whose sums are in registers together */
#define DW_STRIP 8 /* pixels summed into a filter gradient together */

INLINE int at_least(int a, int b) { return a > b ? a : b; }
INLINE int at_most(int a, int b) { return a < b ? a : b; }
INLINE int ceil_div(int a, int b) { return a > 0 ? (a + b - 1) / b : 0; }
/* a/b rounded down, at least -1 */
INLINE int floor_div(int a, int b) { return a < 0 ? -1 : a / b; }

/* Outputs xlo <= x < xhi read only pixels inside the row for the taps first..last. */
INLINE void inside(int in_w, int first, int last, int stride, int pad, int *xlo, int *xhi) {
    *xlo = ceil_div(pad - first, stride);
    *xhi = floor_div(in_w - 1 + pad - last, stride) + 1;
}

/* Channels c.. of S neighbouring outputs; the first tap of the first reads pixel ix. */
INLINE void strip_vector(const int S, const int kw, const int stride, const float *const *rows,
                         long ix, size_t C, const float *w, int kh, float *y,
                         const float *residual, const epi *e, int c, const int n) {
    vf acc[STRIP];
    UNROLL for (int s = 0; s < S; s++) acc[s] = zero();
    for (int ky = 0; ky < kh; ky++, w += (size_t)kw * C) {
        if (!rows[ky])
            continue;
        const float *x = rows[ky] + ix * (long)C + c;
        vf tap[5];
        UNROLL for (int kx = 0; kx < kw; kx++) tap[kx] = ldn(w + (size_t)kx * C + c, n);
        UNROLL for (int j = 0; j < (S - 1) * stride + kw; j++) {
            vf v = ldn(x + (size_t)j * C, n);
            UNROLL for (int kx = 0; kx < kw; kx++)
                if (j >= kx && (j - kx) % stride == 0 && (j - kx) / stride < S)
                    acc[(j - kx) / stride] = fma_(v, tap[kx], acc[(j - kx) / stride]);
        }
    }
    if (e->is_slow) {
        float u[STRIP * VW];
        UNROLL for (int s = 0; s < S; s++) st(u + s * VW, acc[s]);
        finish_rows(u, VW, S, n, e, c, y + c, C, residual ? residual + c : NULL);
    } else {
        finish(acc, 1, S, e, c, y + c, C, residual ? residual + c : NULL, n);
    }
}

#define STRIP_FN(kw, stride, S)                                                                  \
    NOINLINE void strip_##kw##_##stride##_##S(const float *const *rows, long ix, int C,          \
                                              const float *w, int kh, float *y,                  \
                                              const float *residual, const epi *e) {             \
        EACH_VECTOR(C, STRIP_BODY_##kw##_##stride##_##S);                                        \
    }
#define STRIP_BODY(kw, stride, S, c, n) \
    strip_vector(S, kw, stride, rows, ix, (size_t)C, w, kh, y, residual, e, c, n)
#define STRIP_BODY_3_1_4(c, n) STRIP_BODY(3, 1, 4, c, n)
#define STRIP_BODY_3_1_1(c, n) STRIP_BODY(3, 1, 1, c, n)
#define STRIP_BODY_3_2_4(c, n) STRIP_BODY(3, 2, 4, c, n)
#define STRIP_BODY_3_2_1(c, n) STRIP_BODY(3, 2, 1, c, n)
#define STRIP_BODY_5_1_4(c, n) STRIP_BODY(5, 1, 4, c, n)
#define STRIP_BODY_5_1_1(c, n) STRIP_BODY(5, 1, 1, c, n)
STRIP_FN(3, 1, 4)
STRIP_FN(3, 1, 1)
STRIP_FN(3, 2, 4)
STRIP_FN(3, 2, 1)
STRIP_FN(5, 1, 4)
STRIP_FN(5, 1, 1)
typedef void (*strip_fn)(const float *const *, long, int, const float *, int, float *,
                         const float *, const epi *);

/* V vectors of channels of one output with taps kx0 <= kx < kx1; tap 0 reads pixel ix. */
INLINE void pixel_vectors(const int V, const float *const *rows, long ix, size_t C, const float *w,
                          int kh, int kw, int kx0, int kx1, float *y, const float *residual,
                          const epi *e, int c, const int n) {
    vf acc[4];
    UNROLL for (int v = 0; v < V; v++) acc[v] = zero();
    for (int ky = 0; ky < kh; ky++) {
        if (!rows[ky])
            continue;
        const float *x = rows[ky] + (ix + kx0) * (long)C + c;
        const float *t = w + (size_t)(ky * kw + kx0) * C + c;
        for (int kx = kx0; kx < kx1; kx++, x += C, t += C)
            UNROLL for (int v = 0; v < V; v++)
                acc[v] = fma_(ldn(x + v * VW, n), ldn(t + v * VW, n), acc[v]);
    }
    if (e->is_slow) {
        float u[4 * VW];
        UNROLL for (int v = 0; v < V; v++) st(u + v * VW, acc[v]);
        finish_rows(u, 0, 1, (V - 1) * VW + n, e, c, y + c, 0, residual ? residual + c : NULL);
    } else {
        UNROLL for (int v = 0; v < V; v++)
            finish(&acc[v], 1, 1, e, c + v * VW, y + c + v * VW, 0,
                   residual ? residual + c + v * VW : NULL, n);
    }
}

NOINLINE void pixel(const float *const *rows, long ix, int C, const float *w, int kh, int kw,
                    int kx0, int kx1, float *y, const float *residual, const epi *e) {
    int c0 = 0;
    for (; c0 + 4 * VW <= C; c0 += 4 * VW)
        pixel_vectors(4, rows, ix, (size_t)C, w, kh, kw, kx0, kx1, y, residual, e, c0, VW);
#define BODY(c, n)                                                                            \
    pixel_vectors(1, rows, ix, (size_t)C, w, kh, kw, kx0, kx1, y, residual, e, c0 + (c), n)
    EACH_VECTOR(C - c0, BODY);
#undef BODY
}

static void dw_row(const float *const *rows, int in_w, int C, const float *w, int kh, int kw,
                   int stride, int pad, float *y, int out_w, const dnx_epilogue *given) {
    epi e = epi_of(given);
    strip_fn four = NULL, one = NULL;
    int xlo, xhi;
    if (kw == 3 && stride == 1)
        four = strip_3_1_4, one = strip_3_1_1;
    else if (kw == 3 && stride == 2)
        four = strip_3_2_4, one = strip_3_2_1;
    else if (kw == 5 && stride == 1)
        four = strip_5_1_4, one = strip_5_1_1;
    inside(in_w, 0, kw - 1, stride, pad, &xlo, &xhi);
    xhi = at_most(xhi, out_w);
    for (int x = 0; x < out_w;) {
        long ix = (long)x * stride - pad;
        size_t at = (size_t)x * (size_t)C;
        const float *residual = e.residual ? e.residual + at : NULL;
        if (four && x >= xlo && x < xhi) {
            int s = x + STRIP <= xhi ? STRIP : 1;
            (s == 1 ? one : four)(rows, ix, C, w, kh, y + at, residual, &e);
            x += s;
            continue;
        }
        int kx0 = at_least(0, (int)-ix), kx1 = at_most(kw, in_w - (int)ix);
        if (kx1 < kx0)
            kx0 = kx1 = 0;
        pixel(rows, ix, C, w, kh, kw, kx0, kx1, y + at, residual, &e);
        x++;
    }
}

/* Four input pixels of a 3-wide, stride-1 filter: dx[i] += sum_kx w[kx] dy[i + pad - kx];
 * dy points at output ix + pad - 2. */
INLINE void dx_strip_vector(float *dx, size_t C, const float *w, const float *dy, const int n) {
    vf acc[STRIP], tap[3];
    UNROLL for (int kx = 0; kx < 3; kx++) tap[kx] = ldn(w + (size_t)kx * C, n);
    UNROLL for (int s = 0; s < STRIP; s++) acc[s] = ldn(dx + (size_t)s * C, n);
    UNROLL for (int j = 0; j < STRIP + 2; j++) {
        vf v = ldn(dy + (size_t)j * C, n);
        UNROLL for (int kx = 0; kx < 3; kx++)
            if (j + kx >= 2 && j + kx - 2 < STRIP)
                acc[j + kx - 2] = fma_(v, tap[kx], acc[j + kx - 2]);
    }
    UNROLL for (int s = 0; s < STRIP; s++) stn(dx + (size_t)s * C, acc[s], n);
}

static void dw_row_dx(float *const *dx_rows, int in_w, int C, const float *w, int kh, int kw,
                      int stride, int pad, const float *dy, int out_w) {
    size_t step = (size_t)C;
    bool has_strips = kw == 3 && stride == 1;
    for (int ix = 0; ix < in_w;) {
        if (has_strips && ix + pad >= 2 && ix + STRIP <= in_w && ix + pad + STRIP <= out_w) {
            const float *d = dy + (size_t)(ix + pad - 2) * step;
            for (int ky = 0; ky < kh; ky++) {
                if (!dx_rows[ky])
                    continue;
                float *dx = dx_rows[ky] + (size_t)ix * step;
                const float *t = w + (size_t)ky * 3 * step;
#define BODY(c, n) dx_strip_vector(dx + (c), step, t + (c), d + (c), n)
                EACH_VECTOR(C, BODY);
#undef BODY
            }
            ix += STRIP;
            continue;
        }
        /* The taps kx, kx + stride, ... meet this pixel, from outputs x, x - 1, ... */
        int kx = (ix + pad) % stride, x = (ix + pad) / stride;
        if (x >= out_w) {
            kx += (x - out_w + 1) * stride;
            x = out_w - 1;
        }
        int taps = kx < kw ? at_most((kw - 1 - kx) / stride, x) + 1 : 0;
        for (int ky = 0; ky < kh && taps > 0; ky++) {
            if (!dx_rows[ky])
                continue;
            float *dx = dx_rows[ky] + (size_t)ix * step;
            const float *t = w + (size_t)(ky * kw + kx) * step, *d = dy + (size_t)x * step;
#define BODY(c, n)                                                                               \
    do {                                                                                         \
        vf acc = ldn(dx + (c), n);                                                               \
        for (int i = 0; i < taps; i++)                                                           \
            acc = fma_(ldn(t + (size_t)(i * stride) * step + (c), n),                            \
                       ldn(d - (size_t)i * step + (c), n), acc);                                 \
        stn(dx + (c), acc, n);                                                                   \
    } while (0)
            EACH_VECTOR(C, BODY);
#undef BODY
        }
        ix++;
    }
}

/* S outputs of a 3-wide filter into the gradients of one filter row; x is the first's tap 0. */
INLINE void dw_strip_vector(const int S, const int stride, const float *x, size_t C, float *dw,
                            const float *dy, const int n) {
    vf acc[3];
    UNROLL for (int kx = 0; kx < 3; kx++) acc[kx] = ldn(dw + (size_t)kx * C, n);
    UNROLL for (int s = 0; s < S; s++) {
        vf d = ldn(dy + (size_t)s * C, n);
        UNROLL for (int kx = 0; kx < 3; kx++)
            acc[kx] = fma_(ldn(x + (size_t)(s * stride + kx) * C, n), d, acc[kx]);
    }
    UNROLL for (int kx = 0; kx < 3; kx++) stn(dw + (size_t)kx * C, acc[kx], n);
}

INLINE void dw_strip(const int S, const int stride, const float *const *rows, long ix, int C,
                     float *dw, int kh, const float *dy) {
    size_t step = (size_t)C;
    for (int ky = 0; ky < kh; ky++) {
        if (!rows[ky])
            continue;
        const float *x = rows[ky] + ix * (long)C;
        float *out = dw + (size_t)ky * 3 * step;
#define BODY(c, n) dw_strip_vector(S, stride, x + (c), step, out + (c), dy + (c), n)
        EACH_VECTOR(C, BODY);
#undef BODY
    }
}

#define DW_STRIP_FN(stride, S)                                                                  \
    NOINLINE void dw_strip_##stride##_##S(const float *const *rows, long ix, int C, float *dw,  \
                                          int kh, const float *dy) {                            \
        dw_strip(S, stride, rows, ix, C, dw, kh, dy);                                           \
    }
DW_STRIP_FN(1, 8)
DW_STRIP_FN(1, 2)
DW_STRIP_FN(2, 8)
DW_STRIP_FN(2, 2)

/* Outputs x0 <= x < x1, any filter */
NOINLINE void dw_any(const float *const *rows, int in_w, int C, float *dw, int kh, int kw,
                     int stride, int pad, const float *dy, int x0, int x1) {
    size_t step = (size_t)C;
    for (int kx = 0; kx < kw; kx++) {
        int lo, hi;
        inside(in_w, kx, kx, stride, pad, &lo, &hi);
        lo = at_least(lo, x0);
        hi = at_most(hi, x1);
        if (lo >= hi)
            continue;
        for (int ky = 0; ky < kh; ky++) {
            if (!rows[ky])
                continue;
            const float *x = rows[ky] + ((long)lo * stride - pad + kx) * (long)C;
            const float *d = dy + (size_t)lo * step;
            float *out = dw + (size_t)(ky * kw + kx) * step;
            int count = hi - lo;
#define BODY(c, n)                                                                               \
    do {                                                                                         \
        vf acc = ldn(out + (c), n);                                                              \
        for (int i = 0; i < count; i++)                                                          \
            acc = fma_(ldn(x + (size_t)(i * stride) * step + (c), n),                            \
                       ldn(d + (size_t)i * step + (c), n), acc);                                 \
        stn(out + (c), acc, n);                                                                  \
    } while (0)
            EACH_VECTOR(C, BODY);
#undef BODY
        }
    }
}

static void dw_row_dw(const float *const *rows, int in_w, int C, float *dw, int kh, int kw,
                      int stride, int pad, const float *dy, int out_w) {
    int xlo, xhi, x = 0;
    inside(in_w, 0, kw - 1, stride, pad, &xlo, &xhi);
    xlo = at_most(xlo, out_w);
    xhi = at_most(xhi, out_w);
    if (kw == 3 && stride <= 2 && xlo < xhi) {
        dw_any(rows, in_w, C, dw, kh, kw, stride, pad, dy, 0, xlo);
        for (x = xlo; x + 2 <= xhi;) {
            int s = x + DW_STRIP <= xhi ? DW_STRIP : 2;
            long ix = (long)x * stride - pad;
            const float *d = dy + (size_t)x * (size_t)C;
            if (stride == 1)
                (s == 2 ? dw_strip_1_2 : dw_strip_1_8)(rows, ix, C, dw, kh, d);
            else
                (s == 2 ? dw_strip_2_2 : dw_strip_2_8)(rows, ix, C, dw, kh, d);
            x += s;
        }
    }
    for (; x < out_w; x += DW_STRIP)
        dw_any(rows, in_w, C, dw, kh, kw, stride, pad, dy, x, at_most(x + DW_STRIP, out_w));
}

/* ---- per-channel passes ---- */

INLINE void add_to(double *sum, vf v, int n) {
    float t[VW];
    st(t, v);
    for (int i = 0; i < n; i++) sum[i] += t[i];
}

/* V vectors side by side use whole cache lines. */
INLINE void stats_vectors(const int V, const float *x, int rows, size_t C, double *sum,
                          double *sum_sq, const int n) {
    vf s[4], q[4];
    UNROLL for (int v = 0; v < V; v++) s[v] = q[v] = zero();
    for (int r = 0; r < rows; r++, x += C)
        UNROLL for (int v = 0; v < V; v++) {
            vf u = ldn(x + v * VW, n);
            s[v] += u;
            q[v] = fma_(u, u, q[v]);
        }
    UNROLL for (int v = 0; v < V; v++) {
        add_to(sum + v * VW, s[v], n);
        add_to(sum_sq + v * VW, q[v], n);
    }
}

static void stats(const float *x, long P, int C, double *sum, double *sum_sq) {
    for (long p = 0; p < P; p += SUM_ROWS) {
        int rows = P - p < SUM_ROWS ? (int)(P - p) : SUM_ROWS, c0 = 0;
        const float *at = x + (size_t)p * (size_t)C;
        for (; c0 + 4 * VW <= C; c0 += 4 * VW)
            stats_vectors(4, at + c0, rows, (size_t)C, sum + c0, sum_sq + c0, VW);
#define BODY(c, n) \
    stats_vectors(1, at + c0 + (c), rows, (size_t)C, sum + c0 + (c), sum_sq + c0 + (c), n)
        EACH_VECTOR(C - c0, BODY);
#undef BODY
    }
}

static void scale_act(const float *x, long P, int C, const float *scale, const float *shift,
                      dnx_act act, const float *slope, const float *residual, float *y) {
    dnx_epilogue given = {.act = act, .slope = slope};
    epi e = epi_of(&given);
    for (long p = 0; p < P; p++, x += C, y += C) {
#define BODY(c, n)                                                                               \
    do {                                                                                         \
        vf u = ldn(x + (c), n);                                                                  \
        if (scale)                                                                               \
            u = shift ? fma_(u, ldn(scale + (c), n), ldn(shift + (c), n)) \
                      : u * ldn(scale + (c), n); \
        else if (shift)                                                                          \
            u += ldn(shift + (c), n);                                                            \
        if (e.is_slow) {                                                                         \
            float t[VW];                                                                         \
            st(t, u);                                                                            \
            for (int i = 0; i < (n); i++) t[i] = dnx_activate(t[i], act, 0);                     \
            u = ld(t);                                                                           \
        } else if (e.acts)                                                                       \
            u = act_vector(u, &e, c, n);                                                         \
        if (residual)                                                                            \
            u += ldn(residual + (c), n);                                                         \
        stn(y + (c), u, n);                                                                      \
    } while (0)
        EACH_VECTOR(C, BODY);
#undef BODY
        if (residual)
            residual += C;
    }
}

typedef struct {
    const float *dy, *z, *scale, *shift;
    float *du;
    double *sum_du, *sum_duz, *sum_slope;
    size_t C;
    epi e;
} back;

INLINE void back_vector(const back *b, size_t at, int rows, int c, const int n) {
    vf s = b->scale ? ldn(b->scale + c, n) : set1(1);
    vf t = b->shift ? ldn(b->shift + c, n) : zero();
    vf sum = zero(), sum_z = zero(), sum_s = zero();
    for (int r = 0; r < rows; r++, at += b->C) {
        vf z = ldn(b->z + at + c, n), dy = ldn(b->dy + at + c, n), u = fma_(z, s, t), g;
        if (b->e.is_slow) {
            float v[VW];
            st(v, u);
            for (int i = 0; i < n; i++) v[i] = dnx_activate_grad(v[i], b->e.act, 0);
            g = ld(v);
        } else {
            g = grad_vector(u, &b->e, c, n);
        }
        vf du = dy * g;
        stn(b->du + at + c, du, n);
        sum += du;
        sum_z = fma_(du, z, sum_z);
        sum_s += if_pos(-u, dy * u, zero());
    }
    if (b->sum_du)
        add_to(b->sum_du + c, sum, n);
    if (b->sum_duz)
        add_to(b->sum_duz + c, sum_z, n);
    if (b->sum_slope)
        add_to(b->sum_slope + c, sum_s, n);
}

static void act_back(const float *dy, const float *z, long P, int C, const float *scale,
                     const float *shift, dnx_act act, const float *slope, float *du,
                     double *sum_du, double *sum_duz, double *sum_slope) {
    dnx_epilogue given = {.act = act, .slope = slope};
    back b = {dy, z, scale, shift, du, sum_du, sum_duz, sum_slope, (size_t)C, epi_of(&given)};
    for (long p = 0; p < P; p += SUM_ROWS) {
        int rows = P - p < SUM_ROWS ? (int)(P - p) : SUM_ROWS;
        size_t at = (size_t)p * b.C;
#define BODY(c, n) back_vector(&b, at, rows, c, n)
        EACH_VECTOR(C, BODY);
#undef BODY
    }
}

static void affine2(const float *a, const float *b, long P, int C, const float *p, const float *q,
                    const float *r, float *out) {
    for (long i = 0; i < P; i++, a += C, b += C, out += C) {
#define BODY(c, n)                                                                            \
    stn(out + (c), fma_(ldn(a + (c), n), ldn(p + (c), n),                                     \
                        fma_(ldn(b + (c), n), ldn(q + (c), n), ldn(r + (c), n))), n)
        EACH_VECTOR(C, BODY);
#undef BODY
    }
}

static void add(const float *x, size_t n, float *y) {
    size_t i = 0;
    for (; i + VW <= n; i += VW) st(y + i, ld(y + i) + ld(x + i));
    for (; i < n; i++) y[i] += x[i];
}

static double dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    size_t i = 0;
    while (i + 4 * VW <= n) {
        vf acc[4] = {zero(), zero(), zero(), zero()};
        double lanes[VW] = {0};
        for (int r = 0; r < SUM_ROWS && i + 4 * VW <= n; r++, i += 4 * VW)
            UNROLL for (int v = 0; v < 4; v++)
                acc[v] = fma_(ld(a + i + v * VW), ld(b + i + v * VW), acc[v]);
        UNROLL for (int v = 0; v < 4; v++) add_to(lanes, acc[v], VW);
        for (int v = 0; v < VW; v++) sum += lanes[v];
    }
    for (; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

#define NAME2(s) dnx_kernels_##s
#define NAME1(s) NAME2(s)
#define TEXT2(s) #s
#define TEXT1(s) TEXT2(s)
extern const dnx_kernel_set NAME1(SET);
const dnx_kernel_set NAME1(SET) = {
    .name = TEXT1(SET), .panel = PANEL, .packed = packed, .pack = pack, .mm = mm, .mmt = mmt,
    .dw_row = dw_row, .dw_row_dx = dw_row_dx, .dw_row_dw = dw_row_dw, .stats = stats,
    .scale_act = scale_act, .act_back = act_back, .affine2 = affine2, .add = add, .dot = dot};
