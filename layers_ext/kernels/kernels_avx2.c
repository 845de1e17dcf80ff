/* kernels_avx2.c - the kernels for AVX2 and FMA: 6 x 16 tiles fill 15 of 16 registers. */
#if defined(__x86_64__) || defined(__i386__)
#define SET avx2
#define VW 8
#define MR 6
#include "kernels/kernels.inc.h"
#endif
