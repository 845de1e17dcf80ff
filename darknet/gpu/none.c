/* none.c - what a build without GPU=1 has of kernels and halves: nothing. */
#include "gpu/place.h"

const dnx_gpu_build *const dnx_gpu = NULL;
