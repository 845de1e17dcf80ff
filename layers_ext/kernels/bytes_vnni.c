/* bytes_vnni.c - bounds for products of floats, from products of bytes by AVX-512 VNNI.
 *
 * A row x of K numbers is rounded to s R, and a query q to t Q. s and t are scales; R and Q are
 * bytes in -127..127. The rounding errors are e_x = x - s R and e_q = q - t Q. Then
 *
 *   x q = s t R Q + s R e_q + e_x q,  |s R e_q| <= (1 + |e_x|) |e_q|,  |e_x q| <= |e_x|
 *
 * by Cauchy and Schwarz, for lengths of at most 1. So x q > limit only if
 *
 *   R Q > (limit - (1 + |e_x|) |e_q| - |e_x|) / (s t).
 *
 * All rows of a block share s, and |e_x| <= HALF s sqrt(K). So the right side is one number for
 * each query. Rows are stored as R + 128, because the instruction needs one unsigned factor. This
 * adds 128 times the sum of Q to the left side, so the same is added to the right side.
 *
 * Lane k (4 bytes) of a vector of 64 bytes has the numbers k, k+16, k+32, k+48 of a row or query.
 * Packed, for each panel of 16 queries: int32 more[16] (128 times the sums of Q), float t[16],
 * float lost[16] (|e_q|), then for each lane of the vectors of a row the bytes [16 queries][4]. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/bytes.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 4")
#define SAFE 1.0001f     /* factor that covers the rounding errors of a computed length */
#define HALF .503f       /* the largest error of round64, in units of s */
#define LEAST 1e-12f     /* the least s and t, so that a vector of zeros does not divide by 0 */
#define FAR 1073741824.f /* larger than every sum of byte products */
enum {
    PANEL = DNX_BYTE_PANEL,
    ROWS = 4,
    PANELS = 4,
    HEAD = 3 * 4 * PANEL,
    BLOCK = 16384, /* bytes of the rows of a block, which fit into the L1 cache */
    CHOOSE = 0xCA  /* ternarylogic(a, b, c, CHOOSE): the bits of b where a has 1, else of c */
};

static size_t row_size(int K) { return (size_t)(K + 63) / 64 * 64; }
static size_t panel_size(int K) { return HEAD + row_size(K) * PANEL; }
static size_t packed_size(int K, int N) {
    return panel_size(K) * (size_t)((N + PANEL - 1) / PANEL);
}

static void pack(const float *queries, int K, int N, void *packed) {
    memset(packed, 0, packed_size(K, N));
    for (int i = 0; i < N; i++) {
        const float *q = queries + (size_t)i * (size_t)K;
        uint8_t *panel = (uint8_t *)packed + (size_t)(i / PANEL) * panel_size(K);
        int32_t *more = (int32_t *)(void *)panel + i % PANEL;
        float *scale = (float *)(void *)panel + PANEL + i % PANEL, most = 127 * LEAST;
        double lost = 0;
        for (int k = 0; k < K; k++) most = fmaxf(most, fabsf(q[k]));
        *scale = most / 127;
        for (int k = 0; k < K; k++) {
            const int r = (int)lrintf(q[k] * (127 / most));
            const double e = (double)q[k] - (double)*scale * r;
            const int lane = k / 64 * 16 + k % 16;
            panel[HEAD + lane * 4 * PANEL + i % PANEL * 4 + k % 64 / 16] = (uint8_t)(int8_t)r;
            *more += 128 * r;
            lost += e * e;
        }
        scale[PANEL] = SAFE * (float)sqrt(lost);
    }
}

/* Loads the first n floats of x, at most 16. The other lanes are 0; all are 0 when n <= 0. */
INLINE __m512 some(const float *x, long n) {
    return n >= 16 ? _mm512_loadu_ps(x)
                   : _mm512_maskz_loadu_ps((__mmask16)(n > 0 ? (1u << n) - 1 : 0), x);
}

