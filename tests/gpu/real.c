/* real.c - the program of unit/test_gpu.c for a real GPU; the test uses the stand-in driver. */
#define DNX_REAL_GPU
#include "unit/test_gpu.c"
