/* bits_avx512.inc.h - code that bits_vpopcnt.c and bits_amx.c share: the signs of pixels, and the
 * steps of dnx_bit_set.finish. */
#include <immintrin.h>
#include <stdbool.h>

#include "kernels/bits.h"

#define DNX_INLINE static inline __attribute__((always_inline))

/* For channels [c, c + 64) of `count` <= 4 pixels, `step` floats apart: stores the signs of u in
 * word[p], and adds |u| to total[p]. u is defined at dnx_bit_set.sign. */
DNX_INLINE void sign_words(const float *x, size_t step, int count, int C, int c, const float *scale,
                           const float *shift, __m512 *total, uint64_t *word) {
    for (int p = 0; p < count; p++) word[p] = 0;
    for (int i = 0; i < 64 && c < C; i += 16, c += 16) {
        __mmask16 m = C - c >= 16 ? 0xffff : (__mmask16)((1u << (C - c)) - 1);
        for (int p = 0; p < count; p++) {
            __m512 u = _mm512_maskz_loadu_ps(m, x + (size_t)p * step + c);
            if (scale) {
                u = _mm512_mul_ps(u, _mm512_maskz_loadu_ps(m, scale + c));
                u = _mm512_add_ps(u, _mm512_maskz_loadu_ps(m, shift + c));
            }
            __m512 size = _mm512_andnot_ps(_mm512_set1_ps(-0.f), u);
            total[p] = _mm512_add_ps(total[p], size);
            __mmask16 bits = _mm512_mask_cmp_ps_mask(m, u, _mm512_setzero_ps(), _CMP_GE_OQ);
            word[p] |= (uint64_t)bits << i;
        }
    }
}

/* The arrays of dnx_bit_end for 16 filters. `mask` has a 1 for each filter that exists. */
typedef struct {
    __mmask16 mask;
    __m512 alpha, shift, slope;
    bool has_shift;
} end16;

DNX_INLINE end16 end16_of(const dnx_bit_end *e, int i, int N) {
    int left = N - i < 0 ? 0 : N - i;
    end16 v = {.mask = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1)};
    v.alpha = _mm512_maskz_loadu_ps(v.mask, e->alpha + i);
    v.has_shift = e->shift != NULL;
    v.shift = v.has_shift ? _mm512_maskz_loadu_ps(v.mask, e->shift + i) : v.alpha;
    v.slope = v.has_shift ? _mm512_maskz_loadu_ps(v.mask, e->slope + i) : v.alpha;
    return v;
}

DNX_INLINE void finish16(__m512i z, __m512 factor, end16 e, const float *residual, float *y) {
    __m512 u = _mm512_mul_ps(_mm512_cvtepi32_ps(z), factor);
    u = _mm512_mul_ps(u, e.alpha);
    if (e.has_shift) {
        u = _mm512_add_ps(u, e.shift);
        __mmask16 over = _mm512_cmp_ps_mask(u, _mm512_setzero_ps(), _CMP_GT_OQ);
        u = _mm512_mask_mul_ps(u, (__mmask16)~over, u, e.slope);
    }
    if (residual) u = _mm512_add_ps(u, _mm512_maskz_loadu_ps(e.mask, residual));
    _mm512_mask_storeu_ps(y, e.mask, u);
}
