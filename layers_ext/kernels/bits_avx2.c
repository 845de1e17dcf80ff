/* bits_avx2.c - the bit loops for AVX2, which has no instruction that counts bits.
 *
 * The bits of four channels in two pixels choose one of 256 tables. v are the bits of a filter for
 * these channels. Entry v of the table is a byte: its lower half is the number of bits in which v
 * differs from the first pixel, its upper half the number for the second pixel. One byte shuffle
 * reads the entries for 32 filters: 256 products of bits.
 *
 * Three lookups at a time are added as bytes; with a fourth, half a byte could overflow. `all` is
 * the sum of such bytes mod 256, and `high` the sum of their upper halves. So all - 16 high is the
 * sum of the lower halves. After every 60 lookups both sums are added to 16-bit sums, which are
 * kept in the first half of an output row until the end.
 *
 * Packed: panels of 32 filters, 4 channels a byte, 3*ceil(L*16/3) lookups: [N/32][lookups][32]. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kernels/bits.inc.h"

#define PANEL 32
#define PANELS 4 /* most panels of a tile; each panel needs 2 registers for sums */
#define CHUNK 15 /* words whose tables are chosen at a time */
#define STEP 60  /* lookups of at most 4 each, so their sum fits a byte; a chunk has 4 steps */
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)

#define ONES(x) (0x4332322132212110u >> 4 * (x)&15) /* number of 1 bits of x, x < 16 */
#define V(p, w) (ONES(((p)&15) ^ (w)) | ONES(((p) >> 4) ^ (w)) << 4)
#define V4(p, w) V(p, w), V(p, (w) + 1), V(p, (w) + 2), V(p, (w) + 3)
#define T(p)                                                                                       \
    { V4(p, 0), V4(p, 4), V4(p, 8), V4(p, 12) }
#define T4(p) T(p), T((p) + 1), T((p) + 2), T((p) + 3)
#define T16(p) T4(p), T4((p) + 4), T4((p) + 8), T4((p) + 12)
#define T64(p) T16(p), T16((p) + 16), T16((p) + 32), T16((p) + 48)
static const _Alignas(64) uint8_t tables[256][16] = {T64(0), T64(64), T64(128), T64(192)};

static int lookups(int L) { return (L * 16 + 2) / 3 * 3; }

/* Returns the signs of u, as in dnx_bit_set.sign, for channels c to c + 7: one bit for each. Adds
 * |u| to *total. */
static inline uint64_t sign8(const float *x, const float *scale, const float *shift, int c,
                             __m256 *total) {
    __m256 u = _mm256_loadu_ps(x + c);
    if (scale) {
        u = _mm256_mul_ps(u, _mm256_loadu_ps(scale + c));
        u = _mm256_add_ps(u, _mm256_loadu_ps(shift + c));
    }
    *total = _mm256_add_ps(*total, _mm256_andnot_ps(_mm256_set1_ps(-0.f), u));
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(u, _mm256_setzero_ps(), _CMP_GE_OQ));
}

/* Returns the sum of 8 numbers in the order of dnx_bit_set.sign. */
static inline float sum8(__m256 v) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static void sign(const float *x, long P, int C, const float *scale, const float *shift,
                 uint64_t *rows, float *sum) {
    int L = dnx_bit_words(C);
    for (long p = 0; p < P; p++, x += C, rows += L) {
        __m256 low = _mm256_setzero_ps(), high = low;
        float part[16];
        int c = 0;
        for (int l = 0; l < L; l++) {
            uint64_t word = 0;
            int end = C - c < 64 ? C - c - 15 : 64;
            for (int i = 0; i < end; i += 16, c += 16)
                word |= sign8(x, scale, shift, c, &low) << i | sign8(x, scale, shift, c + 8, &high)
                                                                   << (i + 8);
            rows[l] = word;
        }
        _mm256_storeu_ps(part, low);
        _mm256_storeu_ps(part + 8, high);
        for (; c < C; c++) {
            float u = scale ? x[c] * scale[c] : x[c];
            if (scale) u += shift[c];
            rows[c / 64] |= (uint64_t)(u >= 0) << (c % 64);
            part[c % 16] += u < 0 ? -u : u;
        }
        sum[p] = sum8(_mm256_add_ps(_mm256_loadu_ps(part), _mm256_loadu_ps(part + 8)));
    }
}

static size_t packed_size(int L, int N) {
    return (size_t)lookups(L) * (size_t)((N + PANEL - 1) / PANEL * PANEL);
}

