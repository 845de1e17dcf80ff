/* binarise.h - signs of real weights, and gradients through them: XNOR-Net (Rastegari et al. 2016)
 * section 3.1 and its gradient estimators.
 * A filter is C x taps floats in file order; n = C*taps. sign(0) = +1. */
#ifndef DNX_BINARISE_H
#define DNX_BINARISE_H
#include "dnx.h"

typedef enum { DNX_EXACT, DNX_PAPER, DNX_PLAIN } dnx_estimator;

/* How a filter of C x taps floats is binarised. */
typedef struct {
    int C, taps;
    bool centers;   /* the mean over the channels is subtracted first, tap by tap */
    bool has_alpha; /* false: alpha is 1 */
    dnx_estimator estimator;
} dnx_binariser;

/* Binarises one filter: b = sign(v), *alpha = mean |v| (1 without has_alpha). v is w, with
 * `centers` minus its mean over the channels; but v = w for a filter of +a and -a. b may be w. */
void dnx_binarise(const dnx_binariser *how, const float *w, float *b, float *alpha);

/* Adds an estimate of the real weights' gradient to d_w. G is the gradient of alpha*b; `scratch`
 * has n floats. [condition] is 1 or 0.
 *   exact: (1/n) sign(v_i) sum_j G_j sign(v_j) + alpha G_i [|v_i| <= 1]: the derivative, with the
 *          straight-through estimator for the sign; with `centers`, also through the centring
 *   paper: G_i (1/n + alpha [|v_i| <= 1]), section 3.1 with the estimate [|r| <= 1] for
 *          the sign of r; the paper prints r [|r| <= 1], which we take for a misprint
 *   plain: G_i [|v_i| <= 1], as in BinaryConnect
 * Without alpha, all three are the plain estimate. */
void dnx_binarise_back(const dnx_binariser *how, const float *w, const float *G, float *scratch,
                       float *d_w);
#endif
