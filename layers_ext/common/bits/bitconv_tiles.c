/* bitconv_tiles.c - binary convolution with AMX tiles. */
#include "common/bits/bitconv_tiles.h"

#include "kernels/pool.h"

#define PLACE 64
#define LEAST 36   /* outputs of an image: with fewer, counting bits is faster */
#define USEFUL .75 /* share of tile positions that are outputs: below it, counting bits is faster */

/* Returns the number of places in a row of a sub-image. */
static int pitch(const dnx_patches *at) {
    return (at->in.w + 2 * at->pad + at->stride - 1) / at->stride;
}

bool dnx_bitconv_tiles_pay(const dnx_patches *at) {
    double outputs = (double)at->out_h * at->out_w;
    double positions = (double)(at->out_h - 1) * pitch(at) + at->out_w;
    return dnx_tiles() && outputs >= LEAST && outputs >= USEFUL * positions;
}

dnx_status dnx_bitconv_tiles_make(dnx_bitconv_tiles *k, dnx_node *n, const dnx_patches *at,
                                  dnx_err *err) {
    const dnx_tile_set *set = dnx_tiles();
    int size = at->size, s = at->stride, L = dnx_bit_words(at->in.c);
    k->at = *at;
    k->N = n->out.c;
    k->words = size * size * L;
    k->pitch = pitch(at);
    k->plane = PLACE * (size_t)k->pitch * (size_t)((at->in.h + 2 * at->pad + s - 1) / s);
    k->image = k->plane * (size_t)(s * s) * (size_t)L;
    /* A tile reads up to 15 places beyond the last place of the batch. */
    size_t bytes = (size_t)n->batch * k->image + 16 * PLACE;
    size_t packed = set->packed(k->words, k->N);
    dnx_status st = dnx_new(n, (float **)&k->x, bytes / sizeof(float), err);
    if (!st) st = dnx_new(n, (float **)&k->offset, (size_t)k->words * 2, err);
    if (!st) st = dnx_new(n, (float **)&k->packed, packed / sizeof(float), err);
    if (!st)
        st = dnx_new(n, (float **)&k->scratch,
                     (size_t)dnx_pool_threads(n->pool) * set->scratch_size / sizeof(float), err);
    for (int ky = 0; !st && ky < size; ky++)
        for (int kx = 0; kx < size; kx++)
            for (int l = 0; l < L; l++) {
                size_t cut = (size_t)(l * s * s + ky % s * s + kx % s);
                size_t place = (size_t)(ky / s * k->pitch + kx / s);
                k->offset[l * size * size + ky * size + kx] = cut * k->plane + place * PLACE;
            }
    return st;
}

size_t dnx_bitconv_tiles_word(const dnx_bitconv_tiles *k, int t, int c) {
    return (size_t)(c / 64 * k->at.size * k->at.size + t);
}

void dnx_bitconv_tiles_sign(dnx_bitconv_tiles *k, const float *x, long lo, long hi,
                            const float *scale, const float *shift, float *sum) {
    int s = k->at.stride, pad = k->at.pad, W = k->at.in.w, C = k->at.in.c;
    long per = (long)k->at.in.h * W;
    while (lo < hi) {
        int py = (int)(lo % per) / W + pad, from = (int)(lo % W);
        int to = hi - lo < W - from ? from + (int)(hi - lo) : W;
        int8_t *row = k->x + (size_t)(lo / per) * k->image + (size_t)(py % s * s) * k->plane +
                      (size_t)(py / s * k->pitch) * PLACE;
        /* With stride s, every s-th pixel of a row goes to the same sub-image. */
        for (int i = 0; i < s && from + i < to; i++) {
            int px = from + i + pad;
            dnx_tiles()->sign(x + (lo + i) * C, s, (to - from - i + s - 1) / s, C, scale, shift,
                              row + (size_t)(px % s) * k->plane + (size_t)(px / s) * PLACE,
                              (size_t)(s * s) * k->plane, sum + lo + i);
        }
        lo += to - from;
    }
}

/* Returns the position of output p in its image. dnx_tile_job (kernels/bits.h) explains
 * positions. */
static int position(const dnx_bitconv_tiles *k, long p) {
    int w = k->at.out_w, at = (int)(p % ((long)k->at.out_h * w));
    return at / w * k->pitch + at % w;
}

int dnx_bitconv_tiles_rows(const dnx_bitconv_tiles *k, long p, long hi) {
    int w = k->at.out_w, per = k->at.out_h * w, end = position(k, p) + DNX_TILE_POSITIONS;
    int x = end % k->pitch, outputs = end / k->pitch * w + (x < w ? x : w);
    if (outputs > per) outputs = per;
    long rows = outputs - p % per;
    return (int)(rows < hi - p ? rows : hi - p);
}

void dnx_bitconv_tiles_run(const dnx_bitconv_tiles *k, int t, dnx_part of, const float *factor,
                           const dnx_bit_end *e, float *y) {
    const dnx_tile_set *set = dnx_tiles();
    long per = (long)k->at.out_h * k->at.out_w;
    int j = position(k, of.lo);
    dnx_tile_job job = {.x = k->x + (size_t)(of.lo / per) * k->image + (size_t)j * PLACE,
                        .offset = k->offset,
                        .words = k->words,
                        .column = j % k->pitch,
                        .count = position(k, of.hi - 1) - j + 1,
                        .pitch = k->pitch,
                        .width = k->at.out_w,
                        .factor = factor,
                        .end = *e,
                        .ldy = (size_t)k->N};
    set->multiply(&job, (const char *)k->packed + set->packed(k->words, of.first),
                  of.end - of.first, k->scratch + (size_t)t * set->scratch_size, y);
}
