/* none.c - linked instead of the GPU code in a build without GPU=1. */
#include "gpu/place.h"

const dnx_gpu_build *const dnx_gpu = NULL;
