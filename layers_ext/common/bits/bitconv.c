/* bitconv.c - binary convolution (formula in bitconv.h): packs the filters, takes the signs of the
 * input, computes the map K, and either counts bits or multiplies with AMX tiles. */
#include "common/bits/bitconv.h"

#include <math.h>
#include <string.h>

#include "common/conv/filters.h"
#include "kernels/pool.h"

static dnx_status new_words(dnx_node *n, uint64_t **p, size_t count, dnx_err *err) {
    return dnx_new(n, (float **)p, 2 * count, err);
}

/* A window along one axis: it starts at pixel `at`; taps lo <= t < hi are in the image. */
typedef struct {
    int at, lo, hi;
} span;

static span span_of(const dnx_patches *at, int len, int i) {
    span s = {i * at->stride - at->pad, 0, at->size};
    if (s.at < 0) s.lo = -s.at < at->size ? -s.at : at->size;
    if (s.hi > len - s.at) s.hi = len - s.at > s.lo ? len - s.at : s.lo;
    return s;
}

/* Finds the different ranges [lo, hi) of taps inside the image along one axis, and numbers them
 * from 0. Sets of[i] to the number of output i's range. Returns how many ranges there are. */
static int number_shapes(int len, const dnx_patches *at, int outs, int *of) {
    int n = 0;
    for (int i = 0; i < outs; i++) {
        span s = span_of(at, len, i);
        of[i] = -1;
        for (int j = 0; j < i && of[i] < 0; j++) {
            span t = span_of(at, len, j);
            if (s.lo == t.lo && s.hi == t.hi) of[i] = of[j];
        }
        if (of[i] < 0) of[i] = n++;
    }
    return n;
}

dnx_status dnx_bitconv_make(dnx_bitconv *k, dnx_node *n, const dnx_patches *at, bool has_map,
                            dnx_err *err) {
    const dnx_bit_set *b = dnx_bits();
    size_t threads = (size_t)dnx_pool_threads(n->pool), taps = (size_t)at->size * (size_t)at->size;
    size_t pixels = (size_t)n->batch * (size_t)at->in.h * (size_t)at->in.w;
    k->at = *at;
    k->has_map = has_map;
    k->N = n->out.c;
    k->L = dnx_bit_words(at->in.c);
    k->words = (int)taps * k->L;
    k->ldc = (size_t)((k->N + b->panel - 1) / b->panel * b->panel);
    k->has_tiles = !n->trains && dnx_bitconv_tiles_pay(at);
    dnx_status st = dnx_new(n, &k->sum, pixels, err);
    if (!st && k->has_tiles) return dnx_bitconv_tiles_make(&k->tiles, n, at, err);
    if (!st) st = new_words(n, &k->bits, pixels * (size_t)k->L, err);
    if (st || n->trains) return st;
    st = new_words(n, &k->rows, threads * DNX_BIT_ROWS * (size_t)k->words, err);
    k->scratch_size = b->scratch_size ? b->scratch_size(k->words) : 0;
    if (!st) st = dnx_new(n, (float **)&k->scratch, threads * k->scratch_size / sizeof(float), err);
    if (!st) st = dnx_new(n, (float **)&k->counts, threads * DNX_BIT_ROWS * k->ldc, err);
    if (!st) st = dnx_new(n, (float **)&k->row_of, (size_t)at->out_h, err);
    if (!st) st = dnx_new(n, (float **)&k->column_of, (size_t)at->out_w, err);
    if (st) return st;
    k->columns = number_shapes(at->in.w, at, at->out_w, k->column_of);
    int rows = number_shapes(at->in.h, at, at->out_h, k->row_of);
    st = dnx_new(n, (float **)&k->base, (size_t)rows * (size_t)k->columns * (size_t)k->N, err);
    if (!st) st = new_words(n, (uint64_t **)&k->packed, b->packed(k->words, k->N) / 8 + 1, err);
    return st;
}

