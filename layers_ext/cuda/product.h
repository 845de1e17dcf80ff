/* product.h - a convolution in groups with batch norm and activation on a GPU: [convolutional], and
 * [connected], whose window is the whole input. */
#ifndef DNX_CUDA_PRODUCT_H
#define DNX_CUDA_PRODUCT_H
#include "cuda/norm.h"

typedef struct {
    dnx_gpu_norm norm;
    struct dnx_cuda_window at; /* but for the batch */
    float *wk, *wt;            /* the filters in the orders of kernels.h */
    float *parts;              /* gradients of the slabs of rows */
} dnx_gpu_product;

/* at: all but batch, h, w, C, oh, ow and N, which come from the node. */
dnx_status dnx_gpu_product_make(dnx_gpu_layer *l, struct dnx_cuda_window at, dnx_err *err);
void dnx_gpu_product_prepare(dnx_gpu_layer *l);
void dnx_gpu_product_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_product_backward(dnx_gpu_layer *l, dnx_pass *p);
/* The window of a layer over its input 0. */
struct dnx_cuda_window dnx_gpu_window(const dnx_node *n, int batch, struct dnx_cuda_window at);
#endif
