/* bitconv_tiles.h - a binary convolution with AMX tiles, which multiply signs as bytes.
 *
 * Each padded image is cut into stride x stride sub-images: pixel (py, px) goes to sub-image
 * (py % stride, px % stride), and there to (py / stride, px / stride). So the windows of
 * neighbouring outputs are one pixel apart, for any stride. 64 channels of a pixel are called a
 * place. A place has 64 bytes, each a sign: +1 or -1. The bytes of padding pixels are 0. */
#ifndef DNX_BITCONV_TILES_H
#define DNX_BITCONV_TILES_H
#include "common/conv/filters.h"
#include "common/conv/patches.h"
#include "kernels/bits.h"

typedef struct {
    dnx_patches at;
    int N, words;   /* N filters; `words` places of a window, or 64-bit words of a filter */
    int pitch;      /* places in a row of a sub-image */
    size_t plane;   /* bytes of one sub-image with 64 channels */
    size_t image;   /* bytes of an image: [L][stride*stride][rows][pitch][64], L places a pixel */
    int8_t *x;      /* batch x image */
    size_t *offset; /* bytes from a window's first place to each of its places, [L][size*size] */
    void *packed;
    char *scratch; /* threads x dnx_tiles()->scratch_size bytes */
} dnx_bitconv_tiles;

/* Returns true when the processor has AMX tiles and they are faster than counting bits. */
bool dnx_bitconv_tiles_pay(const dnx_patches *at);
/* Allocates the arrays of k for the windows `at` and n->out.c filters. Fails with DNX_EMEM. */
dnx_status dnx_bitconv_tiles_make(dnx_bitconv_tiles *k, dnx_node *n, const dnx_patches *at,
                                  dnx_err *err);
/* Returns which 64-bit word of a filter contains channel c of tap t. */
size_t dnx_bitconv_tiles_word(const dnx_bitconv_tiles *k, int t, int c);
/* Stores the signs of u = x*scale + shift for pixels [lo, hi), and in sum[lo..hi-1] the sums of
 * |u| over the channels. scale and shift may be NULL. */
void dnx_bitconv_tiles_sign(dnx_bitconv_tiles *k, const float *x, long lo, long hi,
                            const float *scale, const float *shift, float *sum);
/* Returns how many of the outputs p..hi-1 one call of dnx_bitconv_tiles_run() can compute. */
int dnx_bitconv_tiles_rows(const dnx_bitconv_tiles *k, long p, long hi);
/* Thread t computes the part `of` of the outputs, at most dnx_bitconv_tiles_rows() pixels.
 * Multiplies output pixel of.lo + i by factor[i], applies alpha, shift, slope and residual of e,
 * and stores the result at y. */
void dnx_bitconv_tiles_run(const dnx_bitconv_tiles *k, int t, dnx_part of, const float *factor,
                           const dnx_bit_end *e, float *y);
#endif
