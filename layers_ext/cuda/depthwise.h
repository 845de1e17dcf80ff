/* depthwise.h - depthwise convolutions on a GPU, with batch norm and activation. */
#ifndef DNX_CUDA_DEPTHWISE_H
#define DNX_CUDA_DEPTHWISE_H
#include "cuda/norm.h"

typedef struct {
    dnx_gpu_norm norm;
    struct dnx_cuda_window at;
    float *parts; /* slabs x taps x N: the filters' gradient from each slab of output pixels */
} dnx_gpu_dw;

/* Fills l->state. Without size=, a filter covers the input. Fails with DNX_EMEM or DNX_EIO. */
dnx_status dnx_gpu_dw_make(dnx_gpu_layer *l, dnx_err *err);
/* Members of dnx_gpu_type: see DNX_GPU_DW_MEMBERS. */
void dnx_gpu_dw_prepare(dnx_gpu_layer *l);
void dnx_gpu_dw_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_dw_backward(dnx_gpu_layer *l, dnx_pass *p);
#define DNX_GPU_DW_MEMBERS                                                                         \
    .state_size = sizeof(dnx_gpu_dw), .may_defer = true, .loads = dnx_gpu_loads_any,               \
    .make = dnx_gpu_dw_make, .forward = dnx_gpu_dw_forward, .backward = dnx_gpu_dw_backward,       \
    .prepare = dnx_gpu_dw_prepare
#endif
