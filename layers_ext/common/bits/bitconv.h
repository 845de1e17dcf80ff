/* bitconv.h - a convolution of signs with signs: with AMX tiles of bytes where these are faster,
 * else by counting bits. For output pixel p, input u, and filter n with signs b and scale alpha[n]:
 *
 *   z[p,n] = (sum over taps inside the image of sign(u).b) * K[p] * alpha[n]
 *
 * Padding is 0, not +-1. With has_map, K[p] is the mean of |u| over the window, with 0 outside the
 * image, as in XNOR-Net section 3.2; else K = 1. */
#ifndef DNX_BITCONV_H
#define DNX_BITCONV_H
#include "common/conv/patches.h"
#include "common/norm_act.h"
#include "common/bits/bitconv_tiles.h"

typedef struct {
    dnx_patches at;  /* windows of the float input */
    int N, L, words; /* L, words: 64-bit words of a pixel, of a window */
    bool has_map, has_tiles;
    float *sum; /* batch x H x W: sum over the channels of |u| */
    dnx_bitconv_tiles tiles;
    uint64_t *bits; /* batch x H x W x L; NULL with tiles */
    /* The arrays below are NULL unless predicting without tiles. */
    uint64_t *rows;  /* threads x DNX_BIT_ROWS x words */
    int32_t *counts; /* threads x DNX_BIT_ROWS x ldc */
    /* Output (y, x) uses row row_of[y]*columns + column_of[x] of base. */
    int *row_of, *column_of;
    int columns;
    int32_t *base; /* rows of N: the sum over taps is base - 2 * differing bits */
    void *packed;
    char *scratch; /* threads x scratch_size bytes */
    size_t scratch_size;
    size_t ldc; /* N rounded up to a multiple of the panel */
} dnx_bitconv;

/* Allocates the arrays of k for the windows `at` and n->out.c filters. DNX_EMEM. */
dnx_status dnx_bitconv_make(dnx_bitconv *k, dnx_node *n, const dnx_patches *at, bool has_map,
                            dnx_err *err);
/* Returns the part of the outputs that thread t computes, in whole panels of filters. */
dnx_part dnx_bitconv_share(const dnx_bitconv *k, long pixels, int t, int threads);
/* Packs b, filters of +1 and -1 in file order. Fails with DNX_EMEM. */
dnx_status dnx_bitconv_pack(dnx_bitconv *k, dnx_node *n, const float *b, dnx_err *err);
/* Stores the signs of u = x*scale + shift, and `sum`, for pixels [lo, hi). scale and shift may be
 * NULL. signs: B x H x W x C, gets +1 and -1; not used with tiles, may be NULL. */
void dnx_bitconv_sign(dnx_bitconv *k, const float *x, long lo, long hi, const float *scale,
                      const float *shift, float *signs);
/* Sets map[i] to K of output p + i, for i < count. K is NaN when a u under the window is NaN. */
void dnx_bitconv_map(const dnx_bitconv *k, long p, int count, float *map);
/* Turns dk, the gradient of K (batch x OH x OW), into map, the gradient of `sum`. */
void dnx_bitconv_unmap(const dnx_bitconv *k, const float *dk, int batch, float *map);
/* Thread t writes the part `of` of the outputs to p->y. alpha: N floats. slope: N floats when the
 * activation is u > 0 ? u : slope*u with constant slopes, else NULL. */
void dnx_bitconv_forward(const dnx_bitconv *k, int t, const dnx_pass *p, dnx_part of,
                         const float *alpha, const float *slope, const dnx_norm_act *norm);
#endif
