/* depthwise.h - a convolution with one filter for each channel on a GPU: [depthwise] and
 * [global_depthwise]. */
#ifndef DNX_CUDA_DEPTHWISE_H
#define DNX_CUDA_DEPTHWISE_H
#include "cuda/norm.h"

typedef struct {
    dnx_gpu_norm norm;
    struct dnx_cuda_window at;
    float *parts; /* gradients of the slabs of rows */
} dnx_gpu_dw;

dnx_status dnx_gpu_dw_make(dnx_gpu_layer *l, dnx_err *err);
void dnx_gpu_dw_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_dw_backward(dnx_gpu_layer *l, dnx_pass *p);
#endif
