/* norm_act.h - batch norm (or a bias) and the activation after a linear operation. z is the result
 * of the linear operation, rows x C.
 *
 *   u = (z - mean) / sqrt(variance + 1e-5) * scales + biases   with batch norm
 *   u = z + biases                                             without
 *   y = act(u) */
#ifndef DNX_NORM_ACT_H
#define DNX_NORM_ACT_H
#include "common/norm.h"
#include "kernels/kernels.h"
#include "layer/fusion.h"

typedef struct dnx_norm_act {
    dnx_norm bn; /* bn.shifts are the biases; without has_bn, u = z + biases */
    bool has_bn;
    bool is_deferred; /* the next layer computes y from z */
    dnx_act act;
    float *slopes, *d_slopes; /* C floats; NULL without activation=prelu */
    float *z;                 /* batch x H x W x C; NULL when predicting */
    double *sums;             /* threads x 3 x C: each thread's sums for batch norm and slopes */
} dnx_norm_act;

/* Allocates the arrays. Declares biases; with has_bn, scales, mean and variance; for PReLU, slopes.
 * Call it after n->out is set, and before the weights are declared, which follow the biases in the
 * file. Fails with DNX_EMEM. */
dnx_status dnx_norm_act_make(dnx_norm_act *t, dnx_node *n, bool has_bn, dnx_act act, dnx_err *err);
/* Declares the slopes of a PReLU: n->out.c floats that start at .25. Fails with DNX_EMEM. */
dnx_status dnx_new_slopes(dnx_node *n, float **slopes, float **d_slopes, dnx_err *err);

/* Sets scale and shift from the running statistics. Without batch norm, sets scale to 1 and shift
 * to the biases. */
void dnx_norm_act_fold(dnx_norm_act *t);
/* Returns the last steps of a kernel that computes outputs from (pixel, channel) on. When training,
 * the kernel stores z. When predicting, it adds the shift, applies the activation and stores y; the
 * weights must already contain the scale. */
dnx_epilogue dnx_norm_act_epilogue(const dnx_norm_act *t, const dnx_pass *p, long pixel,
                                   int channel);
/* Returns scale, shift, activation and slopes in the struct that the kernels take. */
static inline dnx_scaled_act dnx_norm_act_scaled(const dnx_norm_act *t) {
    return (dnx_scaled_act){t->bn.c, t->bn.scale, t->bn.shift, t->act, t->slopes};
}
/* The member dnx_fusion.adds_residual of types with a dnx_norm_act. Always returns true. */
bool dnx_norm_act_adds_residual(const dnx_node *n);
/* Does the work of dnx_fusion.defer: returns t, and sets *z to t->z. Returns NULL when predicting
 * and for a slow activation, which the next layer would compute in the forward and in the backward
 * pass. */
dnx_norm_act *dnx_norm_act_defer(dnx_norm_act *t, float **z);

/* For the forward pass in training. Call dnx_norm_act_begin() once. Then each thread calls
 * dnx_norm_act_stats() for the rows of z that it writes. Last, dnx_norm_act_end() computes scale
 * and shift and, unless is_deferred, y. */
void dnx_norm_act_begin(dnx_norm_act *t, const dnx_node *n);
void dnx_norm_act_stats(dnx_norm_act *t, const dnx_pass *p, int thread, const float *z, long rows);
void dnx_norm_act_end(dnx_norm_act *t, dnx_node *n, dnx_pass *p);

/* For the next layer, when t is deferred. This layer gets z as its input, and computes its real
 * input x = act(u) by dnx_norm_act_rows(). In its backward pass it calls dnx_norm_act_begin() once,
 * and each thread calls dnx_norm_act_sums() for the rows of dx that it writes. */
void dnx_norm_act_rows(const dnx_norm_act *t, const float *z, long rows, float *x);
void dnx_norm_act_sums(dnx_norm_act *t, int thread, const float *dx, const float *z, long rows);

/* dnx_norm_act_backward() adds to the gradients of biases, scales and slopes. Call it before
 * dnx_norm_act_dz(), which returns dz, the gradient of z, for `rows` rows. When dz equals dy,
 * dnx_norm_act_dz() returns dy. Else it fills and returns `out`, rows x C floats. Call it with few
 * rows at a time, so that `out` stays in the cache. */
void dnx_norm_act_backward(dnx_norm_act *t, dnx_node *n, dnx_pass *p);
const float *dnx_norm_act_dz(const dnx_norm_act *t, const float *dy, const float *z, long rows,
                             float *out);
#endif