static float largest(const float *x, long n) {
    __m512 most[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                      _mm512_setzero_ps()};
    for (long i = 0; i < n; i += 64)
        UNROLL for (int v = 0; v < 4; v++)
            most[v] = _mm512_max_ps(_mm512_abs_ps(some(x + i + 16 * v, n - i - 16 * v)), most[v]);
    return _mm512_reduce_max_ps(
        _mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3])));
}

/* Rounds the first n of 64 numbers, times `inverse`, to integers R. Returns the bytes R + 128. A
 * float plus 1.5 * 2^23 has the rounded float in its lowest byte; a float plus 1.5 * 2^15 + 1/2 has
 * it in the second byte. */
INLINE __m512i round64(const float *x, long n, __m512 inverse) {
    const __m512 last = _mm512_set1_ps(12582912 + 128), before = _mm512_set1_ps(49152 + 128.5f);
    const __m512i byte = _mm512_set1_epi32(0xff), half = _mm512_set1_epi32(0xffff);
    __m512i v[4];
    UNROLL for (int i = 0; i < 4; i++) v[i] = _mm512_castps_si512(
        _mm512_fmadd_ps(some(x + 16 * i, n - 16 * i), inverse, i % 2 ? before : last));
    const __m512i low = _mm512_ternarylogic_epi32(byte, v[0], v[1], CHOOSE);
    const __m512i high = _mm512_ternarylogic_epi32(byte, v[2], v[3], CHOOSE);
    return _mm512_ternarylogic_epi32(half, low, _mm512_slli_epi32(high, 16), CHOOSE);
}

/* Rounds P rows with one scale s, and returns s. Then stores zeros for the rows that the last tile
 * of ROWS rows lacks. */
static float round_rows(const float *a, int P, int K, uint8_t *bytes) {
    const float most = fmaxf(largest(a, (long)P * K), 127 * LEAST);
    const __m512 inverse = _mm512_set1_ps(127 / most);
    for (int p = 0; p < P; p++, a += K) {
        int k = 0;
        for (; k + 64 <= K; k += 64, bytes += 64)
            _mm512_store_si512(bytes, round64(a + k, 64, inverse));
        if (k == K) continue;
        _mm512_store_si512(bytes, round64(a + k, K - k, inverse));
        bytes += 64;
    }
    memset(bytes, 0, (size_t)((ROWS - P % ROWS) % ROWS) * row_size(K));
    return most / 127;
}

/* Returns, for each query of a panel, the largest sum of byte products (R + 128) Q for which the
 * product x q cannot exceed its limit. */
INLINE __m512i bar(const uint8_t *panel, int K, float scale, const float *limit) {
    const __m512i more = _mm512_load_si512(panel);
    const __m512 t = _mm512_load_ps(panel + 4 * PANEL), lost = _mm512_load_ps(panel + 8 * PANEL);
    const float lose = SAFE * HALF * scale * sqrtf((float)K);
    const __m512 error = _mm512_fmadd_ps(lost, _mm512_set1_ps(SAFE + lose), _mm512_set1_ps(lose));
    const __m512 need = _mm512_div_ps(_mm512_sub_ps(_mm512_loadu_ps(limit), error),
                                      _mm512_mul_ps(t, _mm512_set1_ps(scale)));
    /* A NaN becomes -FAR, so that each row is found. */
    const __m512 least = _mm512_max_ps(need, _mm512_set1_ps(-FAR));
    const __m512 near = _mm512_min_ps(least, _mm512_set1_ps(FAR));
    return _mm512_add_epi32(
        more, _mm512_cvt_roundps_epi32(near, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
}

/* Adds four products to each lane of *sum. This is assembly, because gcc would copy *sum twice. */
INLINE void multiply(__m512i *sum, __m512i row, __m512i q) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(*sum) : "v"(row), "v"(q));
}

typedef struct {
    int row, rows, panel, panels; /* first row, number of rows; first panel, number of panels */
    size_t row_size, panel_size;
    const uint8_t *bytes, *packed;
    const __m512i *bars; /* bar() of each panel */
} part;

