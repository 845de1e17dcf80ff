/* bits_vpopcnt.c - the bit loops for AVX-512 with VPOPCNTDQ: a lane is a filter.
 * Packed: panels of 8 filters, word by word: [N/8][L][8]. A tile is 4 rows x 4 panels: 16 of the 32
 * registers count; a word of a row is broadcast as it is XORed. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define PANEL 8
#define ROWS 4
#define PANELS 4
#include "bits_words.inc.h"

static void sign(const float *x, long P, int C, const float *scale, const float *shift,
                 uint64_t *rows, float *sum) {
    int L = dnx_bit_words(C);
    for (long p = 0; p < P; p++, x += C, rows += L) {
        __m256 total = _mm256_setzero_ps();
        memset(rows, 0, sizeof *rows * (size_t)L);
        for (int c = 0; c < C; c += 8) {
            __mmask8 m = C - c >= 8 ? 0xff : (__mmask8)((1u << (C - c)) - 1);
            __m256 u = _mm256_maskz_loadu_ps(m, x + c);
            if (scale) {
                u = _mm256_mul_ps(u, _mm256_maskz_loadu_ps(m, scale + c));
                u = _mm256_add_ps(u, _mm256_maskz_loadu_ps(m, shift + c));
            }
            __mmask8 bits = _mm256_mask_cmp_ps_mask(m, u, _mm256_setzero_ps(), _CMP_GE_OQ);
            rows[c / 64] |= (uint64_t)bits << (c % 64);
            total = _mm256_add_ps(total, _mm256_andnot_ps(_mm256_set1_ps(-0.f), u));
        }
        float part[8], all = 0;
        _mm256_storeu_ps(part, total);
        for (int i = 0; i < 8; i++) all += part[i];
        sum[p] = all;
    }
}

/* rows x panels <= ROWS x PANELS; both are constants where this is inlined. */
static inline __attribute__((always_inline)) void tile(const uint64_t *a, int rows, int L,
                                                       const uint64_t *w, int panels,
                                                       int32_t *out, size_t ldc) {
    __m512i sums[ROWS][PANELS];
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < panels; q++) sums[r][q] = _mm512_setzero_si512();
    for (int l = 0; l < L; l++) {
        __m512i v[PANELS];
        for (int q = 0; q < panels; q++)
            v[q] = _mm512_loadu_si512(w + ((size_t)q * (size_t)L + (size_t)l) * PANEL);
        for (int r = 0; r < rows; r++) {
            __m512i word = _mm512_set1_epi64((long long)a[(size_t)r * (size_t)L + (size_t)l]);
            for (int q = 0; q < panels; q++)
                sums[r][q] = _mm512_add_epi64(
                    sums[r][q], _mm512_popcnt_epi64(_mm512_xor_si512(word, v[q])));
        }
    }
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < panels; q++)
            _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)r * ldc + (size_t)q * PANEL),
                                _mm512_cvtepi64_epi32(sums[r][q]));
}

static void count(const uint64_t *a, int P, int L, const void *packed, int panels, int32_t *out,
                  size_t ldc) {
    int q = 0;
    for (; q + PANELS <= panels; q += PANELS) {
        const uint64_t *w = (const uint64_t *)packed + (size_t)q * (size_t)L * PANEL;
        int p = 0;
        for (; p + ROWS <= P; p += ROWS)
            tile(a + (size_t)p * (size_t)L, ROWS, L, w, PANELS, out + (size_t)p * ldc + q * PANEL,
                 ldc);
        for (; p < P; p++)
            tile(a + (size_t)p * (size_t)L, 1, L, w, PANELS, out + (size_t)p * ldc + q * PANEL,
                 ldc);
    }
    for (; q < panels; q++)
        for (int p = 0; p < P; p++)
            tile(a + (size_t)p * (size_t)L, 1, L,
                 (const uint64_t *)packed + (size_t)q * (size_t)L * PANEL, 1,
                 out + (size_t)p * ldc + q * PANEL, ldc);
}

static void finish(const int32_t *counts, int N, const int32_t *base, float factor,
                   const dnx_bit_end *e, float *y) {
    for (int i = 0; i < N; i += 16) {
        __mmask16 m = N - i >= 16 ? 0xffff : (__mmask16)((1u << (N - i)) - 1);
        __m512i c = _mm512_slli_epi32(_mm512_maskz_loadu_epi32(m, counts + i), 1);
        c = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(m, base + i), c);
        __m512 u = _mm512_mul_ps(_mm512_cvtepi32_ps(c), _mm512_set1_ps(factor));
        u = _mm512_mul_ps(u, _mm512_maskz_loadu_ps(m, e->alpha + i));
        if (e->shift) {
            u = _mm512_add_ps(u, _mm512_maskz_loadu_ps(m, e->shift + i));
            __mmask16 over = _mm512_cmp_ps_mask(u, _mm512_setzero_ps(), _CMP_GT_OQ);
            u = _mm512_mask_mul_ps(u, (__mmask16)~over, u, _mm512_maskz_loadu_ps(m, e->slope + i));
        }
        if (e->residual) u = _mm512_add_ps(u, _mm512_maskz_loadu_ps(m, e->residual + i));
        _mm512_mask_storeu_ps(y + i, m, u);
    }
}

extern const dnx_bit_set dnx_bits_avx512;
const dnx_bit_set dnx_bits_avx512 = {"avx512", PANEL, sign, packed_size, pack, count, finish};
#else
typedef int not_on_this_processor;
#endif
