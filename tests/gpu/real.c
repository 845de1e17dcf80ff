/* real.c - unit/test_gpu.c with the kernels as PTX, for a real GPU. */
#define DNX_REAL_GPU
#include "unit/test_gpu.c"