static void pack(const uint64_t *rows, int L, int N, void *packed) {
    for (int n = 0; n < N; n++, rows += L) {
        uint8_t *to = (uint8_t *)packed + n % PANEL +
                      (size_t)(n / PANEL) * (size_t)lookups(L) * PANEL;
        for (int i = 0; i < L * 16; i++, to += PANEL) *to = rows[i / 16] >> (i % 16 * 4) & 15;
    }
}

/* Chooses tables for n words of rows a and b: stores the byte offset of a table for each four
 * channels, 16 offsets for a word. Then stores two offsets 0, because tile() looks up three at a
 * time. */
static void choose(const uint64_t *a, const uint64_t *b, int n, uint16_t *table) {
    const __m128i low = _mm_set1_epi16(15), high = _mm_set1_epi16(240);
    for (int i = 0; i < n; i++, table += 16) {
        __m128i u = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(a + i)));
        __m128i v = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(b + i)));
        __m128i even = _mm_slli_epi16(_mm_and_si128(v, low), 4);
        even = _mm_or_si128(_mm_and_si128(u, low), even);
        __m128i odd = _mm_or_si128(_mm_srli_epi16(u, 4), _mm_and_si128(v, high));
        even = _mm_slli_epi16(even, 4);
        odd = _mm_slli_epi16(odd, 4);
        _mm_storeu_si128((__m128i *)(void *)table, _mm_unpacklo_epi16(even, odd));
        _mm_storeu_si128((__m128i *)(void *)(table + 8), _mm_unpackhi_epi16(even, odd));
    }
    table[0] = table[1] = 0;
}

static inline __m256i table_at(unsigned offset) {
    const uint8_t *t = tables[0] + offset;
    return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)t));
}

/* Adds bytes to the 16-bit sums of a panel: 16 sums of even filters, then 16 of odd filters. */
static inline void add_bytes(uint8_t *to, __m256i bytes) {
    __m256i even = _mm256_and_si256(bytes, _mm256_set1_epi16(255));
    STORE(to, _mm256_add_epi16(LOAD(to), even));
    STORE(to + PANEL, _mm256_add_epi16(LOAD(to + PANEL), _mm256_srli_epi16(bytes, 8)));
}

static inline __m256i look_up(__m256i t0, __m256i t1, __m256i t2, const uint8_t *v) {
    return _mm256_add_epi8(
        _mm256_add_epi8(_mm256_shuffle_epi8(t0, LOAD(v)), _mm256_shuffle_epi8(t1, LOAD(v + PANEL))),
        _mm256_shuffle_epi8(t2, LOAD(v + 2 * PANEL)));
}

/* Returns 16 times each byte, mod 256. */
static inline __m256i sixteen(__m256i v) {
    return _mm256_slli_epi16(_mm256_and_si256(v, _mm256_set1_epi8(15)), 4);
}

/* Repeats `steps` times, for the next four channels of two rows: looks up the filters of `panels`
 * panels, and adds the numbers of differing bits to the 16-bit sums at a and b. The panels start at
 * w and are `far` bytes apart. */
static inline __attribute__((always_inline)) void tile(const uint16_t *table, int steps,
                                                       const uint8_t *w, size_t far, int panels,
                                                       uint8_t *a, uint8_t *b) {
    __m256i all[PANELS], shifted[PANELS];
    for (int q = 0; q < panels; q++) all[q] = shifted[q] = _mm256_setzero_si256();
    for (int i = 0; i < steps; i += 3, w += 3 * PANEL) {
        __m256i t0 = table_at(table[i]), t1 = table_at(table[i + 1]), t2 = table_at(table[i + 2]);
        for (int q = 0; q < panels; q++) {
            __m256i s = look_up(t0, t1, t2, w + (size_t)q * far);
            all[q] = _mm256_add_epi8(all[q], s);
            shifted[q] = _mm256_add_epi8(shifted[q], _mm256_srli_epi16(s, 4));
        }
    }
    for (int q = 0; q < panels; q++) {
        /* The shift of 16-bit words has also moved the lower halves of odd bytes into the upper
         * halves of even bytes. `high` is without them. */
        __m256i lower = _mm256_sub_epi8(all[q], sixteen(shifted[q]));
        __m256i high = _mm256_sub_epi8(shifted[q], sixteen(_mm256_srli_epi16(lower, 8)));
        add_bytes(a + (size_t)q * 2 * PANEL, _mm256_sub_epi8(all[q], sixteen(high)));
        add_bytes(b + (size_t)q * 2 * PANEL, high);
    }
}

