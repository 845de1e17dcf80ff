/* norm.h - batch norm (or a bias) and the activation on a GPU, as in common/norm_act.h. */
#ifndef DNX_CUDA_NORM_H
#define DNX_CUDA_NORM_H
#include "cuda/layer.h"

typedef struct dnx_gpu_norm {
    bool of_input; /* true: batch norm of the layer's input, without activation */
    bool has_bn;
    dnx_act act;
    float *z; /* rows x C, or NULL: see dnx_gpu_norm_make() */
    float *scale, *shift, *batch_mean, *inv_std, *p, *q, *r; /* C numbers each */
    double *parts; /* sums of z and z^2 over slabs or blocks: see norm_sums, conv_forward */
} dnx_gpu_norm;

/* t->of_input must be set. Sets all other members of t and, unless of_input, l->norm. With keeps_z,
 * allocates z if the layer trains and does not defer. Fails with DNX_EMEM or DNX_EIO. */
dnx_status dnx_gpu_norm_make(dnx_gpu_layer *l, dnx_gpu_norm *t, bool keeps_z, dnx_err *err);
/* Computes t->scale and t->shift from the running statistics. Without batch norm, scale is 1 and
 * shift is the bias. */
void dnx_gpu_norm_fold(dnx_gpu_layer *l, dnx_gpu_norm *t);
/* True when the forward pass needs the sums of z and z^2: in training with batch norm. */
bool dnx_gpu_norm_needs_sums(const dnx_gpu_layer *l, const dnx_gpu_norm *t, const dnx_pass *p);
/* Returns the number of blocks in x for a product with `rows` output pixels that also stores the
 * sums of z and z^2 in t->parts. */
int dnx_gpu_stripes(long rows);
/* Returns the address of z: t->z, or y when t->z is NULL. */
static inline float *dnx_gpu_z(const dnx_gpu_norm *t, const dnx_pass *p) {
    return t->z ? t->z : p->y;
}
/* Returns the batch norm and activation that the layer of input k defers, for this layer to apply.
 * The result's scale is NULL when the layer of input k defers nothing. */
struct dnx_cuda_deferred dnx_gpu_deferred(const dnx_gpu_layer *l, int k);
/* A function for dnx_gpu_type.loads that always returns true. */
bool dnx_gpu_loads_any(const dnx_node *n);
/* Computes scale and shift. Then computes y from z, unless the layer defers or t->of_input is set.
 * z may be p->y. stripes: the number of blocks in x of the convolution that has stored the sums of
 * z and z^2 in t->parts; 0 if this function must compute the sums. */
void dnx_gpu_norm_forward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                          int stripes);
/* Adds to the gradients of parameters. Stores dz, or with `adds` adds to dz. dz may be NULL. */
void dnx_gpu_norm_backward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                           float *dz, bool adds);
/* The members of dnx_gpu_type for layers that are only batch norm and activation. */
dnx_status dnx_gpu_norm_alone_make(dnx_gpu_layer *l, dnx_err *err);
void dnx_gpu_norm_alone_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_norm_alone_backward(dnx_gpu_layer *l, dnx_pass *p);
#define DNX_GPU_NORM_MEMBERS                                                                       \
    .state_size = sizeof(dnx_gpu_norm), .make = dnx_gpu_norm_alone_make,                           \
    .forward = dnx_gpu_norm_alone_forward, .backward = dnx_gpu_norm_alone_backward
#endif