dnx_part dnx_bitconv_share(const dnx_bitconv *k, long pixels, int t, int threads) {
    int panel = k->has_tiles ? dnx_tiles()->panel : dnx_bits()->panel;
    /* With has_few, the threads divide the filters instead of the pixels. With tiles, each thread
     * first converts its filters from bits to bytes. With fewer than 36 pixels for a thread,
     * converting all filters would take too long. Each thread then takes some of the filters, if
     * each gets at least a panel. */
    bool has_few = k->has_tiles ? pixels < 36L * threads && k->N >= panel * threads
                                : pixels < DNX_FEW_OUTPUTS * threads;
    return dnx_share_outputs(has_few, pixels, k->N, panel, t, threads);
}

/* Fills k->base: the sum over taps is base - 2 * differing bits. A tap inside the image adds C to
 * base. Outside the image the input bits are 0, so the 1 bits of the filter count as different.
 * There a tap adds twice its number of 1 bits to base, and so contributes 0 to the sum. */
static void fill_base(dnx_bitconv *k, const uint64_t *rows) {
    const dnx_patches *at = &k->at;
    for (int y = 0; y < at->out_h; y++)
        for (int x = 0; x < at->out_w; x++) {
            bool is_new = (!y || k->row_of[y] > k->row_of[y - 1]) &&
                          (!x || k->column_of[x] > k->column_of[x - 1]);
            int32_t *base = k->base +
                            (size_t)(k->row_of[y] * k->columns + k->column_of[x]) * (size_t)k->N;
            span v = span_of(at, at->in.h, y), h = span_of(at, at->in.w, x);
            for (int f = 0; is_new && f < k->N; f++) {
                const uint64_t *tap = rows + (size_t)f * (size_t)k->words;
                base[f] = 0;
                for (int ky = 0; ky < at->size; ky++)
                    for (int kx = 0; kx < at->size; kx++, tap += k->L)
                        base[f] += ky >= v.lo && ky < v.hi && kx >= h.lo && kx < h.hi
                                       ? at->in.c
                                       : 2 * (int32_t)dnx_bit_sum(tap, (size_t)k->L);
            }
        }
}

dnx_status dnx_bitconv_pack(dnx_bitconv *k, dnx_node *n, const float *b, dnx_err *err) {
    int C = k->at.in.c, taps = k->at.size * k->at.size;
    uint64_t *rows = NULL;
    dnx_status st = new_words(n, &rows, (size_t)k->N * (size_t)k->words, err);
    if (st) return st;
    for (int f = 0; f < k->N; f++)
        for (int c = 0; c < C; c++)
            for (int t = 0; t < taps; t++, b++) {
                size_t word = k->has_tiles ? dnx_bitconv_tiles_word(&k->tiles, t, c)
                                           : (size_t)(t * k->L + c / 64);
                rows[(size_t)f * (size_t)k->words + word] |= (uint64_t)(*b > 0) << (c % 64);
            }
    if (k->has_tiles) dnx_tiles()->pack(rows, k->words, k->N, k->tiles.packed);
    else {
        fill_base(k, rows);
        dnx_bits()->pack(rows, k->words, k->N, k->packed);
    }
    dnx_free(rows);
    return DNX_OK;
}

void dnx_bitconv_sign(dnx_bitconv *k, const float *x, long lo, long hi, const float *scale,
                      const float *shift, float *signs) {
    size_t C = (size_t)k->at.in.c, L = (size_t)k->L;
    if (k->has_tiles) {
        dnx_bitconv_tiles_sign(&k->tiles, x, lo, hi, scale, shift, k->sum);
        return;
    }
    dnx_bits()->sign(x + (size_t)lo * C, hi - lo, k->at.in.c, scale, shift,
                     k->bits + (size_t)lo * L, k->sum + lo);
    for (size_t p = (size_t)lo; signs && p < (size_t)hi; p++)
        for (size_t c = 0; c < C; c++)
            signs[p * C + c] = k->bits[p * L + c / 64] >> (c % 64) & 1 ? 1 : -1;
}

