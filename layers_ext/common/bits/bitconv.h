/* bitconv.h - a convolution of signs with signs, for networks that predict: by tiles of bytes where
 * they pay, else by counting bits.
 *
 *   z[p,n] = (sum over taps inside the image of sign(u).b) * K[p] * alpha[n]
 *
 * Padding is 0, not +-1: outside the image the bits are 0, which would count as -1, so the bits of
 * the filter that fall there are taken back off the count. The sum is an exact integer.
 * With K map: K[p] = mean over taps and channels of |u|, 0 outside, as in XNOR-Net section 3.2. */
#ifndef DNX_BITCONV_H
#define DNX_BITCONV_H
#include "common/conv/patches.h"
#include "common/norm_act.h"
#include "common/bits/bitconv_tiles.h"

typedef struct {
    dnx_patches at;  /* of the float input */
    int N, L, words; /* words of a pixel and of a window */
    bool has_map, has_tiles;
    float *sum;      /* batch x H x W: sum over the channels of |u| */
    dnx_bitconv_tiles tiles;
    uint64_t *bits;  /* without tiles: batch x H x W x L */
    /* Only when predicting without tiles: */
    uint64_t *rows;  /* threads x DNX_BIT_ROWS x words */
    int32_t *counts; /* threads x DNX_BIT_ROWS x ldc */
    int *row_of, *column_of; /* OH, OW: outputs whose windows stick out alike share a number */
    int columns;     /* numbers of column_of */
    int32_t *base;   /* for each such shape N: C for a tap inside, twice its bits for one outside;
                      * z = base - 2*count */
    void *packed;
    char *room;      /* threads x room_size: what count works in */
    size_t room_size;
    size_t ldc;      /* N up to whole panels */
} dnx_bitconv;

dnx_status dnx_bitconv_make(dnx_bitconv *k, dnx_node *n, const dnx_patches *at, bool has_map,
                            dnx_err *err);
void dnx_bitconv_unmake(dnx_bitconv *k);
/* Thread t's outputs [lo, hi) and filters [first, end), whole panels, of `pixels` outputs. */
void dnx_bitconv_share(const dnx_bitconv *k, long pixels, int t, int threads, long *lo, long *hi,
                       int *first, int *end);
/* b: +-1, filters in file order. */
dnx_status dnx_bitconv_pack(dnx_bitconv *k, dnx_node *n, const float *b, dnx_err *err);
/* Signs and sum of pixels [lo, hi) of x; scale, shift: C each or NULL. signs: like x, gets +-1, or
 * NULL, as it must be where tiles predict. */
void dnx_bitconv_sign(dnx_bitconv *k, const float *x, long lo, long hi, const float *scale,
                      const float *shift, float *signs);
/* map[i] = K of output p + i, which is NaN when any u under its window is; 1 without map. */
void dnx_bitconv_map(const dnx_bitconv *k, long p, int count, float *map);
/* map[q] = (1/n) sum of dk over the windows that hold input pixel q: the gradient at the sums of
 * |u| from dk, that at K of each output. */
void dnx_bitconv_unmap(const dnx_bitconv *k, const float *dk, int batch, float *map);
/* Outputs [lo, hi) of filters [first, end), whole panels, after batch norm and activation, into
 * p->y. t: the thread. alpha: N. slope: N, when the activation is u > 0 ? u : slope u; NULL: those
 * of `norm`. */
void dnx_bitconv_forward(const dnx_bitconv *k, int t, const dnx_pass *p, long lo, long hi,
                         int first, int end, const float *alpha, const float *slope,
                         const dnx_norm_act *norm);
#endif
