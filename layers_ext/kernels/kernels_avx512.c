/* kernels_avx512.c - the kernels for AVX-512, with products in tiles of 14 x 32. */
#if defined(__x86_64__) || defined(__i386__)
#define SET avx512
#define VW 16
#define MR 14
#include "kernels/kernels.inc.h"
#endif
