/* binarise.h - signs of real weights, and gradients through them: XNOR-Net (Rastegari et al. 2016)
 * section 3.1. A filter is C x taps floats in file order; n = C*taps. sign(0) = +1. */
#ifndef DNX_BINARISE_H
#define DNX_BINARISE_H
#include "dnx.h"

typedef enum { DNX_EXACT, DNX_PAPER, DNX_PLAIN } dnx_estimator;

typedef struct {
    int C, taps;
    bool centers;   /* first subtracts from each tap the mean over its channels */
    bool has_alpha; /* false: alpha is 1 */
    dnx_estimator estimator;
} dnx_binariser;

/* Sets b = sign(v) and *alpha = mean |v|, or 1 without has_alpha. v is w or, with `centers`, w
 * minus its mean over the channels. The mean is not subtracted when w has only the values +a and
 * -a, because w is then binary already. b may be w. */
void dnx_binarise(const dnx_binariser *how, const float *w, float *b, float *alpha);

/* Adds an estimate of the real weights' gradient to d_w. G is the gradient of alpha*b. v and alpha
 * are as in dnx_binarise(). [condition] is 1 if the condition holds, else 0. scratch: n floats.
 *   exact: (1/n) sign(v_i) sum_j G_j sign(v_j) + alpha G_i [|v_i| <= 1]: the derivative of
 *          alpha*b, with the straight-through estimator for the sign. With `centers`, it includes
 *          the derivative of the centring
 *   paper: G_i (1/n + alpha [|v_i| <= 1]), section 3.1. The paper prints v [|v| <= 1]. We
 *          take this v for a misprint, and use [|v| <= 1]
 *   plain: G_i [|v_i| <= 1], as in BinaryConnect
 * Without has_alpha, all three are the plain estimate. */
void dnx_binarise_back(const dnx_binariser *how, const float *w, const float *G, float *scratch,
                       float *d_w);
#endif
