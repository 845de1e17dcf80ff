/* binarise.h - signs of real weights, and gradients through them: XNOR-Net (Rastegari et al. 2016)
 * section 3.1 and its gradient estimators. Also the batch norm of a binary convolution's input.
 * A filter is C x taps floats in file order; n = C*taps. sign(0) = +1. */
#ifndef DNX_BINARISE_H
#define DNX_BINARISE_H
#include "dnx.h"

typedef enum { DNX_EXACT, DNX_PAPER, DNX_PLAIN } dnx_estimator;

/* Binarises one filter: b = sign(v); alpha = mean |v| with has_alpha, else 1. v is w; with
 * `centers` the mean over the channels is subtracted, tap by tap. A filter that holds only +-a is
 * binary already and is not centred. b may be w. */
void dnx_binarise(const float *w, int C, int taps, bool centers, bool has_alpha, float *b,
                  float *alpha);

/* Adds an estimate of the real weights' gradient to d_w. G is the gradient of alpha*b; `scratch` is
 * scratch of n floats.
 *   exact: (1/n) sign(v_i) sum_j G_j sign(v_j) + alpha G_i [|v_i| <= 1]: the derivative, with the
 *          straight-through estimator for the sign; with `centers`, also through the centring
 *   paper: G_i (1/n + alpha [|v_i| <= 1]), section 3.1 with the estimate [|r| <= 1] for
 *          the sign; the paper prints r [|r| <= 1], which we take for a misprint
 *   plain: G_i [|v_i| <= 1], as BinaryConnect
 * Without alpha, all three are the plain estimate. */
void dnx_binarise_back(const float *w, int C, int taps, bool centers, bool has_alpha,
                       dnx_estimator how, const float *G, float *scratch, float *d_w);

/* Batch norm of the input: u = x*scale[c] + shift[c]. Without batch norm u = x. */
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
/* Lists shifts, scales, mean, variance. Returns 4, or 0 without batch norm. */
int dnx_input_norm_params(dnx_input_norm *m, dnx_param *list);
/* Computes scale and shift from the running statistics. */
void dnx_input_norm_fold(dnx_input_norm *m);
/* Computes scale and shift from the batch x, rows x C, and updates the running statistics. */
void dnx_input_norm_batch(dnx_input_norm *m, dnx_node *n, const float *x, long rows);

/* Backward pass through the signs (straight-through), then through the batch norm. du, rows x C,
 * holds the gradient at sign(u) and becomes du*[|u| <= 1] + map[row]*sign(u). map is the gradient
 * at each pixel's sum of |u|, or NULL. Adds to d_scales and d_shifts. dx may be NULL. */
void dnx_input_norm_back(dnx_input_norm *m, dnx_node *n, const float *x, long rows, float *du,
                         const float *map, float *dx, bool adds);
#endif
