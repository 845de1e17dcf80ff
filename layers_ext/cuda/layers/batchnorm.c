/* batchnorm.c - the GPU version of [batchnorm]. */
#include "cuda/norm.h"

const dnx_gpu_type dnx_gpu_batchnorm = {DNX_GPU_NORM_MEMBERS};
