/* real.c - compiles unit/test_gpu.c for a real GPU, with the kernels as PTX. */
#define DNX_REAL_GPU
#include "unit/test_gpu.c"
