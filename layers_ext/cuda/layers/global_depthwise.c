/* global_depthwise.c - the GPU version of [global_depthwise]. */
#include "cuda/depthwise.h"

const dnx_gpu_type dnx_gpu_global_depthwise = {DNX_GPU_DW_MEMBERS};
