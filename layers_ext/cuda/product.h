/* product.h - convolutions with batch norm and activation on a GPU. */
#ifndef DNX_CUDA_PRODUCT_H
#define DNX_CUDA_PRODUCT_H
#include "cuda/norm.h"

typedef struct {
    dnx_gpu_norm norm;
    struct dnx_cuda_window at; /* at.batch is the largest batch */
    float *wk, *wt;            /* filters of conv_forward and conv_dx; wt is NULL when predicting */
    float *parts;              /* gradient of wk from each slab; NULL when predicting */
} dnx_gpu_product;

/* Fills l->state, a dnx_gpu_product, for windows with at.kh, kw, stride, pad and groups. Reads no
 * other member of `at`. Fails with DNX_EMEM, DNX_EIO or DNX_ESHAPE. */
dnx_status dnx_gpu_product_make(dnx_gpu_layer *l, struct dnx_cuda_window at, dnx_err *err);
/* Members of dnx_gpu_type: see DNX_GPU_PRODUCT_MEMBERS. */
void dnx_gpu_product_prepare(dnx_gpu_layer *l);
void dnx_gpu_product_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_product_backward(dnx_gpu_layer *l, dnx_pass *p);
#define DNX_GPU_PRODUCT_MEMBERS                                                                    \
    .state_size = sizeof(dnx_gpu_product), .may_defer = true, .adds_residual = true,               \
    .loads = dnx_gpu_loads_any, .forward = dnx_gpu_product_forward,                                \
    .backward = dnx_gpu_product_backward, .prepare = dnx_gpu_product_prepare
/* Fails with DNX_ESHAPE when a batch has more than 2^30 pixels, which the kernels cannot count. */
dnx_status dnx_gpu_check_pixels(const dnx_node *n, const struct dnx_cuda_window *at, dnx_err *err);
/* Returns a copy of `at` with this batch, and with the input and output shapes of n. */
struct dnx_cuda_window dnx_gpu_window(const dnx_node *n, int batch, struct dnx_cuda_window at);
/* Returns the window that n's options size, stride, pad, padding and groups describe. */
struct dnx_cuda_window dnx_gpu_conv_window(const dnx_node *n);
#endif