typedef struct {
    const dnx_patches *at;
    size_t image; /* index of the image's first input pixel */
    int y, x;
    span v, h;
} place;

static place place_of(const dnx_patches *at, long p) {
    long per = (long)at->out_h * at->out_w;
    place w = {.at = at, .image = (size_t)(p / per) * (size_t)at->in.h * (size_t)at->in.w};
    w.y = (int)(p % per) / at->out_w;
    w.x = (int)(p % per) % at->out_w;
    w.v = span_of(at, at->in.h, w.y);
    w.h = span_of(at, at->in.w, w.x);
    return w;
}

static void step(place *w) {
    const dnx_patches *at = w->at;
    if (++w->x == at->out_w) {
        w->x = 0;
        if (++w->y == at->out_h) {
            w->y = 0;
            w->image += (size_t)at->in.h * (size_t)at->in.w;
        }
        w->v = span_of(at, at->in.h, w->y);
    }
    w->h = span_of(at, at->in.w, w->x);
}

/* Returns the index of the first pixel inside the image in row ky of window w. */
static size_t pixel(const place *w, int ky) {
    return w->image + (size_t)(w->v.at + ky) * (size_t)w->at->in.w + (size_t)(w->h.at + w->h.lo);
}

#define SEGMENT 64                         /* outputs that share the sums of input columns */
#define COLUMNS ((SEGMENT - 1) * 64 + 255) /* input columns of 64 outputs: stride 64, size 255 */

void dnx_bitconv_map(const dnx_bitconv *k, long p, int count, float *map) {
    const dnx_patches *at = &k->at;
    float columns[COLUMNS], share = 1 / (float)(at->size * at->size * at->in.c);
    place w = place_of(at, p);
    while (count > 0) {
        int outs = at->out_w - w.x < SEGMENT ? at->out_w - w.x : SEGMENT;
        if (outs > count) outs = count;
        int left = w.h.at < 0 ? 0 : w.h.at, right = w.h.at + (outs - 1) * at->stride + at->size;
        if (right > at->in.w) right = at->in.w;
        for (int i = 0; i < right - left; i++) columns[i] = 0;
        for (int ky = w.v.lo; ky < w.v.hi; ky++) {
            const float *s = k->sum + w.image + (size_t)(w.v.at + ky) * (size_t)at->in.w + left;
            for (int i = 0; i < right - left; i++) columns[i] += s[i];
        }
        for (int i = 0; i < outs; i++, step(&w)) {
            float sum = 0;
            for (int kx = w.h.lo; kx < w.h.hi; kx++) sum += columns[w.h.at + kx - left];
            *map++ = k->has_map || isnan(sum) ? sum * share : 1;
        }
        count -= outs;
    }
}

void dnx_bitconv_unmap(const dnx_bitconv *k, const float *dk, int batch, float *map) {
    const dnx_patches *at = &k->at;
    place w = place_of(at, 0);
    float share = 1 / (float)(at->size * at->size * at->in.c);
    memset(map, 0, sizeof *map * (size_t)batch * (size_t)at->in.h * (size_t)at->in.w);
    for (long p = 0; p < (long)batch * at->out_h * at->out_w; p++, step(&w))
        for (int ky = w.v.lo; ky < w.v.hi; ky++)
            for (int kx = 0; kx < w.h.hi - w.h.lo; kx++)
                map[pixel(&w, ky) + (size_t)kx] += dk[p] * share;
}

/* Copies the bits of a window, with 0 outside the image. */
static void gather(const dnx_bitconv *k, const place *w, uint64_t *to) {
    size_t L = (size_t)k->L, line = (size_t)k->at.size * L, lead = (size_t)w->h.lo * L;
    size_t len = (size_t)(w->h.hi - w->h.lo) * L;
    if (len < line || w->v.hi - w->v.lo < k->at.size) memset(to, 0, sizeof *to * (size_t)k->words);
    for (int ky = w->v.lo; ky < w->v.hi && len; ky++) {
        const uint64_t *from = k->bits + pixel(w, ky) * L;
        uint64_t *row = to + (size_t)ky * line + lead;
        for (size_t i = 0; i < len; i++) row[i] = from[i];
    }
}

