/* bits_amx.c - binary convolutions with AMX tiles. Signs are bytes, +1 or -1. One instruction
 * multiplies 16 positions (bits.h defines them) by 16 filters over 64 channels in 16 cycles: up to
 * 2.5 times as fast as counting bits with AVX-512.
 *
 * A tile of 16 positions is loaded directly from the input. Filters are stored as bits. WORDS words
 * of each of 32 filters at a time are expanded to bytes, which stay in the L1 cache.
 *
 * Packed filters: panels of 32 filters, word by word. Each word has two tiles of 16 filters. A tile
 * has 16 rows of 64 bits: bit 4f + i of row r is channel 4r + i of filter f. Intel, "Architecture
 * Instruction Set Extensions Programming Reference", chapter 3. */
#if defined(__x86_64__)
#include <string.h>

#include "kernels/bits_avx512.inc.h"

#define PANEL 32
#define HALF 16   /* rows of a tile, and filters of a tile */
#define TILE 1024 /* bytes of a tile */
#define WORDS 12  /* words of each filter that become bytes at a time: 24 KiB for 32 filters */
#define PIXELS 4

DNX_INLINE void signs(const float *x, int skip, int count, int C, const float *scale,
                      const float *shift, int8_t *to, size_t plane, float *sum) {
    const __m512i one = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
    __m512 total[PIXELS];
    for (int p = 0; p < count; p++) total[p] = _mm512_setzero_ps();
    for (int c = 0; c < C; c += 64, to += plane) {
        uint64_t word[PIXELS], all = C - c >= 64 ? ~0ull : (1ull << (C - c)) - 1;
        sign_words(x, (size_t)skip * (size_t)C, count, C, c, scale, shift, total, word);
        for (int p = 0; p < count; p++)
            _mm512_store_si512(
                to + 64 * p, _mm512_mask_mov_epi8(_mm512_maskz_mov_epi8(all, minus), word[p], one));
    }
    for (int p = 0; p < count; p++) sum[p * skip] = _mm512_reduce_add_ps(total[p]);
}

static void sign(const float *x, int skip, long P, int C, const float *scale, const float *shift,
                 int8_t *to, size_t plane, float *sum) {
    for (int n; P > 0; P -= n, x += (long)n * skip * C, to += 64 * n, sum += n * skip) {
        n = P >= PIXELS ? PIXELS : 1;
        if (n == PIXELS) signs(x, skip, PIXELS, C, scale, shift, to, plane, sum);
        else signs(x, skip, 1, C, scale, shift, to, plane, sum);
    }
}

static size_t packed_size(int words, int N) {
    return sizeof(uint64_t) * (size_t)words * (size_t)((N + PANEL - 1) / PANEL * PANEL);
}

static void pack(const uint64_t *rows, int words, int N, void *packed) {
    memset(packed, 0, packed_size(words, N));
    for (int n = 0; n < N; n++, rows += words) {
        uint64_t *to = (uint64_t *)packed + (size_t)(n / PANEL) * (size_t)words * PANEL;
        to += n % PANEL / HALF * HALF;
        for (int l = 0; l < words; l++, to += PANEL)
            for (int r = 0; r < 16; r++) to[r] |= (rows[l] >> 4 * r & 15) << n % HALF * 4;
    }
}

/* The operand of _tile_loadconfig(): all eight tiles have 16 rows of 64 bytes. */
static const struct {
    uint8_t palette, start, unused[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} config = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

static void spread(const uint64_t *bits, int words, int8_t *to) {
    const __m512i one = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
    for (int i = 0; i < words * PANEL; i++)
        _mm512_store_si512(to + 64 * i, _mm512_mask_mov_epi8(minus, bits[i], one));
    /* gcc does not know that tile loads read memory. This line keeps the stores before the
     * loads. */
    __asm__ volatile("" ::: "memory");
}

/* Multiplies two tiles of positions (only one if `lone`) by two tiles of filters, over `words`
 * words. Adds the products to sums or, with `first`, stores them there. */
DNX_INLINE void add(const int8_t *x, const size_t *offset, const int8_t *w, int words, bool lone,
                    bool first, int32_t *sums) {
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, 64);
        _tile_loadd(1, sums + 256, 64);
        if (!lone) {
            _tile_loadd(2, sums + 512, 64);
            _tile_loadd(3, sums + 768, 64);
        }
    }
    for (int l = 0; l < words; l++, w += 2 * TILE) {
        _tile_loadd(4, x + offset[l], 64);
        _tile_loadd(6, w, 64);
        _tile_loadd(7, w + TILE, 64);
        if (!lone) _tile_loadd(5, x + offset[l] + TILE, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        if (lone) continue;
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    if (lone) return;
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
}

/* Computes y from the sums of `count` positions. Skips positions without an output. *column is the
 * column of the next position, *output the index of the next output. */
static inline void finish(const dnx_tile_job *j, const int32_t *sums, int count, const end16 *end,
                          int *column, size_t *output, const float *residual, float *y) {
    for (int i = 0; i < count; i++, *column = *column + 1 == j->pitch ? 0 : *column + 1) {
        if (*column >= j->width) continue;
        size_t at = *output * j->ldy;
        const int32_t *z = sums + i / HALF * 512 + i % HALF * 16;
        __m512 factor = _mm512_set1_ps(j->factor[*output]);
        ++*output;
        for (int h = 0; h < 2; h++)
            finish16(_mm512_load_si512(z + 256 * h), factor, end[h],
                     residual ? residual + at + h * HALF : NULL, y + at + h * HALF);
    }
}

static void panel(const dnx_tile_job *j, const uint64_t *packed, const end16 *end,
                  const float *residual, int8_t *w, int32_t *sums, float *y) {
    int chunks = (j->words + WORDS - 1) / WORDS, per = (j->words + chunks - 1) / chunks;
    size_t output = 0;
    int column = j->column;
    for (int l = 0; l < j->words; l += per) {
        int words = j->words - l < per ? j->words - l : per;
        bool first = l == 0, last = l + words == j->words;
        spread(packed + l * PANEL, words, w);
        for (int i = 0; i < j->count; i += 2 * HALF) {
            int count = j->count - i < 2 * HALF ? j->count - i : 2 * HALF;
            int32_t *s = sums + i * PANEL;
            if (count > HALF) add(j->x + 64 * i, j->offset + l, w, words, false, first, s);
            else add(j->x + 64 * i, j->offset + l, w, words, true, first, s);
            if (last) finish(j, s, count, end, &column, &output, residual, y);
        }
    }
}

static void multiply(const dnx_tile_job *given, const void *packed, int N, void *scratch,
                     float *y) {
    const dnx_tile_job j = *given; /* a copy, because gcc would reload *given after stores to y */
    int8_t *w = scratch;
    int32_t *sums = (int32_t *)(void *)(w + WORDS * 2 * TILE);
    _tile_loadconfig(&config);
    for (int n = 0; n < N; n += PANEL) {
        end16 end[2] = {end16_of(&j.end, n, N), end16_of(&j.end, n + HALF, N)};
        panel(&j, (const uint64_t *)packed + (size_t)n * (size_t)j.words, end,
              j.end.residual ? j.end.residual + n : NULL, w, sums, y + n);
    }
    _tile_release();
}

const dnx_tile_set dnx_tiles_amx = {.panel = PANEL,
                                    .scratch_size = WORDS * 2 * TILE +
                                                    DNX_TILE_POSITIONS * PANEL * sizeof(int32_t),
                                    .sign = sign,
                                    .packed = packed_size,
                                    .pack = pack,
                                    .multiply = multiply};
#endif
