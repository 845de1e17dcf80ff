/* bitconv.h - a convolution of signs with signs, for networks that predict. It uses AMX tiles of
 * bytes where these are faster, else it counts bits.
 *
 *   z[p,n] = (sum over taps inside the image of sign(u).b) * K[p] * alpha[n]
 *
 * Padding is 0, not +-1. Outside the image the bits are 0 and would count as -1, so `base` corrects
 * the count for the taps outside. The sum is an exact integer.
 * With K map: K[p] = mean over taps and channels of |u|, 0 outside, as in XNOR-Net section 3.2. */
#ifndef DNX_BITCONV_H
#define DNX_BITCONV_H
#include "common/conv/patches.h"
#include "common/norm_act.h"
#include "common/bits/bitconv_tiles.h"

typedef struct {
    dnx_patches at;  /* windows of the float input */
    int N, L, words; /* L: words of a pixel; words: of a window */
    bool has_map, has_tiles;
    float *sum; /* batch x H x W: sum over the channels of |u| */
    dnx_bitconv_tiles tiles;
    uint64_t *bits; /* without tiles: batch x H x W x L */
    /* Only when predicting without tiles: */
    uint64_t *rows;  /* threads x DNX_BIT_ROWS x words */
    int32_t *counts; /* threads x DNX_BIT_ROWS x ldc */
    /* Outputs whose windows overlap the border in the same way share one correction. These map
     * the OH rows and OW columns of outputs to its index. */
    int *row_of, *column_of;
    int columns;   /* different values in column_of */
    int32_t *base; /* N for each correction: z = base - 2*count. base sums over the taps: C for a
                      * tap inside the image, twice the filter's number of 1 bits for one outside */
    void *packed;
    char *scratch; /* threads x scratch_size: scratch of count() */
    size_t scratch_size;
    size_t ldc; /* N rounded up to a multiple of the panel */
} dnx_bitconv;

dnx_status dnx_bitconv_make(dnx_bitconv *k, dnx_node *n, const dnx_patches *at, bool has_map,
                            dnx_err *err);
/* Thread t's part of `pixels` outputs: outputs [lo, hi) of filters [first, end). The filters are
 * whole panels. */
void dnx_bitconv_share(const dnx_bitconv *k, long pixels, int t, int threads, long *lo, long *hi,
                       int *first, int *end);
/* Packs b, the filters in file order with values of +1 and -1. DNX_EMEM. */
dnx_status dnx_bitconv_pack(dnx_bitconv *k, dnx_node *n, const float *b, dnx_err *err);
/* Computes the bits and `sum` of pixels [lo, hi) of x. scale, shift: C floats each, or NULL. signs:
 * a tensor with the shape of x that gets +1 and -1, or NULL; with tiles it must be NULL. */
void dnx_bitconv_sign(dnx_bitconv *k, const float *x, long lo, long hi, const float *scale,
                      const float *shift, float *signs);
/* map[i] = K of output p + i; without K map it is 1. K is NaN when any u under the window is
 * NaN. */
void dnx_bitconv_map(const dnx_bitconv *k, long p, int count, float *map);
/* From dk, the gradient of K at each output, computes map, the gradient of `sum` at each input
 * pixel: map[q] = (1/n) sum of dk over the windows that cover pixel q. */
void dnx_bitconv_unmap(const dnx_bitconv *k, const float *dk, int batch, float *map);
/* Writes outputs [lo, hi) of filters [first, end), after batch norm and activation, to p->y. The
 * filters are whole panels. t: the thread. alpha: N floats. slope: N floats for an activation of
 * the form u > 0 ? u : slope u; when NULL, the activation of `norm` is applied. */
void dnx_bitconv_forward(const dnx_bitconv *k, int t, const dnx_pass *p, long lo, long hi,
                         int first, int end, const float *alpha, const float *slope,
                         const dnx_norm_act *norm);
#endif
