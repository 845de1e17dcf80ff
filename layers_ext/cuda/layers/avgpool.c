/* avgpool.c - the GPU version of [avgpool]. */
#include "cuda/mean_windows.h"

extern const dnx_layer_type dnx_avgpool;

const dnx_gpu_type dnx_gpu_avgpool = {
    .type = &dnx_avgpool,
    .forward = dnx_gpu_mean_forward,
    .backward = dnx_gpu_mean_backward,
};
