/* norm.h - batch norm (or a bias) and the activation on a GPU. They follow the linear operation of
 * a layer. z is the result of that operation, rows x C. common/norm_act.h has the formulas. */
#ifndef DNX_CUDA_NORM_H
#define DNX_CUDA_NORM_H
#include "cuda/layer.h"

typedef struct dnx_gpu_norm {
    bool of_input; /* batch norm of the layer's input, without activation; see bits/input_norm.h */
    bool has_bn;
    dnx_act act;
    float *z; /* rows x C, kept for backward(); when NULL, z is stored in y: see dnx_gpu_z() */
    float *scale, *shift, *batch_mean, *inv_std, *p, *q, *r; /* C each, see kernels.h */
    double *parts; /* slabs x 3 x C: sums over each slab of rows */
} dnx_gpu_norm;

/* Allocates what the members above need, and unless t->of_input sets l->norm. The parameters of the
 * layer tell whether there is batch norm; its option `activation` is the activation. keeps_z:
 * allocate z for backward() when training; false when z is an input of the layer. A layer that
 * defers has its z in y. DNX_EMEM. */
dnx_status dnx_gpu_norm_make(dnx_gpu_layer *l, dnx_gpu_norm *t, bool keeps_z, dnx_err *err);
/* Computes scale and shift from the running statistics; without batch norm: 1 and the bias. */
void dnx_gpu_norm_fold(dnx_gpu_layer *l, dnx_gpu_norm *t);
/* True when this pass needs the sums of z and z^2. */
bool dnx_gpu_norm_needs_sums(const dnx_gpu_layer *l, const dnx_gpu_norm *t, const dnx_pass *p);
/* The number of blocks in x for a product that stores these sums in t->parts. */
int dnx_gpu_stripes(long rows);
/* The memory for z in this pass. */
static inline float *dnx_gpu_z(const dnx_gpu_norm *t, const dnx_pass *p) {
    return t->z ? t->z : p->y;
}
/* What the layer of input k has deferred to layer l; scale is NULL when it has deferred nothing. */
struct dnx_cuda_deferred dnx_gpu_deferred(const dnx_gpu_layer *l, int k);
/* For dnx_gpu_type: a layer that can load z instead of input 0, its only input. */
bool dnx_gpu_loads_any(const dnx_node *n, int k);
/* Turns z into y, which may be the same memory; a layer that defers, and a norm of the input, only
 * compute scale and shift.
 * stripes: the result of dnx_gpu_stripes() when t->parts already has the sums, 0 when they must be
 * computed. */
void dnx_gpu_norm_forward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                          int stripes);
/* Adds to the gradients of biases, scales and slopes. Stores the gradient of z in dz, or adds it
 * when `adds`; dz may be NULL. */
void dnx_gpu_norm_backward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                           float *dz, bool adds);
/* The members of dnx_gpu_type for a layer that is only batch norm and activation. */
dnx_status dnx_gpu_norm_alone_make(dnx_gpu_layer *l, dnx_err *err);
void dnx_gpu_norm_alone_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_norm_alone_backward(dnx_gpu_layer *l, dnx_pass *p);
#define DNX_GPU_NORM_MEMBERS                                                                       \
    .state_size = sizeof(dnx_gpu_norm), .make = dnx_gpu_norm_alone_make,                           \
    .forward = dnx_gpu_norm_alone_forward, .backward = dnx_gpu_norm_alone_backward
#endif
