/* bits_vpopcnt.c - the bit loops for AVX-512 with VPOPCNTDQ. Each lane of a vector is a filter.
 *
 * D[l] are the bits in which word l of a row differs from word l of a filter. Rows and filters are
 * stored as running parities: stored word l is the XOR of words 0 to l. So the XOR of the stored
 * words l of a row and of a filter is P[l], the parity of D[0] to D[l] in each of 64 columns. In
 * each column a full adder adds P[l], D[l+1] and D[l+2]. Its sum is P[l+2], and three successive P
 * give its carry:
 *
 *   carry = P[l] ? not (P[l+1] and P[l+2]) : P[l+1] and not P[l+2]       (one VPTERNLOG)
 *   number of differing bits = 2 (number of 1 bits in all carries) + number of 1 bits in the last P
 *
 * So two words need one VPOPCNT instead of two.
 * Packed: panels of 8 filters, word by word, an even number of words: [N/8][2 ceil(L/2)][8]. */
#if defined(__x86_64__)
#include "kernels/bits_avx512.inc.h"

#define PANEL 8
#define ROWS 3
#define PANELS 4
#define PIXELS 4
#define CARRY 0x74

static int even(int L) { return (L + 1) / 2 * 2; }

DNX_INLINE void signs(const float *x, int count, int C, const float *scale, const float *shift,
                      uint64_t *rows, float *sum) {
    size_t L = (size_t)dnx_bit_words(C);
    __m512 total[PIXELS];
    for (int p = 0; p < count; p++) total[p] = _mm512_setzero_ps();
    for (size_t l = 0; l < L; l++) {
        uint64_t word[PIXELS];
        sign_words(x, (size_t)C, count, C, (int)l * 64, scale, shift, total, word);
        for (size_t p = 0; p < (size_t)count; p++) rows[p * L + l] = word[p];
    }
    for (int p = 0; p < count; p++) sum[p] = _mm512_reduce_add_ps(total[p]);
}

static void sign(const float *x, long P, int C, const float *scale, const float *shift,
                 uint64_t *rows, float *sum) {
    size_t L = (size_t)dnx_bit_words(C);
    long p = 0;
    for (; p + PIXELS <= P; p += PIXELS)
        signs(x + p * C, PIXELS, C, scale, shift, rows + (size_t)p * L, sum + p);
    for (; p < P; p++) signs(x + p * C, 1, C, scale, shift, rows + (size_t)p * L, sum + p);
}

static size_t packed_size(int L, int N) {
    return sizeof(uint64_t) * (size_t)even(L) * (size_t)((N + PANEL - 1) / PANEL * PANEL);
}

/* Stores even(L) running parities of a row in to[0], to[step], ... */
static void parities(const uint64_t *row, int L, uint64_t *to, size_t step) {
    uint64_t all = 0;
    for (int l = 0; l < even(L); l++, to += step) {
        if (l < L) all ^= row[l];
        *to = all;
    }
}

static void pack(const uint64_t *rows, int L, int N, void *packed) {
    for (int n = 0; n < N; n++)
        parities(rows + (size_t)n * (size_t)L, L,
                 (uint64_t *)packed + (size_t)(n / PANEL) * (size_t)even(L) * PANEL + n % PANEL,
                 PANEL);
}

static size_t scratch_size(int L) { return sizeof(uint64_t) * (size_t)even(L) * DNX_BIT_ROWS; }

/* Computes the counts of `rows` rows and `panels` panels of filters. a and w are the running
 * parities, L words for each row and filter; L is even. */
DNX_INLINE void tile(const uint64_t *a, int rows, size_t L, const uint64_t *w, int panels,
                     int32_t *out, size_t ldc) {
    __m512i sums[ROWS][PANELS], parity[ROWS][PANELS];
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < panels; q++) sums[r][q] = parity[r][q] = _mm512_setzero_si512();
    for (size_t l = 0; l < L; l += 2)
        for (int q = 0; q < panels; q++) {
            const uint64_t *v = w + ((size_t)q * L + l) * PANEL;
            __m512i v0 = _mm512_load_si512(v), v1 = _mm512_load_si512(v + PANEL);
            for (int r = 0; r < rows; r++) {
                const uint64_t *word = a + (size_t)r * L + l;
                __m512i p0 = _mm512_xor_si512(v0, _mm512_set1_epi64((long long)word[0]));
                __m512i p1 = _mm512_xor_si512(v1, _mm512_set1_epi64((long long)word[1]));
                __m512i carry = _mm512_ternarylogic_epi64(parity[r][q], p0, p1, CARRY);
                sums[r][q] = _mm512_add_epi64(sums[r][q], _mm512_popcnt_epi64(carry));
                parity[r][q] = p1;
            }
        }
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < panels; q++) {
            __m512i all = _mm512_add_epi64(_mm512_slli_epi64(sums[r][q], 1),
                                           _mm512_popcnt_epi64(parity[r][q]));
            _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)r * ldc + (size_t)q * PANEL),
                                _mm512_cvtepi64_epi32(all));
        }
}

DNX_INLINE void tiles(const uint64_t *a, int P, size_t L, const uint64_t *w, int panels,
                      int32_t *out, size_t ldc) {
    for (; P >= ROWS; P -= ROWS, a += ROWS * L, out += ROWS * ldc)
        tile(a, ROWS, L, w, panels, out, ldc);
    if (P == 2) tile(a, 2, L, w, panels, out, ldc);
    if (P == 1) tile(a, 1, L, w, panels, out, ldc);
}

static void count(const uint64_t *a, int P, int L, const void *packed, int panels, int32_t *out,
                  size_t ldc, void *work) {
    size_t words = (size_t)even(L);
    uint64_t *rows = work;
    const uint64_t *w = packed;
    for (int p = 0; p < P; p++) parities(a + (size_t)p * (size_t)L, L, rows + (size_t)p * words, 1);
    for (; panels >= PANELS; panels -= PANELS, w += PANELS * words * PANEL, out += PANELS * PANEL)
        tiles(rows, P, words, w, PANELS, out, ldc);
    for (; panels; panels--, w += words * PANEL, out += PANEL)
        tiles(rows, P, words, w, 1, out, ldc);
}

static void finish(const int32_t *counts, int N, const int32_t *base, float factor,
                   const dnx_bit_end *given, float *y) {
    const dnx_bit_end e = *given; /* a copy, because gcc would reload *given after stores to y */
    for (int i = 0; i < N; i += 16) {
        end16 v = end16_of(&e, i, N);
        __m512i c = _mm512_slli_epi32(_mm512_maskz_loadu_epi32(v.mask, counts + i), 1);
        c = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(v.mask, base + i), c);
        finish16(c, _mm512_set1_ps(factor), v, e.residual ? e.residual + i : NULL, y + i);
    }
}

const dnx_bit_set dnx_bits_avx512 = {.name = "avx512",
                                     .panel = PANEL,
                                     .sign = sign,
                                     .packed = packed_size,
                                     .pack = pack,
                                     .scratch_size = scratch_size,
                                     .count = count,
                                     .finish = finish};
#endif
