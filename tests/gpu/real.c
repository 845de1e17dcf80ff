/* real.c - unit/test_gpu.c for a real GPU instead of the stand-in driver. */
#define DNX_REAL_GPU
#include "unit/test_gpu.c"
