/* bytes_vnni.c - products of bytes by AVX-512 VNNI: a lane is a query, an instruction takes four
 * numbers of a row.
 *
 * A vector x is rounded to s*R with bytes R and s = max|x|/127; it loses e = x - s*R. Then
 *
 *   x q = s t R Q + s R e_q + e_x q,  |s R e_q| <= (1 + |e_x|) |e_q|,  |e_x q| <= |e_x|
 *
 * by Cauchy and Schwarz, for lengths of at most 1. Rows are stored as R + 128, because the
 * instruction takes one factor without sign; the sums start at -128 times the sum of Q.
 * Packed, for each panel of 16 queries: int32 start[16], float t[16], float lost[16], then for each
 * four numbers the bytes [16][4]. A tile is 4 rows x 4 panels. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/bytes.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 4")
#define SAFE 1.0001f /* a factor larger than the rounding error of a length */
enum { PANEL = DNX_BYTE_PANEL, ROWS = DNX_BYTE_ROWS, PANELS = 4, HEAD = 3 * 4 * PANEL };

typedef struct {
    float scale, lost;
} rounded;

static size_t groups_of(int K) { return (size_t)(K + 3) / 4; }
static size_t panel_size(int K) { return HEAD + groups_of(K) * 4 * PANEL; }
static size_t packed_size(int K, int N) {
    return panel_size(K) * (size_t)((N + PANEL - 1) / PANEL);
}

/* The last n < 16 numbers of a row, filled up with zeros. */
INLINE __m512 rest(const float *x, int n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}

/* Rounds 16 numbers, and adds the squares of the rounding errors to *sum. */
INLINE void round16(__m512 v, __m512 inverse, __m512 scale, __m512 *sum, __m128i flip,
                    uint8_t *to) {
    const __m512i r = _mm512_cvtps_epi32(_mm512_mul_ps(v, inverse));
    const __m512 e = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(r), scale, v);
    *sum = _mm512_fmadd_ps(e, e, *sum);
    _mm_storeu_si128((__m128i *)(void *)to, _mm_xor_si128(_mm512_cvtepi32_epi8(r), flip));
}

/* Stores the bytes of x at `to`, and zeros up to a multiple of 16. Each byte is XORed with flip,
 * 0x80 or 0. */
INLINE rounded round_row(const float *x, int K, char flip, uint8_t *to) {
    __m512 most = _mm512_setzero_ps(), sum = most;
    const __m128i bits = _mm_set1_epi8(flip);
    int k = 0;
    for (; k + 16 <= K; k += 16) most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_loadu_ps(x + k)));
    if (k < K) most = _mm512_max_ps(most, _mm512_abs_ps(rest(x + k, K - k)));
    const float largest = _mm512_reduce_max_ps(most);
    const __m512 scale = _mm512_set1_ps(largest / 127);
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127 / largest : 0);
    for (k = 0; k + 16 <= K; k += 16)
        round16(_mm512_loadu_ps(x + k), inverse, scale, &sum, bits, to + k);
    if (k < K) round16(rest(x + k, K - k), inverse, scale, &sum, bits, to + k);
    return (rounded){largest / 127, SAFE * sqrtf(_mm512_reduce_add_ps(sum))};
}

static void pack(const float *queries, int K, int N, void *packed) {
    uint8_t row[DNX_BYTE_MOST + 16];
    memset(packed, 0, packed_size(K, N));
    for (int i = 0; i < N; i++) {
        uint8_t *panel = (uint8_t *)packed + (size_t)(i / PANEL) * panel_size(K);
        int32_t *start = (int32_t *)(void *)panel + i % PANEL;
        float *scale = (float *)(void *)panel + PANEL + i % PANEL;
        const rounded r = round_row(queries + (size_t)i * (size_t)K, K, 0, row);
        *scale = r.scale;
        scale[PANEL] = r.lost;
        for (int k = 0; k < K; k++) {
            panel[HEAD + k / 4 * 4 * PANEL + i % PANEL * 4 + k % 4] = row[k];
            *start -= 128 * (int8_t)row[k];
        }
    }
}