static __attribute__((noinline)) size_t note(const part *w, __m512i sum[ROWS][PANELS],
                                             dnx_byte_find *found) {
    size_t n = 0;
    for (int r = 0; r < w->rows; r++)
        for (int i = 0; i < w->panels; i++) {
            const __mmask16 above = _mm512_cmpgt_epi32_mask(sum[r][i], w->bars[i]);
            if (above)
                found[n++] = (dnx_byte_find){(uint16_t)(w->row + r), above,
                                             (uint32_t)(w->panel + i)};
        }
    return n;
}

/* Multiplies ROWS rows by the queries of v panels. Stores entries in `found`, as look() does, and
 * returns their number. */
INLINE size_t tile(const part *w, int v, const float *next, dnx_byte_find *found) {
    __m512i sum[ROWS][PANELS];
    UNROLL for (int i = 0; i < v; i++) UNROLL for (int r = 0; r < ROWS; r++)
        sum[r][i] = _mm512_setzero_si512();
    for (size_t g = 0; g < w->row_size; g += 4) {
        __m512i q[PANELS];
        UNROLL for (int i = 0; i < v; i++)
            q[i] = _mm512_load_si512(w->packed + (size_t)i * w->panel_size + HEAD + g * PANEL);
        UNROLL for (int r = 0; r < ROWS; r++) {
            int four;
            memcpy(&four, w->bytes + (size_t)r * w->row_size + g, 4);
            UNROLL for (int i = 0; i < v; i++) multiply(&sum[r][i], _mm512_set1_epi32(four), q[i]);
        }
        _mm_prefetch((const char *)(next + 4 * g), _MM_HINT_T1);
    }
    unsigned above = 0;
    UNROLL for (int i = 0; i < v; i++)
        above |= _mm512_cmpgt_epi32_mask(_mm512_max_epi32(_mm512_max_epi32(sum[0][i], sum[1][i]),
                                                          _mm512_max_epi32(sum[2][i], sum[3][i])),
                                         w->bars[i]);
    if (__builtin_expect(!above, 1)) return 0;
    __m512i copy[ROWS][PANELS];
    UNROLL for (int i = 0; i < v; i++) UNROLL for (int r = 0; r < ROWS; r++) copy[r][i] = sum[r][i];
    return note(w, copy, found);
}

static size_t tile_of(const part *w, const float *next, dnx_byte_find *found) {
    switch (w->panels) {
    case 1: return tile(w, 1, next, found);
    case 2: return tile(w, 2, next, found);
    case 3: return tile(w, 3, next, found);
    default: return tile(w, 4, next, found);
    }
}

static int least(int a, int b) { return a < b ? a : b; }

static size_t look(const float *a, int P, int K, const void *packed, int N, const float *limit,
                   const float *next, dnx_byte_find *found) {
    _Alignas(64) uint8_t bytes[BLOCK];
    const int panels = (N + PANEL - 1) / PANEL;
    part w = {.row_size = row_size(K), .panel_size = panel_size(K)};
    const int block = least(P, (int)(BLOCK / w.row_size) / ROWS * ROWS);
    size_t n = 0;
    for (int from = 0; from < P; from += block) {
        const int rows = least(block, P - from);
        const float scale = round_rows(a + (size_t)from * (size_t)K, rows, K, bytes);
        for (w.panel = 0; w.panel < panels; w.panel += PANELS) {
            __m512i bars[PANELS];
            w.panels = least(PANELS, panels - w.panel);
            w.packed = (const uint8_t *)packed + (size_t)w.panel * w.panel_size;
            w.bars = bars;
            for (int i = 0; i < w.panels; i++)
                bars[i] = bar(w.packed + (size_t)i * w.panel_size, K, scale,
                              limit + (w.panel + i) * PANEL);
            for (int r = 0; r < rows; r += ROWS) {
                w.row = from + r;
                w.rows = least(ROWS, rows - r);
                w.bytes = bytes + (size_t)r * w.row_size;
                n += tile_of(&w, next + (size_t)w.row * (size_t)K, found + n);
            }
        }
    }
    return n;
}

const dnx_byte_set dnx_bytes_vnni = {packed_size, pack, look};
#endif
