/* depthwise.c - the GPU version of [depthwise]. */
#include "cuda/depthwise.h"

const dnx_gpu_type dnx_gpu_depthwise = {DNX_GPU_DW_MEMBERS};
