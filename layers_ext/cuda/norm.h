/* norm.h - batch norm (or a bias) and the activation behind the linear operation of a layer, on a
 * GPU. z is the linear result, rows x C. See common/norm_act.h for the formulas. */
#ifndef DNX_CUDA_NORM_H
#define DNX_CUDA_NORM_H
#include "cuda/layer.h"

typedef struct {
    bool has_bn;
    dnx_act act;
    float *z;      /* NULL: the network predicts, and z is y */
    float *scale, *shift, *batch_mean, *inv_std, *p, *q, *r;
    double *parts; /* sums of slabs */
} dnx_gpu_norm;

/* keeps_z: backward() needs z, which is allocated here; false when z is an input of the layer. */
dnx_status dnx_gpu_norm_make(dnx_gpu_layer *l, dnx_gpu_norm *t, bool has_bn, dnx_act act,
                             bool keeps_z, dnx_err *err);
/* Turns z into y, which may be the same memory. */
void dnx_gpu_norm_forward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p);
/* Adds the gradients of biases, scales and slopes, and stores or adds the gradient of z. */
void dnx_gpu_norm_backward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                           float *dz, bool adds);
#endif
