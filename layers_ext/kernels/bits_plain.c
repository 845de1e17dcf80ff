/* bits_plain.c - the bit loops for any processor. Tests compare the other sets with this one.
 * Packed: panels of 4 filters, word by word: [N/4][L][4]. */
#include <math.h>
#include <string.h>

#include "kernels/bits.inc.h"

#define PANEL 4

static size_t packed_size(int L, int N) {
    return sizeof(uint64_t) * (size_t)L * (size_t)((N + PANEL - 1) / PANEL * PANEL);
}

static void pack(const uint64_t *rows, int L, int N, void *packed) {
    uint64_t *to = packed;
    for (int n = 0; n < N; n++)
        for (int l = 0; l < L; l++)
            to[((size_t)(n / PANEL) * (size_t)L + (size_t)l) * PANEL + (size_t)(n % PANEL)] =
                rows[(size_t)n * (size_t)L + (size_t)l];
}

static void sign(const float *x, long P, int C, const float *scale, const float *shift,
                 uint64_t *rows, float *sum) {
    int L = dnx_bit_words(C);
    for (long p = 0; p < P; p++, x += C, rows += L) {
        float part[16] = {0};
        memset(rows, 0, sizeof *rows * (size_t)L);
        for (int c = 0; c < C; c++) {
            float u = scale ? x[c] * scale[c] : x[c];
            if (scale) u += shift[c];
            rows[c / 64] |= (uint64_t)(u >= 0) << (c % 64);
            part[c % 16] += fabsf(u);
        }
        for (int half = 8; half; half /= 2)
            for (int i = 0; i < half; i++) part[i] += part[i + half];
        sum[p] = part[0];
    }
}

/* Returns the number of 1 bits. */
static int bits_of(uint64_t w) {
    w -= (w >> 1) & 0x5555555555555555u;
    w = (w & 0x3333333333333333u) + ((w >> 2) & 0x3333333333333333u);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)((w * 0x0101010101010101u) >> 56);
}

static void count(const uint64_t *a, int P, int L, const void *packed, int panels, int32_t *out,
                  size_t ldc, void *unused) {
    (void)unused;
    for (int q = 0; q < panels; q++) {
        const uint64_t *w = (const uint64_t *)packed + (size_t)q * (size_t)L * PANEL;
        for (int p = 0; p < P; p++) {
            const uint64_t *row = a + (size_t)p * (size_t)L;
            int32_t sums[PANEL] = {0};
            for (int l = 0; l < L; l++)
                for (int i = 0; i < PANEL; i++) sums[i] += bits_of(row[l] ^ w[l * PANEL + i]);
            memcpy(out + (size_t)p * ldc + (size_t)q * PANEL, sums, sizeof sums);
        }
    }
}

static void finish(const int32_t *counts, int N, const int32_t *base, float factor,
                   const dnx_bit_end *e, float *y) {
    finish_from(0, counts, N, base, factor, e, y);
}

const dnx_bit_set dnx_bits_plain = {.name = "plain",
                                    .panel = PANEL,
                                    .sign = sign,
                                    .packed = packed_size,
                                    .pack = pack,
                                    .count = count,
                                    .finish = finish};
