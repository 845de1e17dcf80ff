/* kernels_wide.c - the vectors of kernels_avx512.c compiled without AVX-512, for tests on machines
 * with AVX2. Only tests link this file. */
#if defined(__x86_64__) || defined(__i386__)
#define SET wide
#define VW 16
#define MR 14
#include "kernels/kernels.inc.h"
#endif
