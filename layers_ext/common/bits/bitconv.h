/* bitconv.h - a convolution of signs with signs, for networks that predict. It uses AMX tiles of
 * bytes where these are faster, else it counts bits. For output pixel p and filter n:
 *
 *   z[p,n] = (sum over taps inside the image of sign(u).b) * K[p] * alpha[n]
 *
 * Padding is 0, not +-1. Outside the image the bits are 0 and would count as -1, so `base` corrects
 * the count for the taps outside. The sum is an exact integer. With has_map, K[p] is the mean of
 * |u| over the window, with 0 outside the image, as in XNOR-Net section 3.2; else K = 1. */
#ifndef DNX_BITCONV_H
#define DNX_BITCONV_H
#include "common/conv/patches.h"
#include "common/norm_act.h"
#include "common/bits/bitconv_tiles.h"

typedef struct {
    dnx_patches at;  /* windows of the float input */
    int N, L, words; /* 64-bit words: L of a pixel, `words` of a window */
    bool has_map, has_tiles;
    float *sum; /* batch x H x W: sum over the channels of |u| */
    dnx_bitconv_tiles tiles;
    uint64_t *bits; /* batch x H x W x L; NULL with tiles */
    /* Only when predicting without tiles: */
    uint64_t *rows;  /* threads x DNX_BIT_ROWS x words */
    int32_t *counts; /* threads x DNX_BIT_ROWS x ldc */
    /* Outputs whose windows overlap the border in the same way share one correction: output (y, x)
     * has correction row_of[y]*columns + column_of[x]. */
    int *row_of, *column_of;
    int columns;   /* different values in column_of */
    int32_t *base; /* N for each correction: z = base - 2*count. Each tap adds to base: C when the
                    * tap is inside the image, else twice the filter's 1 bits at this tap */
    void *packed;
    char *scratch; /* threads x scratch_size bytes for count() */
    size_t scratch_size;
    size_t ldc; /* N rounded up to a multiple of the panel */
} dnx_bitconv;

dnx_status dnx_bitconv_make(dnx_bitconv *k, dnx_node *n, const dnx_patches *at, bool has_map,
                            dnx_err *err);
/* Gives thread t its part: outputs [lo, hi) of filters [first, end), which are whole panels. */
void dnx_bitconv_share(const dnx_bitconv *k, long pixels, int t, int threads, long *lo, long *hi,
                       int *first, int *end);
/* Packs b, the filters in file order with values of +1 and -1. Fails with DNX_EMEM. */
dnx_status dnx_bitconv_pack(dnx_bitconv *k, dnx_node *n, const float *b, dnx_err *err);
/* Computes the bits of sign(u) and `sum` for pixels [lo, hi), with u = x*scale + shift. scale,
 * shift: C floats each, or NULL. signs: NULL or, without tiles, gets +1 and -1 in the shape of
 * x. */
void dnx_bitconv_sign(dnx_bitconv *k, const float *x, long lo, long hi, const float *scale,
                      const float *shift, float *signs);
/* Sets map[i] to K of output p + i, for i < count. K is NaN when any u under the window is NaN. */
void dnx_bitconv_map(const dnx_bitconv *k, long p, int count, float *map);
/* From dk, the gradient of K at each output, computes map, the gradient of `sum` at each input
 * pixel: map[q] = (1/n) sum of dk over the windows that cover pixel q, with n = size*size*C. */
void dnx_bitconv_unmap(const dnx_bitconv *k, const float *dk, int batch, float *map);
/* Writes outputs [lo, hi) of filters [first, end), after batch norm and activation, to p->y. The
 * filters are whole panels. t: the thread. alpha: N floats. slope: N floats for an activation of
 * the form u > 0 ? u : slope u; when NULL, the activation of `norm` is applied. */
void dnx_bitconv_forward(const dnx_bitconv *k, int t, const dnx_pass *p, long lo, long hi,
                         int first, int end, const float *alpha, const float *slope,
                         const dnx_norm_act *norm);
#endif
