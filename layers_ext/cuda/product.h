/* product.h - a convolution in groups with batch norm and activation on a GPU: [convolutional], and
 * [connected], whose window is the whole input. */
#ifndef DNX_CUDA_PRODUCT_H
#define DNX_CUDA_PRODUCT_H
#include "cuda/norm.h"

typedef struct {
    dnx_gpu_norm norm;
    struct dnx_cuda_window at; /* each pass sets its own batch */
    float *wk, *wt;            /* the filters in the orders of kernels.h; wt NULL when predicting */
    float *parts;              /* gradients of wk from each slab of rows; NULL when predicting */
} dnx_gpu_product;

/* The members of dnx_gpu_type for such a layer. Its state is a dnx_gpu_product. The caller of
 * make() sets kh, kw, stride, pad and groups of `at`; the node gives the rest. DNX_EMEM. */
dnx_status dnx_gpu_product_make(dnx_gpu_layer *l, struct dnx_cuda_window at, dnx_err *err);
void dnx_gpu_product_prepare(dnx_gpu_layer *l);
void dnx_gpu_product_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_product_backward(dnx_gpu_layer *l, dnx_pass *p);
#define DNX_GPU_PRODUCT_MEMBERS                                                                    \
    .state_size = sizeof(dnx_gpu_product), .may_defer = true, .adds_residual = true,               \
    .loads = dnx_gpu_loads_any, .forward = dnx_gpu_product_forward,                                \
    .backward = dnx_gpu_product_backward, .prepare = dnx_gpu_product_prepare
/* DNX_ESHAPE when the batch has more than 2^30 pixels, which the kernels of product.cu cannot
 * count; the message names the layer. For make() of a layer with such a product. */
dnx_status dnx_gpu_check_pixels(const dnx_node *n, const struct dnx_cuda_window *at, dnx_err *err);
/* Returns `at` with the batch as given, and h, w, C, oh, ow, N from input 0 and output of n. */
struct dnx_cuda_window dnx_gpu_window(const dnx_node *n, int batch, struct dnx_cuda_window at);
/* Returns the window of a layer with the options of a convolution: size, stride, pad, groups. */
struct dnx_cuda_window dnx_gpu_conv_window(const dnx_node *n);
#endif
