/* kernels_wide.c - kernels_avx512.c compiled without AVX-512, so that a machine with AVX2 can test
 * it. Only tests link it. */
#if defined(__x86_64__) || defined(__i386__)
#define SET wide
#define VW 16
#define MR 14
#include "kernels/kernels.inc.h"
#else
typedef int not_on_this_processor;
#endif
