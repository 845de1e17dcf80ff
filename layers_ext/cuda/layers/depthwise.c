/* depthwise.c - the GPU version of [depthwise]. */
#include "cuda/depthwise.h"

extern const dnx_layer_type dnx_depthwise;

const dnx_gpu_type dnx_gpu_depthwise = {
    .type = &dnx_depthwise,
    .state_size = sizeof(dnx_gpu_dw),
    .may_defer = true,
    .loads = dnx_gpu_loads_any,
    .make = dnx_gpu_dw_make,
    .forward = dnx_gpu_dw_forward,
    .backward = dnx_gpu_dw_backward,
    .prepare = dnx_gpu_dw_prepare,
};
