/* local_avgpool.c - the GPU version of [local_avgpool]. */
#include "cuda/mean_windows.h"

const dnx_gpu_type dnx_gpu_local_avgpool = {
    .forward = dnx_gpu_mean_forward,
    .backward = dnx_gpu_mean_backward,
};
