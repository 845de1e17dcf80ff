/* tail.h - what stands behind a linear operation: batch norm (or a bias) and an activation.
 * Shared by all layers with filters. C is the number of outputs,
 * z the linear result (rows x C). Ioffe & Szegedy 2015; eps = 1e-5 inside the root. */
#ifndef DNX_TAIL_H
#define DNX_TAIL_H
#include "dnx.h"
#include "kernels/kernels.h"

typedef struct dnx_tail {
    int c;
    bool has_bn;
    dnx_act act;
    float *biases, *scales, *mean, *variance, *slopes;
    float *d_biases, *d_scales, *d_slopes;
    float *z;             /* batch x out; NULL when predicting */
    float *scale, *shift; /* u = z*scale + shift: this batch's, or folded running statistics */
    float *batch_mean, *inv_std;
    float *p, *q, *r;     /* dz = dy*act'(u)*p + z*q + r */
    double *sums;         /* threads x 3 x C */
} dnx_tail;

/* n->out must be set. */
dnx_status dnx_tail_make(dnx_tail *t, dnx_node *n, bool has_bn, dnx_act act, dnx_err *err);
void dnx_tail_unmake(dnx_tail *t);
/* biases, [scales, mean, variance], the weights given, [slopes]. With weights_second the weights
 * come right after the biases, as the host writes [connected]. */
int dnx_tail_params(dnx_tail *t, const dnx_param *weights, bool weights_second, dnx_param *list);

/* scale and shift from the running statistics (or 1 and the bias). */
void dnx_tail_fold(dnx_tail *t);
/* What a predicting layer's kernel applies as it stores outputs from (pixel, channel) on, after
 * scale went into the weights. Nothing when training. */
dnx_epilogue dnx_tail_epilogue(const dnx_tail *t, const dnx_pass *p, long pixel, int channel);
/* Where the linear results go: z when training, else y. */
static inline float *dnx_tail_out(const dnx_tail *t, const dnx_pass *p) {
    return t->z ? t->z : p->y;
}
/* can_add of every layer with a tail: true. */
bool dnx_tail_can_add(const dnx_node *n);
/* The tail and z, if a later layer may compute y: when training, with an activation that costs
 * little, since it is computed again for the gradients. Else NULL. */
dnx_tail *dnx_tail_to_leave(dnx_tail *t, float **z);

/* Training forward: begin; each thread calls block() on the z rows it has just written; end()
 * turns z into y, unless n leaves its tail. */
void dnx_tail_begin(dnx_tail *t, const dnx_node *n);
void dnx_tail_block(dnx_tail *t, const dnx_pass *p, int thread, const float *z, long rows);
void dnx_tail_end(dnx_tail *t, dnx_node *n, dnx_pass *p);

/* In the layer that does the tail of the one before: rows of x from rows of z. Backward: begin
 * once, then each thread gives sums() the rows of dx that it has just written. */
void dnx_tail_rows(const dnx_tail *t, const float *z, long rows, float *x);
void dnx_tail_sums(dnx_tail *t, int thread, const float *dx, const float *z, long rows);

/* Backward: adds the gradients of biases, scales and slopes. dz() then gives rows of the linear
 * operation's gradient from rows of dy and z: dy itself, or written to out (rows x C; a block that
 * stays in the cache is best). */
void dnx_tail_backward(dnx_tail *t, dnx_node *n, dnx_pass *p);
const float *dnx_tail_dz(const dnx_tail *t, const float *dy, const float *z, long rows, float *out);
#endif
