/* none.c - a build without GPU=1 links this file instead of the GPU code. */
#include "gpu/place.h"

const dnx_gpu_build *const dnx_gpu = NULL;
