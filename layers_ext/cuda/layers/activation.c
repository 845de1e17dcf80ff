/* activation.c - the GPU version of [activation]. */
#include "cuda/norm.h"

const dnx_gpu_type dnx_gpu_activation = {DNX_GPU_NORM_MEMBERS};
