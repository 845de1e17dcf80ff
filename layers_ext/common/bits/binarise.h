/* binarise.h - real weights to signs and back: XNOR-Net (Rastegari et al. 2016) section 3.1, the
 * estimators of its gradient, and the batch norm and signs before a binary convolution.
 * A filter is C x taps floats in file order; n = C*taps. sign(0) = +1. */
#ifndef DNX_BINARISE_H
#define DNX_BINARISE_H
#include "dnx.h"

typedef enum { DNX_EXACT, DNX_PAPER, DNX_PLAIN } dnx_estimator;

/* One filter: v = w (less the mean of its tap over the channels with `centers`), b = sign(v) and,
 * with has_alpha, alpha = mean |v|; else alpha = 1. A filter of +-a alone is binary already: its
 * signs and its a are taken as they are. b may be w. */
void dnx_binarise(const float *w, int C, int taps, bool centers, bool has_alpha, float *b,
                  float *alpha);

/* Adds the estimate of the real weights' gradient, G being that of alpha*b; `room`: n floats.
 *   exact: (1/n) sign(v_i) sum_j G_j sign(v_j) + alpha G_i [|v_i| <= 1], the derivative with the
 *          straight-through estimator in the place of sign's; centring's own is applied to it
 *   paper: G_i (1/n + alpha [|v_i| <= 1]), as printed in section 3.1
 *   plain: G_i [|v_i| <= 1], as BinaryConnect
 * Without alpha all three are plain. */
void dnx_binarise_back(const float *w, int C, int taps, bool centers, bool has_alpha,
                       dnx_estimator how, const float *G, float *room, float *d_w);

/* Batch norm of the input, or none: u = x*scale[c] + shift[c]. */
typedef struct {
    int c;
    bool has_bn;
    float *scales, *shifts, *mean, *variance, *d_scales, *d_shifts;
    float *scale, *shift; /* this batch's, or folded running statistics; NULL without batch norm */
    float *batch_mean, *inv_std, *p, *q, *r;
    double *sums;         /* threads x 2 x C */
} dnx_input_norm;

dnx_status dnx_input_norm_make(dnx_input_norm *m, dnx_node *n, bool has_bn, dnx_err *err);
void dnx_input_norm_unmake(dnx_input_norm *m);
/* shifts, scales, mean, variance; returns 4, or 0 without batch norm. */
int dnx_input_norm_params(dnx_input_norm *m, dnx_param *list);
/* scale and shift from the running statistics. */
void dnx_input_norm_fold(dnx_input_norm *m);
/* The same from the batch: x is rows x C; the running statistics follow. */
void dnx_input_norm_batch(dnx_input_norm *m, dnx_node *n, const float *x, long rows);

/* Straight through the signs: turns du (rows x C, the gradient at sign(u)) into
 * du*[|u| <= 1] + map[row]*sign(u), where map is the gradient at each pixel's sum of |u| or NULL;
 * then through the batch norm. Adds to d_scales and d_shifts; dx may be NULL. */
void dnx_input_norm_back(dnx_input_norm *m, dnx_node *n, const float *x, long rows, float *du,
                         const float *map, float *dx, bool adds);
#endif