/* Converts the 16-bit sums of a row to its 32-bit counts, in place. */
static void widen(int32_t *out, int panels) {
    for (int q = panels - 1; q >= 0; q--) {
        const uint8_t *from = (const uint8_t *)out + (size_t)q * 2 * PANEL;
        __m256i even = LOAD(from), odd = LOAD(from + PANEL);
        __m256i a = _mm256_unpacklo_epi16(even, odd), b = _mm256_unpackhi_epi16(even, odd);
        /* a has the sums of filters 0-7 and 16-23, b those of 8-15 and 24-31. */
        uint8_t *to = (uint8_t *)(out + (size_t)q * PANEL);
        STORE(to, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)));
        STORE(to + 32, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(b)));
        STORE(to + 64, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1)));
        STORE(to + 96, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(b, 1)));
    }
}

typedef struct {
    uint16_t table[DNX_BIT_ROWS / 2][CHUNK * 16 + 2];
    uint8_t *sums;
    size_t ld;
    int P;
} block;

/* Calls tile() for pairs of rows. A last row without a partner is paired with itself; the second
 * result goes to `nowhere`. */
static inline __attribute__((always_inline)) void
tiles(const block *k, int i, int steps, const uint8_t *w, size_t far, int panels, int q) {
    uint8_t nowhere[PANELS * 2 * PANEL] = {0}, *to = k->sums + (size_t)q * 2 * PANEL;
    for (int p = 0; p < k->P; p += 2, to += 2 * k->ld)
        tile(k->table[p / 2] + i, steps, w, far, panels, to, p + 1 < k->P ? to + k->ld : nowhere);
}

static void count(const uint64_t *a, int P, int L, const void *packed, int panels, int32_t *out,
                  size_t ldc, void *unused) {
    (void)unused;
    block k;
    k.sums = (uint8_t *)out;
    k.ld = sizeof *out * ldc;
    k.P = P;
    size_t far = (size_t)lookups(L) * PANEL;
    for (int p = 0; p < P; p++)
        memset(out + (size_t)p * ldc, 0, sizeof(uint16_t) * PANEL * (size_t)panels);
    for (int from = 0; from < L; from += CHUNK) {
        int words = L - from < CHUNK ? L - from : CHUNK, all = lookups(words);
        for (int p = 0; p < P; p += 2) {
            const uint64_t *row = a + (size_t)p * (size_t)L + from;
            choose(row, p + 1 < P ? row + L : row, words, k.table[p / 2]);
        }
        for (int i = 0; i < all; i += STEP) {
            int steps = all - i < STEP ? all - i : STEP, q = 0;
            const uint8_t *w = (const uint8_t *)packed + (size_t)(from * 16 + i) * PANEL;
            for (; q + PANELS <= panels; q += PANELS, w += PANELS * far)
                tiles(&k, i, steps, w, far, PANELS, q);
            if (panels - q == 3) tiles(&k, i, steps, w, far, 3, q);
            if (panels - q == 2) tiles(&k, i, steps, w, far, 2, q);
            if (panels - q == 1) tiles(&k, i, steps, w, far, 1, q);
        }
    }
    for (int p = 0; p < P; p++) widen(out + (size_t)p * ldc, panels);
}

static void finish(const int32_t *counts, int N, const int32_t *base, float factor,
                   const dnx_bit_end *given, float *y) {
    const dnx_bit_end e = *given; /* a copy, because gcc would reload *given after stores to y */
    const __m256 one = _mm256_set1_ps(1), by = _mm256_set1_ps(factor);
    int i = 0;
    for (; i + 8 <= N; i += 8) {
        __m256i c = _mm256_sub_epi32(LOAD(base + i), _mm256_slli_epi32(LOAD(counts + i), 1));
        __m256 u = _mm256_mul_ps(_mm256_cvtepi32_ps(c), by);
        u = _mm256_mul_ps(u, _mm256_loadu_ps(e.alpha + i));
        if (e.shift) {
            u = _mm256_add_ps(u, _mm256_loadu_ps(e.shift + i));
            __m256 over = _mm256_cmp_ps(u, _mm256_setzero_ps(), _CMP_GT_OQ);
            u = _mm256_mul_ps(u, _mm256_blendv_ps(_mm256_loadu_ps(e.slope + i), one, over));
        }
        if (e.residual) u = _mm256_add_ps(u, _mm256_loadu_ps(e.residual + i));
        _mm256_storeu_ps(y + i, u);
    }
    finish_from(i, counts, N, base, factor, &e, y);
}

const dnx_bit_set dnx_bits_avx2 = {.name = "avx2",
                                   .panel = PANEL,
                                   .sign = sign,
                                   .packed = packed_size,
                                   .pack = pack,
                                   .count = count,
                                   .finish = finish};
#endif