/* Computes the part `of` of the outputs, at most DNX_BIT_ROWS pixels, by counting bits. y and the
 * arrays of e begin at the first filter of this part. */
static void count_block(const dnx_bitconv *k, int t, dnx_part of, const dnx_bit_end *e, float *y) {
    const int count = (int)(of.hi - of.lo), filters = of.end - of.first;
    const dnx_bit_set *b = dnx_bits();
    uint64_t *rows = k->rows + (size_t)t * DNX_BIT_ROWS * (size_t)k->words;
    int32_t *counts = k->counts + (size_t)t * DNX_BIT_ROWS * k->ldc;
    size_t N = (size_t)k->N;
    const int32_t *base[DNX_BIT_ROWS];
    float map[DNX_BIT_ROWS];
    place w = place_of(&k->at, of.lo);
    for (int i = 0; i < count; i++, step(&w)) {
        gather(k, &w, rows + (size_t)i * (size_t)k->words);
        base[i] = k->base + (size_t)(k->row_of[w.y] * k->columns + k->column_of[w.x]) * N;
    }
    dnx_bitconv_map(k, of.lo, count, map);
    b->count(rows, count, k->words, (const char *)k->packed + b->packed(k->words, of.first),
             (filters + b->panel - 1) / b->panel, counts, k->ldc,
             k->scratch + (size_t)t * k->scratch_size);
    dnx_bit_end next = *e;
    for (int i = 0; i < count; i++, y += N) {
        b->finish(counts + (size_t)i * k->ldc, filters, base[i] + of.first, map[i], &next, y);
        if (next.residual) next.residual += N;
    }
}

/* Computes the part `of` of the outputs with tiles: at most dnx_bitconv_tiles_rows() pixels. */
static void multiply_block(const dnx_bitconv *k, int t, dnx_part of, const dnx_bit_end *e,
                           float *y) {
    float map[DNX_TILE_POSITIONS];
    dnx_bitconv_map(k, of.lo, (int)(of.hi - of.lo), map);
    dnx_bitconv_tiles_run(&k->tiles, t, of, map, e, y);
}

void dnx_bitconv_forward(const dnx_bitconv *k, int t, const dnx_pass *p, dnx_part of,
                         const float *alpha, const float *slope, const dnx_norm_act *norm) {
    const size_t N = (size_t)k->N;
    const int first = of.first;
    if (first >= of.end) return;
    if (!slope) slope = norm->slopes;
    bool is_fused = !norm->has_bn && slope;
    for (dnx_part now = of; now.lo < of.hi; now.lo = now.hi) {
        long rows = of.hi - now.lo < DNX_BIT_ROWS ? of.hi - now.lo : DNX_BIT_ROWS;
        if (k->has_tiles) rows = dnx_bitconv_tiles_rows(&k->tiles, now.lo, of.hi);
        now.hi = now.lo + rows;
        const dnx_epilogue b = dnx_norm_act_epilogue(norm, p, now.lo, first);
        float *y = b.y;
        dnx_bit_end e = {.alpha = alpha + first};
        if (is_fused) e = (dnx_bit_end){e.alpha, b.bias, slope + first, b.residual};
        if (k->has_tiles) multiply_block(k, t, now, &e, y);
        else count_block(k, t, now, &e, y);
        const dnx_scaled_act a = {of.end - first, norm->bn.scale + first, b.bias, b.act, b.slope};
        for (size_t r = 0; !is_fused && r < (size_t)rows; r++)
            dnx_kernels()->scale_act(y + r * N, 1, &a, b.residual ? b.residual + r * N : NULL,
                                     y + r * N);
    }
}
