/* input_norm.h - batch norm of the input of a binary convolution, which takes the signs of the
 * result. Also the gradients through the signs and through the batch norm. */
#ifndef DNX_INPUT_NORM_H
#define DNX_INPUT_NORM_H
#include "common/norm.h"
#include "dnx.h"

/* u = x*scale[c] + shift[c]; without batch norm u = x. */
typedef struct {
    bool has_bn;
    dnx_norm norm; /* without batch norm only c is set */
    double *sums;  /* threads x 2 x C: sums for dnx_norm_batch() and dnx_norm_back() */
} dnx_input_norm;

/* With has_bn, declares the parameters shifts, scales, mean and variance. Fails with DNX_EMEM. */
dnx_status dnx_input_norm_make(dnx_input_norm *m, dnx_node *n, bool has_bn, dnx_err *err);
/* Computes scale and shift from x, rows x C, and updates the running statistics. Does nothing
 * without batch norm. */
void dnx_input_norm_batch(dnx_input_norm *m, dnx_node *n, const float *x, long rows);

/* Computes dx, the gradient of x, from du, rows x C, the gradient of sign(u). The gradient of u is
 * du*[|u| <= 1] + map[row]*sign(u), where [condition] is 1 or 0. map: the gradient of each pixel's
 * sum of |u|; NULL means 0. Overwrites du. Adds to d_scales and d_shifts. Stores dx, or adds to dx
 * if `adds`; dx may be NULL. */
void dnx_input_norm_back(dnx_input_norm *m, dnx_node *n, const float *x, long rows, float *du,
                         const float *map, float *dx, bool adds);
#endif