/* By assembly, because gcc would copy each sum before the instruction of its header, twice. */
INLINE void multiply(__m512i *sum, __m512i row, __m512i q) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(*sum) : "v"(row), "v"(q));
}

/* v is a constant when inlined. rows: ROWS x step bytes; above: ROWS x panels. */
INLINE void tile(const uint8_t *rows, size_t step, const rounded *of, const uint8_t *packed,
                 int K, int v, const float *limit, uint16_t *above, int panels) {
    const size_t size = panel_size(K), groups = groups_of(K);
    __m512i sum[ROWS][PANELS];
    UNROLL for (int i = 0; i < v; i++)
        UNROLL for (int r = 0; r < ROWS; r++)
            sum[r][i] = _mm512_load_si512(packed + (size_t)i * size);
    for (size_t g = 0; g < groups; g++) {
        __m512i q[PANELS];
        UNROLL for (int i = 0; i < v; i++)
            q[i] = _mm512_load_si512(packed + (size_t)i * size + HEAD + g * 4 * PANEL);
        UNROLL for (int r = 0; r < ROWS; r++) {
            int four;
            memcpy(&four, rows + (size_t)r * step + 4 * g, 4);
            UNROLL for (int i = 0; i < v; i++)
                multiply(&sum[r][i], _mm512_set1_epi32(four), q[i]);
        }
    }
    UNROLL for (int i = 0; i < v; i++) {
        const float *scale = (const float *)(const void *)(packed + (size_t)i * size) + PANEL;
        const __m512 t = _mm512_load_ps(scale), lost = _mm512_load_ps(scale + PANEL);
        const __m512 bar = _mm512_loadu_ps(limit + i * PANEL);
        UNROLL for (int r = 0; r < ROWS; r++) {
            const __m512 s = _mm512_set1_ps(of[r].scale), e = _mm512_set1_ps(of[r].lost);
            const __m512 more = _mm512_add_ps(_mm512_fmadd_ps(e, lost, lost), e);
            const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][i]), t);
            above[r * panels + i] = (uint16_t)_mm512_cmp_ps_mask(_mm512_fmadd_ps(product, s, more),
                                                                 bar, _CMP_GT_OQ);
        }
    }
}

static void four_rows(const uint8_t *rows, size_t step, const rounded *of, const uint8_t *packed,
                      int K, int panels, const float *limit, uint16_t *above) {
    for (int i = 0; i < panels; i += PANELS) {
        const uint8_t *at = packed + (size_t)i * panel_size(K);
        const float *bar = limit + i * PANEL;
        switch (panels - i) {
        case 1: tile(rows, step, of, at, K, 1, bar, above + i, panels); break;
        case 2: tile(rows, step, of, at, K, 2, bar, above + i, panels); break;
        case 3: tile(rows, step, of, at, K, 3, bar, above + i, panels); break;
        default: tile(rows, step, of, at, K, 4, bar, above + i, panels);
        }
    }
}

static void look(const float *a, int P, int K, const void *packed, int N, const float *limit,
                 uint16_t *above) {
    uint8_t bytes[ROWS * (DNX_BYTE_MOST + 16)];
    const size_t step = (size_t)(K + 15) / 16 * 16;
    const int panels = (N + PANEL - 1) / PANEL;
    for (int p = 0; p < P; p += ROWS) {
        rounded of[ROWS];
        for (int r = 0; r < ROWS; r++) { /* the last row fills up the block */
            const int row = p + r < P ? p + r : P - 1;
            of[r] = round_row(a + (size_t)row * (size_t)K, K, (char)0x80, bytes + (size_t)r * step);
        }
        for (int k = 0; k < ROWS * K; k += 16) /* prefetch: it is read after two more tiles */
            __builtin_prefetch(a + (size_t)(p + 2 * ROWS) * (size_t)K + k);
        four_rows(bytes, step, of, packed, K, panels, limit, above + (size_t)p * (size_t)panels);
    }
}

extern const dnx_byte_set dnx_bytes_vnni;
const dnx_byte_set dnx_bytes_vnni = {packed_size, pack, look};
#else
typedef int not_on_this_processor;
#endif
