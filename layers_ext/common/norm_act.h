/* norm_act.h - batch norm (or a bias), then an activation, after the linear operation of a layer.
 * All layers with filters use this file. C is the number of output channels. z is the linear
 * result, rows x C:
 *
 *   u = (z - mean) / sqrt(variance + 1e-5) * scales + biases,   y = act(u)
 *
 * norm.h has the arithmetic of batch norm. */
#ifndef DNX_NORM_ACT_H
#define DNX_NORM_ACT_H
#include "common/norm.h"
#include "kernels/kernels.h"
#include "layer/fusion.h"

typedef struct dnx_norm_act {
    int c;
    bool has_bn;
    bool is_deferred; /* the next layer computes y from z */
    dnx_act act;
    float *biases, *scales, *mean, *variance, *slopes;
    float *d_biases, *d_scales, *d_slopes;
    float *z;             /* batch x H x W x C; NULL when predicting */
    float *scale, *shift; /* u = z*scale + shift, from this batch or the running statistics */
    float *batch_mean, *inv_std;
    float *p, *q, *r; /* dz = dy*act'(u)*p + z*q + r */
    double *sums;     /* threads x 3 x C: the sums of act_back() or stats() */
} dnx_norm_act;

/* Call it after n->out is set and before the weights are declared. Declares biases, with has_bn
 * also scales, mean and variance, and for PReLU slopes (last in the file). Fails with DNX_EMEM. */
dnx_status dnx_norm_act_make(dnx_norm_act *t, dnx_node *n, bool has_bn, dnx_act act, dnx_err *err);
/* Declares the slopes of a PReLU: n->out.c floats that start at .25. Fails with DNX_EMEM. */
dnx_status dnx_new_slopes(dnx_node *n, float **slopes, float **d_slopes, dnx_err *err);

/* Sets scale and shift from the running statistics or, without batch norm, to 1 and the biases. */
void dnx_norm_act_fold(dnx_norm_act *t);
/* When predicting, returns the bias, activation and residual for a kernel that stores outputs from
 * (pixel, channel) on; the weights contain the scale. When training, returns an empty epilogue. */
dnx_epilogue dnx_norm_act_epilogue(const dnx_norm_act *t, const dnx_pass *p, long pixel,
                                   int channel);
/* Returns the buffer for the linear result: z when training, else y. */
static inline float *dnx_norm_act_out(const dnx_norm_act *t, const dnx_pass *p) {
    return t->z ? t->z : p->y;
}
/* Returns the arguments of a kernel that computes y = act(z*scale + shift). */
static inline dnx_scaled_act dnx_norm_act_scaled(const dnx_norm_act *t) {
    return (dnx_scaled_act){t->c, t->scale, t->shift, t->act, t->slopes};
}
/* Use it as dnx_fusion.adds_residual. Returns true. */
bool dnx_norm_act_adds_residual(const dnx_node *n);
/* Call it from dnx_fusion.defer. When the network trains and the activation is cheap (it is
 * computed twice then), returns t and sets *z to t->z. Else returns NULL. */
dnx_norm_act *dnx_norm_act_defer(dnx_norm_act *t, float **z);

/* Forward pass of a network that trains. Call begin() once. Then each thread calls stats() for the
 * rows of z that it has just written. end() computes scale and shift and, unless is_deferred, turns
 * z into y. */
void dnx_norm_act_begin(dnx_norm_act *t, const dnx_node *n);
void dnx_norm_act_stats(dnx_norm_act *t, const dnx_pass *p, int thread, const float *z, long rows);
void dnx_norm_act_end(dnx_norm_act *t, dnx_node *n, dnx_pass *p);

/* For a layer that applies the deferred norm and activation t of the layer before. Forward: rows()
 * turns rows of z into rows of x, the real input. Backward: call begin() once; then each thread
 * calls sums() for the rows of dx that it has just written. */
void dnx_norm_act_rows(const dnx_norm_act *t, const float *z, long rows, float *x);
void dnx_norm_act_sums(dnx_norm_act *t, int thread, const float *dx, const float *z, long rows);

/* backward() adds to the gradients of biases, scales and slopes. After it, dz() returns the
 * gradient of z for some rows: dy itself, or `out` (rows x C floats), where it has stored the
 * gradient. A small `out` is fastest, because it stays in the cache. */
void dnx_norm_act_backward(dnx_norm_act *t, dnx_node *n, dnx_pass *p);
const float *dnx_norm_act_dz(const dnx_norm_act *t, const float *dy, const float *z, long rows,
                             float *out);
#endif
