/* bitconv.h - a convolution of signs with signs: with AMX tiles of bytes where these are faster,
 * else by counting bits. For output pixel p, input u, and filter n with signs b and scale alpha[n]:
 *
 *   z[p,n] = K[p] * alpha[n] * sum of sign(u) b over the channels and the taps inside the image
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
    int N, L, words; /* N filters; L 64-bit words for a pixel, `words` for a window */
    bool has_map, has_tiles;
    float *sum; /* batch x H x W: sum over the channels of |u| */
    dnx_bitconv_tiles tiles;
    uint64_t *bits; /* signs of the input: batch x H x W x L words; NULL with tiles */
    /* The arrays below are only for predicting without tiles; else they are NULL. */
    uint64_t *rows;  /* threads x DNX_BIT_ROWS x words: bits of windows */
    int32_t *counts; /* threads x DNX_BIT_ROWS x ldc: how many bits of window and filter differ */
    /* Output (y, x) uses row row_of[y]*columns + column_of[x] of base. */
    int *row_of, *column_of;
    int columns;
    int32_t *base; /* rows of N: the sum in the formula above is base - 2 * differing bits */
    void *packed;
    char *scratch; /* threads x scratch_size bytes */
    size_t scratch_size;
    size_t ldc; /* columns of `counts`: N rounded up to whole panels (groups of packed filters) */
} dnx_bitconv;

/* Allocates the arrays of k for the windows `at` and n->out.c filters. Fails with DNX_EMEM. */
dnx_status dnx_bitconv_make(dnx_bitconv *k, dnx_node *n, const dnx_patches *at, bool has_map,
                            dnx_err *err);
/* Returns which of `pixels` output pixels and which filters thread t computes. The filters are
 * whole panels, the groups in which filters are packed. */
dnx_part dnx_bitconv_share(const dnx_bitconv *k, long pixels, int t, int threads);
/* Packs the filters b, N x C x size x size numbers +1 or -1. Fails with DNX_EMEM. */
dnx_status dnx_bitconv_pack(dnx_bitconv *k, dnx_node *n, const float *b, dnx_err *err);
/* For pixels [lo, hi), stores the signs of u = x*scale + shift as the kernels need them, and the
 * sums of |u| in k->sum. scale and shift may be NULL. Also stores the signs as +1 and -1 in
 * `signs`, B x H x W x C, unless `signs` is NULL or has_tiles is true. */
void dnx_bitconv_sign(dnx_bitconv *k, const float *x, long lo, long hi, const float *scale,
                      const float *shift, float *signs);
/* Sets map[i] to K of output p + i, for i < count. K is NaN when a u under the window is NaN. */
void dnx_bitconv_map(const dnx_bitconv *k, long p, int count, float *map);
/* Computes map, the gradient of k->sum (batch x H x W), from dk, the gradient of K
 * (batch x OH x OW). */
void dnx_bitconv_unmap(const dnx_bitconv *k, const float *dk, int batch, float *map);
/* Thread t writes the part `of` of the outputs to p->y, after batch norm (or bias) and activation
 * of norm. alpha: N floats. slope: N floats when the activation is u > 0 ? u : slope*u with
 * constant slopes, else NULL. */
void dnx_bitconv_forward(const dnx_bitconv *k, int t, const dnx_pass *p, dnx_part of,
                         const float *alpha, const float *slope, const dnx_norm_act *norm);
#endif
