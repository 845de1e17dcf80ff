/* bitconv_tiles.h - a binary convolution whose signs are bytes in the places where tiles read them.
 *
 * The padded image of each batch item is cut into stride x stride images: place (py, px) goes to
 * image (py % stride, px % stride), at (py / stride, px / stride). There the windows of any stride
 * follow each other place by place, and a window's word lies at the same offset for all of them.
 * Padding is 0 bytes, so a sum of products needs no correction. */
#ifndef DNX_BITCONV_TILES_H
#define DNX_BITCONV_TILES_H
#include "common/conv/patches.h"
#include "kernels/bits.h"

typedef struct {
    dnx_patches at;
    int N, words;     /* words of a window */
    int pitch;        /* places of a row */
    size_t plane;     /* bytes of 64 channels of one of the images */
    size_t image;     /* bytes of a batch item: [L][stride*stride][rows][pitch][64],
                       * L: words of a pixel */
    int8_t *x;        /* batch x image */
    size_t *offset;   /* words: [L][size*size]; so a tile's loads stay in few cache lines */
    void *packed;
    char *room;       /* threads x dnx_tiles()->room */
} dnx_bitconv_tiles;

/* Whether tiles pay for this convolution on this processor: from 6 x 6 outputs on, and where few
 * positions lie between the rows of outputs (large filters with little padding leave many). */
bool dnx_bitconv_tiles_pay(const dnx_patches *at);
dnx_status dnx_bitconv_tiles_make(dnx_bitconv_tiles *k, dnx_node *n, const dnx_patches *at,
                                  dnx_err *err);
void dnx_bitconv_tiles_unmake(dnx_bitconv_tiles *k);
/* Word of a filter that holds channel c of tap t. */
size_t dnx_bitconv_tiles_word(const dnx_bitconv_tiles *k, int t, int c);
/* Pixels [lo, hi) of x; sum: of the first pixel of the batch. */
void dnx_bitconv_tiles_sign(dnx_bitconv_tiles *k, const float *x, long lo, long hi,
                            const float *scale, const float *shift, float *sum);
/* How many outputs from p on, before hi, run() takes at once: at most DNX_TILE_POSITIONS. */
int dnx_bitconv_tiles_rows(const dnx_bitconv_tiles *k, long p, long hi);
/* Outputs p, p+1, .. p+rows-1, filters [first, end); y points at the first of both. */
void dnx_bitconv_tiles_run(const dnx_bitconv_tiles *k, int t, long p, int rows, int first, int end,
                           const float *factor, const dnx_bit_end *e, float *y);
#endif
